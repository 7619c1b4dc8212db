"""From the calls of a Playwright trace to steps of ours: which action each is, and in which state it was done."""

import ntpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wm_pipeline.collect.recorded_requests import events_of
from wm_pipeline.collect.recorded_steps import Recording, StepRecorder
from wm_pipeline.collect.trace_file import Call, Shown, Trace, actions_in
from wm_pipeline.domain.action import Action, is_executable
from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.any_page import Session
from wm_pipeline.environments.browser.recorded import RecordedLook, RecordedPages

LOOKING = frozenset(
    {
        *("waitForSelector", "waitForTimeout", "waitForFunction", "waitForLoadState", "waitForEvent"),
        *("expect", "expectScreenshot", "screenshot", "ariaSnapshot", "pdf", "title", "content", "queryCount"),
        *("querySelector", "querySelectorAll", "resolveSelector", "textContent", "innerText", "innerHTML"),
        *("inputValue", "getAttribute", "isVisible", "isHidden", "isChecked", "isDisabled", "isEnabled", "isEditable"),
        *("boundingBox", "contentFrame", "ownerFrame", "frameElement", "highlight", "bringToFront", "close"),
        *("setViewportSize", "consoleMessages", "pageErrors", "requests", "addInitScript"),
    }
)
"""Calls that look at a page, or wait for it: no steps."""
_KINDS: Mapping[str, ActionKind] = {
    "click": ActionKind.CLICK,
    "fill": ActionKind.FILL,
    "check": ActionKind.CHECK,
    "uncheck": ActionKind.CHECK,
    "selectOption": ActionKind.SELECT,
    "press": ActionKind.PRESS,
    "setInputFiles": ActionKind.UPLOAD,
    "goto": ActionKind.GOTO,
    "goBack": ActionKind.BACK,
}
_NO_PAGE = "on a page without an address"


async def recording_of(trace: Trace, pages: RecordedPages, *, goal: str | None, redaction_key: bytes) -> Recording:
    """The steps of a trace. Raises InvalidInputError for a broken document."""
    session = Session(trace.title if goal is None else goal, redaction_key=redaction_key)
    recorder = StepRecorder(trace.name)
    viewer = _Viewer(trace, pages, session)
    for call in actions_in(trace.calls, LOOKING):
        shown = trace.shown(call.call_id, "action", "before")
        if shown is None or not _is_web(shown):
            recorder.lose_sight()
            if call.method != "goto":  # a goto is where the first page comes from
                recorder.leave_out(f"{_name(call)} {_NO_PAGE if shown is not None else 'without a snapshot'}")
            continue
        kind = None if call.has_failed else _KINDS.get(call.method)
        if kind is None:
            recorder.leave_out(_name(call) + (" that failed" if call.has_failed else ""))
            if recorder.is_waiting:
                await viewer.see(trace.shown(call.call_id, "before", "action") or shown, recorder)
            continue
        look = await viewer.see(shown, recorder, call)
        if look is None:
            recorder.leave_out(f"{_name(call)} on a page that cannot be shown")
            continue
        action = _action_of(kind, call, look, base_url=trace.base_url)
        if action is None or not is_executable(look.state, action):
            recorder.leave_out(f"{_name(call)} that is no action of ours")
            continue
        session.remember_act(look.state, action)
        recorder.do(look.state, action, elapsed_ms=call.end_ms - call.start_ms)
    last = trace.last_shown()
    if recorder.is_waiting and last is not None and _is_web(last) and last.at_ms > viewer.at_ms:
        await viewer.see(last, recorder)
    recorder.lose_sight()
    return recorder.recording()


class _Viewer:
    """Looks at one moment after the other, with the requests since the last one."""

    def __init__(self, trace: Trace, pages: RecordedPages, session: Session) -> None:
        self.at_ms = float("-inf")
        self._trace = trace
        self._pages = pages
        self._session = session
        self._url = ""

    async def see(self, shown: Shown, recorder: StepRecorder, call: Call | None = None) -> RecordedLook | None:
        """What was shown, told to the recorder; None where it cannot be shown.

        `call`: the action that was done there; None where none of ours was.
        """
        entries = self._trace.entries_between(self.at_ms, shown.at_ms)
        network = events_of(entries, self._url or shown.url)
        self.at_ms, self._url = shown.at_ms, shown.url
        try:
            look = await self._pages.look(
                self._session,
                self._trace.page_of(shown),
                network=network,
                is_acted_on=call is not None,
                option_value=None if call is None else _option_of(call),
            )
        except WorldError:
            recorder.lose_sight()
            return None
        return replace(look, state=recorder.see(look.state))


def _is_web(shown: Shown) -> bool:
    return parse_address(shown.url).scheme in {"http", "https"}


def _name(call: Call) -> str:
    return call.method or "a call without a name"


def _option_of(call: Call) -> str | None:
    """The value of the one option that was chosen."""
    values = call.result.get("values") if isinstance(call.result, dict) else None
    return str(values[0]) if call.method == "selectOption" and isinstance(values, list) and len(values) == 1 else None


def _action_of(kind: ActionKind, call: Call, look: RecordedLook, *, base_url: str) -> Action | None:
    """The call as an action; None where no action of ours is the same."""
    params, target = call.params, look.target_ref
    element = None if target is None else look.state.element(target)
    match kind:
        case ActionKind.BACK:
            return Action(kind)
        case ActionKind.GOTO:
            address = parse_address(str(params.get("url", "")), base_url)
            return Action(kind, value=address.href) if address.scheme in {"http", "https"} else None
        case _ if element is None:
            return None
        case ActionKind.CLICK:
            is_plain = params.get("button", "left") == "left" and params.get("clickCount", 1) == 1
            return Action(kind, target) if is_plain and not params.get("modifiers") else None
        case ActionKind.CHECK:
            return Action(kind, target) if element.is_checked is not (call.method == "check") else None
        case ActionKind.FILL:
            return Action(kind, target, str(params.get("value", "")))
        case ActionKind.SELECT:
            return None if look.chosen is None else Action(kind, target, look.chosen)
        case ActionKind.PRESS:
            return Action(kind, target, str(params.get("key", "")))
        case _:
            name = _one_file(params)
            return None if name is None else Action(kind, target, name)


def _one_file(params: Mapping[str, Any]) -> str | None:
    """The name of the one file that was given; what the file holds is left."""
    payloads, paths = params.get("payloads"), params.get("localPaths")
    if isinstance(payloads, list) and len(payloads) == 1 and isinstance(payloads[0], dict):
        return str(payloads[0].get("name") or "") or None
    if isinstance(paths, list) and len(paths) == 1:
        return ntpath.basename(str(paths[0])) or None
    return None
