"""Work that is done once and cached: converting base weights, compiling DeepSpeed's communication kernel.

`python -m wm_pipeline.model.warm_up CACHE_FOLDER`, run by `wm setup` so that the first round does not pay for it.
"""

import sys
from pathlib import Path

import torch

from wm_pipeline.model.backbone import embedded_base_folder
from wm_pipeline.model.engine import DeepSpeedEngine, OptimizerSettings
from wm_pipeline.model.processes import join_processes, leave_processes
from wm_pipeline.model.settings import Decay


def warm_up(cache_folder: Path) -> None:
    """Convert and compile; both are kept for later runs."""
    print(f"base weights: {embedded_base_folder(cache_folder)}", file=sys.stderr)
    processes = join_processes(threads=1)
    settings = OptimizerSettings(1e-3, 0.0, Decay.COSINE, 0.0, 1.0, zero_stage=1)
    DeepSpeedEngine(torch.nn.Linear(2, 2), settings, processes)
    leave_processes()
    print("DeepSpeed: ready", file=sys.stderr)


if __name__ == "__main__":
    warm_up(Path(sys.argv[1]))
