"""The processes that train one model together: their group and the sums over it. No engine is needed for that."""

import os
import socket
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import transformers


@dataclass(frozen=True, slots=True)
class Processes:
    """Where this process stands among those that train together."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0


def join_processes(*, threads: int) -> Processes:
    """Join the group that torchrun started; without torchrun, a group of one."""
    if "RANK" not in os.environ:
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
    torch.set_num_threads(threads)
    quiet: Any = transformers.utils.logging
    quiet.disable_progress_bar()
    is_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if is_gpu else torch.device("cpu")
    if is_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if is_gpu else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size(), device)


def leave_processes() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def sum_over_processes(values: list[float], processes: Processes) -> list[float]:
    """Each value summed over all processes, the same on every one."""
    summed = torch.tensor(values, dtype=torch.float64, device=processes.device)
    dist.all_reduce(summed)
    numbers: list[float] = summed.tolist()
    return numbers
