"""What nobody can say of an action before it is done: where a click lands, and what a script does that hears it."""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import Element, State
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy

_HEARD = frozenset({ActionKind.CLICK, ActionKind.CHECK, ActionKind.SELECT, ActionKind.PRESS})
"""Kinds that a script which listens for clicks may hear."""
_LISTENERS = {
    HandledBy.OWN: "a script hears it",
    HandledBy.FORM: "a script hears the form before it is sent",
    HandledBy.AROUND: "a script of what it stands in hears it",
    HandledBy.DOCUMENT: "a script of the page hears every click",
}


def clicked_in(state: State, action: Action) -> Element | None:
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
    heard = aim.element if action.kind in _HEARD else clicked_in(state, action)
    listener = None if heard is None else heard.handled_by
    return None if listener is None else f"{_LISTENERS[listener]}, and what it does is not known"
