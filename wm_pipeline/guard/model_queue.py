"""One queue for a model: it answers one question at a time, whoever asks.

A question that was given up keeps its place until it has ended, so that a late answer never runs beside the next one;
time spent in the queue counts as waiting.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from wm_pipeline.domain.errors import BusyError, LateError

Answer = TypeVar("Answer")
MAX_WAITING = 16
"""Questions that may wait; further ones are turned away at once."""


class ModelQueue:
    """Runs what it is given in one thread, in the order of arrival."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        # A daemon: a model that never answers does not keep the process.
        threading.Thread(target=self._work, name="model", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Questions that have not begun."""
        return self._jobs.qsize()

    def ask(self, work: Callable[[], Answer], *, limit_s: float) -> Answer:
        """What `work` answers. Raises what it raises, LateError after the limit, BusyError when too many wait."""
        if self.waiting >= self._max_waiting:
            raise BusyError(f"the model has {self.waiting} questions waiting already; ask again later")
        pending: Future[Answer] = Future()
        self._jobs.put((pending, work))
        try:
            return pending.result(timeout=limit_s)
        except TimeoutError:
            if pending.done():
                raise  # it is the work's own
            pending.cancel()
            raise LateError(f"no prediction within {limit_s * 1000:.0f} ms") from None

    def close(self) -> None:
        """Take no more; what is under way ends by itself."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            pending, work = job
            if not pending.set_running_or_notify_cancel():
                continue
            try:
                pending.set_result(work())
            except BaseException as error:
                if not isinstance(error, Exception):
                    logging.getLogger(__name__).exception("the model's thread was told to stop")
                pending.set_exception(error)
