"""Training processes forked from one that has already imported what they need, which takes a dozen seconds each time.

Real processes nevertheless: their own memory, exit status and output. `python -m` itself is used where a test kills a
run or starts several processes.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["deepspeed", "wm_pipeline.train.run", "wm_pipeline.distill.run"])
LIMIT_S = 300


def run_module(module: str, arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """What `python -m module arguments` would do; `folder` takes its output."""
    streams = [folder / f"{module}.{name}" for name in ("stdout", "stderr")]
    process = _CONTEXT.Process(target=_run, args=(module, list(arguments), *map(str, streams)))
    process.start()
    process.join(LIMIT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    said = [stream.read_text() if stream.exists() else "" for stream in streams]
    return subprocess.CompletedProcess([module, *arguments], process.exitcode, *said)


def _run(module: str, arguments: list[str], stdout: str, stderr: str) -> None:
    for number, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.exit(import_module(module).main(arguments))
