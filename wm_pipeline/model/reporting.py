"""How a training process tells how far it is: counted lines on stderr, and Dagster's log when it started us."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

from wm_pipeline.domain.ports import Progress
from wm_pipeline.model.engine import Processes


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

            def both(done: int, total: int, text: str) -> None:
                on_stderr(done, total, text)
                # Every twentieth: each line becomes an event that Dagster stores.
                if done == 1 or done == total or done % max(1, total // 20) == 0:
                    pipes.log.info(f"{stage} {done}/{total} {text}")

            yield both
    else:
        yield on_stderr
