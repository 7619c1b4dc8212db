"""The Engine protocol (who computes gradients and updates weights for the training loops), and DeepSpeed as one.

DeepSpeed is the default, on one CPU process too, so that what is tested is what runs on many GPUs. Another engine is a
class with the methods of `Engine` and its entry in ENGINES (engines.py).
"""

import logging
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from wm_pipeline.domain.errors import CheckpointError, TrainingError
from wm_pipeline.model.builds import no_stale_builds
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.settings import Decay, DistillSettings, TrainSettings
from wm_pipeline.model.tree import TreeBatch
from wm_pipeline.model.world_model import HeadOutputs

_FLOOR = 0.1
"""Share of the peak learning rate that the schedule ends at."""


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    learning_rate: float
    warmup_ratio: float
    decay: Decay
    weight_decay: float
    max_grad_norm: float
    zero_stage: int
    """Stage of DeepSpeed's ZeRO."""
    gradient_accumulation_steps: int = 1
    """Backward passes in a step of the optimizer."""

    @classmethod
    def of(cls, settings: TrainSettings | DistillSettings, *, gradient_accumulation_steps: int) -> Self:
        """The settings of a training that have these names."""
        named = {one.name: getattr(settings, one.name) for one in fields(cls) if hasattr(settings, one.name)}
        return cls(**named, gradient_accumulation_steps=gradient_accumulation_steps)


class Engine(Protocol):
    """A model with its optimizer; each of the processes that train together has one.

    A step of the optimizer is `gradient_accumulation_steps` times `backward` and `step`: gradients are summed over
    these and averaged over processes.
    """

    @property
    def module(self) -> nn.Module:
        """The model, which is trained in place."""
        ...

    @property
    def is_sharded(self) -> bool:
        """Whether each process holds only a part of the weights; then the module cannot run without its engine."""
        ...

    @property
    def gradient_norm(self) -> float | None:
        """Norm of the last step's gradients, before they were clipped; None when it is not known."""
        ...

    def __call__(self, batch: TreeBatch) -> HeadOutputs: ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of the loss to those of the step."""
        ...

    def step(self) -> None:
        """End a backward pass; the last one of a step clips the gradients and updates the weights."""
        ...

    def set_learning_rate(self, learning_rate: float) -> None: ...

    def weights(self) -> dict[str, Tensor]:
        """All weights by name, on the CPU of the first process; every process must call it, the others may get none."""
        ...

    def save(self, folder: Path) -> None:
        """Write into a new folder what `load` needs; every process must call it."""
        ...

    def load(self, folder: Path) -> None:
        """Restore weights and optimizer. Raises CheckpointError when the folder cannot be read."""
        ...


def make_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW over the parameters that are trained."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # Fused: one pass over the weights instead of a dozen, seven times faster on a CPU (docs/log.md).
    return torch.optim.AdamW(
        trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )


class DeepSpeedEngine:
    """DeepSpeed with ZeRO. Weights stay fp32; the model itself multiplies in bf16."""

    def __init__(self, model: nn.Module, settings: OptimizerSettings, processes: Processes) -> None:
        self.module = model
        self.is_sharded = settings.zero_stage == 3
        self._accumulation_steps = settings.gradient_accumulation_steps
        self._processes = processes
        # DeepSpeed prints while it loads, but standard output must hold only our result.
        with redirect_stdout(sys.stderr):
            deepspeed = _load_deepspeed(processes)
        self._engine, _, _, _ = deepspeed.initialize(
            model=model,
            optimizer=make_optimizer(model, settings),
            config={
                # Our batches are trees of unequal size; DeepSpeed only checks that the numbers agree.
                "train_micro_batch_size_per_gpu": 1,
                "gradient_accumulation_steps": settings.gradient_accumulation_steps,
                "gradient_clipping": settings.max_grad_norm,
                "zero_optimization": {"stage": settings.zero_stage},
                "steps_per_print": sys.maxsize,
            },
        )

    @property
    def gradient_norm(self) -> float | None:
        norm = self._engine.get_global_grad_norm()
        return None if norm is None else float(norm)

    def __call__(self, batch: TreeBatch) -> HeadOutputs:
        outputs: HeadOutputs = self._engine(batch)
        return outputs

    def backward(self, loss: Tensor) -> None:
        # DeepSpeed takes the mean over the passes of a step.
        self._engine.backward(loss * self._accumulation_steps)

    def step(self) -> None:
        self._engine.step()

    def set_learning_rate(self, learning_rate: float) -> None:
        for group in self._engine.optimizer.param_groups:
            group["lr"] = learning_rate

    def weights(self) -> dict[str, Tensor]:
        if not self.is_sharded:
            return {name: tensor.detach().cpu() for name, tensor in self.module.state_dict().items()}
        import deepspeed

        with deepspeed.zero.GatheredParameters(list(self.module.parameters()), modifier_rank=None):
            if not self._processes.is_first:
                return {}
            return {name: tensor.detach().cpu().clone() for name, tensor in self.module.state_dict().items()}

    def save(self, folder: Path) -> None:
        self._engine.save_checkpoint(str(folder.parent), tag=folder.name, save_latest=False)

    def load(self, folder: Path) -> None:
        path, _ = self._engine.load_checkpoint(str(folder.parent), tag=folder.name)
        if path is None:
            raise CheckpointError(
                f"the resumable state in {str(folder.parent)!r} cannot be read; delete that folder to start again"
            )


def _load_deepspeed(processes: Processes) -> Any:
    """Import the library, which uses torch's process group."""
    # It compiles one operator on first use and looks for ninja on PATH only; ninja is installed beside python.
    beside_python = str(Path(sys.executable).parent)
    if beside_python not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = beside_python + os.pathsep + os.environ["PATH"]
    is_gpu = processes.device.type == "cuda"
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if is_gpu else "cpu")
    with no_stale_builds():
        import deepspeed

        deepspeed.utils.logger.setLevel(logging.ERROR)
        deepspeed.init_distributed(dist_backend="nccl" if is_gpu else "gloo", verbose=False)
    return deepspeed


