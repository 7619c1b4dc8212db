"""Executing one action on the page, and the phrase that remembers it; waiting for the result is settle.py's."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.state import State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.isolation import check_address
from wm_pipeline.environments.browser.tab import Tab


def check_executable(
    state: State, action: Action, *, allowed_hosts: Collection[str], upload_folder: Path | None
) -> None:
    """Raise InvalidInputError when the state does not offer the action or the wall forbids it."""
    check_action(state, action)
    match action.kind:
        case ActionKind.GOTO:
            check_address(action.value or "", base_url=state.url, allowed_hosts=allowed_hosts)
        case ActionKind.UPLOAD:
            _upload_path(action.value or "", upload_folder)
        case ActionKind.TOOL_CALL:
            raise InvalidInputError("action.kind: a browser page offers no tools")


def _upload_path(name: str, folder: Path | None) -> Path:
    if folder is None:
        raise InvalidInputError("action.value: this environment offers no files to upload")
    path = (folder / name).resolve()
    if path.parent != folder.resolve() or not path.is_file():
        offered = ", ".join(sorted(file.name for file in folder.iterdir() if file.is_file()))
        raise InvalidInputError(f"action.value: {name!r} is not one of the files to upload ({offered})")
    return path


async def perform(tab: Tab, state: State, action: Action, *, upload_folder: Path | None) -> bool:
    """Execute the action. Returns False when the page no longer knows the references of its last observation.

    `goto` and `back` are not done here: the session knows the history. What a person's browser shrugs at (an option
    that is not there, a field that cannot be written) is no error here either.
    """
    index = -1 if action.target_ref is None else int(action.target_ref[1:]) - 1
    value = action.value or ""
    match action.kind:
        case ActionKind.CLICK | ActionKind.CHECK:
            return await _click(tab, index)
        case ActionKind.FILL:
            return await _in_page(tab, "fill", index=index, value=value) is not None
        case ActionKind.SELECT:
            return await _in_page(tab, "select", index=index, value=value) is not None
        case ActionKind.PRESS:
            if await _in_page(tab, "focus", index=index) is None:
                return False
            await tab.page.keyboard.press(value)
        case ActionKind.SUBMIT:
            return await _submit(tab, state, action, index)
        case ActionKind.UPLOAD:
            return await tab.observer.attach_files(index, [str(_upload_path(value, upload_folder))])
        case ActionKind.RUN_SCRIPT:
            await tab.page.evaluate(f"() => {{ (0, eval)({json.dumps(value)}); }}")
        case ActionKind.NOOP | ActionKind.ASK_HUMAN | ActionKind.GOTO | ActionKind.BACK | ActionKind.TOOL_CALL:
            pass
    return True


async def _submit(tab: Tab, state: State, action: Action, index: int) -> bool:
    fields = [{"name": field.name, "value": field.value} for field in action.fields]
    if await _in_page(tab, "form", index=index, fields=fields) is None:
        return False
    form = state.form(action.target_ref or "")
    if form is not None and form.submit_ref is not None:
        return await _click(tab, int(form.submit_ref[1:]) - 1)
    return await _in_page(tab, "request_submit", index=index) is not None


async def _in_page(tab: Tab, step: str, *, index: int, value: str = "", fields: object = ()) -> Any:
    return await tab.observer.act(step, index=index, value=value, fields=fields)


async def _click(tab: Tab, index: int) -> bool:
    """A click of the mouse where the element is, so that whatever lies over it gets it; a script's click elsewhere."""
    point = await tab.observer.point(index)
    if point is None:
        return False
    if point["is_on_screen"]:
        await tab.page.mouse.click(point["x"], point["y"])
    else:
        await _in_page(tab, "click", index=index)
    return True


async def typed_values(tab: Tab) -> tuple[dict[str, Any], ...]:
    """The controls whose value a reload would lose."""
    return tuple(await _in_page(tab, "typed", index=-1) or ())


async def retype(tab: Tab, values: tuple[dict[str, Any], ...]) -> bool:
    return bool(await _in_page(tab, "retype", index=-1, fields=list(values)))


def phrase_of(state: State, action: Action) -> str:
    """One short phrase for `State.prior_steps`, of the action as it is recorded: without secrets."""
    return short_action(state, action)
