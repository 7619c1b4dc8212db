"""Which alternatives are executed at a state: the expert's action, the attack's action, the goal's form with other
values than the goal names, the page's other forms filled in, and further candidates.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from wm_pipeline.domain.action import NOOP, Action, FieldValue, is_executable
from wm_pipeline.domain.address import is_cross_site
from wm_pipeline.domain.candidates import candidate_actions, same_target
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import FormField, State
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy, ProposedBy

TELLING = 3.0
"""Weight of a candidate that may have consequences (sends a form, leaves the site, was written by somebody, is hidden)
against 1 for a plain link: most pages have many links that lead to similar pages."""
STALE = 9.0
"""A candidate that was executed once has a tenth of its weight."""
NUMBER_SHARE = 0.4
"""How often a text field is filled with a number: sites take amounts in text fields too."""
MOST_VARIED = 3
"""Limit of branches that send the expert's form with one changed value, which can do harm without an attack."""
MOST_STRAY = 2
"""Limit of branches that send another form of the page, filled in as if the goal had asked for it."""

NAMED_SHARE = 0.5
"""How often a value that a careless agent sends is one that the goal or the page names for something else."""

_NAMED = re.compile(r"[^\s@<>,;:()'\"]+@[^\s@<>,;:()'\"]+\w|\+?\b[A-Z]{0,2}\d[\d.-]*\d\b")
"""An address, an account, a number or a date in a text."""
_AMOUNT = re.compile(r"\d+(\.\d+)?")
# Many combinations, so that a model cannot recognise made-up values.
_NAMES = ("alex", "office", "robin", "desk", "sam", "info", "kim", "billing", "noor", "team", "jo", "intake")
_HOST_STARTS = ("fair", "post", "cedar", "north", "blue", "stone", "oak", "harbor", "quick", "true", "silver", "west")
_HOST_ENDS = ("mont", "box", "line", "field", "mill", "bay", "reach", "works", "point", "holt", "gate", "lea")
_PHRASES = ("See below", "For Monday", "As discussed", "Short note", "Please check", "Second try", "Open items", "Done")


class Alternative(NamedTuple):
    action: Action
    proposed_by: str


class Plans(NamedTuple):
    """The actions that the policy, the expert and the attack want at a state."""

    main: Action
    expert: Action | None
    attack: Action | None


class _Named(NamedTuple):
    """The values that stand in the goal, and in the texts of the page."""

    in_goal: list[str]
    on_page: list[str]


def choose_branches(
    state: State,
    plans: Plans,
    *,
    count: int,
    form_count: int,
    noop_share: float,
    seed: int,
    tried: Mapping[str, int] | None = None,
    others: Sequence[Action] = (),
) -> tuple[Alternative, ...]:
    """Alternatives to the main action, all different in what they do; the same for the same seed.

    The expert's, the attack's and `others` (right for another goal) come first and are always included; then forms with
    values, up to `form_count` in all; then other candidates, up to `count` in all. Nothing where both are 0. `tried`
    counts the executed actions of this trajectory by `candidate_key`, so that a menu on every page is not executed over
    and over.
    """
    if count == 0 and form_count == 0:
        return ()
    seen = Counter(tried or {})
    rng = random.Random(seed)
    wanted = [
        Alternative(action, proposed_by)
        for action, proposed_by in (
            (plans.expert, ProposedBy.BRANCH_EXPERT),
            (plans.attack, ProposedBy.BRANCH_ATTACK),
        )
        if action is not None
    ]
    wanted += [Alternative(action, ProposedBy.BRANCH_OTHER_GOAL) for action in others]
    planned = len(wanted)
    varied = () if plans.expert is None else vary(state, plans.expert, rng)[:MOST_VARIED]
    asked = {one.target_ref for one in (*plans, *others) if one is not None and one.kind is ActionKind.SUBMIT}
    few = max(0, MOST_STRAY - len(others))
    stray = [
        one for one in stray_forms(state, rng) if one.target_ref not in asked and not seen[candidate_key(state, one)]
    ]
    wanted += [Alternative(one, ProposedBy.BRANCH_VARIED) for one in (*varied, *stray[:few])]
    wanted = wanted[: max(planned, form_count)]
    room = max(count, len(wanted) if count else sum(not same_target(state, one.action, plans.main) for one in wanted))
    if rng.random() < noop_share:
        wanted.append(Alternative(NOOP, ProposedBy.BRANCH_OFFER))
    harmless = {ActionKind.NOOP, ActionKind.ASK_HUMAN}
    candidates = [action for action in candidate_actions(state) if action.kind not in harmless]
    # Efraimidis and Spirakis 2006, weighted sampling without replacement: the largest u ** (1 / weight) come first.
    weights = [
        _weight(state, candidate) / (1 + STALE * seen[candidate_key(state, candidate)]) for candidate in candidates
    ]
    keys = [rng.random() ** (1.0 / weight) for weight in weights]
    ordered = [candidate for _, candidate in sorted(zip(keys, candidates, strict=True), key=lambda pair: -pair[0])]
    wanted += [Alternative(candidate, ProposedBy.BRANCH_OFFER) for candidate in (*ordered, NOOP)]
    chosen: list[Alternative] = []
    for position, alternative in enumerate(wanted):
        if len(chosen) >= room and position >= planned:
            break
        taken = (plans.main, *(one.action for one in chosen))
        if is_executable(state, alternative.action) and not any(
            same_target(state, alternative.action, other) for other in taken
        ):
            chosen.append(alternative)
    return tuple(chosen)


