"""Progress of a training process: counted lines on stderr, or in Dagster's log when Dagster started it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

from wm_pipeline import plugins
from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.domain.machine import machine_error
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.processes import STARTED_BY, end_with
from wm_pipeline.domain.records import from_json
from wm_pipeline.model.processes import Processes, leave_processes

Config = TypeVar("Config")
_PEER_IS_GONE = ("reset by peer", "closed by peer")
"""What the exchange of gradients says when a process that takes part in it is gone."""


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


def run_process(
    config_type: type[Config],
    run: Callable[[Config], Mapping[str, object]],
    arguments: list[str] | None,
    *,
    module: str,
    about: str | None,
    estimate: Callable[[Config], Mapping[str, object]] | None = None,
) -> int:
    """What a training process does from its command line to its exit status.

    The result is printed as JSON for a person who started it by hand; Dagster reads result.json instead.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--config", required=True, help=f"JSON file with the fields of {config_type.__name__}")
    if estimate is not None:
        told = "print steps, tokens and estimated time; train nothing"
        parser.add_argument("--dry-run", dest="run", action="store_const", const=estimate, help=told)
    parser.set_defaults(run=run)
    options = parser.parse_args(arguments)
    if STARTED_BY in os.environ:
        end_with(os.environ[STARTED_BY])
    try:
        plugins.load()
        config = from_json(config_type, Path(options.config).read_bytes(), what="config")
        result = options.run(config)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what was saved", file=sys.stderr)
        return 1
    except Exception as error:
        refused = machine_error(error, folder=Path(options.config).parent)
        if refused is None and any(word in str(error) for word in _PEER_IS_GONE):
            refused = TrainingError("another process of this training has ended")
        if refused is None:
            raise
        print(refused, file=sys.stderr)
        return 1
    finally:
        leave_processes()
    if result and DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        print(json.dumps(result))
    return 0


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
            whole = path.read_text().rpartition("\n")[0] if path.exists() else ""  # a full disk cuts the last line
            kept = [line for line in whole.splitlines() if json.loads(line)["step"] <= resumed_at]
            replace_text(path, "".join(f"{line}\n" for line in kept))

    def write(self, values: Mapping[str, float | int | None]) -> None:
        if self._is_writer:
            with self._path.open("a") as file:
                file.write(json.dumps(dict(values)) + "\n")
