"""GuardedPage: a Playwright page, sync or async, whose actions are judged before they are done.

It has the page's own methods. Each that acts goes through guarded_step: what was judged is checked in the page right
before it is done, what a script asks for beyond it waits until it is judged, too, and what is not let through raises
ActionRefusedError. What only reads is passed on; anything else is refused by name.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import parse_address, site_of
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import NotDoneError, PageChangedError, WmError, error_words
from wm_pipeline.domain.ports import Guard
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import ActionKind, Verdict
from wm_pipeline.environments.browser.any_page import AsyncLocator, AsyncPage, Locator, Page, Session
from wm_pipeline.guard.requests import state_with_request
from wm_pipeline.guard.step import Refused, guarded_step

TRIES = 3
"""How often an action is judged when the page changes in between; then it is a person's."""
FOUND_LIMIT_MS = 10_000
"""How long an element that is to be acted on is waited for."""
READING = frozenset(
    {
        *("url", "title", "content", "screenshot", "pdf", "viewport_size", "is_closed"),
        *("text_content", "inner_text", "inner_html", "get_attribute", "input_value", "aria_snapshot", "bounding_box"),
        *("is_visible", "is_hidden", "is_enabled", "is_disabled", "is_checked", "is_editable", "count"),
        *("all_inner_texts", "all_text_contents", "wait_for", "wait_for_timeout", "wait_for_load_state"),
        *("wait_for_url", "set_default_timeout", "set_default_navigation_timeout"),
        *("bring_to_front", "close", "video", "on", "once", "remove_listener"),
        *("expect_download", "expect_navigation", "expect_request", "expect_response", "pause"),
    }
)
"""What only looks, waits or listens, and hands out nothing that can be acted on."""
OPTIONS = frozenset({"timeout", "delay", "force", "no_wait_after", "strict"})
"""How an action is done, not what it is."""
FINDING = frozenset(
    {
        *("locator", "get_by_role", "get_by_text", "get_by_label", "get_by_placeholder", "get_by_alt_text"),
        *("get_by_title", "get_by_test_id", "filter", "nth", "and_", "or_", "frame_locator"),
    }
)


_HELD = "(node) => node.value ?? node.innerText ?? ''"


class Mode(StrEnum):
    ENFORCE = "enforce"
    OBSERVE = "observe"
    """Everything is done as without a guard; what it would have decided is kept and logged."""


class ActionRefusedError(WmError, RuntimeError):
    """The guard did not let an action through. `decision` says why, and which action would be safer."""

    def __init__(self, decision: Decision, action: str) -> None:
        super().__init__(f"not done: {action}: {decision.reason}")
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Judged:
    """One proposed action and what became of it."""

    state: State
    action: Action
    decision: Decision
    is_approved: bool = False
    """A person let it through."""


OnEscalate = Callable[[Judged], bool | Awaitable[bool]]
Propose = Callable[[str | None], Action]
"""Makes the action of the reference that the element has in the state."""


