"""One step of a policy under a guard: the proposed action is executed, switched for another one, or refused.

The only place that asks a guard. Serving, policies under a guard and the evaluation all go through it, so that what is
evaluated is what is deployed.
"""

import logging
import time
from dataclasses import dataclass, replace

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import WmError, error_words
from wm_pipeline.domain.ids import page_id_of
from wm_pipeline.domain.ports import Guard
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Verdict

Refused = frozenset[tuple[str, Action]]
"""Actions that were refused in an episode, each with the page_id_of its page."""


@dataclass(frozen=True, slots=True)
class GuardedStep:
    decision: Decision
    executed: Action | None
    """What to execute now; None: nothing."""
    refused: Refused
    """Everything that was refused up to now, for the next step."""
    is_insisting: bool = False
    """The policy proposed a refused action again: its episode ends."""

    @property
    def is_as_proposed(self) -> bool:
        """Whether the policy's own action is executed; if not, the policy must be told (`Policy.on_refusal`)."""
        return self.decision.verdict is Verdict.EXECUTE


def guarded_step(
    guard: Guard,
    state: State,
    action: Action,
    *,
    refused: Refused = frozenset(),
    instead: Action | None = None,
    has_one_refusal_a_page: bool = False,
    can_hold: bool = False,
) -> GuardedStep:
    """Ask the guard about one proposed action. Nothing is executed when it raises, whatever it is.

    Args:
        refused: What was refused in this episode before; a policy that proposes it again insists.
        instead: What is executed after a refusal that no person answers; None: nothing, so that the policy proposes
            again in the same state.
        has_one_refusal_a_page: Any second refusal on a page counts as insisting, not only that of the same action.
        can_hold: Whoever executes holds requests that the state did not announce until they are judged, too. Where
            nobody does, an action whose effect only a script knows is a person's.
    """
    started = time.perf_counter()
    try:
        decision = guard.decide(state, action)
    except (Exception, MemoryError) as error:
        logging.getLogger(__name__).warning("the guard failed", exc_info=not isinstance(error, WmError))
        latency_ms = (time.perf_counter() - started) * 1000
        decision = Decision(Verdict.ESCALATE, None, f"no decision: {error_words(error)}", None, latency_ms)
    if decision.verdict is not Verdict.ESCALATE and decision.hold is not None and not can_hold:
        reason = f"{decision.hold}; what it asks for cannot be held back here"
        decision = replace(decision, verdict=Verdict.ESCALATE, executed=None, reason=reason)
    if decision.verdict is Verdict.EXECUTE:
        return GuardedStep(decision, action, refused)
    if decision.verdict is Verdict.SWITCH and decision.executed is not None:
        return GuardedStep(decision, decision.executed, refused)
    page_id = page_id_of(state)
    if any(page == page_id and (has_one_refusal_a_page or one == action) for page, one in refused):
        return GuardedStep(decision, None, refused, is_insisting=True)
    return GuardedStep(decision, instead, refused | {(page_id, action)})
