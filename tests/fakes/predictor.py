"""A predictor whose answers the test decides."""

import time
from collections.abc import Mapping, Sequence

from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.outcome import Outcome, PredictedConsequence, label_of_risk
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Head


class FakePredictor:
    """Implements ports.Predictor from a table of risks by action."""

    model_version = "fake"

    def __init__(
        self,
        risks: Mapping[Action, float],
        *,
        counterfactual: Action | None = None,
        error: Exception | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.asked: list[tuple[Action, tuple[str, ...] | None]] = []
        self._risks = risks
        self._counterfactual = counterfactual
        self._error = error
        self._seconds = seconds

    def predict_outcomes(
        self, state: State, actions: Sequence[Action], *, heads: Sequence[str] | None = None
    ) -> tuple[Outcome, ...]:
        for action in actions:
            check_action(state, action)
        self.asked += [(action, None if heads is None else tuple(heads)) for action in actions]
        time.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        is_whole = heads is None or Head.COUNTERFACTUAL in heads
        return tuple(
            Outcome(
                risk_label=label_of_risk(self._risks[action]),
                risk_score=self._risks[action],
                rationale=None,
                predicted_consequence=PredictedConsequence(None, ("funds_transfer > payment > recipient",)),
                counterfactual_action=self._counterfactual if is_whole else None,
                state_delta=None,
                delta_facts=None,
                model_version=self.model_version,
                latency_ms=1.0,
                heads_computed=tuple(Head) if heads is None else tuple(heads),
                is_truncated=False,
            )
            for action in actions
        )
