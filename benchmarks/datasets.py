"""How fast datasets are built and read, and in how much memory, beside pandas and plain pyarrow on the same rows.

    make benchmark-datasets                                  # 10 million transitions
    python -m benchmarks.datasets --rows 200000              # a try

One JSON document on stdout, progress on stderr; with --results also a file of it and a plot beside it. Each tool works
in a process of its own, so that the peak of its memory is its own; making the input is not timed.

Two more things are measured of wm_pipeline alone, which has no counterpart elsewhere: the mid-training dataset of all
days as one window, whose memory must not grow with them, and the SFT dataset of a tenth of the rows.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.reporting import machine, publish, spread

ROWS_A_DAY = 100_000
TIMES_ASKED = 20
SFT_SHARE = 10
"""One row in so many is also built into the SFT dataset: its typed pages take twenty times the room of their texts."""
FIRST_DAY = date(2026, 1, 1)
TOOLS = ("wm_pipeline", "pandas", "pyarrow")
AIMS = {"rows_per_s": 150_000, "peak_memory_gib": 4.0, "one_day_s": 1.0}


def days_of(rows: int) -> list[tuple[str, int]]:
    """The days to build and how many transitions each has."""
    count = max(1, rows // ROWS_A_DAY)
    return [((FIRST_DAY + timedelta(days=number)).isoformat(), min(rows, ROWS_A_DAY)) for number in range(count)]


def work(tool_name: str, folder: Path, rows: int) -> dict[str, Any]:
    """Everything one tool is measured at; runs in a process of its own."""
    from benchmarks.datasets_tools import TOOLS as BY_NAME

    tool, days = BY_NAME[tool_name], days_of(rows)
    output = folder / tool_name
    built = []
    kept = 0
    for done, (day, day_rows) in enumerate(days, start=1):
        started = time.perf_counter()
        kept += tool.build(folder / "inputs", output, day)
        built.append(day_rows / (time.perf_counter() - started))
        if done % 10 == 0 or done == len(days):
            print(f"  {tool_name}: {done}/{len(days)} days, {statistics.median(built):,.0f} rows/s", file=sys.stderr)
    memory_of_building = _peak_gib()
    scans, read = [], 0
    for _ in range(3):
        started = time.perf_counter()
        read = tool.scan_all(output)
        scans.append(read / (time.perf_counter() - started))
    asked = []
    for turn in range(TIMES_ASKED):
        started = time.perf_counter()
        tool.ask_one_day(output, days[turn % len(days)][0])
        asked.append(time.perf_counter() - started)
    if read != kept:
        raise SystemExit(f"{tool_name} wrote {kept} rows and read {read}; the benchmark is wrong, mend it first")
    written = sum(path.stat().st_size for path in output.rglob("*.parquet"))
    return {
        "rows_kept": kept,
        "build_rows_per_s": spread(built),
        "build_seconds": round(sum(count / rate for (_, count), rate in zip(days, built, strict=True)), 2),
        "scan_rows_per_s": spread(scans),
        "one_day_s": spread(asked),
        "peak_memory_building_gib": memory_of_building,
        "peak_memory_gib": _peak_gib(),
        "bytes_written": written,
    }


def work_on_window(folder: Path, rows: int, *, table: str, inputs: str) -> dict[str, Any]:
    """All days as one dataset, chosen, put together in pieces and written; runs in a process of its own."""
    from benchmarks.datasets_tools import build_window

    days = [day for day, _ in days_of(rows)]
    started = time.perf_counter()
    kept = build_window(folder / inputs, folder / f"{table}_window", days, table=table)
    elapsed_s = time.perf_counter() - started
    transitions = sum(count for _, count in days_of(rows))
    return {
        "transitions": transitions,
        "days": len(days),
        "rows_kept": kept,
        "build_rows_per_s": round(transitions / elapsed_s),
        "build_seconds": round(elapsed_s, 2),
        "peak_memory_gib": _peak_gib(),
    }


def _peak_gib() -> float:
    """The most memory this process has held, from the kernel (kilobytes on Linux)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)


