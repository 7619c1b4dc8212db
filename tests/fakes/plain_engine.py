"""A second engine: plain torch in one process. `main` trains with it where DeepSpeed cannot be imported."""

import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from wm_pipeline.model.engine import OptimizerSettings, make_optimizer
from wm_pipeline.model.engines import ENGINES
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.tree import TreeBatch
from wm_pipeline.model.world_model import HeadOutputs
from wm_pipeline.train import run

STATE = "state.pt"
DIES = "--dies-at"


class PlainEngine:
    dies_at: int | None = None
    """Step of the optimizer, from 1, in which the process dies."""

    def __init__(self, model: nn.Module, settings: OptimizerSettings, processes: Processes) -> None:
        assert processes.count == 1
        self.module = model.to(processes.device)
        self.is_sharded = False
        self.gradient_norm: float | None = None
        self._settings = settings
        self._optimizer = make_optimizer(model, settings)
        self._passes = 0

    def __call__(self, batch: TreeBatch) -> HeadOutputs:
        outputs: HeadOutputs = self.module(batch)
        return outputs

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def step(self) -> None:
        self._passes += 1
        steps, passes_left = divmod(self._passes, self._settings.gradient_accumulation_steps)
        if passes_left:
            return
        if steps == self.dies_at:
            os._exit(9)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), self._settings.max_grad_norm)
        self.gradient_norm = float(norm)
        self._optimizer.step()
        self._optimizer.zero_grad()

    def set_learning_rate(self, learning_rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach() for name, tensor in self.module.state_dict().items()}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        torch.save([self.module.state_dict(), self._optimizer.state_dict()], folder / STATE)

    def load(self, folder: Path) -> None:
        weights, optimizer = torch.load(folder / STATE)
        self.module.load_state_dict(weights)
        self._optimizer.load_state_dict(optimizer)


def main(arguments: list[str]) -> int:
    """`wm_pipeline.train.run` with the plain engine registered; `--dies-at N` comes last."""
    sys.modules["deepspeed"] = None  # type: ignore[assignment] # importing it is an error from here on
    ENGINES["plain"] = PlainEngine
    if DIES in arguments:
        PlainEngine.dies_at = int(arguments[-1])
        arguments = arguments[:-2]
    return run.main(arguments)
