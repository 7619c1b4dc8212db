"""What the guard decided about one proposed action."""

from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.vocabulary import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    __pydantic_config__ = STRICT

    verdict: Verdict
    executed: Action | None
    """The action to run: the proposed one, the counterfactual, or None when a person is asked."""
    reason: str
    outcome: Outcome | None
    """None when no prediction came back."""
    latency_ms: float
    tokens: int = 0
    """Tokens that the world model read and wrote for this decision."""
    hold: str | None = None
    """Why nobody knows beforehand what the action sends: it may run only while requests that were not announced are
    held, each of which is judged when it is known. None: what it sends is known.
    """