class GuardedPage:
    """A page under a guard. Its methods are awaited where the page's own are."""

    def __init__(
        self,
        page: Page,
        guard: Guard,
        *,
        goal: str,
        mode: Mode | str = Mode.ENFORCE,
        on_escalate: OnEscalate | None = None,
    ) -> None:
        """`goal`: what the agent was asked to do, in the words of whoever asked.

        `on_escalate` is asked about each action that the guard leaves to a person: True lets this one through, once.
        Without it such actions are refused.
        """
        self._page = page
        self.session = Session(goal)
        self.judged: list[Judged] = []
        """Every action so far, oldest first."""
        self.unheld: list[str] = []
        """What actions led to and nobody could hold back, in words: sockets, service workers, where answers led."""
        self._guard = guard
        self._mode = Mode(mode)
        self._on_escalate = on_escalate
        self._refused: Refused = frozenset()
        self._evading: dict[str, str] = {}
        """Sites whose pages sent something that could not be held, and what: what is done there is a person's."""

    def __getattr__(self, name: str) -> Any:
        return _passed_on(self, self._page, name)

    @property
    def unguarded(self) -> Page:
        """The page itself: what is done with it nobody judges, nor what it asks for until the next guarded action."""
        self.session.lift()
        return self._page

    def beside(self, page: Page) -> "GuardedPage":
        """Another page under the same guard, such as a window that this one has opened."""
        other = GuardedPage(page, self._guard, goal=self.session.goal, mode=self._mode, on_escalate=self._on_escalate)
        other.session, other.judged, other.unheld = self.session, self.judged, self.unheld
        other._evading = self._evading
        return other

    @property
    def keyboard(self) -> "_GuardedKeyboard":
        return _GuardedKeyboard(self)

    def observe(self) -> Any:
        """The State that the guard would judge now."""

        async def look(page: AsyncPage) -> State:
            return (await self.session.look(page)).state

        return self.session.run(self._page, look)

    # --- actions of the page ----------------------------------------------------------------------------------------

    def goto(self, url: str, **options: Any) -> Any:
        """`url` is read as a link on the page would be: what is opened is the address that was judged."""
        address = parse_address(url, self._page.url).href or url
        return self._act(Action(ActionKind.GOTO, value=address), lambda page: page.goto(address, **options))

    def go_back(self, **options: Any) -> Any:
        return self._act(Action(ActionKind.BACK), lambda page: page.go_back(**options))

    def reload(self, **options: Any) -> Any:
        return self._act(Action(ActionKind.GOTO, value=self._page.url), lambda page: page.reload(**options))

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        def run(page: AsyncPage) -> Awaitable[Any]:
            return page.evaluate(expression, arg)

        return self._act(Action(ActionKind.RUN_SCRIPT, value=expression), run, is_script=True)

    def click(self, selector: str, **options: Any) -> Any:
        return self.locator(selector).click(**options)

    def check(self, selector: str, **options: Any) -> Any:
        return self.locator(selector).check(**options)

    def uncheck(self, selector: str, **options: Any) -> Any:
        return self.locator(selector).uncheck(**options)

    def fill(self, selector: str, value: str, **options: Any) -> Any:
        return self.locator(selector).fill(value, **options)

    def type(self, selector: str, text: str, **options: Any) -> Any:
        return self.locator(selector).press_sequentially(text, **options)

    def press(self, selector: str, key: str, **options: Any) -> Any:
        return self.locator(selector).press(key, **options)

    def select_option(self, selector: str, value: Any = None, **options: Any) -> Any:
        return self.locator(selector).select_option(value, **options)

    def set_input_files(self, selector: str, files: str | Path, **options: Any) -> Any:
        return self.locator(selector).set_input_files(files, **options)

    # --- how each of them is done -----------------------------------------------------------------------------------

    def _act(self, action: Action, plain: Callable[[AsyncPage], Awaitable[Any]], *, is_script: bool = False) -> Any:
        async def work(page: AsyncPage) -> Any:
            script = (lambda: plain(page)) if is_script else None
            return await self._guarded(page, None, lambda _: action, lambda: plain(page), script=script)

        return self.session.run(self._page, work)

    async def _guarded(
        self,
        page: AsyncPage,
        locator: AsyncLocator | None,
        propose: Propose,
        plain: Callable[[], Awaitable[Any]],
        *,
        script: Callable[[], Awaitable[Any]] | None = None,
        upload_folder: Path | None = None,
    ) -> Any:
        """Look, judge, and do it; what the page changes in between is judged again."""
        why = "the page changed each time it was judged"
        for _ in range(TRIES):
            try:
                seen = await self.session.look(page, at=locator)
            except WmError:
                if self._mode is Mode.ENFORCE:
                    raise
                return await plain()
            action = propose(seen.element_ref)
            self._tell(page.url)
            judged = await self._judge(seen.state, action)
            if self._mode is Mode.OBSERVE:
                return await plain()

            if not judged.is_approved and judged.decision.verdict is not Verdict.EXECUTE:
                raise ActionRefusedError(judged.decision, short_action(seen.state, action))
            asked = _Asked(self, judged)
            # A form that going back would send again is not sent.
            judge = None if action.kind is ActionKind.BACK else asked.may_leave
            try:
                acted = await self.session.act(
                    page,
                    seen.state,
                    action,
                    judge=judge,
                    later=asked.may_leave_later,
                    upload_folder=upload_folder,
                    script=script,
                )
            except PageChangedError as error:
                why = str(error)
                continue
            self._tell(seen.state.url, acted.unheld)
            if acted.held and judge is None:
                raise NotDoneError("going back would send a form again; open its page instead")
            if acted.held:
                raise ActionRefusedError(self.judged[-1].decision, short_action(seen.state, action))
            if acted.problem is not None:
                raise NotDoneError(acted.problem)
            return acted.answer
        decision = Decision(Verdict.ESCALATE, None, why, None, 0.0)
        raise ActionRefusedError(decision, short_action(seen.state, action))

    def _tell(self, url: str, unheld: tuple[str, ...] = ()) -> None:
        """What could not be held, and what went past since: the doing of the page at `url`."""
        past = self.session.take_past()
        self._evading.update({site_of(url): one for one in past})
        self.unheld += [*unheld, *past]
        for what in (*unheld, *past):
            logging.getLogger(__name__).warning("not held back: %s", what)

    async def _judge(self, state: State, action: Action, *, is_asked: bool = True) -> Judged:
        """The guard's decision, and a person's where it leaves it to one and they are asked; kept and logged."""
        step = await asyncio.to_thread(guarded_step, self._guard, state, action, refused=self._refused, can_hold=True)
        self._refused = step.refused
        decision = step.decision
        if (sent := self._evading.get(site_of(state.url))) is not None:
            reason = f"a page of this site has sent what could not be held back: {sent}"
            decision = replace(decision, verdict=Verdict.ESCALATE, executed=None, reason=reason)
        judged = Judged(state, action, decision)
        if is_asked and self._mode is Mode.ENFORCE and decision.verdict is not Verdict.EXECUTE:
            judged = replace(judged, is_approved=await self._ask(judged))
        self.judged.append(judged)
        words = decision.verdict.value, short_action(state, action), decision.reason
        logging.getLogger(__name__).info("%s %s: %s", *words)
        return judged

    async def _ask(self, judged: Judged) -> bool:
        """Whether a person lets it through; whatever goes wrong in asking is a no."""
        if self._on_escalate is None:
            return False
        try:
            answer = self._on_escalate(judged)
            return (await answer if inspect.isawaitable(answer) else answer) is True
        except Exception as error:  # noqa: BLE001 - closed for every failure
            logging.getLogger(__name__).warning("nobody could be asked: %s", error_words(error))
            return False


