"""DeepSpeed as training uses it: process group, engine, exact resume. Both training stages stand on this.

The engine is always there, on one CPU process too, so that what is tested is what runs on many GPUs.
"""

import json
import logging
import math
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.utils.cpp_extension
import transformers
from torch import Tensor, nn

from wm_pipeline.domain.errors import CheckpointError, TrainingError
from wm_pipeline.model.settings import Decay, DistillSettings, TrainSettings

_LONGEST_BUILD = 600.0
"""Seconds; compiling DeepSpeed's operator takes half a minute."""
_FLOOR = 0.1
"""Share of the peak learning rate that the schedule ends at."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Where this process stands among those that train together."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    learning_rate: float
    warmup_share: float
    decay: Decay
    weight_decay: float
    gradient_clip: float
    zero_stage: int
    parts: int = 1
    """Backward passes in a step of the optimizer."""


def join_processes(*, threads: int) -> Processes:
    """Join the group that torchrun started; without torchrun, a group of one."""
    if "RANK" not in os.environ:
        # Without these DeepSpeed asks MPI, which nobody installed.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        alone = {
            "RANK": "0",
            "LOCAL_RANK": "0",
            "WORLD_SIZE": "1",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        os.environ.update(alone)
    # DeepSpeed compiles one operator on first use and finds ninja on PATH only; it is installed beside python.
    beside_python = str(Path(sys.executable).parent)
    if beside_python not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = beside_python + os.pathsep + os.environ["PATH"]
    torch.set_num_threads(threads)
    free_stale_builds()
    is_gpu = torch.cuda.is_available()
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if is_gpu else "cpu")
    quiet: Any = transformers.utils.logging
    quiet.disable_progress_bar()
    # DeepSpeed prints while it loads; our standard output carries the result alone.
    with redirect_stdout(sys.stderr):
        import deepspeed

        deepspeed.utils.logger.setLevel(logging.ERROR)
        if is_gpu:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        deepspeed.init_distributed(dist_backend="nccl" if is_gpu else "gloo", verbose=False)
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if is_gpu else torch.device("cpu")
    return Processes(dist.get_rank(), dist.get_world_size(), device)


def free_stale_builds() -> None:
    """Remove locks of compilations that were killed: torch waits for such a lock without end and without a word."""
    default = torch.utils.cpp_extension.get_default_build_root()
    for lock in Path(os.environ.get("TORCH_EXTENSIONS_DIR") or default).glob("**/lock"):
        if time.time() - lock.stat().st_mtime > _LONGEST_BUILD:
            lock.unlink(missing_ok=True)
            print(f"removed {str(lock)!r}: whoever was compiling there did not finish", file=sys.stderr)


def leave_processes() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def backward_passes(trees_per_step: int, micro_trees: int | None, processes: Processes) -> int:
    """Backward passes in a step, the same for every process: so many that each reads `micro_trees` trees at most."""
    if micro_trees is None:
        return 1
    return math.ceil(math.ceil(trees_per_step / processes.count) / micro_trees)


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


@contextmanager
def memory_of_step(step: int, settings: TrainSettings | DistillSettings, *, advice: str) -> Iterator[None]:
    """Inside, running out of memory is a TrainingError that says what was read at once, and `advice`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        read = settings.trees_per_step if settings.micro_trees is None else settings.micro_trees
        raise TrainingError(
            f"step {step + 1} does not fit into memory with {read} states of {settings.actions_per_tree} actions read "
            f"at once. {advice}"
        ) from error


def zero_loss(engine: Any) -> Tensor:
    """For a process without anything to learn from in a pass: it still takes part in the exchange of gradients."""
    parts = [parameter.sum() * 0.0 for parameter in engine.module.parameters() if parameter.requires_grad]
    return torch.stack(parts).sum()


