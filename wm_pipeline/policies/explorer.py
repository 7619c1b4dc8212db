"""Looks for pages, elements, effects and places of strangers that it has not seen; it needs no goal and no reward.

It prefers the action that would show the most for the first time; chance only breaks ties.
"""

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.address import is_cross_site, parse_address
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import Element, Form, FormField, State
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


class _Seen(StrEnum):
    """What can be seen for the first time."""

    EFFECT = "effect"
    """The effect of a sent form: a kind of address that nothing was sent to yet."""
    CHANNEL = "channel"
    """A place where somebody else writes, or that nobody is meant to see."""
    PAGE = "page"
    """A kind of page: its address without what names the record."""
    ELEMENT = "element"
    """Something to act on, by role and name, on a kind of page."""
    ADDRESS = "address"
    """A page of this world."""


_WORTH = {_Seen.EFFECT: 6.0, _Seen.CHANNEL: 5.0, _Seen.PAGE: 4.0, _Seen.ELEMENT: 2.0, _Seen.ADDRESS: 1.0}
"""Effects are rarest and cost the most to come by; a page of a known kind is nearly always there."""
_WAY_BACK = 0.7
"""New things on another page count less, because going there is an action too."""

_Feature = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    action: Action
    features: frozenset[_Feature]


class ExplorerPolicy:
    """Chooses the action that shows the most new things; where nothing is new, the action it has done least."""

    def __init__(self) -> None:
        self._seen: set[_Feature] = set()
        self._done: dict[_Feature, int] = {}
        self._locks_out: set[_Feature] = set()
        """Actions after which nobody was signed in: an episode ends there."""
        self._left: dict[str, tuple[frozenset[_Feature], ...]] = {}
        """Features of each candidate on the pages of this world, by address."""
        self._last: _Candidate | None = None
        self._random = random.Random(0)

    @property
    def proposed_by(self) -> str:
        return ProposedBy.EXPLORER.value

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._left = {}
        self._last = None
        self._seen = {feature for feature in self._seen if feature[0] != _Seen.ADDRESS}

    def propose(self, state: State) -> Action | None:
        if _is_locked_out(state):
            if self._last is not None:
                self._locks_out |= _reasons(self._last)
            return None
        self._seen |= {(_Seen.PAGE, _kind_of(state.url)), (_Seen.ADDRESS, _address_of(state.url))}
        here = [one for one in self._candidates(state) if not _reasons(one) & self._locks_out]
        self._left[_address_of(state.url)] = tuple(one.features for one in here)
        candidates = [*here, *self._ways_back(state)]
        if not candidates:
            return None
        chosen = max(candidates, key=lambda one: (self._worth(one), -self._times(one), self._random.random()))
        self._seen |= chosen.features
        self._last = chosen
        element = _element_of(chosen)
        if element is not None:
            self._done[element] = self._done.get(element, 0) + 1
        return chosen.action

    def on_refusal(self, action: Action) -> None:
        """It has counted the action as done, so something else comes next."""

    def _worth(self, candidate: _Candidate) -> float:
        if candidate.action.kind is ActionKind.GOTO:
            left = self._left[candidate.action.value or ""]
            return _WAY_BACK * max((self._news(features) for features in left), default=0.0)
        return self._news(candidate.features)

    def _news(self, features: frozenset[_Feature]) -> float:
        return sum(_WORTH[_Seen(feature[0])] for feature in features if feature not in self._seen)

    def _times(self, candidate: _Candidate) -> int:
        element = _element_of(candidate)
        return 0 if element is None else self._done.get(element, 0)

    def _ways_back(self, state: State) -> list[_Candidate]:
        """Visited pages of this world that still have something new."""
        here = _address_of(state.url)
        return [
            _Candidate(Action(ActionKind.GOTO, value=address), frozenset())
            for address, left in self._left.items()
            if address != here and any(self._news(features) for features in left)
        ]

    def _candidates(self, state: State) -> list[_Candidate]:
        actions = [
            offer for offer in candidate_actions(state) if offer.kind not in {ActionKind.NOOP, ActionKind.ASK_HUMAN}
        ]
        actions += [*self._filled_forms(state), *self._fills(state)]
        return [_Candidate(action, _features_of(state, action)) for action in actions]

    def _filled_forms(self, state: State) -> list[Action]:
        """Whole forms, sent with something in every field."""
        found = []
        for form in state.forms:
            values = [
                FieldValue(item.name, self._value_of(state, element))
                for item in form.fields
                if (element := _to_fill(state, item)) is not None
            ]
            if values:
                found.append(Action(ActionKind.SUBMIT, form.form_ref, fields=tuple(values)))
        return found

    def _value_of(self, state: State, element: Element) -> str:
        if element.options:
            others = [option for option in element.options if option != element.value]
            return self._random.choice(others or list(element.options))
        return self._value_for(state.goal, element)

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