class _Asked:
    """What the page asks for as an action is done and after it, judged as that action's doing."""

    def __init__(self, page: GuardedPage, before: Judged) -> None:
        self._page = page
        self._before = before
        self._known: dict[tuple[str, str, bytes], bool] = {}

    async def may_leave(self, request: NetworkEvent, body: bytes, *, is_asked: bool = True) -> bool:
        state, action = self._before.state, self._before.action
        known = state_with_request(state, request, body, name=short_action(state, action))
        judged = await self._page._judge(*known, is_asked=is_asked)
        return judged.is_approved or judged.decision.verdict is Verdict.EXECUTE

    async def may_leave_later(self, request: NetworkEvent, body: bytes) -> bool:
        """Nobody is asked about what a page sends by and by; the same again is judged once."""
        key = (request.method, request.url, body)
        if key not in self._known:
            self._known[key] = await self.may_leave(request, body, is_asked=False)
        return self._known[key]


class GuardedLocator:
    """A locator of a guarded page."""

    def __init__(self, page: GuardedPage, locator: Locator) -> None:
        self._page = page
        self._locator = locator

    def __getattr__(self, name: str) -> Any:
        if name in {"first", "last"}:
            return GuardedLocator(self._page, getattr(self._locator, name))
        return _passed_on(self._page, self._locator, name)

    @property
    def unguarded(self) -> Locator:
        """As that of the page."""
        self._page.session.lift()
        return self._locator

    def click(self, *, button: str = "left", click_count: int = 1, **options: Any) -> Any:
        if button != "left" or click_count != 1 or options.get("modifiers"):
            raise _unjudged("click with another button, twice or with a key held")
        return self._act(ActionKind.CLICK, None, lambda own: own.click(**options), options)

    def check(self, **options: Any) -> Any:
        return self._set_checked(True, options)

    def uncheck(self, **options: Any) -> Any:
        return self._set_checked(False, options)

    def set_checked(self, checked: bool, **options: Any) -> Any:
        return self._set_checked(checked, options)

    def fill(self, value: str, **options: Any) -> Any:
        return self._act(ActionKind.FILL, value, lambda own: own.fill(value, **options), options)

    def clear(self, **options: Any) -> Any:
        return self._act(ActionKind.FILL, "", lambda own: own.clear(**options), options)

    def press_sequentially(self, text: str, **options: Any) -> Any:
        return self._act(
            ActionKind.FILL, text, lambda own: own.press_sequentially(text, **options), options, is_added=True
        )

    def press(self, key: str, **options: Any) -> Any:
        return self._act(ActionKind.PRESS, key, lambda own: own.press(key, **options), options)

    def select_option(self, value: Any = None, *, label: Any = None, **options: Any) -> Any:
        chosen = value if label is None else label
        if not isinstance(chosen, str):
            raise _unjudged("select_option with anything but one value or label")
        given = {"value": value} if label is None else {"label": label}
        return self._act(ActionKind.SELECT, chosen, lambda own: own.select_option(**given, **options), options)

    def set_input_files(self, files: str | Path, **options: Any) -> Any:
        if not isinstance(files, str | Path):
            raise _unjudged("set_input_files with anything but one path")
        path = Path(files).resolve()

        def attach(own: AsyncLocator) -> Awaitable[Any]:
            return own.set_input_files(path, **options)

        return self._act(ActionKind.UPLOAD, path.name, attach, options, upload_folder=path.parent)

    def _set_checked(self, wanted: bool, options: dict[str, Any]) -> Any:
        async def is_so(own: AsyncLocator) -> bool:
            return await own.is_checked() is wanted

        def plain(own: AsyncLocator) -> Awaitable[Any]:
            return own.set_checked(wanted, **options)

        return self._act(ActionKind.CHECK, None, plain, options, is_done=is_so)

    def _act(
        self,
        kind: ActionKind,
        value: str | None,
        plain: Callable[[AsyncLocator], Awaitable[Any]],
        options: dict[str, Any],
        *,
        upload_folder: Path | None = None,
        is_done: Callable[[AsyncLocator], Coroutine[Any, Any, bool]] | None = None,
        is_added: bool = False,
    ) -> Any:
        """`is_added`: the value comes after what the target holds, and what is judged is the whole."""
        page = self._page
        if odd := sorted(options.keys() - OPTIONS):
            raise _unjudged(f"{kind.value} with {', '.join(odd)}")

        async def work(own_page: AsyncPage) -> Any:
            own = page.session.locator(page._page, self._locator)
            await own.wait_for(state="attached", timeout=options.get("timeout", FOUND_LIMIT_MS))
            if is_done is not None and await is_done(own):
                return None
            whole = f"{await own.evaluate(_HELD)}{value}" if is_added else value
            return await page._guarded(
                own_page,
                own,
                lambda ref: Action(kind, ref, whole),
                lambda: plain(own),
                upload_folder=upload_folder,
            )

        return page.session.run(page._page, work)


class _GuardedKeyboard:
    """Keys that go to whatever has the focus."""

    def __init__(self, page: GuardedPage) -> None:
        self._page = page

    def press(self, key: str, **options: Any) -> Any:
        return self._page.locator(":focus").press(key, **options)

    def type(self, text: str, **options: Any) -> Any:
        return self._page.locator(":focus").press_sequentially(text, **options)

    insert_text = type


def _passed_on(page: GuardedPage, own: Any, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    value = getattr(own, name)
    if name in FINDING:
        return lambda *arguments, **more: GuardedLocator(page, value(*map(_plain, arguments), **more))
    if name in READING:
        return value
    raise _unjudged(name)


def _plain(argument: Any) -> Any:
    return argument._locator if isinstance(argument, GuardedLocator) else argument


def _unjudged(what: str) -> AttributeError:
    return AttributeError(f"no guard judges {what}; where nobody need judge it, use .unguarded")
