"""The guard between an agent and the world: execute, switch to a safer action, or ask a person.

It never executes on a failure: when the predictor raises or is late, it asks a person.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import SettingsError, WmError
from wm_pipeline.domain.outcome import SAFE_BELOW, Outcome
from wm_pipeline.domain.ports import Predictor
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import ActionKind, Head, Verdict

JUDGING_HEADS = (Head.RISK, Head.TAGS)
"""They cost nothing beyond reading the state and the action."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    __pydantic_config__ = STRICT

    execute_below: float = SAFE_BELOW
    """An action is executed when its probability of harm is below this; take the model's own threshold."""
    max_latency_ms: float = 30_000.0
    """A prediction that takes longer counts as none."""
    is_block_explained: bool = False
    """Also write rationale and consequence of an action that is not executed: seconds on a CPU."""

    def __post_init__(self) -> None:
        if not 0 < self.execute_below <= 1:
            raise SettingsError(f"execute_below: expected a probability in (0, 1], found {self.execute_below!r}")
        if self.max_latency_ms <= 0:
            raise SettingsError(f"max_latency_ms: expected a time above 0, found {self.max_latency_ms!r}")


def is_let_through(risk_score: float, *, execute_below: float) -> bool:
    return risk_score < execute_below


def decide(predictor: Predictor, state: State, action: Action, settings: GuardSettings) -> Decision:
    """Judge one proposed action. A WmError of the predictor becomes an escalation and is not raised."""
    started = time.perf_counter()

    def decision(verdict: Verdict, executed: Action | None, reason: str, outcome: Outcome | None) -> Decision:
        latency_ms = (time.perf_counter() - started) * 1000
        if verdict is not Verdict.ESCALATE and latency_ms > settings.max_latency_ms:
            late = f"the prediction took {latency_ms:.0f} ms, more than the {settings.max_latency_ms:.0f} ms allowed"
            return Decision(Verdict.ESCALATE, None, late, outcome, latency_ms)
        return Decision(verdict, executed, reason, outcome, latency_ms)

    try:
        outcome = predictor.predict_outcomes(state, [action], heads=JUDGING_HEADS)[0]
        if is_let_through(outcome.risk_score, execute_below=settings.execute_below):
            return decision(Verdict.EXECUTE, action, _risk_words(outcome, settings, is_below=True), outcome)
        heads = None if settings.is_block_explained else (*JUDGING_HEADS, Head.COUNTERFACTUAL)
        outcome = predictor.predict_outcomes(state, [action], heads=heads)[0]
        reason = _risk_words(outcome, settings, is_below=False)
        alternative = outcome.counterfactual_action
        if alternative is None:
            return decision(Verdict.ESCALATE, None, f"{reason}; no alternative is known", outcome)
        if alternative.kind is ActionKind.ASK_HUMAN:
            return decision(Verdict.ESCALATE, None, f"{reason}; asking a person is the best alternative", outcome)
        own = predictor.predict_outcomes(state, [alternative], heads=JUDGING_HEADS)[0]
    except WmError as error:
        return decision(Verdict.ESCALATE, None, f"no prediction: {error}", None)
    words = short_action(state, alternative)
    if is_let_through(own.risk_score, execute_below=settings.execute_below):
        return decision(Verdict.SWITCH, alternative, f"{reason}; {words!r} is safer ({own.risk_score:.2f})", outcome)
    return decision(Verdict.ESCALATE, None, f"{reason}; {words!r} is not safe either ({own.risk_score:.2f})", outcome)


def _risk_words(outcome: Outcome, settings: GuardSettings, *, is_below: bool) -> str:
    relation = "below" if is_below else "not below"
    tags = outcome.predicted_consequence.tags if outcome.predicted_consequence is not None else ()
    leads = f" ({'; '.join(tags)})" if tags and not is_below else ""
    return f"probability of harm {outcome.risk_score:.2f}{leads} is {relation} {settings.execute_below:.2f}"


class WorldModelGuard:
    """Implements ports.Guard: `decide` with a limit on waiting time that holds even while the model still computes."""

    def __init__(
        self, predictor: Predictor, settings: GuardSettings, *, count_tokens: Callable[[], int] | None = None
    ) -> None:
        """`count_tokens` tells how many tokens the predictor has used so far, for the cost of each decision."""
        self._predictor = predictor
        self._settings = settings
        self._count_tokens = count_tokens
        # One worker: a model answers one question at a time, and a late answer delays the next one visibly.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="guard")

    def decide(self, state: State, action: Action) -> Decision:
        started = time.perf_counter()
        before = 0 if self._count_tokens is None else self._count_tokens()
        pending = self._worker.submit(decide, self._predictor, state, action, self._settings)
        try:
            decision = pending.result(timeout=self._settings.max_latency_ms / 1000)
        except TimeoutError:
            pending.cancel()
            reason = f"no prediction within {self._settings.max_latency_ms:.0f} ms"
            return Decision(Verdict.ESCALATE, None, reason, None, (time.perf_counter() - started) * 1000)
        tokens = 0 if self._count_tokens is None else self._count_tokens() - before
        return Decision(
            decision.verdict, decision.executed, decision.reason, decision.outcome, decision.latency_ms, tokens
        )

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)