# --- around a step of the optimizer -----------------------------------------------------------------------------------


def gradient_accumulation_steps(batch_size: int, micro_batch_size: int | None, processes: Processes) -> int:
    """Backward passes in a step, the same for every process: each reads `micro_batch_size` trees at most."""
    if micro_batch_size is None:
        return 1
    return math.ceil(math.ceil(batch_size / processes.count) / micro_batch_size)


def learning_rate_at(step: int, *, max_steps: int, settings: OptimizerSettings) -> float:
    """The learning rate of a step (from 0): linear warm-up, then the decay down to a tenth of the peak."""
    warmup = max(1, round(max_steps * settings.warmup_ratio))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, max_steps - warmup))
    shape = 0.5 * (1 + math.cos(math.pi * done)) if settings.decay is Decay.COSINE else 1 - done
    return settings.learning_rate * (_FLOOR + (1 - _FLOOR) * shape)


def zero_loss(model: nn.Module) -> Tensor:
    """Loss of a process without trees in a pass: the process must still take part in the exchange of gradients."""
    zeros = [parameter.sum() * 0.0 for parameter in model.parameters() if parameter.requires_grad]
    return torch.stack(zeros).sum()


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


@contextmanager
def memory_of_step(step: int, settings: TrainSettings | DistillSettings, *, advice: str) -> Iterator[None]:
    """Raises TrainingError when the block runs out of memory; the message says what was read at once, and `advice`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        read = settings.batch_size if settings.micro_batch_size is None else settings.micro_batch_size
        raise TrainingError(
            f"step {step + 1} does not fit into memory with {read} states of {settings.actions_per_tree} actions read "
            f"at once. {advice}"
        ) from error
