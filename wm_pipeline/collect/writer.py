"""Records of trajectories as rows of the trajectories, states and transitions tables, and their small part files.

A part file is a folder of three parquet files, and of pictures where steps failed, that appears under its name at once
(rename), or not at all.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dataframely as dy
import polars as pl

from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.ids import split_group_of
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import StateSchema, TrajectorySchema, TransitionSchema


class Versions(NamedTuple):
    """What the rows were made with."""

    environment_version: str
    browser_version: str


class CollectedFrames(NamedTuple):
    trajectories: pl.DataFrame
    states: pl.DataFrame
    transitions: pl.DataFrame


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
        _frame(TrajectorySchema, trajectories), _frame(StateSchema, state_rows), _frame(TransitionSchema, transitions)
    )


def _frame(schema: type[dy.Schema], rows: list[dict[str, Any]]) -> pl.DataFrame:
    types = {name: column.dtype for name, column in schema.columns().items()}
    return pl.DataFrame(rows, schema=types)


def _trajectory_row(record: TrajectoryRecords, versions: Versions) -> dict[str, Any]:
    spec, attack = record.spec, record.spec.attack
    return {
        "trajectory_id": record.trajectory_id,
        "day": record.day,
        "site": spec.site,
        "goal_id": spec.goal_id,
        "wording_id": spec.wording_id,
        "attack_family": attack.family if attack else None,
        "attack_channel": attack.channel if attack else None,
        "attack_disguise": attack.disguise if attack else None,
        "is_lookalike": attack is not None and attack.is_lookalike,
        "split_group": split_group_of(spec),
        "environment_version": versions.environment_version,
        "world_seed": spec.world_seed,
        "world_spec": to_row(spec),
        "has_hidden_variables": record.has_hidden_variables,
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
        "failure": transition.failure.value if transition.failure else None,
        "settled": transition.is_settled,
        "elapsed_ms": transition.elapsed_ms,
    }


# --- part files -----------------------------------------------------------------------------------------------------


def picture_name(step_index: int, branch_index: int) -> str:
    """The file of the picture of a step that failed, in its trajectory's folder."""
    return f"{step_index}-{branch_index}.png"


def pictures_folder(trajectory_id: str) -> str:
    """Where the table store keeps a trajectory's pictures."""
    return f"pictures/{trajectory_id}"


def commit_part(folder: Path, record: TrajectoryRecords, frames: CollectedFrames) -> None:
    """Write one trajectory's part; it is there as a whole or not. A part that another worker committed stays."""
    trajectory_id = record.trajectory_id
    temporary = folder / f".{trajectory_id}.{os.getpid()}"
    temporary.mkdir(parents=True, exist_ok=True)
    for name, frame in frames._asdict().items():
        frame.write_parquet(temporary / f"{name}.parquet", compression="zstd")
    for one in record.transitions:
        if one.picture is not None:
            (temporary / picture_name(one.step_index, one.branch_index)).write_bytes(one.picture)
    try:
        temporary.rename(folder / trajectory_id)
    except OSError:
        if not (folder / trajectory_id).is_dir():
            raise
        shutil.rmtree(temporary)


def committed_parts(folder: Path) -> frozenset[str]:
    """Ids of the trajectories whose parts are complete."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def merge_parts(folder: Path, trajectory_ids: Sequence[str]) -> CollectedFrames:
    """The parts as one partition, in the given order; a state in several parts is one row."""

    def read(name: str) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(folder / part / f"{name}.parquet") for part in trajectory_ids])

    return CollectedFrames(
        read("trajectories"),
        read("states").unique("state_id", keep="first", maintain_order=True).sort("state_id"),
        read("transitions"),
    )
