"""A browser that lives for many episodes: begin, act, snapshot, restore; what breaks in it becomes data, not an error.

Not here: databases and goals (an environment's), what a page means (domain), and how long to wait (settle.py).
Longer than 400 lines: acting, going back and recovery share one page and what is known to be broken about it.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

import psutil
from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.errors import BrowserError, NotDoneError, PageChangedError, WorldError
from wm_pipeline.domain.ids import is_same_page
from wm_pipeline.domain.memory import remember
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.scratch import temporary_files_in
from wm_pipeline.domain.secrets import MADE_UP, Redactor, new_key
from wm_pipeline.domain.state import EarlierText, NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.act import check_executable, is_lasting, perform, phrase_of
from wm_pipeline.environments.browser.aim import Aim
from wm_pipeline.environments.browser.chromium import (
    ChromiumBinary,
    kill_with_children,
    launch_browser,
    process_of,
    profiles_of_browsers,
)
from wm_pipeline.environments.browser.hold import Announced, Hold, announced_by, within
from wm_pipeline.environments.browser.isolation import check_address
from wm_pipeline.environments.browser.observe import (
    EpisodeView,
    Happenings,
    OriginStorage,
    PageWalk,
    Scrolled,
    delta_between,
    state_of,
)
from wm_pipeline.environments.browser.restore import (
    Snapshot,
    end_filling,
    fill_storage,
    origin_of,
    restore_cookies,
    restore_storage,
)
from wm_pipeline.environments.browser.settle import SettleSettings, look_now, settle
from wm_pipeline.environments.browser.tab import Tab

FORESEEN = frozenset(
    {ActionKind.NOOP, ActionKind.ASK_HUMAN, ActionKind.CLICK, ActionKind.CHECK, ActionKind.FILL, ActionKind.SELECT}
)
"""Actions after which a page that asked for nothing can tell whether anything is still to come."""
RECOVERY_LIMIT_S = 5.0
"""A tab, context or browser that does not open or close within this time is abandoned for a new browser."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    settle: SettleSettings = field(default_factory=SettleSettings)
    step_limit_ms: float = 10_000
    """An action and the look at what it led to, without the time of a judge; beyond it the step has timed out."""
    ignored_storage: tuple[str, ...] = ()
    """Keys of local and session storage that are no part of a state; shell wildcards. They are put back like others."""
    upload_folder: Path | None = None
    """Files an agent may upload; None: no uploads."""
    redaction_key: bytes | None = None
    """Under it secrets are replaced by marks; None: one of this session's own, so marks of two sessions never equal."""
    is_back_asked_for: bool = False
    """Going back asks for the page before anew, as it has to after a restore: so that both lead to the same."""
    is_server_static: bool = False
    """The server only hands out files, the same for ever: those that one episode loaded serve the next, and what a page
    that is left still sends changes nothing."""


