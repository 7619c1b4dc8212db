"""Progress of long work, as counted lines."""

import time
from typing import Any


class PrintedProgress:
    """Progress as counted lines on a stream: at most one every few seconds, always the last."""

    def __init__(self, write: Any, *, every_seconds: float = 5.0) -> None:
        self._write = write
        self._every_seconds = every_seconds
        self._last = 0.0
        self._started: dict[int, float] = {}

    def __call__(self, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        started = self._started.setdefault(total, now)
        if done < total and now - self._last < self._every_seconds:
            return
        self._last = now
        left = (now - started) / done * (total - done) if done else 0.0
        ending = f", {left:.0f} s left" if 0 < done < total else ""
        self._write(f"  {done}/{total} {text}{ending}")
        if done >= total:
            self._started.pop(total, None)
