"""Reversibility by execution: a way back that the page offers is tried, and what the action did is gone or is not.

What left for somebody else cannot be fetched back, and is not tried. Of what changes rows, the forms that would put the
old values back and the buttons beside them are pressed, one after another, each from the restored state.
"""

import re
from collections.abc import Iterator, Sequence

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.delta import Effect, FieldChange
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import Element, Form, State
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, EffectKind, Reversibility, SinkKind
from wm_pipeline.domain.world import Observation

MOST_WAYS = 3
"""Ways that are tried after one action."""

_INVERSE = {
    EffectKind.ROW_INSERTED: EffectKind.ROW_DELETED,
    EffectKind.ROW_DELETED: EffectKind.ROW_INSERTED,
    EffectKind.ROW_UPDATED: EffectKind.ROW_UPDATED,
}
_BACK = re.compile(
    r"\b(undo|revert|restore|re\w*open|resume|re\w*activate|recall|cancel|withdraw|back|again|delete|remove|release|"
    r"un\w{3,}|take down|switch (?:on|off)|turn (?:on|off)|stop|start)\b",
    re.IGNORECASE,
)
"""Words of buttons that are pressed first."""


def reversibility_at_once(effects: Sequence[Effect]) -> Reversibility | None:
    """What can be said without trying: nothing was done, or something left. None where it has to be tried."""
    done = _telling(effects)
    if not done:
        return Reversibility.READ_ONLY
    if any(_has_left(effect) for effect in done):
        return Reversibility.IRREVERSIBLE
    return None


def can_be_tried(effects: Sequence[Effect]) -> bool:
    """Whether all that was done is rows; nobody tries to sign in again or to clear the browser."""
    return reversibility_at_once(effects) is None and all(one.kind in _INVERSE for one in _telling(effects))


async def try_ways_back(
    environment: Environment, before: State, action: Action, observation: Observation
) -> Reversibility | None:
    """Execute the action again and a way back, until one of at most MOST_WAYS made its effects gone.

    `observation`: what the action led to. The environment holds a snapshot of `before` and stands there; so it does
    afterwards, unless the answer is None: then it did something else this time or could not be brought back, and
    nothing is known. Raises WorldError when it broke.
    """
    effects, tried = observation.effects, 0
    for place in (None,) if observation.state.url == before.url else (None, before.url):
        number, is_last = 0, False
        while tried < MOST_WAYS and not is_last:
            done = await environment.act(action)
            if done.failure is not None or _telling(done.effects) != _telling(effects):
                return None
            state = done.state if place is None else await _moved_to(environment, place)
            ways = [] if state is None else list(ways_back(state, action, effects))
            answer = await _tried(environment, ways[number]) if number < len(ways) else None
            if not await environment.restore():
                return None
            if answer is None:
                break
            tried, number = tried + 1, number + 1
            is_last = number == len(ways)
            if is_undone(effects, answer.effects):
                return Reversibility.REVERSIBLE
    return Reversibility.IRREVERSIBLE


async def _moved_to(environment: Environment, place: str) -> State | None:
    """The page at an address; None where it cannot be opened."""
    moved = await _tried(environment, Action(ActionKind.GOTO, value=place))
    return None if moved is None or moved.failure is not None else moved.state


async def _tried(environment: Environment, action: Action) -> Observation | None:
    try:
        return await environment.act(action)
    except InvalidInputError:
        return None  # the state does not offer it


def ways_back(state: State, action: Action, effects: Sequence[Effect]) -> Iterator[Action]:
    """Forms with the old values first, then buttons that ask for none, those first that speak of going back."""
    changes = [one for effect in _telling(effects) for one in effect.changes if one.before != one.after]
    for form in state.forms:
        values = tuple(
            FieldValue(field.name, change.before or "")
            for field in form.fields
            for change in changes
            if field.element_ref and (field.name == change.name or (change.after and field.value == change.after))
        )
        if values:
            yield Action(ActionKind.SUBMIT, form.form_ref, fields=values)
    pressed = [one for one in candidate_actions(state) if _is_bare(state, one) and one != action]
    yield from sorted(pressed, key=lambda one: _BACK.search(_name_of(state, one)) is None)


def is_undone(effects: Sequence[Effect], back: Sequence[Effect]) -> bool:
    """Whether every row is again what it was: each change has its inverse, of the same row, among what came after."""
    return all(any(_is_inverse(one, other) for other in back) for one in _telling(effects))


def _is_inverse(one: Effect, other: Effect) -> bool:
    if other.kind is not _INVERSE.get(one.kind) or (one.site, one.subject) != (other.site, other.subject):
        return False
    again = {change.name: change for change in other.changes}
    turned = [FieldChange(change.name, change.after, change.before) for change in one.changes]
    return all(again.get(change.name) == change for change in turned if change.before != change.after) and all(
        again.get(change.name, change) == change for change in turned if change.before == change.after
    )


def _telling(effects: Sequence[Effect]) -> list[Effect]:
    return [one for one in effects if one.asset is not AssetKind.NONE and one.steps_later == 0]


def _has_left(effect: Effect) -> bool:
    is_sent = effect.kind is EffectKind.ROW_INSERTED and effect.sink is SinkKind.RECIPIENT
    return is_sent or effect.sink is SinkKind.EXTERNAL_HOST or effect.kind is EffectKind.TOOL_CALLED


def _is_bare(state: State, action: Action) -> bool:
    """A button that only has to be pressed: no link, and no form that wants values."""
    target = _target_of(state, action)
    if isinstance(target, Form):
        return not any(field.element_ref for field in target.fields)
    return action.kind is ActionKind.CLICK and target is not None and target.role == "button" and not target.href


def _name_of(state: State, action: Action) -> str:
    target = _target_of(state, action)
    return "" if target is None else target.name


def _target_of(state: State, action: Action) -> Form | Element | None:
    ref = action.target_ref
    return None if ref is None else state.form(ref) or state.element(ref)
