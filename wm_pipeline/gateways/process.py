"""Starts a training stage's process group (the same by hand and from Dagster Pipes), and stops processes."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from wm_pipeline.domain.processes import STARTED_BY, process_mark

_PR_SET_PDEATHSIG = 1


def training_command(module: str, config: Path, *, processes: int) -> list[str]:
    """Command line of a training stage; more than one process goes through torch's launcher."""
    if processes == 1:
        return [sys.executable, "-m", module, "--config", str(config)]
    launcher = ["-m", "wm_pipeline.model.launch", "--standalone", "--nproc_per_node", str(processes)]
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
        STARTED_BY: process_mark(),
    }


def interrupted_with_starter() -> None:
    """Have the system interrupt this process when the one that started it ends, even by SIGKILL (prctl(2), Linux only).

    For `preexec_fn`: a tool that is not ours cannot watch its starter itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def heed_interrupts() -> None:
    """Handle SIGINT again when a shell that started this process in the background has set it to be ignored.

    Dagster gives SIGTERM the handler of SIGINT, so only SIGKILL could end this process and its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def say_when_they_answer(
    pages: Mapping[str, str],
    processes: Sequence[subprocess.Popen[bytes]],
    *,
    say: Callable[[str], None],
    patience_s: float = 300.0,
) -> None:
    """Say each page's name and address when it answers.

    Ends when all pages answer, when one of the processes ends, or after `patience_s` seconds, with a message.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    waiting, started = dict(pages), time.monotonic()
    while waiting and all(process.poll() is None for process in processes):
        for name, address in list(waiting.items()):
            with suppress(OSError), direct.open(address, timeout=5):
                say(f"{name}: {waiting.pop(name)}")
        if time.monotonic() - started > patience_s:
            say(f"no answer after {patience_s:.0f} s from {', '.join(waiting.values())}; the lines above may say why")
            return
        time.sleep(0.2)


def stop_processes(processes: Sequence[subprocess.Popen[bytes]], *, patience_s: float = 20.0) -> None:
    """Interrupt those that still run, and wait until they have ended; what does not end in time is killed."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
