"""What a guard does not let a model judge alone, with the reason in words that a person understands."""

from collections.abc import Collection

from wm_pipeline.domain.action import Action, check_action, what_is_too_long
from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import State, bad_references
from wm_pipeline.domain.unknown_effects import clicked_in
from wm_pipeline.domain.vocabulary import ActionKind

HARMLESS = frozenset({ActionKind.NOOP, ActionKind.ASK_HUMAN})
"""Kinds that do nothing, wherever they are done."""


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
    clicked = clicked_in(state, action)
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
