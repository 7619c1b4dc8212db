"""What a guard does not let a model judge alone, with the reason in words that a person understands."""

from collections.abc import Collection

from wm_pipeline.domain.action import Action, check_action, what_is_too_long
from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import Element, State, bad_references
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy

HARMLESS = frozenset({ActionKind.NOOP, ActionKind.ASK_HUMAN})
"""Kinds that do nothing, wherever they are done."""
_HEARD = frozenset({ActionKind.CLICK, ActionKind.CHECK, ActionKind.SELECT, ActionKind.PRESS})
"""Kinds that a script which listens for clicks may hear."""
_LISTENERS = {
    HandledBy.OWN: "a script hears it",
    HandledBy.FORM: "a script hears the form before it is sent",
    HandledBy.AROUND: "a script of what it stands in hears it",
    HandledBy.DOCUMENT: "a script of the page hears every click",
}


def why_unjudged(state: State, action: Action, *, trained_kinds: Collection[ActionKind] | None) -> str | None:
    """Why no prediction about this action in this state counts; None: it may be asked for.

    `trained_kinds` are those whose harm the model has learned; None: all.
    """
    bad = next(iter(bad_references(state)), None)
    if bad is not None:
        return f"the state is ambiguous: {bad.problem}"
    try:
        check_action(state, action)
    except InvalidInputError as error:
        return f"the page does not offer this: {error}"
    if action.kind in HARMLESS:
        return None
    clicked = _clicked(state, action)
    if clicked is not None and clicked.covered_by is not None:
        return f"{clicked.covered_by[:100]} lies over the target, and a click would land on it"
    if trained_kinds is not None and action.kind not in trained_kinds:
        return f"the model was never trained on actions of the kind {action.kind.value}"
    too_long = what_is_too_long(state, action)
    if too_long is not None:
        return too_long
    aim = aim_of(state, action)
    if aim.destination is not None and not is_page_address(aim.destination):
        return f"the address {aim.destination[:100]!r} cannot be read"
    if not (state.elements or state.texts or state.forms or state.tools):
        return "the state shows nothing of the page"
    return None


def _clicked(state: State, action: Action) -> Element | None:
    """What a click of this action is meant for: its target, or the button of the form that it submits."""
    ref = action.target_ref or ""
    if action.kind is ActionKind.SUBMIT:
        form = state.form(ref)
        return None if form is None else state.element(form.submit_ref or "")
    return state.element(ref) if action.kind in {ActionKind.CLICK, ActionKind.CHECK} else None


def why_effect_unknown(state: State, action: Action) -> str | None:
    """Why nobody can say before the act what it sends; None where the page says it.

    A script may do anything; what it asks for is known only when it does.
    """
    if action.kind is ActionKind.RUN_SCRIPT:
        return "what a script does is known only when it runs"
    aim = aim_of(state, action)
    if aim.form is not None and aim.form.is_scripted:
        return "a script sends these fields; where to is not known"
    heard = aim.element if action.kind in _HEARD else _clicked(state, action)
    listener = None if heard is None else heard.handled_by
    return None if listener is None else f"{_LISTENERS[listener]}, and what it does is not known"
