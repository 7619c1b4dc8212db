"""How long somebody else was waited for, which does not count where time is limited."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pauses:
    """A clock that runs while at least one wait is on."""

    def __init__(self) -> None:
        self._waits = 0
        self._since = 0.0
        self._ended_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        if not self._waits:
            self._since = time.monotonic()
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits:
                self._ended_s += time.monotonic() - self._since

    @property
    def is_on(self) -> bool:
        return self._waits > 0

    @property
    def seconds(self) -> float:
        """So far, what is still on included."""
        return self._ended_s + (time.monotonic() - self._since if self.is_on else 0.0)
