"""One question to the model in use: from files or from a stored transition."""

from pathlib import Path

import polars as pl

from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.ids import transition_key
from wm_pipeline.domain.records import from_json, from_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import StateSchema, TransitionSchema
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.gateways.table_store import TableStore


def question_of_files(state_path: Path, action_path: Path) -> tuple[State, Action]:
    """State and action out of JSON files. Raises InvalidInputError naming the field."""
    state = from_json(State, read_text_file(state_path), what="state")
    action = from_json(Action, read_text_file(action_path), what="action")
    check_action(state, action)
    return state, action


def question_of_transition(store: TableStore, transition_id: str) -> tuple[State, Action]:
    """State and action of `trajectory_id/step_index/branch_index`."""
    trajectory_id, step_index, branch_index = transition_key(transition_id)
    found = (
        store.scan(TransitionSchema)
        .filter(
            (pl.col("trajectory_id") == trajectory_id)
            & (pl.col("step_index") == step_index)
            & (pl.col("branch_index") == branch_index)
        )
        .select("state_id", "action")
        .collect()
    )
    if not found.height:
        raise MissingUpstreamError(f"no transition {transition_id!r} in {store.root}")
    state_id = found["state_id"][0]
    states = store.scan(StateSchema).filter(pl.col("state_id") == state_id).select("state").head(1).collect()
    return from_row(State, states["state"][0]), from_row(Action, found["action"][0])
