"""Executing one action on a page, as a person's browser would; waiting for the result is settle.py's.

Any Playwright page with a PageObserver will do. What is done is what the last look saw: the page is asked in the step
that says where to click.
"""

import asyncio
import contextlib
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import FileChooser, Page

from wm_pipeline.domain.action import Action, FieldValue, check_action
from wm_pipeline.domain.errors import InvalidInputError, NotDoneError, PageChangedError
from wm_pipeline.domain.state import Form, State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.aim import Aim, aim_of
from wm_pipeline.environments.browser.isolation import check_address
from wm_pipeline.environments.browser.observer import PageObserver

MOST_KEYS = 120
"""Characters that are typed key by key; of a longer text only the last is, as pages listen for the end of it."""
CHOOSER_LIMIT_S = 1.0
"""Within which a click that opens a file chooser has opened it."""
SCREEN_SHARE = 0.8
"""Of the height of the view, that is scrolled at once: every row of a list that draws only what is in view is drawn."""
SCREEN_S = 0.1
"""For the browser to scroll, and for the page to notice."""
MOST_SCREENS = 12
"""That one action scrolls."""


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


async def perform(
    page: Page, observer: PageObserver, state: State, action: Action, *, upload_folder: Path | None
) -> str | None:
    """Execute the action of `state`, the last look's; a sentence where the browser does not do all of it.

    Raises PageChangedError when it is not what was judged any more, NotDoneError when the page does not take it:
    nothing was done, or not all. `goto` and `back` are not done here: who holds the page knows its history.
    """
    aim, value = aim_of(state, action), action.value or ""
    match action.kind:
        case ActionKind.CLICK | ActionKind.CHECK:
            return await _click(page, observer, aim)
        case ActionKind.FILL:
            await _fill(page, observer, aim, value)
        case ActionKind.SELECT:
            await observer.act("select", aim, value=value)
        case ActionKind.PRESS:
            await observer.act("focus", aim)
            await page.keyboard.press(value)
        case ActionKind.SUBMIT:
            form = state.form(action.target_ref or "")
            if form is not None and form.is_scripted:
                return await _submit_scripted(page, observer, form, aim, action.fields)
            return await _submit(page, observer, aim, action.fields)
        case ActionKind.UPLOAD:
            await _upload(page, observer, aim, str(_upload_path(value, upload_folder)))
        case ActionKind.SCROLL:
            await _scroll(page, observer, aim, value)
        case ActionKind.RUN_SCRIPT:
            await observer.act("page", Aim())
            await page.evaluate(f"() => {{ (0, eval)({json.dumps(value)}); }}")
        case ActionKind.NOOP | ActionKind.ASK_HUMAN | ActionKind.GOTO | ActionKind.BACK | ActionKind.TOOL_CALL:
            pass
    return None


async def _click(page: Page, observer: PageObserver, aim: Aim) -> str | None:
    """A click of the mouse where the element is; where nothing of it is drawn, the click of a script."""
    point = await observer.point(aim)
    if point["is_on_screen"]:
        await page.mouse.click(point["x"], point["y"])
    else:
        await observer.act("click", aim)
    return point.get("note")


async def _fill(page: Page, observer: PageObserver, aim: Aim, text: str) -> None:
    if (await observer.act("fill", aim, value=text)).get("keys"):
        await _type(page, text)
        with contextlib.suppress(PageChangedError):  # what was typed has led elsewhere
            await observer.act("filled", aim, value=text)


async def _type(page: Page, text: str) -> None:
    """By keys, into what has the focus and is selected. A line's end is put in: the key would send in many a field."""
    if not text:
        await page.keyboard.press("Delete")
        return
    whole = text[:-1] if len(text) > MOST_KEYS else "" if "\n" not in text else text
    if whole:
        await page.keyboard.insert_text(whole)
    if text[len(whole) :]:
        await page.keyboard.type(text[len(whole) :])


async def _submit(page: Page, observer: PageObserver, aim: Aim, fields: Collection[FieldValue]) -> str | None:
    point = await observer.act("form", aim, fields=tuple(fields))
    if point.get("keys"):
        for field in fields:
            if (await observer.act("field", aim, fields=(field,))).get("keys"):
                await _type(page, field.value)
        point = await observer.act("ready", aim, fields=tuple(fields))
    if point.get("is_on_screen"):
        await page.mouse.click(point["x"], point["y"])
    elif "x" in point:
        await observer.act("click", replace(aim, form=-1, element=aim.submit))
    return point.get("note")


async def _submit_scripted(
    page: Page, observer: PageObserver, form: Form, aim: Aim, fields: Collection[FieldValue]
) -> str | None:
    """Fields and a button of no form: each is filled, then the button is clicked."""
    wanted, left = {field.name: field.value for field in fields}, []
    for field in form.fields:
        if field.element_ref is None:
            continue
        index = int(field.element_ref[1:]) - 1
        if field.name not in wanted:
            left.append(index)
        elif field.input_type == "select":
            await observer.act("select", Aim(element=index), value=wanted[field.name])
        elif field.input_type in {"checkbox", "radio"}:
            await observer.act("tick", Aim(element=index), value=wanted[field.name])
        else:
            await _fill(page, observer, Aim(element=index), wanted[field.name])
    return await _click(page, observer, replace(aim, element=aim.submit, sent=tuple(left)))


async def _upload(page: Page, observer: PageObserver, aim: Aim, file: str) -> None:
    """To a file input, to the one that a label is for, or to the chooser that a click on the target opens."""
    if (await observer.act("file", aim))["is_input"]:
        await observer.attach_files(aim.element, [file])
        return
    opened: asyncio.Future[FileChooser] = asyncio.get_running_loop().create_future()

    def on_chooser(chooser: FileChooser) -> None:
        if not opened.done():
            opened.set_result(chooser)

    page.on("filechooser", on_chooser)
    try:
        await _click(page, observer, aim)
        async with asyncio.timeout(CHOOSER_LIMIT_S):
            chooser = await opened
        await chooser.set_files(file)
    except TimeoutError as error:
        raise NotDoneError("the target takes no file: a click on it opens no file chooser") from error
    finally:
        page.remove_listener("filechooser", on_chooser)


async def _scroll(page: Page, observer: PageObserver, aim: Aim, direction: str) -> None:
    """What the mouse is over goes on, screen by screen, until the page says something else, or to its end.

    A State holds what is off screen, too: one screen alone would seldom bring anything.
    """
    size = page.viewport_size or {"width": 1280, "height": 720}
    x, y = size["width"] / 2, size["height"] / 2
    if aim.element >= 0:
        point = await observer.point(aim)
        x, y = (point["x"], point["y"]) if point["is_on_screen"] else (x, y)
    sign = -1 if direction == "up" else 1
    where = f"{x} {y} {sign}"
    await page.mouse.move(x, y)
    await observer.act("extent", Aim(), value=where)
    for _ in range(MOST_SCREENS):
        await page.mouse.wheel(0, size["height"] * SCREEN_SHARE * sign)
        await asyncio.sleep(SCREEN_S)
        extent = await observer.act("extent", Aim(), value=where)
        if extent["has_come"] or not extent["goes_on"]:
            return


def is_lasting(page: Page, error: PlaywrightError) -> bool:
    """Whether an error in an action means that the page is of no more use, not that it shows what went wrong."""
    return page.is_closed() or "Timeout" in error.message or "crashed" in error.message


def phrase_of(state: State, action: Action) -> str:
    """One short phrase for `State.prior_steps`, of the action as it is recorded: without secrets."""
    return short_action(state, action)
