"""The guard between an agent and the world: execute, switch to a safer action, or ask a person.

It never executes on a failure: whatever the predictor raises, a late answer, one that is none, and a question that
cannot be judged (unjudged.py) all ask a person.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import BusyError, LateError, ServiceError, SettingsError, WmError, error_words
from wm_pipeline.domain.outcome import SAFE_BELOW, Outcome
from wm_pipeline.domain.ports import Predictor
from wm_pipeline.domain.reasons import reasons
from wm_pipeline.domain.relations import relate
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.unknown_effects import why_effect_unknown
from wm_pipeline.domain.vocabulary import ActionKind, Head, Verdict
from wm_pipeline.guard.model_queue import ModelQueue
from wm_pipeline.guard.unjudged import why_unjudged

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
    trained_kinds: tuple[ActionKind, ...] | None = None
    """Kinds of actions that the model has learned to judge; None: all."""

    def __post_init__(self) -> None:
        if not 0 < self.execute_below <= 1:
            raise SettingsError(f"execute_below: expected a probability in (0, 1], found {self.execute_below!r}")
        if self.max_latency_ms <= 0:
            raise SettingsError(f"max_latency_ms: expected a time above 0, found {self.max_latency_ms!r}")


def is_let_through(risk_score: float, *, execute_below: float) -> bool:
    return risk_score < execute_below


def decide(predictor: Predictor, state: State, action: Action, settings: GuardSettings) -> Decision:
    """Judge one proposed action. What the predictor raises becomes an escalation and is not raised."""
    started = time.perf_counter()
    reason = why_unjudged(state, action, trained_kinds=settings.trained_kinds)
    if reason is not None:
        return Decision(Verdict.ESCALATE, None, reason, None, _ms_since(started))
    try:
        decision = _judge(predictor, state, action, settings)
    except (Exception, MemoryError) as error:
        if not isinstance(error, WmError):
            logging.getLogger(__name__).exception("the predictor failed")
        decision = Decision(Verdict.ESCALATE, None, f"no prediction: {error_words(error)}", None, 0.0)
    latency_ms = _ms_since(started)
    if decision.verdict is not Verdict.ESCALATE and latency_ms > settings.max_latency_ms:
        late = f"the prediction took {latency_ms:.0f} ms, more than the {settings.max_latency_ms:.0f} ms allowed"
        return Decision(Verdict.ESCALATE, None, late, decision.outcome, latency_ms)
    return replace(decision, latency_ms=latency_ms)


def _judge(predictor: Predictor, state: State, action: Action, settings: GuardSettings) -> Decision:
    def ask(about: Action, heads: Sequence[str] | None) -> Outcome:
        return _sound(predictor.predict_outcomes(state, [about], heads=heads))

    def refused(reason: str) -> Decision:
        return Decision(Verdict.ESCALATE, None, f"{reason}. {told}", outcome, 0.0)

    outcome = ask(action, JUDGING_HEADS)
    if is_let_through(outcome.risk_score, execute_below=settings.execute_below):
        reason = _risk_words(outcome, settings, is_below=True)
        return Decision(Verdict.EXECUTE, action, reason, outcome, 0.0, hold=why_effect_unknown(state, action))
    outcome = ask(action, None if settings.is_block_explained else (*JUDGING_HEADS, Head.COUNTERFACTUAL))
    reason = _risk_words(outcome, settings, is_below=False)
    told = " ".join(reasons(state, action, relate(state, action)))
    alternative = outcome.counterfactual_action
    if alternative is None:
        return refused(f"{reason}; no alternative is known")
    if alternative.kind is ActionKind.ASK_HUMAN:
        return refused(f"{reason}; asking a person is the best alternative")
    unjudged = why_unjudged(state, alternative, trained_kinds=settings.trained_kinds)
    unknown = unjudged or why_effect_unknown(state, alternative)
    if unknown is not None:
        return refused(f"{reason}; no alternative is known to be safe: {unknown}")
    own = ask(alternative, JUDGING_HEADS)
    words = short_action(state, alternative)
    if is_let_through(own.risk_score, execute_below=settings.execute_below):
        reason = f"{reason}; {words!r} is safer ({own.risk_score:.2f}). {told}"
        return Decision(Verdict.SWITCH, alternative, reason, outcome, 0.0)
    return refused(f"{reason}; {words!r} is not safe either ({own.risk_score:.2f})")


def _sound(outcomes: Sequence[Outcome]) -> Outcome:
    """The one outcome that was asked for. Raises ServiceError when the predictor answered something else."""
    if len(outcomes) != 1:
        raise ServiceError(f"the model answered {len(outcomes)} outcomes to one question")
    risk = outcomes[0].risk_score
    if not isinstance(risk, int | float) or not math.isfinite(risk) or not 0 <= risk <= 1:
        raise ServiceError(f"the model answered a probability of harm of {risk!r}")
    return outcomes[0]


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _risk_words(outcome: Outcome, settings: GuardSettings, *, is_below: bool) -> str:
    relation = "below" if is_below else "not below"
    tags = outcome.predicted_consequence.tags if outcome.predicted_consequence is not None else ()
    leads = f" ({'; '.join(tags)})" if tags and not is_below else ""
    return f"probability of harm {outcome.risk_score:.2f}{leads} is {relation} {settings.execute_below:.2f}"


class WorldModelGuard:
    """Implements ports.Guard: `decide` within a limit, the queue included; a model that is late computes on."""

    def __init__(
        self,
        predictor: Predictor,
        settings: GuardSettings,
        *,
        queue: ModelQueue | None = None,
        count_tokens: Callable[[], int] | None = None,
    ) -> None:
        """`queue`: of whoever else asks this model; None: nobody does. `count_tokens` tells how many tokens the
        predictor has used so far, for the cost of each decision.
        """
        self._predictor = predictor
        self._settings = settings
        self._count_tokens = count_tokens or (lambda: 0)
        self.queue = queue or ModelQueue()

    def decide(self, state: State, action: Action) -> Decision:
        started = time.perf_counter()
        limit_ms = self._settings.max_latency_ms

        def work() -> Decision:
            before = self._count_tokens()
            left = replace(self._settings, max_latency_ms=max(1.0, limit_ms - _ms_since(started)))
            decision = decide(self._predictor, state, action, left)
            return replace(decision, tokens=self._count_tokens() - before)

        try:
            decision = self.queue.ask(work, limit_s=limit_ms / 1000)
        except (LateError, BusyError) as error:
            return Decision(Verdict.ESCALATE, None, str(error), None, _ms_since(started))
        return replace(decision, latency_ms=_ms_since(started))

    def close(self) -> None:
        self.queue.close()