@dataclass(frozen=True, slots=True)
class StartCookie:
    """A cookie to begin an episode with, such as a signed-in session."""

    name: str
    value: str
    url: str
    is_http_only: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What one action led to, as far as the browser can tell: the environment adds row changes and effects."""

    state: State
    """The state after the action; the one before it when the step failed."""
    delta: StateDelta
    is_settled: bool
    elapsed_ms: float
    recorded: Action
    """The action without the secrets that it types: what may be written down."""
    failure: StopReason | None = None
    picture: bytes | None = None
    """The page when the step failed, as PNG; None without a failure, or when nothing could be seen any more."""
    problem: str | None = None
    """Why nothing was done, or not all of it, in a sentence; `failure` says so, too, where the page has changed."""
    held: tuple[NetworkEvent, ...] = ()
    """What was asked for and not announced, and did not leave the browser; only where requests are held."""
    unheld: tuple[str, ...] = ()
    """What could not be held, in words."""


@dataclass(slots=True)
class _Episode:
    goal: str
    allowed_hosts: frozenset[str]
    prior_steps: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    """Addresses that the episode went through, the present one last."""
    restored_history: int = 0
    """How many of them the browser's own history does not have, as the page was loaded anew."""
    storage: dict[str, OriginStorage] = field(default_factory=dict)
    earlier: tuple[EarlierText, ...] = ()


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of an action in the page."""

    walk: PageWalk
    happenings: Happenings
    problem: str | None
    is_changed: bool


class BrowserSession:
    """One Chromium behind the wall, one page at a time."""

    def __init__(
        self, playwright: Playwright, browser: Browser, binary: ChromiumBinary, port: int, settings: SessionSettings
    ) -> None:
        self._playwright = playwright
        self._browser = browser
        self._binary = binary
        self._port = port
        self._settings = settings
        self.redactor = Redactor(settings.redaction_key or new_key())
        self._scratch = contextlib.ExitStack()
        self._process: psutil.Process | None = None
        """The browser's own process, to end it when it does not answer."""
        self._tab: Tab | None = None
        self._episode = _Episode(goal="", allowed_hosts=frozenset())
        self._state: State | None = None
        self._url = ""
        self._scrolled: Scrolled = (0, 0)
        """The address of the present page; the state's may have a mark for a secret in it."""
        self._snapshot: Snapshot | None = None
        self._is_broken = False
        self._is_restless = True
        """The page may act by itself, or when it is left."""

    @classmethod
    async def launch(cls, binary: ChromiumBinary, port: int, *, settings: SessionSettings | None = None) -> Self:
        """Start the browser; `port` is the HostServer's. Raises BrowserError when it does not start."""
        with contextlib.ExitStack() as stack:
            with temporary_files_in(stack.enter_context(profiles_of_browsers())):
                playwright = await async_playwright().start()
            try:
                browser = await launch_browser(playwright, binary, port)
            except BrowserError:
                await playwright.stop()
                raise
            session = cls(playwright, browser, binary, port, settings or SessionSettings())
            session._scratch = stack.pop_all()
        session._process = await process_of(browser)
        return session

    @property
    def browser_version(self) -> str:
        return f"{self._binary.kind.value} {self._browser.version}"

    @property
    def state(self) -> State:
        """The present state. Raises WorldError before the first episode."""
        if self._state is None:
            raise WorldError("the browser session has no state before begin()")
        return self._state

    async def close(self) -> None:
        await self._end_browser()
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(RECOVERY_LIMIT_S):
                await self._playwright.stop()
        self._scratch.close()

    # --- an episode -------------------------------------------------------------------------------------------------

    async def begin(
        self,
        *,
        start_url: str,
        goal: str,
        allowed_hosts: Collection[str],
        cookies: Sequence[StartCookie] = (),
        storage: Mapping[str, OriginStorage] | None = None,
    ) -> State:
        """A clean browser at `start_url`, but for cookies and, by origin, storage.

        Raises WorldError when the page cannot be opened.
        """
        with _as_world_error(f"opening {start_url}"):
            async with self._beginning():
                tab = await self._enter(start_url, goal=goal, allowed_hosts=allowed_hosts, cookies=cookies)
                refill, self._episode.storage = None, dict(storage or {})
                for origin, kept in self._episode.storage.items():
                    refill = await fill_storage(tab, origin, kept, page_origin=origin_of(start_url)) or refill
                tab.forget()
                await tab.load(start_url, wait_until="commit")
                await end_filling(tab, refill)
                walk, _ = await self._look()
                tab.begin_history()
        self._is_broken = False
        self._episode.history = (walk.url,)
        return self.state

    async def prepare(self, script: str, argument: object, *, start_url: str, allowed_hosts: Collection[str]) -> State:
        """Like begin(), with a script that makes the page what an agent is to find, once it is loaded.

        What the script answers is the goal, and the page is looked at only then.
        """
        with _as_world_error(f"preparing {start_url}"):
            async with self._beginning():
                tab = await self._enter(start_url, goal="", allowed_hosts=allowed_hosts)
                await tab.load(start_url)
                self._episode.goal = str(await tab.page.evaluate(script, argument)).strip()
                walk, _ = await self._look(is_foreseen=tab.log.is_idle)
                tab.begin_history()
        self._is_broken = False
        self._episode.history = (walk.url,)
        return self.state

    @contextlib.asynccontextmanager
    async def _beginning(self) -> AsyncIterator[None]:
        """Limited time to open a first page; one that could not be opened goes, with its tab and what it stored."""
        try:
            async with self._limited():
                yield
        except (PlaywrightError, TimeoutError):
            await self._recover()
            raise

    async def _enter(
        self, start_url: str, *, goal: str, allowed_hosts: Collection[str], cookies: Sequence[StartCookie] = ()
    ) -> Tab:
        """A clean tab that is about to open the first page."""
        check_address(start_url, base_url=start_url, allowed_hosts=allowed_hosts)
        self._snapshot = None
        self.redactor.forget()
        tab = await self._clean_tab()
        tab.cookies = None
        self._episode = _Episode(goal=goal, allowed_hosts=frozenset(allowed_hosts))
        if cookies:
            await tab.context.add_cookies(
                [
                    {"name": one.name, "value": one.value, "url": one.url, "httpOnly": one.is_http_only}
                    for one in cookies
                ]
            )
        return tab

    async def refresh(self) -> State:
        """Look again without acting: for an environment that prepared the page by script."""
        with _as_world_error("looking at the page"):
            async with self._limited():
                await self._look()
        return self.state

    async def cookies(self) -> tuple[StartCookie, ...]:
        """The cookies as they are, to begin other episodes with."""
        with _as_world_error("reading cookies"):
            async with self._limited():
                found = await self._present_tab().context.cookies()
        return tuple(
            StartCookie(
                name=str(one.get("name", "")),
                value=str(one.get("value", "")),
                url=f"http://{str(one.get('domain', '')).lstrip('.')}{one.get('path', '/')}",
                is_http_only=bool(one.get("httpOnly", False)),
            )
            for one in found
        )

    def storage(self) -> Mapping[str, OriginStorage]:
        """What scripts have stored, by origin, to begin other episodes with: local and session storage."""
        found = {origin: OriginStorage(one.local, one.session) for origin, one in self._episode.storage.items()}
        return {origin: one for origin, one in found.items() if not one.is_empty}

    async def evaluate(self, script: str, argument: object = None) -> Any:
        """Run an environment's own script in the page, such as a question to MiniWoB's core."""
        with _as_world_error("running a script in the page"):
            async with self._limited():
                tab = self._present_tab()
                tab.cookies = None
                return await tab.page.evaluate(script, argument)

    async def act(
        self, action: Action, *, announced: tuple[Announced, ...] | None = None, judge: RequestJudge | None = None
    ) -> Step:
        """Execute one action and look at the page. Crash, hang and time-out become `failure`, never an error.

        `announced`: what it is known to ask for; what else leaves the site or writes is held back (hold.py) until
        `judge` lets it through. Neither: nothing is held. A judge alone: the state says what is known.

        Raises InvalidInputError when the state does not offer the action, WorldError after a failed step until the
        next begin() or restore().
        """
        if self._is_broken:
            raise WorldError("the last step failed; begin a new episode or restore a snapshot first")
        before, action = self.state, self._as_meant(action)
        check_executable(
            before, action, allowed_hosts=self._episode.allowed_hosts, upload_folder=self._settings.upload_folder
        )
        tab = self._present_tab()
        tab.cookies = None
        started = time.perf_counter()
        failure: StopReason | None = None
        done: _Done | None = None
        hold = Hold(tab.context, on_held=tab.log.drop)
        holding: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()
        if announced is not None or judge is not None:
            known = announced_by(before, action) if announced is None else announced
            holding = hold.during(tab.page, tab.cdp, known, judge)
        previous_steps, previous_earlier = self._episode.prior_steps, self._episode.earlier
        recorded = self.redactor.action(before, action)
        self._episode.earlier = remember(before)
        try:
            work = self._held(tab, before, action, hold, holding)
            done = await within(work, self._settings.step_limit_ms / 1000, hold)
        except TimeoutError:
            failure = StopReason.TIMED_OUT
        except PlaywrightError as error:
            failure = StopReason.TIMED_OUT if "Timeout" in error.message else StopReason.BROWSER_CRASHED
        except WorldError:
            failure = StopReason.BROWSER_CRASHED
        elapsed_ms = (time.perf_counter() - started) * 1000
        if done is None:
            self._episode.prior_steps, self._episode.earlier = previous_steps, previous_earlier
            self._is_broken = True
            picture = await tab.last_picture()
            await self._recover()
            return Step(
                before,
                StateDelta(),
                is_settled=False,
                elapsed_ms=elapsed_ms,
                recorded=recorded,
                failure=failure,
                picture=picture,
            )
        self._remember_address(action, done.walk.url)
        return Step(
            self.state,
            delta_between(before, self.state, done.happenings),
            done.walk.settled,
            elapsed_ms,
            recorded=recorded,
            failure=StopReason.PAGE_CHANGED if done.is_changed else None,
            problem=done.problem,
            held=tuple(hold.held),
            unheld=tuple(hold.unheld),
        )

    async def _held(
        self,
        tab: Tab,
        before: State,
        action: Action,
        hold: Hold,
        holding: contextlib.AbstractAsyncContextManager[None],
    ) -> _Done:
        async with holding:
            return await self._perform_and_look(tab, before, action, hold)

    async def _perform_and_look(self, tab: Tab, before: State, action: Action, hold: Hold | None = None) -> _Done:
        problem, is_changed, previous_steps = None, False, self._episode.prior_steps
        try:
            problem = await self._perform(tab, before, action)
        except PageChangedError as error:
            problem, is_changed = str(error), True
        except NotDoneError as error:
            problem = str(error)
        if not is_changed:
            self._episode.prior_steps = (*previous_steps, phrase_of(before, self.redactor.action(before, action)))
        is_foreseen = action.kind in FORESEEN and tab.log.is_silent and not is_changed
        is_back = action.kind is ActionKind.BACK
        walk, happenings = await self._look(is_foreseen=is_foreseen, scrolled_to=(0, 0) if is_back else None, hold=hold)
        if problem is None and tab.choosers and action.kind is not ActionKind.UPLOAD:
            problem = "it opened a file chooser; `upload` on the same target attaches a file"
        return _Done(walk, happenings, walk.stopped or problem, is_changed or walk.stopped is not None)

    async def _perform(self, tab: Tab, before: State, action: Action) -> str | None:
        """See act.perform()."""
        page, tab.choosers = tab.page, 0
        try:
            if action.kind is ActionKind.GOTO:
                address = check_address(
                    action.value or "", base_url=self._url, allowed_hosts=self._episode.allowed_hosts
                )
                await page.goto(address, wait_until="commit")
            elif action.kind is ActionKind.BACK:
                await tab.observer.act("page", Aim())
                await self._go_back(tab)
            else:
                folder = self._settings.upload_folder
                return await perform(page, tab.observer, before, action, upload_folder=folder)
        except PlaywrightError as error:
            # A navigation that became a download, a name that does not exist, a script that throws: the page shows it.
            if tab.is_crashed or (is_lasting(page, error) and not await tab.is_left_soon(page)):
                raise
        return None

    async def _go_back(self, tab: Tab) -> None:
        """As the browser does. After a restore its history begins anew: what was before is asked for again."""
        history = self._episode.history
        if self._settings.is_back_asked_for and len(tab.windows) == 1:
            if len(history) < 2:
                raise NotDoneError("there is nothing to go back to")
            await tab.page.goto(history[-2], wait_until="commit")
            return
        if await tab.go_back():
            return
        if not 1 < len(history) <= self._episode.restored_history:
            raise NotDoneError("there is nothing to go back to")
        await tab.page.goto(history[-2], wait_until="commit")

    def _remember_address(self, action: Action, url: str) -> None:
        history = self._episode.history
        if action.kind is ActionKind.BACK and len(history) > 1:
            history = history[:-2]
        if not history or history[-1] != url:
            history = (*history, url)
        self._episode.history = history

    async def _look(
        self,
        *,
        is_waiting: bool = True,
        is_foreseen: bool = False,
        scrolled_to: Scrolled | None = None,
        hold: Hold | None = None,
    ) -> tuple[PageWalk, Happenings]:
        """Settle (unless told not to wait), walk, and make that the present state."""
        tab, episode = self._present_tab(), self._episode
        walk = None if is_waiting else await look_now(tab, self._settings.settle, scrolled_to=scrolled_to)
        if walk is None:
            walk = await settle(tab, self._settings.settle, is_foreseen=is_foreseen, scrolled_to=scrolled_to, hold=hold)
        tab.cookies = await tab.context.cookies()
        kept = OriginStorage(walk.local, walk.session, walk.databases, walk.workers)
        episode.storage = episode.storage | {walk.origin: kept}
        tab.has_used_workers = tab.has_used_workers or bool(walk.workers)
        happenings = tab.take_happenings().without_secrets(self.redactor)
        tab.log.page_url = walk.url
        told = {origin: self._told(one) for origin, one in episode.storage.items()}
        view = EpisodeView(episode.goal, episode.prior_steps, told, tab.other_addresses, episode.earlier)
        self._state = state_of(walk, view, cookies=tab.cookies, network=happenings.network, redactor=self.redactor)
        self._url, self._scrolled = walk.url, walk.scrolled
        self._is_restless = walk.restless
        return walk, happenings

    def _told(self, storage: OriginStorage) -> OriginStorage:
        """What a state tells of it."""

        def told(items: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
            ignored = self._settings.ignored_storage
            return tuple(item for item in items if not any(fnmatchcase(item[0], pattern) for pattern in ignored))

        return replace(storage, local=told(storage.local), session=told(storage.session))

    # --- going back -------------------------------------------------------------------------------------------------

    async def snapshot(self) -> None:
        """Remember the present page: address, cookies, storage, typed values, and how far it is scrolled."""
        tab = self._present_tab()
        with _as_world_error("taking a snapshot"):
            async with self._limited():
                cookies, typed = await asyncio.gather(tab.context.cookies(), tab.observer.typed())
        self._snapshot = Snapshot(
            self.state,
            self._url,
            self._scrolled,
            tuple(cookies),
            dict(self._episode.storage),
            self._episode.history,
            typed,
            self.redactor.known(),
        )

    async def restore(self, before_load: Callable[[], Awaitable[None] | None] | None = None) -> bool:
        """Go back to the snapshot in the same page; False when the page found there differs from the saved one.

        `before_load` puts an environment's database back: it runs when the old page is gone and before the new one is
        asked for.
        """
        saved = self._snapshot
        if saved is None:
            raise WorldError("there is no snapshot to restore")
        try:
            async with self._limited():
                is_same = await self._restore(saved, before_load)
        except (TimeoutError, PlaywrightError, WorldError):
            self._is_broken = True
            await self._recover()
            return False
        self._is_broken = False
        return is_same

    async def rewind(self, replay: Callable[[], Awaitable[None]]) -> bool:
        """Go back to the snapshot by loading its page and doing again what led to it: for pages that live in scripts.

        `replay` uses evaluate() and repeat(). Starting again without loading leaves listeners behind, which nobody sees
        and the next action runs into.
        """
        saved = self._snapshot
        if saved is None:
            raise WorldError("there is no snapshot to restore")
        try:
            async with self._limited():
                await self._present_tab().close_others()
                self.redactor.go_back(saved.known)
                await self._present_tab().load(saved.url)
                self._present_tab().begin_history()
            await replay()
            self._episode.prior_steps, self._episode.earlier = saved.state.prior_steps, saved.state.earlier
            self._episode.history, self._episode.restored_history = saved.history, len(saved.history)
            async with self._limited():
                await self._look()
        except (TimeoutError, PlaywrightError, WorldError):
            self._is_broken = True
            await self._recover()
            return False
        self._is_broken = False
        return self._is_as(saved)

    def _as_meant(self, action: Action) -> Action:
        """A recorded action can be done again where secrets are made up: with what its marks stand for."""
        is_made_up = self._settings.redaction_key == MADE_UP
        return self.redactor.revealed(action, self.state.goal) if is_made_up else action

    async def repeat(self, action: Action) -> None:
        """Do an action again without remembering it as a step. Raises PageChangedError where it is another one now."""
        action = self._as_meant(action)
        with _as_world_error("repeating an action"):
            async with self._limited():
                done = await self._perform_and_look(self._present_tab(), self.state, action)
        if done.is_changed:
            raise PageChangedError(done.problem)

    async def _restore(self, saved: Snapshot, before_load: Callable[[], Awaitable[None] | None] | None) -> bool:
        tab, episode = self._present_tab(), self._episode
        if len(tab.windows) > 1:
            await tab.close_others()
            self._is_restless = True
        # What the old page still has under way must arrive before the database goes back.
        await self._leave(tab)
        if before_load is not None:
            waiting = before_load()
            if inspect.isawaitable(waiting):
                await waiting
        await restore_cookies(tab, saved, present=tab.cookies)
        refill = await restore_storage(tab, episode.storage, saved)
        tab.forget()
        self.redactor.go_back(saved.known)
        await tab.load(saved.url, wait_until="commit")
        await end_filling(tab, refill)
        episode.storage = dict(saved.storage)
        episode.history, episode.restored_history = saved.history, len(saved.history)
        episode.prior_steps, episode.earlier = saved.state.prior_steps, saved.state.earlier
        if saved.typed:
            await tab.page.wait_for_load_state("load", timeout=self._settings.settle.network_cap_ms)
            await self._look(is_waiting=False)
            if not await tab.observer.retype(saved.typed):
                return False
        # A page that is as saved is at rest as it was then; one that is not may still be on its way there.
        await self._look(is_waiting=False, scrolled_to=saved.scrolled)
        if not self._is_as(saved) or not tab.log.is_idle:
            await self._look(scrolled_to=saved.scrolled)
        tab.begin_history()
        return self._is_as(saved)

    def _is_as(self, saved: Snapshot) -> bool:
        """Whether the present page is the saved one; if so the saved state is the present one, history and all.

        Windows beside it do not come back.
        """
        is_same = not saved.state.other_tabs and is_same_page(self.state, saved.state)
        if is_same:
            self._state, self._url, self._scrolled = saved.state, saved.url, saved.scrolled
        return is_same

    async def screenshot(self) -> bytes:
        with _as_world_error("taking a screenshot"):
            async with self._limited():
                return await self._present_tab().page.screenshot(animations="disabled", caret="hide")

    # --- the browser behind it --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._settings.step_limit_ms / 1000):
            yield

    def _present_tab(self) -> Tab:
        if self._tab is None:
            raise WorldError("the browser session has no page; begin an episode first")
        return self._tab

    async def _leave(self, tab: Tab) -> None:
        """Make sure that the page does nothing more: one that may still act is left, its cookies are unknown then."""
        if self._is_restless or not tab.log.is_silent:
            tab.cookies = None
            await tab.leave(limit_s=self._settings.settle.network_cap_ms / 1000)

    async def _clean_tab(self) -> Tab:
        """The tab with nothing left of the previous episode; a new context where cleaning could miss something."""
        tab = self._tab
        if tab is not None and len(tab.windows) > 1 and not tab.windows[0].page.is_closed():
            with _as_world_error("closing windows"):
                await tab.close_others()
            self._is_restless = True
        is_reusable = (
            tab is not None
            and not self._is_broken
            and not tab.is_crashed
            and not tab.page.is_closed()
            and not tab.has_used_workers
            and not any(kept.session or kept.workers for kept in self._episode.storage.values())
        )
        if tab is None or not is_reusable:
            return await self._new_tab()
        if not self._settings.is_server_static:
            await self._leave(tab)
        if tab.cookies is None or tab.cookies:
            await tab.context.clear_cookies()
        for origin, kept in self._episode.storage.items():
            if not kept.is_empty and origin.startswith("http"):
                await tab.clear_origin(origin)
        if not self._settings.is_server_static:
            await tab.cdp.send("Network.clearBrowserCache")
        tab.forget()
        tab.log.page_url = ""
        return tab

    async def _new_tab(self) -> Tab:
        if self._tab is not None:
            await self._drop_tab()
        if not self._browser.is_connected():
            await self._relaunch()
        try:
            self._tab = await self._open_tab()
        except (PlaywrightError, TimeoutError):
            # A browser that stands still, or lost a process that it needs: another one, once.
            await self._relaunch()
            with _as_world_error("opening a page in a new browser"):
                self._tab = await self._open_tab()
        return self._tab

    async def _open_tab(self) -> Tab:
        async with asyncio.timeout(RECOVERY_LIMIT_S):
            return await Tab.open(self._browser, self.redactor)

    async def _drop_tab(self) -> None:
        tab, self._tab = self._tab, None
        if tab is None:
            return
        try:
            async with asyncio.timeout(RECOVERY_LIMIT_S):
                await tab.context.close()
        except (PlaywrightError, TimeoutError):
            await self._relaunch()

    async def _relaunch(self) -> None:
        await self._end_browser()
        self._browser = await launch_browser(self._playwright, self._binary, self._port)
        self._process = await process_of(self._browser)

    async def _end_browser(self) -> None:
        """Close the browser; one that does not close in time, such as one that was stopped, is killed."""
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(RECOVERY_LIMIT_S):
                await self._browser.close()
        if self._process is not None:
            kill_with_children(self._process)

    async def _recover(self) -> None:
        """A new page after a failed step; its browser state is empty, which is what restore() then finds."""
        self._episode.storage = {}
        await self._new_tab()


@contextlib.contextmanager
def _as_world_error(doing: str) -> Any:
    try:
        yield
    except TimeoutError as error:
        raise WorldError(f"{doing} took too long") from error
    except PlaywrightError as error:
        first_line = error.message.splitlines()[0] if error.message else "no reason given"
        raise WorldError(f"{doing} failed: {first_line}") from error
