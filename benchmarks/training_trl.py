"""TRL's SFTTrainer on the examples it is given: packed, loss on the completion alone. Runs where TRL is installed.

python -m benchmarks.training_trl --job job.json     # one JSON document on stdout
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, TrainerControl, TrainerState
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):
    """When each optimizer step began and ended."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: list[float] = []
        self.processor_s: list[float] = []
        self._device = device
        self._began = (0.0, 0.0)

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()

    def on_step_begin(self, args: SFTConfig, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = self._now()

    def on_step_end(self, args: SFTConfig, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = self._now()
        self.seconds.append(now[0] - self._began[0])
        self.processor_s.append(now[1] - self._began[1])


def train(job: dict[str, Any]) -> dict[str, Any]:
    device = torch.device(job["device"])
    torch.set_num_threads(job["threads"])
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    model.get_input_embeddings().weight.requires_grad_(False)
    rows = job["examples"]
    lengths = [len(tokenizer(row["prompt"] + row["completion"])["input_ids"]) for row in rows]
    max_length = job["max_length"]
    # Packing fills rows of max_length; as many rows a step as the step's examples need.
    batch = max(1, round(job["examples_per_step"] * sum(lengths) / len(lengths) / max_length))
    settings = SFTConfig(
        output_dir=job["folder"],
        max_length=max_length,
        packing=True,
        packing_strategy="bfd",
        completion_only_loss=True,
        per_device_train_batch_size=batch,
        max_steps=job["steps"] + 1,
        learning_rate=1e-6,
        optim="adamw_torch_fused",
        bf16=job["is_bf16"],
        use_cpu=device.type == "cpu",
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    clock = Clock(device)
    repeated = [rows[index % len(rows)] for index in range(len(rows) * job["repeats"])]
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(repeated),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    packed = trainer.train_dataset
    examples_per_row = len(repeated) / len(packed)
    trainer.train()
    return {
        "seconds": clock.seconds[1:],
        "processor_s": clock.processor_s[1:],
        "rows_per_step": batch,
        "examples_per_step": batch * examples_per_row,
        "tokens_per_step": batch * sum(len(row["input_ids"]) for row in packed) / len(packed),
        "attention": model.config._attn_implementation,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", type=Path, required=True)
    job = json.loads(parser.parse_args().job.read_text())
    with contextlib.redirect_stdout(sys.stderr):
        found = train(job)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
