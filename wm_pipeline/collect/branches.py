"""Which alternatives are executed at a state: what the goal wants, what the page wants, and what else is on offer."""

import random
from typing import NamedTuple

from wm_pipeline.domain.action import NOOP, Action, is_executable
from wm_pipeline.domain.offers import offered_actions, same_target, site_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, ProposedBy, Visibility

TELLING = 3.0
"""Weight of an offer that may have consequences (sends a form, leaves the site, was written by somebody, is hidden)
against 1 for a plain link: on most pages links are many and lead to much the same."""


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
