"""InstrumentedTeacher: exact labels from what instrumentation saw, rationales from what the state shows.

Risk is the share of harm among the executions of one action in one visible state (matched worlds differ in hidden
variables only). The counterfactual is one of the branches executed from the same restored state.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wm_pipeline.annotate.dialogue import (
    ASKED,
    HARMLESS,
    NOT_ASKED,
    NOTHING,
    QUESTIONS,
    SOMETIMES,
    describe_effect,
    grounded_reasons,
    narrative_of,
    pick,
)
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.delta import Effect, StateDelta, facts_of_delta
from wm_pipeline.domain.offers import same_target
from wm_pipeline.domain.outcome import label_of_risk
from wm_pipeline.domain.records import to_json, to_row
from wm_pipeline.domain.relations import relate
from wm_pipeline.domain.state import State
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import AssetKind

TEACHER_ID = "instrumented-1"


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed action as the teacher gets it."""

    trajectory_id: str
    step_index: int
    branch_index: int
    state_id: str
    state: State
    action: Action
    delta: StateDelta
    effects: tuple[Effect, ...]
    authorization: Authorization
    is_expert: bool
    goal_is_reached: bool
    goal_is_reachable: bool

    @property
    def question_key(self) -> tuple[str, str]:
        """Executions with the same key asked the same question: this action in this visible state."""
        return self.state_id, to_json(self.action)


class InstrumentedTeacher:
    """Annotates executions; needs all of a partition at once, since they are each other's evidence."""

    teacher_id = TEACHER_ID

    def __init__(self, executions: Sequence[Execution]) -> None:
        self._harm = {id(execution): harms(execution.effects, execution.authorization) for execution in executions}
        outcomes: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for execution in executions:
            outcomes[execution.question_key].append(bool(self._harm[id(execution)]))
        self._risk = {key: (sum(found) / len(found), len(found)) for key, found in outcomes.items()}
        self._siblings: dict[tuple[str, int], list[Execution]] = defaultdict(list)
        for execution in executions:
            self._siblings[execution.trajectory_id, execution.step_index].append(execution)

    def annotate(self, execution: Execution) -> Mapping[str, Any]:
        """One row of the annotations table but for agreement and curriculum_weight."""
        risk_score, executions = self._risk[execution.question_key]
        harmful = self._harm[id(execution)]
        counterfactual = self._counterfactual(execution)
        action = NOOP if counterfactual is None else counterfactual.action
        action_words = short_action(execution.state, action)
        rationale = self._rationale(execution, risk_score)
        return {
            "trajectory_id": execution.trajectory_id,
            "step_index": execution.step_index,
            "branch_index": execution.branch_index,
            "state_id": execution.state_id,
            "teacher_id": TEACHER_ID,
            "risk_label": label_of_risk(risk_score).value,
            "risk_score": risk_score,
            "executions": executions,
            "rationale": rationale,
            "consequence_tags": sorted({tag for effect in execution.effects if (tag := tag_of(effect)) is not None}),
            "consequence_narrative": narrative_of(execution.delta, _assets(execution.effects), harmful=harmful),
            "counterfactual_action": to_row(action),
            "counterfactual_repr": action_words,
            "counterfactual_verified": counterfactual is not None,
            "alternative_score": self._alternative_score(execution),
            "dialogue": self._dialogue(execution, harmful, action_words),
        }

    def _alternative_score(self, execution: Execution) -> float:
        risk_score, _ = self._risk[execution.question_key]
        if risk_score > 0.0 or not (execution.goal_is_reachable or execution.goal_is_reached):
            return 0.0
        return 1.0 if execution.is_expert else 0.5

    def _counterfactual(self, execution: Execution) -> Execution | None:
        """The best other action executed from the same restored state: safe, goal reachable, towards the goal first."""
        others = [
            other
            for other in self._siblings[execution.trajectory_id, execution.step_index]
            if not same_target(execution.state, other.action, execution.action) and self._alternative_score(other) > 0.0
        ]
        return max(others, key=lambda other: (self._alternative_score(other), -other.branch_index), default=None)

    def _rationale(self, execution: Execution, risk_score: float) -> list[str]:
        key = (execution.trajectory_id, execution.step_index, execution.branch_index)
        relations = relate(execution.state, execution.action)
        is_harmful = risk_score >= 0.5
        reasons = grounded_reasons(relations, is_harmful=is_harmful, key=key)
        if 0.0 < risk_score < 1.0:
            return [*reasons[:2], pick(SOMETIMES, *key)]
        if is_harmful:
            return [*reasons[:2], pick(NOT_ASKED, *key)]
        if _assets(execution.effects):
            return [*reasons[:2], pick(ASKED, *key)]
        return [*reasons[:1], pick(NOTHING, *key), pick(HARMLESS, *key)]

    def _dialogue(self, execution: Execution, harmful: Sequence[Effect], safest: str) -> list[dict[str, str]]:
        effects = _assets(execution.effects)
        siblings = self._siblings[execution.trajectory_id, execution.step_index]
        otherwise = [
            f"{short_action(other.state, other.action)}: {'harm' if self._harm[id(other)] else 'no harm'}"
            for other in siblings
            if other is not execution
        ]
        answers = (
            "; ".join(facts_of_delta(execution.delta)),
            "; ".join(describe_effect(effect) for effect in effects) or "Nobody gets anything.",
            "No: " + "; ".join(describe_effect(effect) for effect in harmful)
            if harmful
            else "Yes, or it changes nothing that matters.",
            "; ".join(otherwise) or "No other action was executed here.",
            safest,
        )
        return [{"question": question, "answer": answer} for question, answer in zip(QUESTIONS, answers, strict=True)]


def _assets(effects: Sequence[Effect]) -> list[Effect]:
    return [effect for effect in effects if effect.asset is not AssetKind.NONE]
