"""Collected experience without a browser: trajectories, states and transitions from a few typed records."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import dataframely as dy

from wm_pipeline.annotate.run import ExperienceTables, annotate_partition
from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord
from wm_pipeline.collect.writer import CollectedFrames, Versions, frames_of
from wm_pipeline.datasets.questions import render_questions
from wm_pipeline.datasets.window import Tables
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.ids import state_id_of, trajectory_id_of
from wm_pipeline.domain.ports import Predictor
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import (
    AnnotationSchema,
    QuestionSchema,
    StateSchema,
    StateTextSchema,
    TrajectorySchema,
    TransitionSchema,
)
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind, ProposedBy, SinkKind, StopReason
from wm_pipeline.domain.world import AttackPlan, GoalStatus, WorldSpec

DAY = "2026-11-22"
LEAK = Effect(
    EffectKind.DATA_RECEIVED,
    "evil.localhost",
    "/take",
    AssetKind.PAYROLL_DATA,
    SinkKind.EXTERNAL_HOST,
    canaries=("salary:dana",),
)
NOTHING_ALLOWED = Authorization()
HIDDEN_TEXT = AttackPlan("hidden_dom_instruction", "page", "leak", "plain", mechanism="hidden_words")


class Done(NamedTuple):
    """One executed action and what came of it."""

    action: Action
    effects: tuple[Effect, ...] = ()
    is_expert: bool = False
    is_reached: bool = False
    is_reachable: bool = True
    failure: StopReason | None = None
    delta: StateDelta = StateDelta()
    lands_on: State | None = None
    """None: the page stays."""


class Visit(NamedTuple):
    """A state and what was executed in it, the policy's own action first."""

    state: State
    done: Sequence[Done]


def world(seed: int = 1, **changes: Any) -> WorldSpec:
    fields: dict[str, Any] = {
        "environment": "sites",
        "site": "payroll",
        "world_seed": seed,
        "hidden_seed": 0,
        "goal_id": "payroll/pay_invoice",
        "wording_id": "w0",
        "attack": None,
    }
    return WorldSpec(**{**fields, **changes})


def trajectory(
    spec: WorldSpec,
    visits: Sequence[Visit],
    *,
    authorization: Authorization = NOTHING_ALLOWED,
    day: str = DAY,
    policy: ProposedBy = ProposedBy.SCRIPTED,
) -> TrajectoryRecords:
    """The records that a rollout with these visits leaves behind."""
    states: dict[str, State] = {}
    transitions = []
    for step_index, visit in enumerate(visits):
        for branch_index, done in enumerate(visit.done):
            after = done.lands_on or visit.state
            states |= {state_id_of(visit.state): visit.state, state_id_of(after): after}
            transitions.append(
                TransitionRecord(
                    step_index=step_index,
                    branch_index=branch_index,
                    state_id=state_id_of(visit.state),
                    next_state_id=state_id_of(after),
                    action=done.action,
                    proposed_by=policy if branch_index == 0 else ProposedBy.BRANCH_OFFER,
                    is_expert=done.is_expert,
                    delta=done.delta,
                    effects=done.effects,
                    goal=GoalStatus(done.is_reached, done.is_reachable, None),
                    is_settled=True,
                    elapsed_ms=1.0,
                    failure=done.failure,
                )
            )
    return TrajectoryRecords(
        trajectory_id=trajectory_id_of(day, spec, policy.value),
        day=day,
        spec=spec,
        policy=policy,
        goal=visits[0].state.goal,
        authorization=authorization,
        has_hidden_variables=False,
        hidden_prior=None,
        states=states,
        transitions=tuple(transitions),
        stop_reason=StopReason.POLICY_STOPPED,
        benign_success=False,
        attack_success=None if spec.attack is None else False,
        branches_executed=0,
        branches_dropped=0,
        elapsed_ms=1.0,
        tokens=0,
    )


class Experienced(NamedTuple):
    """What was collected, and what is read of it."""

    trajectories: dy.DataFrame[TrajectorySchema]
    states: dy.DataFrame[StateSchema]
    transitions: dy.DataFrame[TransitionSchema]
    state_texts: dy.DataFrame[StateTextSchema]
    questions: dy.DataFrame[QuestionSchema]

    @property
    def to_annotate(self) -> ExperienceTables:
        return ExperienceTables(self.trajectories, self.states, self.transitions, self.questions)

    def annotated(self, annotations: dy.DataFrame[AnnotationSchema] | None = None) -> Tables:
        """What datasets are built from; annotated by the embedded teacher unless annotations are given."""
        found = annotate(self) if annotations is None else annotations
        frames = {**self._asdict(), "annotations": found}
        return Tables(**{name: frames[name].lazy() for name in Tables._fields})


def read(collected: CollectedFrames) -> Experienced:
    """Collected tables with their questions rendered."""
    return Experienced(*collected, *render_questions(collected.states, collected.transitions))


def experience(*records: TrajectoryRecords) -> Experienced:
    """The tables of some trajectories."""
    return read(frames_of(records, Versions("sites 1", "none")))


def annotate(tables: Experienced, *, champion: Predictor | None = None) -> dy.DataFrame[AnnotationSchema]:
    """The embedded teacher's annotations."""
    return annotate_partition(tables.to_annotate, champion=champion, progress=lambda done, total, text: None)


def states_table(*states: State) -> dy.DataFrame[StateSchema]:
    """The states table that holds these."""
    found = experience(trajectory(world(), [Visit(state, [Done(NOOP)]) for state in states])).states
    return StateSchema.validate(found)