def start_engine(model: nn.Module, settings: OptimizerSettings, *, processes: Processes) -> Any:
    """A DeepSpeed engine over the trainable parameters. Weights stay fp32; the model itself multiplies in bf16."""
    import deepspeed

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # Fused: one pass over the weights instead of a dozen, seven times faster on a CPU (docs/log.md).
    optimizer = torch.optim.AdamW(
        trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    engine, _, _, _ = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        config={
            # Batches are trees of unequal size; DeepSpeed only needs the numbers to agree.
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": settings.parts,
            "gradient_clipping": settings.gradient_clip,
            "zero_optimization": {"stage": settings.zero_stage},
            "steps_per_print": sys.maxsize,
        },
    )
    return engine


def learning_rate_at(step: int, *, max_steps: int, settings: OptimizerSettings) -> float:
    """The learning rate of a step (from 0): linear warm-up, then the decay down to a tenth of the peak."""
    warmup = max(1, round(max_steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, max_steps - warmup))
    shape = 0.5 * (1 + math.cos(math.pi * done)) if settings.decay is Decay.COSINE else 1 - done
    return settings.learning_rate * (_FLOOR + (1 - _FLOOR) * shape)


def set_learning_rate(engine: Any, learning_rate: float) -> None:
    for group in engine.optimizer.param_groups:
        group["lr"] = learning_rate


def sum_over_processes(values: list[float], processes: Processes) -> list[float]:
    """Each value summed over all processes, the same on every one."""
    summed = torch.tensor(values, dtype=torch.float64, device=processes.device)
    dist.all_reduce(summed)
    numbers: list[float] = summed.tolist()
    return numbers


def full_weights(engine: Any, processes: Processes) -> dict[str, Tensor]:
    """All weights on the first process, whatever ZeRO stage holds them; empty elsewhere."""
    import deepspeed

    parameters = list(engine.module.parameters())
    if engine.zero_optimization_stage() < 3:
        return {name: tensor.detach().cpu() for name, tensor in engine.module.state_dict().items()}
    with deepspeed.zero.GatheredParameters(parameters, modifier_rank=None):
        if not processes.is_first:
            return {}
        return {name: tensor.detach().cpu().clone() for name, tensor in engine.module.state_dict().items()}


def save_progress(engine: Any, folder: Path, *, step: int, processes: Processes) -> None:
    """A resumable state after `step` steps; the two latest are kept."""
    engine.save_checkpoint(str(folder), tag=f"step{step}", client_state={"step": step})
    dist.barrier()
    if processes.is_first:
        steps = sorted((int(path.name.removeprefix("step")), path) for path in folder.glob("step*"))
        for _, path in steps[:-2]:
            shutil.rmtree(path)


def load_progress(engine: Any, folder: Path, *, identity: str) -> int:
    """Steps already done, after restoring them; 0 when there is nothing to resume.

    Raises CheckpointError when the interrupted run had other settings or data (`identity`).
    """
    if not (folder / "latest").exists():
        return 0
    check_identity(folder, identity)
    path, client_state = engine.load_checkpoint(str(folder))
    if path is None:
        raise CheckpointError(
            f"the resumable state in {str(folder)!r} cannot be read; delete that folder to start again"
        )
    step = client_state["step"]
    assert isinstance(step, int)
    return step


def write_identity(folder: Path, identity: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "identity.json").write_text(identity)


def check_identity(folder: Path, identity: str) -> None:
    path = folder / "identity.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    expected = json.loads(identity)
    differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if differing:
        told = ", ".join(f"{key}{_both(found.get(key), expected.get(key))}" for key in differing)
        raise CheckpointError(
            f"the interrupted run in {str(folder)!r} differs in {told}; "
            "delete that folder to start again, or go on with its settings"
        )


def _both(there: object, here: object) -> str:
    """Two values side by side where they are numbers; texts here are hashes and settings, too long to tell."""
    are_numbers = isinstance(there, int | float) and isinstance(here, int | float)
    return f" ({there} there, {here} now)" if are_numbers else ""
