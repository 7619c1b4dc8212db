"""Which process something belongs to, so that what a process that is gone has left can be told from what is in use."""

import os
import socket
from functools import cache

import psutil


@cache
def _host() -> str:
    return socket.gethostname().replace("-", "_")


def process_mark() -> str:
    """Names this process: its host, its id, and when it began, as ids are given out again."""
    return f"{_host()}-{os.getpid()}-{int(psutil.Process().create_time())}"


def is_alive(mark: str) -> bool:
    """Whether the process of a mark still runs. Of a process on another host nothing is known: it counts as alive."""
    host, _, rest = mark.partition("-")
    pid, _, began = rest.partition("-")
    if host != _host():
        return True
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(began)
    except (ValueError, psutil.NoSuchProcess):
        return False
