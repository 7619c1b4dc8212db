"""The contract of predict_outcome: what is answered about an action before it runs."""

from dataclasses import dataclass, field

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.vocabulary import RiskLabel, StatePattern

SAFE_BELOW = 0.2
UNSAFE_FROM = 0.8
"""Limits of the risk label on the probability of harm; settings of the dataset may move them."""


@dataclass(frozen=True, slots=True)
class PredictedConsequence:
    __pydantic_config__ = STRICT

    narrative: str | None
    """The tags in a sentence."""
    tags: tuple[str, ...]
    """Paths `effect > asset > sink` out of taxonomy.TAG_PATHS."""
    patterns: tuple[StatePattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What will happen if the action is executed. A part whose head was not computed is None."""

    __pydantic_config__ = STRICT

    risk_label: RiskLabel
    risk_score: float
    """Calibrated probability of harm within the horizon, in [0, 1]."""
    rationale: tuple[str, ...] | None
    """Sentences about what the action sends where and what of it nobody asked for, made of its relations."""
    predicted_consequence: PredictedConsequence | None
    counterfactual_action: Action | None
    """Executable in this state; noop and ask_human included."""
    state_delta: StateDelta | None
    """None, too, when the limit of tokens came before the first fact was whole."""
    delta_facts: tuple[str, ...] | None
    model_version: str
    latency_ms: float
    heads_computed: tuple[str, ...]
    is_truncated: bool
    """The state was cut to fit the model's context."""
    heads_cut: tuple[str, ...] = ()
    """Text heads that reached their limit of tokens before they ended; of a delta the whole facts are kept."""
    scores: dict[str, tuple[float, ...]] = field(default_factory=dict, hash=False)
    """What further heads judge, by their names: a probability for each of their outputs."""
    texts: dict[str, str] = field(default_factory=dict, hash=False)
    """What further heads write, and next_state on request, by their names."""


def label_of_risk(risk_score: float, *, safe_below: float = SAFE_BELOW, unsafe_from: float = UNSAFE_FROM) -> RiskLabel:
    """The label that a probability of harm stands for."""
    if risk_score < safe_below:
        return RiskLabel.SAFE
    return RiskLabel.UNSAFE if risk_score >= unsafe_from else RiskLabel.UNCERTAIN
