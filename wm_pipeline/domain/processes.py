"""Which process something belongs to, and whether that process is gone."""

import os
import signal
import socket
import threading
import time
from functools import cache
from pathlib import Path

import psutil

STARTED_BY = "_WM_STARTED_BY"
"""Variable in a process's environment: the mark of the process that started it and reads its result."""
_STOP_LIMIT_S = 10.0


@cache
def _host() -> str:
    return socket.gethostname().replace("-", "_")


def process_mark(pid: int | None = None) -> str:
    """Names a process, this one by default: its host, its id, and when it began, as ids are given out again."""
    pid = os.getpid() if pid is None else pid
    return f"{_host()}-{pid}-{_began(pid)}"


def _began(pid: int) -> int:
    """Clock ticks from the machine's start to the process's: a time of day would move when the clock is set.

    Where the system does not tell them, seconds since 1970.
    """
    try:
        # The name of the command stands in brackets and may hold any character; the 20th field after it is the time.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except FileNotFoundError:
        return int(psutil.Process(pid).create_time())


def is_alive(mark: str) -> bool:
    """Whether the process of a mark still runs. Of a process on another host nothing is known: it counts as alive."""
    host, _, rest = mark.partition("-")
    pid, _, began = rest.partition("-")
    if host != _host():
        return True
    try:
        process = psutil.Process(int(pid))
        return _began(int(pid)) == int(began) and process.status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False


def ended_in_words(status: int) -> str:
    """How a process ended, from its exit status; below zero it is the signal that ended it."""
    if status >= 0:
        return f"failed with exit status {status}"
    name = signal.Signals(-status).name
    return f"was ended by {name}" + (", by somebody or by a system without memory" if name == "SIGKILL" else "")


def is_elsewhere(mark: str) -> bool:
    """Whether a mark is of another host, or of this one when it had another name."""
    return mark.partition("-")[0] != _host()


def end_with(mark: str) -> None:
    """End this process, by SIGTERM and soon by force, once another has ended: nobody would read its result."""

    def watch() -> None:
        while is_alive(mark):
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_LIMIT_S)
        os._exit(1)

    threading.Thread(target=watch, name=f"ends with {mark}", daemon=True).start()
