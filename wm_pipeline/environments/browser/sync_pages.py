"""Pages of Playwright's sync API for code that is written once, with async and await.

Playwright's sync objects block until an answer is there; here they look like the async ones to coroutines that run in a
loop of their own, which stands still while one of them waits: each such call ends within CALL_LIMIT_S.
"""

import asyncio
import contextlib
import inspect
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from playwright import async_api, sync_api

from wm_pipeline.environments.browser.pauses import Pauses

Result = TypeVar("Result")
PUMP_S = 0.01
"""While a coroutine waits for an event, the browser is listened to this often."""
CALL_LIMIT_S = 35.0
"""Of one call, without the time that listeners of ours take: more than a page that answers has a use for."""


class SyncDriver:
    """Runs coroutines over one sync page, from the thread that the page belongs to."""

    def __init__(self, page: sync_api.Page) -> None:
        self._page = page
        self._loop = asyncio.new_event_loop()
        weakref.finalize(self, self._loop.close)
        self._theirs: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[Any, Any] = {}
        self._calls: list[Pauses] = []
        """Of each call that is under way, the time that listeners of ours take meanwhile."""
        self.page = cast(async_api.Page, _Facade(self, page))
        """The page as its async counterpart, for coroutines that run here."""

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns, or raises; an object of the page's own API as that API has it."""
        self._theirs = asyncio._get_running_loop()
        answer: Any = self._run_in(self._loop, self._pumped(coroutine))
        return cast(Result, answer._theirs if isinstance(answer, _Facade) else answer)

    def _run_in(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Result]) -> Result:
        asyncio._set_running_loop(None)
        try:
            return loop.run_until_complete(coroutine)
        finally:
            asyncio._set_running_loop(self._theirs)

    async def _pumped(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        pump = asyncio.ensure_future(self._pump())
        try:
            return await coroutine
        finally:
            pump.cancel()

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(PUMP_S)
            if self._page.is_closed():
                return
            self.blocking(self._page.wait_for_timeout, 0)

    def blocking(self, method: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Call into Playwright's own loop, which is the running one meanwhile.

        Raises TimeoutError when the browser does not answer within CALL_LIMIT_S.
        """
        ours, theirs = asyncio._get_running_loop(), self._theirs
        if theirs is None:
            return self._called_in(ours, method, *arguments, **more)
        before, waiting = asyncio.all_tasks(theirs), set[asyncio.Task[Any]]()
        started, pauses = time.monotonic(), Pauses()

        def note() -> None:
            waiting.update(asyncio.all_tasks(theirs) - before)

        def stop() -> None:
            left_s = CALL_LIMIT_S - (time.monotonic() - started - pauses.seconds)
            if left_s > 0:
                stopping.append(theirs.call_later(left_s, stop))
                return
            for task in waiting:
                task.cancel()

        # The call has made its one task before the loop runs what is noted here.
        stopping: list[asyncio.Handle] = [theirs.call_soon(note), theirs.call_later(CALL_LIMIT_S, stop)]
        self._calls.append(pauses)
        try:
            return self._called_in(ours, method, *arguments, **more)
        except asyncio.CancelledError as error:
            raise TimeoutError(f"the browser did not answer within {CALL_LIMIT_S:.0f} s") from error
        finally:
            self._calls.remove(pauses)
            for handle in stopping:
                handle.cancel()

    def _called_in(
        self, ours: asyncio.AbstractEventLoop | None, method: Callable[..., Any], *arguments: Any, **more: Any
    ) -> Any:
        asyncio._set_running_loop(self._theirs)
        try:
            return method(*arguments, **more)
        finally:
            asyncio._set_running_loop(ours)

    def wrapped(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.wrapped(one) for one in value]
        is_theirs = type(value).__module__.startswith("playwright.sync_api") and hasattr(
            async_api, type(value).__name__
        )
        return _Facade(self, value) if is_theirs and not isinstance(value, Exception) else value

    def listener(self, call: Any) -> Any:
        """What Playwright calls in place of a listener of ours, the same each time."""
        if call not in self._listeners:

            def heard(*arguments: Any) -> None:
                with contextlib.ExitStack() as stack:
                    for pauses in self._calls:
                        stack.enter_context(pauses.waiting())
                    answer = call(*map(self.wrapped, arguments))
                    if inspect.iscoroutine(answer):
                        # In a loop of its own: that of the caller may stand still until this has answered.
                        loop = stack.enter_context(contextlib.closing(asyncio.new_event_loop()))
                        self._run_in(loop, answer)

            self._listeners[call] = heard
        return self._listeners[call]


class _Facade:
    """A sync object with the methods of its async counterpart."""

    def __init__(self, driver: SyncDriver, theirs: Any) -> None:
        self._driver = driver
        self._theirs = theirs
        self._counterpart = getattr(async_api, type(theirs).__name__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Facade) and self._theirs is other._theirs

    def __hash__(self) -> int:
        return hash(id(self._theirs))

    def __getattr__(self, name: str) -> Any:
        driver = self._driver
        value = driver.blocking(getattr, self._theirs, name)
        if not callable(value) or isinstance(value, sync_api.Mouse | sync_api.Keyboard):
            return driver.wrapped(value)
        is_awaited = inspect.iscoroutinefunction(getattr(self._counterpart, name, None))

        def call(*arguments: Any, **more: Any) -> Any:
            given = [
                one._theirs if isinstance(one, _Facade) else driver.listener(one) if callable(one) else one
                for one in arguments
            ]
            return driver.wrapped(driver.blocking(value, *given, **more))

        async def awaited(*arguments: Any, **more: Any) -> Any:
            return call(*arguments, **more)

        return awaited if is_awaited else call
