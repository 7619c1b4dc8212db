"""Records of trajectories as rows of the trajectories, states and transitions tables."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import dataframely as dy

from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import StateSchema, TrajectorySchema, TransitionSchema, frame_of, world_columns


class Versions(NamedTuple):
    """Versions that the rows carry."""

    environment_version: str
    browser_version: str


class CollectedFrames(NamedTuple):
    trajectories: dy.DataFrame[TrajectorySchema]
    states: dy.DataFrame[StateSchema]
    transitions: dy.DataFrame[TransitionSchema]


def frames_of(records: Iterable[TrajectoryRecords], versions: Versions) -> CollectedFrames:
    """Frames in the types of their tables, which validate them; a state that several records share is one row."""
    trajectories: list[dict[str, Any]] = []
    states: dict[str, State] = {}
    transitions: list[dict[str, Any]] = []
    for record in records:
        trajectories.append(_trajectory_row(record, versions))
        states |= record.states
        transitions += [_transition_row(record, transition) for transition in record.transitions]
    state_rows = [{"state_id": state_id, "state": to_row(state)} for state_id, state in sorted(states.items())]
    return CollectedFrames(
        frame_of(TrajectorySchema, trajectories),
        frame_of(StateSchema, state_rows),
        frame_of(TransitionSchema, transitions),
    )


def _trajectory_row(record: TrajectoryRecords, versions: Versions) -> dict[str, Any]:
    spec = record.spec
    return {
        "trajectory_id": record.trajectory_id,
        "day": record.day,
        **world_columns(spec),
        "environment_version": versions.environment_version,
        "world_seed": spec.world_seed,
        "world_spec": to_row(spec),
        "has_hidden_variables": record.has_hidden_variables,
        "hidden_prior": record.hidden_prior,
        "hindsight_of": record.hindsight_of,
        "goal": record.goal,
        "authorization": to_row(record.authorization),
        "policy": str(record.policy),
        "stop_reason": record.stop_reason.value,
        "benign_success": record.benign_success,
        "attack_success": record.attack_success,
        "steps": record.steps,
        "branches_dropped": record.branches_dropped,
        "branches_executed": record.branches_executed,
        "tokens": record.tokens,
        "elapsed_ms": record.elapsed_ms,
        "browser_version": versions.browser_version,
    }


def _transition_row(record: TrajectoryRecords, transition: TransitionRecord) -> dict[str, Any]:
    return {
        "trajectory_id": record.trajectory_id,
        "step_index": transition.step_index,
        "branch_index": transition.branch_index,
        "state_id": transition.state_id,
        "next_state_id": transition.next_state_id,
        "action": to_row(transition.action),
        "state_delta": to_row(transition.delta),
        "effects": [to_row(effect) for effect in transition.effects],
        "proposed_by": str(transition.proposed_by),
        "is_expert": transition.is_expert,
        "goal_is_reached": transition.goal.is_reached,
        "goal_is_reachable": transition.goal.is_reachable,
        "reversibility": None if transition.reversibility is None else transition.reversibility.value,
        "failure": transition.failure.value if transition.failure else None,
        "settled": transition.is_settled,
        "elapsed_ms": transition.elapsed_ms,
    }
