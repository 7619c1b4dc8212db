"""Progress of a training process: counted lines on stderr, or in Dagster's log when Dagster started it."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

from wm_pipeline.domain.ports import Progress
from wm_pipeline.model.processes import Processes


@contextmanager
def progress_lines(stage: str, processes: Processes) -> Iterator[Progress]:
    """A Progress that writes `sft 3/60 risk 0.61 ...`; silent on all processes but the first."""

    def silent(done: int, total: int, text: str) -> None:
        del done, total, text

    def on_stderr(done: int, total: int, text: str) -> None:
        print(f"{stage} {done}/{total} {text}", file=sys.stderr, flush=True)

    if not processes.is_first:
        yield silent
    elif DAGSTER_PIPES_CONTEXT_ENV_VAR in os.environ:
        with open_dagster_pipes() as pipes:

            def to_dagster(done: int, total: int, text: str) -> None:
                # About twenty lines a run: Dagster stores each as an event and also shows it in the terminal.
                if done == 1 or done == total or done % max(1, total // 20) == 0:
                    pipes.log.info(f"{stage} {done}/{total} {text}")

            yield to_dagster
    else:
        yield on_stderr


def print_result(result: Mapping[str, object]) -> None:
    """Print the result as JSON for a person who started the process by hand; Dagster reads result.json instead."""
    if result and DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        print(json.dumps(result))


def progress_text(losses: Mapping[str, float], tokens_per_second: float, steps_left: int, seconds: float) -> str:
    """The text of a progress line after the count."""
    parts = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
    return f"{parts} | {tokens_per_second:.0f} tokens/s | {steps_left * seconds:.0f} s left"


class MetricsFile:
    """One JSON line a step; a resumed run drops the lines of steps that it repeats."""

    def __init__(self, path: Path, *, resumed_at: int, is_writer: bool) -> None:
        self._path = path
        self._is_writer = is_writer
        if is_writer:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text().splitlines() if path.exists() else []
            kept = [line for line in lines if json.loads(line)["step"] <= resumed_at]
            path.write_text("".join(f"{line}\n" for line in kept))

    def write(self, values: Mapping[str, float | int | None]) -> None:
        if self._is_writer:
            with self._path.open("a") as file:
                file.write(json.dumps(dict(values)) + "\n")
