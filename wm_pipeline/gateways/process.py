"""How a training stage's process group is started: the same command by hand and from Dagster Pipes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def training_command(module: str, config: Path, *, processes: int) -> list[str]:
    """Command line of a training stage; more than one process goes through torch's launcher."""
    if processes == 1:
        return [sys.executable, "-m", module, "--config", str(config)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return [sys.executable, *launcher, "-m", module, "--config", str(config)]


def training_environment(*, processes: int, cores: int | None = None) -> Mapping[str, str]:
    """For a training process: this interpreter's tools first on PATH (DeepSpeed calls ninja), cores shared out."""
    threads = max(1, (cores or os.cpu_count() or 1) // processes)
    tools = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
