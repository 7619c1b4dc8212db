"""What a state folder holds after an import and after decisions of a service: no secret that came in."""

import json
import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.builders import SUBMIT_WIRE, payment_state, wire_effect
from tests.domain.test_secrets import BY_SHAPE
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.state import State, TextBlock
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.exchange import import_trajectories
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.reviewed_decisions import decision_log
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

# Dagster announces at import which of its parameters may still change or go.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `.*` of function")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    storage = StorageSettings(data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"))
    return Workspace(storage, TableStore(storage.data_root), ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db"), tiny())


def secret_page(secret: str) -> tuple[State, Action]:
    state = payment_state(texts=(TextBlock(f"Use {secret} for now"),), prior_steps=(f"fill Note with {secret}",))
    return state, replace(SUBMIT_WIRE, fields=(FieldValue("payee", secret),))


def written_with(folder: Path, secret: str) -> list[str]:
    """Files that hold a secret; tables as their rows are."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [
        file.name
        for file in files
        if secret in (pl.read_parquet(file).write_json() if file.suffix == ".parquet" else file.read_text("latin-1"))
    ]


@pytest.mark.parametrize("kind", sorted(BY_SHAPE))
def test_no_secret_of_a_decision_is_written(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    secret = BY_SHAPE[kind](random.Random(kind))
    state, action = secret_page(secret)
    decision = Decision(Verdict.EXECUTE, action, f"it sends {secret}", None, 1.0)

    decision_log(workspace)(state, action, decision)

    assert written_with(tmp_path, secret) == []


@pytest.mark.parametrize("kind", ["card", "jwt"])
def test_no_secret_of_an_imported_trajectory_is_written(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    secret = BY_SHAPE[kind](random.Random(kind))
    state, action = secret_page(secret)
    step = {"state": to_row(state), "action": to_row(action), "next_state": to_row(state), "elapsed_ms": 1.0}
    line = {
        "format_version": 1,
        "name": "run",
        "policy": "scripted",
        "stop_reason": "goal_reached",
        "benign_success": True,
        "authorization": {"patterns": []},
        "steps": [step | {"effects": [to_row(wire_effect(payee="Ann"))]}],
    }
    outside = tmp_path.parent / f"{tmp_path.name}.jsonl"
    outside.write_text(json.dumps(line))

    import_trajectories(workspace, [outside], day="2026-11-22", site="mine")

    assert written_with(tmp_path, secret) == []
