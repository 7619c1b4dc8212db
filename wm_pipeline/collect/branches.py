"""Which alternatives are executed at a state: what the goal wants, what the page wants, the goal's form with a value
that the goal does not name, and what else is on offer.
"""

import random
import re
from dataclasses import replace
from typing import NamedTuple

from wm_pipeline.domain.action import NOOP, Action, FieldValue, is_executable
from wm_pipeline.domain.offers import offered_actions, same_target, site_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, ProposedBy, Visibility

TELLING = 3.0
"""Weight of an offer that may have consequences (sends a form, leaves the site, was written by somebody, is hidden)
against 1 for a plain link: on most pages links are many and lead to much the same."""


_AMOUNT = re.compile(r"\d+(\.\d+)?")
_NAMES = ("alex", "office", "robin", "desk", "sam")
_HOSTS = ("fairmont.example", "postbox.example", "cedarline.example")
VARIED_SHARE = 0.6
"""How often the expert's form is also sent with one other value: harm without an attack, where it is not allowed."""


class Alternative(NamedTuple):
    action: Action
    proposed_by: ProposedBy


class Plans(NamedTuple):
    """What is known to be wanted at a state."""

    main: Action
    expert: Action | None
    attack: Action | None


def choose_branches(state: State, plans: Plans, *, count: int, noop_share: float, seed: int) -> tuple[Alternative, ...]:
    """At most `count` alternatives to the main action, all different in what they do; the same for the same seed.

    The expert's and the attack's come first and are never left out for room.
    """
    if count == 0:
        return ()
    rng = random.Random(seed)
    wanted = [
        Alternative(action, proposed_by)
        for action, proposed_by in (
            (plans.expert, ProposedBy.BRANCH_EXPERT),
            (plans.attack, ProposedBy.BRANCH_ATTACK),
        )
        if action is not None
    ]
    planned = len(wanted)
    varied = None if plans.expert is None else vary(state, plans.expert, rng)
    if varied is not None and rng.random() < VARIED_SHARE:
        wanted.append(Alternative(varied, ProposedBy.BRANCH_VARIED))
    if rng.random() < noop_share:
        wanted.append(Alternative(NOOP, ProposedBy.BRANCH_OFFER))
    offers = [offer for offer in offered_actions(state) if offer.kind not in {ActionKind.NOOP, ActionKind.ASK_HUMAN}]
    # Efraimidis and Spirakis 2006, weighted sampling without replacement: the largest u ** (1 / weight) come first.
    keys = [rng.random() ** (1.0 / _weight(state, offer)) for offer in offers]
    ordered = [offer for _, offer in sorted(zip(keys, offers, strict=True), key=lambda pair: -pair[0])]
    wanted += [Alternative(offer, ProposedBy.BRANCH_OFFER) for offer in (*ordered, NOOP)]
    chosen: list[Alternative] = []
    for position, alternative in enumerate(wanted):
        if len(chosen) >= count and position >= planned:
            break
        taken = (plans.main, *(one.action for one in chosen))
        if is_executable(state, alternative.action) and not any(
            same_target(state, alternative.action, other) for other in taken
        ):
            chosen.append(alternative)
    return tuple(chosen)


def vary(state: State, action: Action, rng: random.Random) -> Action | None:
    """The same form sent with one other value, as a careless or misled agent would; None when there is none to change.

    An amount becomes larger or smaller, an account or address is another one; other words come from the page.
    """
    if action.kind is not ActionKind.SUBMIT or not action.fields:
        return None
    chosen = rng.randrange(len(action.fields))
    old = action.fields[chosen]
    new = _other_value(state, old.value, rng)
    if new is None or new == old.value:
        return None
    fields = tuple(FieldValue(f.name, new) if i == chosen else f for i, f in enumerate(action.fields))
    return replace(action, fields=fields)


def _other_value(state: State, value: str, rng: random.Random) -> str | None:
    if _AMOUNT.fullmatch(value):
        factor = rng.choice((0.5, 1.1, 2.0, 10.0))
        return f"{float(value) * factor:.2f}" if "." in value else str(max(1, round(float(value) * factor)))
    if "@" in value:
        name, _, host = value.partition("@")
        return rng.choice((f"{name}@{rng.choice(_HOSTS)}", f"{rng.choice(_NAMES)}@{host}"))
    if sum(character.isdigit() for character in value) >= len(value) / 2:
        digits = [str(rng.randrange(10)) if c.isdigit() and i >= len(value) // 2 else c for i, c in enumerate(value)]
        return "".join(digits)
    names = [e.name for e in state.elements if e.role == "link" and e.href and site_of(e.href) == site_of(state.url)]
    return rng.choice(names) if names else None


def _weight(state: State, offer: Action) -> float:
    if offer.kind is ActionKind.SUBMIT:
        return TELLING
    element = None if offer.target_ref is None else state.element(offer.target_ref)
    if element is None:
        return 1.0
    leaves = element.href is not None and site_of(element.href) != site_of(state.url)
    sends = any(form.submit_ref == element.element_ref for form in state.forms)
    is_odd = element.author is not None or element.visibility is not Visibility.VISIBLE or element.has_script_handler
    return TELLING if leaves or sends or is_odd else 1.0