def same_rows(folder: Path, day: str, tools: Sequence[str]) -> bool:
    """Whether all tools kept the same rows of a day with the same split."""
    import polars as pl

    from wm_pipeline.domain.tables import KEY

    frames = [
        pl.read_parquet(folder / tool / "tables" / "midtrain_dataset" / f"round_day={day}" / "all.parquet")
        .select(*KEY, "split", "next_page")
        .sort(KEY)
        for tool in tools
    ]
    return all(frame.equals(frames[0]) for frame in frames)


def measure(rows: int, tools: Sequence[str], folder: Path) -> dict[str, Any]:
    """Make the input once, then let each tool work on it in turn."""
    from benchmarks.datasets_synthetic import write_annotated_day, write_day

    load_before = os.getloadavg()[0]
    days = days_of(rows)
    for number, (day, day_rows) in enumerate(days):
        write_day(folder / "inputs", day, day_rows, seed=number)
        if (number + 1) % 10 == 0 or number + 1 == len(days):
            print(f"  input: {number + 1}/{len(days)} days", file=sys.stderr)
    sft_rows = max(1, rows // SFT_SHARE)
    for number, (day, day_rows) in enumerate(days_of(sft_rows)):
        write_annotated_day(folder / "annotated", day, day_rows, seed=number)
    found = {tool: _in_its_own_process(tool, folder, rows) for tool in tools}
    windows = {
        "midtrain_dataset": _in_its_own_process("window", folder, rows),
        "sft_dataset": _in_its_own_process("sft", folder, sft_rows),
    }
    if not same_rows(folder, days[0][0], tools):
        raise SystemExit("the tools kept other rows; they do not do the same work, mend the benchmark first")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks.datasets", *sys.argv[1:]]),
        "machine": machine("polars", "dataframely", "pandas", "pyarrow"),
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "transitions": sum(count for _, count in days),
        "days": len(days),
        "aims": AIMS,
        "tools": found,
        "windows": windows,
    }


def _in_its_own_process(worker: str, folder: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.datasets", "--worker", worker, "--folder", str(folder)]
    done = subprocess.run([*command, "--rows", str(rows)], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def plot(result: dict[str, Any], path: Path) -> None:
    """Three rows of bars: building, memory, one day's question; the aims as lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tools = list(result["tools"])
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    of_tool = [result["tools"][tool] for tool in tools]
    panels = (
        ("transitions built a second", [t["build_rows_per_s"] for t in of_tool], "rows_per_s"),
        ("peak memory, GiB", [t["peak_memory_gib"] for t in of_tool], "peak_memory_gib"),
        ("one day's question, s", [t["one_day_s"] for t in of_tool], "one_day_s"),
    )
    for axis, (title, values, aim) in zip(axes, panels, strict=True):
        heights = [value["median"] if isinstance(value, dict) else value for value in values]
        bounds = [
            (v["median"] - v["lower_quartile"], v["upper_quartile"] - v["median"]) if isinstance(v, dict) else (0, 0)
            for v in values
        ]
        axis.bar(
            tools, heights, yerr=list(zip(*bounds, strict=True)), color=["#2f6f8f", "#b0b0b0", "#d0d0d0"][: len(tools)]
        )
        axis.axhline(AIMS[aim], color="#a33", linewidth=1, linestyle="--")
        axis.set_title(f"{title} (dashed: aim)", fontsize=9)
    figure.suptitle(
        f"{result['transitions']:,} transitions, {result['machine']['cores']} cores; bars: median, quartiles"
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="synthetic transitions")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="who works")
    parser.add_argument("--results", type=Path, help="where the JSON goes; the plot lies beside it")
    parser.add_argument("--folder", type=Path, help="scratch space, 0.8 GB a million rows (default: the system's)")
    parser.add_argument("--worker", choices=(*TOOLS, "window", "sft"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rows < 1:
        parser.error(f"--rows {asked.rows}: at least one transition is needed")
    if asked.worker == "window":
        print(json.dumps(work_on_window(asked.folder, asked.rows, table="midtrain_dataset", inputs="inputs")))
        return
    if asked.worker == "sft":
        print(json.dumps(work_on_window(asked.folder, asked.rows, table="sft_dataset", inputs="annotated")))
        return
    if asked.worker:
        print(json.dumps(work(asked.worker, asked.folder, asked.rows)))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        result = measure(asked.rows, asked.tools, Path(folder))
    publish(result, asked.results, partial(plot, result))


if __name__ == "__main__":
    main()
