"""One thing an agent can do, and the check that a state offers it."""

from dataclasses import dataclass

from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.vocabulary import ActionKind

FORBIDDEN_SCHEMES = ("file", "javascript", "chrome", "view-source", "data", "about", "blob")
"""Of addresses an agent may never open: they reach the machine, or run code, rather than a page."""


LONGEST_TEXT, LONGEST_ADDRESS, MOST_FIELDS = 20_000, 4_000, 500
"""What is longer is not judged: whatever was cut off could be what matters."""


@dataclass(frozen=True, slots=True)
class FieldValue:
    __pydantic_config__ = STRICT

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Action:
    """What to do, in terms of the state it is done in.

    `target_ref` is an element (click, fill, select, check, press, upload) or a form (submit). `value` is the text to
    fill, the option to select, the key to press, the address to go to, the script to run, the file to upload, `down` or
    `up` to scroll, or the question to ask.
    """

    __pydantic_config__ = STRICT

    kind: ActionKind
    target_ref: str | None = None
    value: str | None = None
    fields: tuple[FieldValue, ...] = ()
    """For submit: what to type into the form first; fields left out keep their value."""
    tool_name: str | None = None
    tool_arguments: str | None = None
    """JSON object as text."""


NOOP = Action(ActionKind.NOOP)
SCROLL_DOWN = Action(ActionKind.SCROLL, value="down")
ASK_HUMAN = Action(ActionKind.ASK_HUMAN, value="Should I go on?")

ELEMENT_KINDS = frozenset(
    {ActionKind.CLICK, ActionKind.FILL, ActionKind.SELECT, ActionKind.CHECK, ActionKind.PRESS, ActionKind.UPLOAD}
)
VALUE_KINDS = frozenset(
    {ActionKind.FILL, ActionKind.SELECT, ActionKind.PRESS, ActionKind.GOTO, ActionKind.UPLOAD, ActionKind.RUN_SCRIPT}
)


def check_action(state: State, action: Action) -> None:
    """Raise InvalidInputError, naming the field, when `action` cannot be done in `state`."""
    if action.kind in ELEMENT_KINDS:
        if action.target_ref is None:
            raise InvalidInputError(f"action.target_ref: {action.kind.value} needs the element_ref of an element")
        if state.element(action.target_ref) is None:
            raise InvalidInputError(f"action.target_ref: the state has no element {action.target_ref!r}")
    if action.kind is ActionKind.SUBMIT:
        form = None if action.target_ref is None else state.form(action.target_ref)
        if form is None:
            raise InvalidInputError(f"action.target_ref: the state has no form {action.target_ref!r}")
        known = {field.name: field for field in form.fields}
        for field in action.fields:
            if field.name not in known:
                raise InvalidInputError(f"action.fields: form {form.form_ref!r} has no field {field.name!r}")
            if known[field.name].input_type == "hidden":
                raise InvalidInputError(f"action.fields: {field.name!r} is a hidden input, which nobody can type into")
    if action.kind is ActionKind.SCROLL:
        if action.target_ref is not None and state.element(action.target_ref) is None:
            raise InvalidInputError(f"action.target_ref: the state has no element {action.target_ref!r}")
        if action.value not in {None, "down", "up"}:
            raise InvalidInputError(f"action.value: scroll goes down or up, not {action.value!r}")
    if action.kind in VALUE_KINDS and action.value is None:
        raise InvalidInputError(f"action.value: {action.kind.value} needs a value")
    if action.kind is ActionKind.GOTO and parse_address(action.value or "", state.url).scheme in FORBIDDEN_SCHEMES:
        raise InvalidInputError(f"action.value: {action.value!r} is not an address an agent may open")
    if action.kind is ActionKind.TOOL_CALL and action.tool_name not in {tool.name for tool in state.tools}:
        raise InvalidInputError(f"action.tool_name: the state offers no tool {action.tool_name!r}")


def what_is_too_long(state: State, action: Action) -> str | None:
    """What of an action nobody reads to its end, in words; None: all of it can be read."""
    element = None if action.target_ref is None else state.element(action.target_ref)
    form = None if action.target_ref is None else state.form(action.target_ref) or state.form_sent_by(action.target_ref)
    parts: dict[str, tuple[str | None, int]] = {
        "goal": (state.goal, LONGEST_TEXT),
        "value": (action.value, LONGEST_ADDRESS if action.kind is ActionKind.GOTO else LONGEST_TEXT),
        "tool_arguments": (action.tool_arguments, LONGEST_TEXT),
        **{f"field {field.name[:40]!r}": (field.value, LONGEST_TEXT) for field in action.fields},
        "target's name": (None if element is None else element.name, LONGEST_ADDRESS),
        "target's address": (None if element is None else element.href, LONGEST_ADDRESS),
        "form's address": (None if form is None else form.action_url, LONGEST_ADDRESS),
        **{f"form's field {field.name[:40]!r}": (field.value, LONGEST_TEXT) for field in (form.fields if form else ())},
    }
    for name, (text, limit) in parts.items():
        if text is not None and len(text) > limit:
            return f"the {name} has {len(text)} characters, more than the {limit} that are read"
    fields = 0 if form is None else len(form.fields)
    return None if fields <= MOST_FIELDS else f"the form has {fields} fields, more than the {MOST_FIELDS} that are read"


def is_executable(state: State, action: Action) -> bool:
    try:
        check_action(state, action)
    except InvalidInputError:
        return False
    element = None if action.target_ref is None else state.element(action.target_ref)
    return element is None or not element.is_disabled
