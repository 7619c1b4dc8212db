"""Goes where it has been least: coverage without a reward, so that a page needs no goal to be learned from."""

import random
import re
from collections import Counter
from urllib.parse import urlsplit

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.offers import offered_actions
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import Element, State
from wm_pipeline.domain.vocabulary import ActionKind, ProposedBy, Visibility
from wm_pipeline.domain.world import Episode

_ROLES_TO_FILL = frozenset({"textbox", "searchbox", "spinbutton"})
_PLACEHOLDERS = {
    "email": "someone@example.com",
    "number": "1",
    "date": "2030-01-15",
    "time": "10:30",
    "tel": "5550100",
    "url": "http://localhost/",
}
"""What a person would type to see what happens; the key is the HTML input type."""
_GOAL_VALUE = re.compile(r'"([^"]{1,60})"|(\S+@\S+\w)|(\d[\d.,-]*\d|\d)')

_Place = tuple[str, str, str]
"""What counts as the same thing to try: the path it leads to, or without one the page's path, role and name."""


class ExplorerPolicy:
    """Tries what it has tried least in its lifetime; ties are broken by the episode's seed."""

    def __init__(self) -> None:
        self._tried: Counter[_Place] = Counter()
        self._random = random.Random(0)

    @property
    def proposed_by(self) -> ProposedBy:
        return ProposedBy.EXPLORER

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._random = random.Random(seed)

    def propose(self, state: State) -> Action | None:
        if _is_locked_out(state):
            return None
        offers = [*offered_actions(state), *self._fills(state)]
        candidates = [offer for offer in offers if offer.kind not in {ActionKind.NOOP, ActionKind.ASK_HUMAN}]
        if not candidates:
            return None
        chosen = min(candidates, key=lambda offer: (self._tried[_place_of(state, offer)], self._random.random()))
        self._tried[_place_of(state, chosen)] += 1
        return chosen

    def hear_refusal(self, action: Action) -> None:
        """It has counted the action as tried, so something else comes next."""

    def _fills(self, state: State) -> list[Action]:
        return [
            Action(ActionKind.FILL, element.element_ref, self._value_for(state.goal, element))
            for element in state.elements
            if element.role in _ROLES_TO_FILL
            and not element.is_disabled
            and not element.value
            and element.visibility is Visibility.VISIBLE
        ]

    def _value_for(self, goal: str, element: Element) -> str:
        """A value that stands in the goal when there is one of the field's kind, a placeholder otherwise."""
        found = ["".join(match.groups("")) for match in _GOAL_VALUE.finditer(goal)]
        if element.input_type == "number":
            found = [value for value in found if re.fullmatch(r"[\d.]+", value)]
        elif element.input_type in _PLACEHOLDERS:
            found = [value for value in found if ("@" in value) == (element.input_type == "email")]
            found = found if element.input_type == "email" else []
        return self._random.choice(found) if found else _PLACEHOLDERS.get(element.input_type or "", "note")


def _is_locked_out(state: State) -> bool:
    """Nobody is signed in and the page asks for a password, which an explorer does not have."""
    return state.auth.principal is None and any(element.input_type == "password" for element in state.elements)


def _place_of(state: State, action: Action) -> _Place:
    destination = aim_of(state, action).destination
    if destination is not None:
        return urlsplit(destination).path, action.kind.value, ""
    path = urlsplit(state.url).path
    element = None if action.target_ref is None else state.element(action.target_ref)
    if element is not None:
        return (
            path,
            element.role,
            f"{element.name} {action.value or ''}" if action.kind is ActionKind.SELECT else (element.name),
        )
    form = None if action.target_ref is None else state.form(action.target_ref)
    return path, action.kind.value, form.name if form is not None else ""