def _to_fill(state: State, item: FormField) -> Element | None:
    """The element of a field that has to be filled, or can be chosen in."""
    element = None if item.element_ref is None else state.element(item.element_ref)
    if element is None or element.is_disabled or item.input_type in {"file", "password", "hidden"}:
        return None
    if element.options:
        return element
    return element if element.role in _ROLES_TO_FILL and not item.value else None


def _features_of(state: State, action: Action) -> frozenset[_Feature]:
    """Features that an action would show, as far as the page reveals them."""
    element = None if action.target_ref is None else state.element(action.target_ref)
    form = _form_of(state, action, element)
    found: set[_Feature] = {_place_of(state, action)}
    sent = form if action.kind is ActionKind.SUBMIT or form is None else form.sent_by(action.target_ref or "")
    form, is_sent = sent or form, sent is not None
    # Sites mostly refuse a form with an empty field, so sending it shows no effect.
    if form is not None and is_sent and (action.fields or all(item.value for item in form.fields)):
        found.add((_Seen.EFFECT, form.method, _kind_of(form.action_url)))
    destination = aim_of(state, action).destination
    if element is not None and element.href and destination is not None:
        found |= {(_Seen.PAGE, _kind_of(destination)), (_Seen.ADDRESS, _address_of(destination))}
    channel = _channel_of(state, element, form)
    if channel is not None:
        found.add(channel)
    return frozenset(found)


def _form_of(state: State, action: Action, element: Element | None) -> Form | None:
    if action.kind is ActionKind.SUBMIT and action.target_ref is not None:
        return state.form(action.target_ref)
    return None if element is None or element.form_ref is None else state.form(element.form_ref)


def _channel_of(state: State, element: Element | None, form: Form | None) -> _Feature | None:
    """Which place of strangers an action acts on; None on the site's own parts that everybody sees."""
    parts = [element] if element is not None else []
    if form is not None:
        refs = (form.submit_ref, *(item.element_ref for item in form.fields))
        parts += [found for ref in refs if ref is not None and (found := state.element(ref)) is not None]
    strange = [one for one in parts if one.author is not None or one.visibility.is_concealed]
    if not strange:
        return None
    target = form.action_url if form is not None else strange[0].href or state.url
    is_away = is_cross_site(target, state.url)
    return (_Seen.CHANNEL, _kind_of(state.url), strange[0].role, strange[0].visibility.value, str(is_away))


def _place_of(state: State, action: Action) -> _Feature:
    """Key of an action to try: where a link leads, or the kind of page with role and name."""
    element = None if action.target_ref is None else state.element(action.target_ref)
    destination = aim_of(state, action).destination
    if destination is not None and element is not None and element.href:
        return (_Seen.ELEMENT, _kind_of(destination), parse_address(destination).fragment, action.kind.value)
    page = _kind_of(state.url)
    if element is not None:
        chosen = f" {action.value}" if action.kind is ActionKind.SELECT else ""
        return (_Seen.ELEMENT, page, element.role, f"{element.name}{chosen}")
    form = None if action.target_ref is None else state.form(action.target_ref)
    return (_Seen.ELEMENT, page, action.kind.value, form.name if form is not None else "")


def _element_of(candidate: _Candidate) -> _Feature | None:
    return next((one for one in candidate.features if one[0] == _Seen.ELEMENT), None)


def _reasons(candidate: _Candidate) -> frozenset[_Feature]:
    """Features that explain an action's result: the address that its form is sent to, on any page; else its element."""
    sent = frozenset(one for one in candidate.features if one[0] == _Seen.EFFECT)
    return sent or frozenset(one for one in candidate.features if one[0] == _Seen.ELEMENT)


def _kind_of(url: str) -> str:
    """An address without its query and without what names a record in it: `payroll.localhost/invoices/*`."""
    parts = parse_address(url)
    segments = ("*" if any(c.isdigit() for c in one) and "." not in one else one for one in parts.path.split("/"))
    return f"{parts.host}{'/'.join(segments)}"


def _address_of(url: str) -> str:
    """An address without query and fragment."""
    parts = parse_address(url)
    return f"{parts.origin}{parts.path}"
