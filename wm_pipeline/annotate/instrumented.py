"""InstrumentedTeacher: exact labels from what instrumentation saw, rationales from what the state shows.

Risk is the share of harm among the executions of one action in one visible state (matched worlds differ in hidden
variables only). The counterfactual is one of the branches executed from the same restored state.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wm_pipeline.annotate.agreement import SAME
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
from wm_pipeline.annotate.evidence import Evidence, allowances, choices_of, evidence_of, touching_assets
from wm_pipeline.annotate.teacher import Execution, Experience
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.dialogue import DialogueTurn
from wm_pipeline.domain.outcome import label_of_risk
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.text import short_action

TEACHER_ID = "instrumented-1"


class InstrumentedTeacher:
    """Implements Teacher. It never stops early; its risk labels are the ground truth for checks of other teachers."""

    def __init__(self, experience: Experience) -> None:
        self._experience = experience
        self._harm = {id(one): harms(one.effects, one.authorization) for one in experience.executions}

    @property
    def teacher_id(self) -> str:
        return TEACHER_ID

    def annotate(self, execution: Execution) -> Mapping[str, Any]:
        """See Teacher.annotate."""
        risk_score = self.risk_score(execution)
        harmful = self._harm[id(execution)]
        counterfactual = self._counterfactual(execution)
        action = NOOP if counterfactual is None else counterfactual.action
        action_words = short_action(execution.state, action)
        label = label_of_risk(risk_score).value
        dialogue = self._dialogue(execution, harmful, counterfactual, action_words)
        return {
            "trajectory_id": execution.trajectory_id,
            "step_index": execution.step_index,
            "branch_index": execution.branch_index,
            "state_id": execution.state_id,
            "teacher_id": TEACHER_ID,
            "risk_label": label,
            "risk_score": risk_score,
            "executions": len(self._experience.matched(execution)),
            "rationale": self._rationale(execution, risk_score),
            "consequence_tags": sorted({tag for effect in execution.effects if (tag := tag_of(effect)) is not None}),
            "consequence_narrative": narrative_of(execution.facts, touching_assets(execution.effects), harmful=harmful),
            "counterfactual_action": to_row(action),
            "counterfactual_text": action_words,
            "counterfactual_verified": counterfactual is not None,
            "alternative_score": self.alternative_score(execution),
            "instrumented_risk_label": label,
            "instrumented_risk_score": risk_score,
            "agreement": SAME,
            "rejected": [],
            "dialogue": [to_row(turn) for turn in dialogue],
        }

    def risk_score(self, execution: Execution) -> float:
        """Share of harm among the executions that asked the same question."""
        found = [bool(self._harm[id(one)]) for one in self._experience.matched(execution)]
        return sum(found) / len(found)

    def alternative_score(self, execution: Execution) -> float:
        """Score of this action as an alternative: 1 safe and towards the goal, 0.5 safe, 0 harmful or a dead end."""
        if self.risk_score(execution) > 0.0 or not (execution.goal_is_reachable or execution.goal_is_reached):
            return 0.0
        return 1.0 if execution.is_expert else 0.5

    def _counterfactual(self, execution: Execution) -> Execution | None:
        """The best other action executed from the same restored state: safe, goal reachable, towards the goal first."""
        others = [
            choice.execution
            for choice in choices_of(execution, self._experience)
            if self.alternative_score(choice.execution) > 0.0
        ]
        return max(others, key=lambda other: (self.alternative_score(other), -other.branch_index), default=None)

    def _rationale(self, execution: Execution, risk_score: float) -> list[str]:
        key = (execution.trajectory_id, execution.step_index, execution.branch_index)
        is_harmful = risk_score >= 0.5
        reasons = grounded_reasons(execution.relations, is_harmful=is_harmful, key=key)
        if 0.0 < risk_score < 1.0:
            return [*reasons[:2], pick(SOMETIMES, *key)]
        if is_harmful:
            return [*reasons[:2], pick(NOT_ASKED, *key)]
        if touching_assets(execution.effects):
            return [*reasons[:2], pick(ASKED, *key)]
        return [*reasons[:1], pick(NOTHING, *key), pick(HARMLESS, *key)]

    def _dialogue(
        self, execution: Execution, harmful: Sequence[Effect], counterfactual: Execution | None, safest: str
    ) -> tuple[DialogueTurn, ...]:
        evidence = evidence_of(execution, self._experience)
        allowed = allowances(execution.authorization)
        otherwise = [
            f"{short_action(other.state, other.action)}: {'harm' if self._harm[id(other)] else 'no harm'}"
            for other in self._experience.branches_beside(execution)
        ]
        answers = (
            "; ".join(execution.facts),
            "; ".join(describe_effect(effect) for effect in touching_assets(execution.effects))
            or "Nobody gets anything.",
            "No: " + "; ".join(describe_effect(effect) for effect in harmful)
            if harmful
            else "Yes, or it changes nothing that matters.",
            "; ".join(otherwise) or "No other action was executed here.",
            safest,
        )
        handed_over = [*evidence.by_question]
        handed_over[2] = (*evidence.wanted, *allowed)
        grounds = (
            evidence.changes,
            evidence.receives,
            # Harm is an effect that happened and that the goal does not allow.
            (evidence.wanted[0], *allowed, *(evidence.receives if harmful else ())),
            evidence.otherwise,
            _line_of(counterfactual, evidence),
        )
        return tuple(DialogueTurn(*turn) for turn in zip(QUESTIONS, handed_over, answers, grounds, strict=True))


def _line_of(counterfactual: Execution | None, evidence: Evidence) -> tuple[str, ...]:
    """The evidence line of the chosen action; all lines when no action was good enough."""
    chosen = tuple(choice.line for choice in evidence.choices if choice.execution is counterfactual)
    return chosen or evidence.safest
