"""A page of anybody's Playwright, sync or async, launched or connected: looked at and acted on as our own are.

Nothing of the page or its context is changed: no dialog is answered, no tab closed, no script added to it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload
from weakref import WeakKeyDictionary

from playwright import async_api, sync_api
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import NotDoneError, PageChangedError, WorldError
from wm_pipeline.domain.memory import remember
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.secrets import Redactor, new_key
from wm_pipeline.domain.state import EarlierText, NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.act import perform, phrase_of
from wm_pipeline.environments.browser.hold import Hold, announced_by, within
from wm_pipeline.environments.browser.network import NetworkLog
from wm_pipeline.environments.browser.observe import EpisodeView, OriginStorage, state_of
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.settle import SettleSettings, settle
from wm_pipeline.environments.browser.sync_pages import SyncDriver

AsyncPage = async_api.Page
AsyncLocator = async_api.Locator
Page = async_api.Page | sync_api.Page
Locator = async_api.Locator | sync_api.Locator
Result = TypeVar("Result")
LOOK_LIMIT_S = 10.0
"""A page that does not answer a look within this time cannot be judged."""
ACT_LIMIT_S = 30.0
"""Of an act, a navigation included, without the time that judging takes."""
POINTINGS = 3
"""How often a locator is asked which element it means, where the page changes meanwhile."""
_POINT = "(node, name) => { node.dispatchEvent(new CustomEvent(name, {bubbles: true, composed: true})); }"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look gave."""

    state: State
    element_ref: str | None
    """Of the element that was pointed at; None where none was, or where nothing of the page is it."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of an action."""

    answer: Any = None
    """Of a script that was run."""
    problem: str | None = None
    """Why nothing was done, or not all of it."""
    held: tuple[NetworkEvent, ...] = ()
    """Requests that did not leave, as nobody had announced them or let them through."""
    unheld: tuple[str, ...] = ()
    """What could not have been held."""


class _Watched:
    """One page with what listens to it."""

    def __init__(self, page: async_api.Page, observer: PageObserver) -> None:
        self.page = page
        self.observer = observer
        self.log = NetworkLog(page)
        page.on("framenavigated", self.log.on_document)

    async def finish_popups(self) -> None:
        """Windows that it opens belong to whoever drives it."""

    async def is_left_soon(self, page: async_api.Page) -> bool:
        """Whoever drives it says which window is meant."""
        return False


