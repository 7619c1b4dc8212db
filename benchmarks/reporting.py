"""What every benchmark reports with: the machine, a spread of figures, JSON on stdout and in a file, its plot."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine(*packages: str) -> dict[str, Any]:
    """The machine, and the versions of the packages that were measured."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu[0].partition(":")[2].strip() if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    ordered = sorted(values)
    low, middle, high = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else [ordered[0]] * 3
    figures = {
        "median": middle,
        "lower_quartile": low,
        "upper_quartile": high,
        "least": ordered[0],
        "most": ordered[-1],
    }
    return {name: float(f"{value:.4g}") for name, value in figures.items()} | {"measured": len(ordered)}


def publish(result: dict[str, Any], file: Path | None, draw: Callable[[Path], None]) -> None:
    """Print the result as JSON; with a file, write it there too and draw its plot beside it."""
    text = json.dumps(result, indent=1)
    print(text)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        draw(file.with_suffix(".png"))