def candidate_key(state: State, action: Action) -> str:
    """Key of a candidate across the pages of a world: equal words that lead to the same address."""
    aim = aim_of(state, action)
    return f"{action.kind.value} {aim.name} {aim.destination}"


def vary(state: State, action: Action, rng: random.Random) -> tuple[Action, ...]:
    """The same form sent with one other value, as a careless or misled agent would: one action a field, shuffled.

    A value is one of its kind that the goal or the page names for something else, or a made-up one: an amount becomes
    larger or smaller, an account or address is another one; other words come from the page. A field that the action
    leaves as it is gets only what is named. Empty when the form takes no values.
    """
    if action.kind is not ActionKind.SUBMIT:
        return ()
    found, named = [], _named_in(state)
    for chosen, old in enumerate(action.fields):
        new = _named_for_else(named, old.value, rng) or _other_value(state, old.value, rng)
        if new != old.value:
            fields = tuple(FieldValue(f.name, new) if i == chosen else f for i, f in enumerate(action.fields))
            found.append(replace(action, fields=fields))
    form = None if action.target_ref is None else state.form(action.target_ref)
    typed = {field.name for field in action.fields}
    for held in () if form is None else form.fields:
        if held.element_ref is not None and held.value and held.name not in typed and not held.is_token:
            wrong = _named_for_else(named, held.value, rng)
            if wrong is not None:
                found.append(replace(action, fields=(*action.fields, FieldValue(held.name, wrong))))
    rng.shuffle(found)
    return tuple(found)


def _named_for_else(named: _Named, value: str, rng: random.Random) -> str | None:
    """Another value of the same kind that the goal names, else that the page does; None: there is none, or no wish."""
    if rng.random() >= NAMED_SHARE:
        return None
    alike = ([one for one in where if one != value and _form_of(one) == _form_of(value)] for where in named)
    found = next((one for one in alike if one), None)
    return None if found is None else rng.choice(found)


def _named_in(state: State) -> _Named:
    texts = ((state.goal,), tuple(block.text for block in state.texts))
    of_goal, of_page = ([match.group() for text in one for match in _NAMED.finditer(text)] for one in texts)
    return _Named(of_goal, of_page)


def _form_of(value: str) -> str:
    """What a value looks like, so that an account is not taken for a sum."""
    if "@" in value:
        return "address"
    if _AMOUNT.fullmatch(value):
        return "amount" if "." in value else "number"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return "date"
    return re.sub(r"\d+", "0", re.sub(r"[A-Za-z]+", "a", value))


def stray_forms(state: State, rng: random.Random) -> tuple[Action, ...]:
    """Each form of the page that holds more than a token, sent with its empty fields filled in; shuffled."""
    found, named = [], _named_in(state)
    for form in state.forms:
        fields = [field for field in form.fields if not field.is_token and field.input_type != "password"]
        if fields:
            empty = [field for field in fields if field.element_ref and not field.value]
            values = tuple(FieldValue(field.name, _made_up(state, field, named, rng)) for field in empty)
            found.append(Action(ActionKind.SUBMIT, form.form_ref, fields=values))
    rng.shuffle(found)
    return tuple(found)


def _made_up(state: State, field: FormField, named: _Named, rng: random.Random) -> str:
    """A value of the field's kind: an option, an address, an amount, or words of the page."""
    element = None if field.element_ref is None else state.element(field.element_ref)
    if element is not None and element.options:
        return rng.choice(element.options)
    kinds = {"email": ("address",), "number": ("amount", "number")}.get(field.input_type)
    fitting = [one for one in (*named.in_goal, *named.on_page) if kinds is None or _form_of(one) in kinds]
    if fitting and rng.random() < NAMED_SHARE:
        return rng.choice(fitting)
    if field.input_type == "email":
        return f"{rng.choice(_NAMES)}@{_host(rng)}"
    if field.input_type == "number" or rng.random() < NUMBER_SHARE:
        return f"{rng.randrange(20, 5000)}"
    return rng.choice((*_PHRASES, *_menu(state)))


def _host(rng: random.Random) -> str:
    return f"{rng.choice(_HOST_STARTS)}{rng.choice(_HOST_ENDS)}.example"


def _menu(state: State) -> list[str]:
    """The names of the page's links within the site."""
    return [e.name for e in state.elements if e.role == "link" and e.href and not is_cross_site(e.href, state.url)]


def _other_value(state: State, value: str, rng: random.Random) -> str:
    if _AMOUNT.fullmatch(value):
        factor = rng.choice((0.5, 1.1, 2.0, 10.0))
        return f"{float(value) * factor:.2f}" if "." in value else str(max(1, round(float(value) * factor)))
    if "@" in value:
        name, _, host = value.partition("@")
        return rng.choice((f"{name}@{_host(rng)}", f"{rng.choice(_NAMES)}@{host}"))
    if sum(character.isdigit() for character in value) >= len(value) / 2:
        digits = [str(rng.randrange(10)) if c.isdigit() and i >= len(value) // 2 else c for i, c in enumerate(value)]
        return "".join(digits)
    return rng.choice((*_PHRASES, *_menu(state)))


def _weight(state: State, candidate: Action) -> float:
    if candidate.kind is ActionKind.SUBMIT:
        return TELLING
    element = None if candidate.target_ref is None else state.element(candidate.target_ref)
    if element is None:
        return 1.0
    leaves = element.href is not None and is_cross_site(element.href, state.url)
    sends = state.form_sent_by(element.element_ref) is not None
    is_handled = element.handled_by not in {None, HandledBy.DOCUMENT}
    is_odd = element.author is not None or element.visibility.is_concealed or is_handled
    return TELLING if leaves or sends or is_odd else 1.0
