"""What the two benchmarks of the model share: the machine, a clock that waits for the device, contenders in turn."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from benchmarks.reporting import machine, spread


def head_of(name: str, device: torch.device) -> dict[str, Any]:
    """What every result begins with."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([f"python -m benchmarks.{name}", *sys.argv[1:]]),
        "machine": {
            **machine("torch", "transformers", "llguidance"),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        },
        "load_before": round(os.getloadavg()[0], 2),
    }


@dataclass(frozen=True, slots=True)
class Taken:
    """What one piece of work took."""

    seconds: float
    processor_s: float
    """Of this process alone, over its threads: what others do on the machine does not count."""


def measure_once(work: Callable[[], object], device: torch.device) -> Taken:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started, processor_started = time.perf_counter(), time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Taken(time.perf_counter() - started, time.process_time() - processor_started)


def in_turn(
    contenders: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[Taken]]:
    """What each contender took in each round. On a GPU one round before them only warms up."""
    taken: dict[str, list[Taken]] = {name: [] for name in contenders}
    for round_ in range(-1 if device.type == "cuda" else 0, rounds):
        for name, work in contenders.items():
            once = measure_once(work, device)
            if round_ >= 0:
                taken[name].append(once)
            print(f"  round {round_}: {name} {once.seconds:.2f} s", file=sys.stderr, flush=True)
    return taken


def ratio(slow: Sequence[Taken], fast: Sequence[Taken]) -> dict[str, Any]:
    """How many times as long, round by round: what else the machine did met both alike.

    `of_processor` is the same on processor time: the better measure of a busy machine, and none of a GPU's work.
    """
    pairs = list(zip(slow, fast, strict=True))
    return {
        **spread([one.seconds / other.seconds for one, other in pairs]),
        "of_processor": spread([one.processor_s / other.processor_s for one, other in pairs]),
    }