class Session:
    """One agent's browser as we know it: what it is to do, what it did, and what it has read where."""

    def __init__(
        self, goal: str = "", *, settings: SettleSettings | None = None, redaction_key: bytes | None = None
    ) -> None:
        """`redaction_key`: under which equal secrets have equal marks in all sessions; None: in this one alone."""
        self.goal = goal
        self.redactor = Redactor(redaction_key or new_key())
        self._settings = settings or SettleSettings()
        self._watched: WeakKeyDictionary[object, _Watched] = WeakKeyDictionary()
        self._drivers: WeakKeyDictionary[object, SyncDriver] = WeakKeyDictionary()
        self._steps: tuple[str, ...] = ()
        self._storage: dict[str, OriginStorage] = {}
        self._earlier: tuple[EarlierText, ...] = ()
        self._holds: list[tuple[async_api.BrowserContext, Hold]] = []

    def run(
        self, page: Page, work: Callable[[async_api.Page], Coroutine[Any, Any, Result]]
    ) -> "Result | Coroutine[Any, Any, Result]":
        """Do some work on a page: at once where it is a sync one, else as a coroutine to await."""
        if isinstance(page, async_api.Page):
            return work(page)
        driver = self._drivers.get(page)
        if driver is None:
            driver = self._drivers[page] = SyncDriver(page)
        return driver.run(work(driver.page))

    def locator(self, page: Page, locator: Locator) -> async_api.Locator:
        """A locator of the page as its async counterpart, for work that run() does."""
        return locator if isinstance(locator, async_api.Locator) else self._drivers[page].wrapped(locator)

    async def look(self, page: async_api.Page, *, at: async_api.Locator | None = None) -> Seen:
        """The page at rest, and the element that a locator means, which is part of the state in any case.

        Raises WorldError when the page cannot be read in time.
        """
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                watched = await self._watch(page)
                if at is not None:
                    await self._point_at(watched, at)
                walk = await settle(watched, self._settings)
                cookies = await page.context.cookies()
        except TimeoutError as error:
            raise WorldError(f"the page at {page.url[:200]} did not answer within {LOOK_LIMIT_S:.0f} s") from error
        except PlaywrightError as error:
            raise WorldError(f"the page cannot be read: {error.message.partition(chr(10))[0]}") from error
        origin = OriginStorage(walk.local, walk.session, walk.databases, walk.workers)
        self._storage = self._storage | {walk.origin: origin}
        watched.log.page_url = walk.url
        view = EpisodeView(self.goal, self._steps, self._storage, earlier=self._earlier)
        network = self.redactor.events(watched.log.take())
        state = state_of(walk, view, cookies=cookies, network=network, redactor=self.redactor)
        return Seen(state, walk.pointed)

    async def act(
        self,
        page: async_api.Page,
        state: State,
        action: Action,
        *,
        judge: RequestJudge | None = None,
        later: RequestJudge | None = None,
        upload_folder: Path | None = None,
        script: Callable[[], Awaitable[Any]] | None = None,
    ) -> Acted:
        """Do what was judged in `state`, the last look's; requests that it did not announce wait for `judge`.

        Without a judge none of them leaves. What the page puts off until after the action waits for `later`, up to the
        next action or lift(). `script`: what a `run_script` runs. Raises PageChangedError when the action is not what
        was judged any more: nothing was done; WorldError when the page does not answer.
        """
        watched = await self._watch(page)
        announced = announced_by(state, action)
        problem, answer = None, None
        hold = self._hold_of(page)
        await hold.all_judged()
        await hold.begin(page, watched.observer.cdp, announced, judge, later=later)
        try:
            await watched.observer.mute()
            work = self._done(watched, state, action, upload_folder, script)
            answer, problem = await within(work, ACT_LIMIT_S, hold)
            walk = await settle(watched, self._settings, hold=hold)
            if await hold.all_judged():
                await settle(watched, self._settings)
            await watched.observer.mute()  # another document may be there
            if walk.stopped is not None:
                raise PageChangedError(walk.stopped)
        except TimeoutError as error:
            why = f"the page at {page.url[:200]} did not answer an action within {ACT_LIMIT_S:.0f} s"
            raise WorldError(why) from error
        except NotDoneError as error:
            problem = str(error)
        except PlaywrightError:
            if not hold.held:
                raise  # else it is the end of a navigation that was held
        finally:
            await hold.all_judged()
            held, unheld = tuple(hold.held), tuple(hold.unheld)
            hold.rest()
        self.remember_act(state, action)
        return Acted(answer, problem, held, unheld)

    def take_past(self) -> tuple[str, ...]:
        """Writes, and requests to other sites, that the browser did not stop at after an action; each is told once."""
        return tuple(one for _, hold in self._holds for one in hold.take_past())

    def lift(self) -> None:
        """Nothing is held until the next action: what is done meanwhile nobody judges."""
        for _, hold in self._holds:
            hold.is_lifted = True

    def _hold_of(self, page: async_api.Page) -> Hold:
        """That of the page's context, which all its pages share."""
        found = next((hold for context, hold in self._holds if context == page.context), None)
        if found is None:
            found = Hold(page.context, is_past_watched=True)
            self._holds.append((page.context, found))
        return found

    def remember_act(self, state: State, action: Action) -> None:
        """What was done in `state`, by whomever: the states after it say so, and what was read in it."""
        self._steps = (*self._steps, phrase_of(state, self.redactor.action(state, action)))
        self._earlier = remember(state)

    @property
    def prior_steps(self) -> tuple[str, ...]:
        return self._steps

    async def _done(
        self,
        watched: _Watched,
        state: State,
        action: Action,
        upload_folder: Path | None,
        script: Callable[[], Awaitable[Any]] | None,
    ) -> tuple[Any, str | None]:
        """What the browser answers, and what it did not do."""
        if script is not None:
            return await script(), None
        if action.kind is ActionKind.GOTO:
            return await watched.page.goto(action.value or "", wait_until="commit"), None
        if action.kind is ActionKind.BACK:
            return await watched.page.go_back(wait_until="commit"), None
        return None, await perform(watched.page, watched.observer, state, action, upload_folder=upload_folder)

    async def _watch(self, page: async_api.Page) -> _Watched:
        watched = self._watched.get(page)
        if watched is None:
            watched = self._watched[page] = _Watched(page, await PageObserver.attach(page, self.redactor))
        return watched

    async def _point_at(self, watched: _Watched, locator: async_api.Locator) -> None:
        """The page is asked which element it is by an event of a name that is used once: it cannot prepare for it.

        What it answers counts only where Playwright, out of the page's reach, finds that element for the locator.
        """
        observer = watched.observer
        for _ in range(POINTINGS):
            if await locator.count() == 0:
                break  # another document is there, and asking would wait for it
            name = f"x{secrets.token_hex(12)}"
            await observer.expect_pointed(name)
            await locator.evaluate(_POINT, name)
            place = await observer.place_of_pointed()
            if place is not None and await _is_meant(watched.page, locator, place):
                return
        await observer.forget_pointed()


async def _is_meant(page: async_api.Page, locator: async_api.Locator, place: Mapping[str, Any]) -> bool:
    """Whether a locator means the element at a place, asked where no script of the page runs."""
    both = _both(page, locator, str(place["selector"]))
    if both is None or await both.count() != 1:
        return False
    if len(page.frames) == 1:
        return True
    handle = await locator.element_handle()
    try:
        frame = await handle.owner_frame()
    finally:
        await handle.dispose()
    if frame is None or not place["is_framed"]:
        return frame is not None and frame == page.main_frame
    # Of two frames with one address nobody could say which is meant.
    alike = [one for one in page.frames if one.url == place["address"]]
    return alike == [frame]


def _both(page: async_api.Page, locator: async_api.Locator, selector: str) -> async_api.Locator | None:
    """What a locator and a selector both mean, in the frame that the locator was made of."""
    for frame in page.frames:
        with contextlib.suppress(PlaywrightError):  # it was made of another
            return locator.and_(frame.locator(selector))
    return None


@overload
def observe(page: sync_api.Page, session: Session) -> State: ...
@overload
def observe(page: async_api.Page, session: Session) -> Coroutine[Any, Any, State]: ...
def observe(page: Page, session: Session) -> "State | Coroutine[Any, Any, State]":
    """What an agent could know of a page before it acts: of a sync page at once, of an async one to be awaited.

    Raises WorldError when the page cannot be read.
    """

    async def look(own: async_api.Page) -> State:
        return (await session.look(own)).state

    return session.run(page, look)
