"""Coroutines that an interrupt ends, whatever it comes upon.

Dagster's handler raises where the signal comes. In a callback of the event loop that is swallowed: the interrupt is
lost, or a task is never woken again and the process waits for ever. So within a loop it cancels the work instead.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")
_CLEANING_LIMIT_S = 20.0
"""What is interrupted closes its browsers for so long; further signals, which supervisors like to send, wait."""


def run_heeding_interrupts(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run`, from which SIGINT and SIGTERM end in KeyboardInterrupt once the work has cleaned up.

    In code of a task, which may compute for minutes, it is raised at once; everywhere else the work is cancelled.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)  # signals come to the main thread
    began: float | None = None
    """When the first signal came."""
    whole: asyncio.Task[Any] | None = None

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal began
        if began is not None and time.monotonic() - began < _CLEANING_LIMIT_S:
            return
        is_first, began = began is None, time.monotonic()
        if not is_first or whole is None or asyncio.current_task(whole.get_loop()) is not None:
            raise KeyboardInterrupt
        whole.get_loop().call_soon_threadsafe(whole.cancel)

    async def heeding() -> Result:
        nonlocal whole
        whole = asyncio.current_task()
        return await work

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return asyncio.run(heeding())
    except BaseException as error:
        if began is None:
            raise
        raise KeyboardInterrupt from error  # an error after it is one of what else the signal ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
