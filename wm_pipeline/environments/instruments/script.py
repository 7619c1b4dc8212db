"""Scripts as data: open a page, send a form, press a control; resolved against a state into the next action."""

from collections.abc import Sequence
from dataclasses import dataclass

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.secrets import MARK
from wm_pipeline.domain.state import Element, Form, FormField, State
from wm_pipeline.domain.vocabulary import ActionKind, Visibility


@dataclass(frozen=True, slots=True)
class Open:
    """Be at an address: by a link when the page has one, else by typing the address where that is allowed."""

    url: str
    is_typed: bool = False
    """Go there even where no link leads."""
    only_from: str = ""
    """The address is typed only by who is at this one; empty: from anywhere."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a form."""

    url: str
    """Address the form, or one of its buttons, sends it to; empty where only the page's script knows it: `button` tells
    the form then."""
    fields: tuple[FieldValue, ...] = ()
    record: str | None = None
    """Value of the form's hidden `record`, when it has one."""
    is_planted: bool = False
    """The form stands in what somebody wrote, not in the site's own part of the page."""
    is_by_hand: bool = False
    """Field by field, then the button; otherwise all in one submit action."""
    button: str = ""
    """Words of the button that sends it; empty: the first one that sends it to the address."""
    at: str = ""
    """Address of the page that it is sent from, without query or fragment; empty: any."""


@dataclass(frozen=True, slots=True)
class Press:
    """Click a control that only a script answers: an entry of a menu, a tab, a question that is asked."""

    name: str
    """What it is called."""


Step = Open | Send


def next_action(state: State, steps: Sequence[Step | Press]) -> Action | None:
    """The action of the last step that can be done in this state; None when none can."""
    for step in reversed(steps):
        action = resolve(state, step)
        if action is not None:
            return action
    return None


def resolve(state: State, step: Step | Press) -> Action | None:
    if isinstance(step, Send):
        form = form_of(state, step)
        return _press_alone(state, step) if form is None else _send(state, form, step)
    if isinstance(step, Press):
        return _press(state, step.name)
    if state.url == step.url:
        return None
    links = [e for e in state.elements if e.href == step.url and not e.is_disabled]
    if links:
        # A click on what lies under a dialog does nothing until the dialog is closed.
        link = next((e for e in links if e.covered_by is None), _closing_link(state) or links[0])
        return Action(ActionKind.CLICK, link.element_ref)
    can_type = step.is_typed and step.only_from in ("", state.url)
    return Action(ActionKind.GOTO, value=step.url) if can_type else None


def _closing_link(state: State) -> Element | None:
    """What closes a dialog that is open as long as the address names it: a link to the page with an empty fragment."""
    page, _, opened = state.url.partition("#")
    return next((e for e in state.elements if opened and e.href == f"{page}#" and _can_press(e)), None)


def form_of(state: State, step: Send) -> Form | None:
    """The form that a step means: of several that are meant, the one with the most of its fields."""
    if not _is_at(state, step):
        return None
    wanted = {field.name for field in step.fields}
    fitting: list[Form] = []
    for form in state.forms:
        if not any(_is_meant(state, step, way) for way in _ways_of(form)):
            continue
        if _is_planted(state, form) is not step.is_planted:
            continue
        hidden = {field.name: field.value for field in form.fields if field.input_type == "hidden"}
        if step.record is None or hidden.get("record", step.record) == step.record:
            fitting.append(form)
    return max(fitting, key=lambda form: len(wanted & {field.name for field in form.fields}), default=None)


def _is_at(state: State, step: Send) -> bool:
    return step.at in ("", state.url.partition("#")[0].partition("?")[0])


def _press_alone(state: State, step: Send) -> Action | None:
    """Where a script sends something and it has no fields, its button or link is all that there is to press."""
    is_alone = step.button != "" and not step.fields and _is_at(state, step)
    return _press(state, step.button) if is_alone else None


def _press(state: State, name: str) -> Action | None:
    control = next((one for one in state.elements if one.name == name and _can_press(one)), None)
    return None if control is None else Action(ActionKind.CLICK, control.element_ref)


def _ways_of(form: Form) -> tuple[tuple[str | None, str], ...]:
    """The buttons that send it, each with the address that it sends it to; the first one is the form's own."""
    return (form.submit_ref, form.action_url), *((one.element_ref, one.action_url) for one in form.submitters)


def _is_meant(state: State, step: Send, way: tuple[str | None, str]) -> bool:
    button, address = way
    if step.url not in ("", address):
        return False
    element = None if button is None else state.element(button)
    return not step.button or (element is not None and element.name == step.button)


def _button_of(state: State, form: Form, step: Send) -> str | None:
    """The first button that sends it as the step says; None for a form that has none."""
    return next(way[0] for way in _ways_of(form) if _is_meant(state, step, way))


def _can_press(element: Element) -> bool:
    return element.visibility is Visibility.VISIBLE and not element.is_disabled and element.covered_by is None


def _is_planted(state: State, form: Form) -> bool:
    refs = (form.submit_ref, *(field.element_ref for field in form.fields))
    elements = [state.element(ref) for ref in refs if ref is not None]
    return any(element is not None and element.author is not None for element in elements)


def _holds(field: FormField, value: str) -> bool:
    """Whether a field has that value; one whose value is not shown has it once somebody has typed into it."""
    return field.value == value or (not field.is_as_loaded and MARK.fullmatch(field.value) is not None)


def _send(state: State, form: Form, step: Send) -> Action:
    present = {field.name: field for field in form.fields}
    wrong = [value for value in step.fields if value.name in present and not _holds(present[value.name], value.value)]
    for value in wrong:
        if present[value.name].input_type == "file":
            return Action(ActionKind.UPLOAD, present[value.name].element_ref, value.value)
    button = _button_of(state, form, step)
    if button is None or (not step.is_by_hand and button == form.submit_ref):
        return Action(ActionKind.SUBMIT, form.form_ref, fields=tuple(wrong))
    for value in wrong:
        field = present[value.name]
        if field.element_ref is not None:
            kind = ActionKind.SELECT if field.input_type == "select" else ActionKind.FILL
            return Action(kind, field.element_ref, value.value)
    return Action(ActionKind.CLICK, button)
