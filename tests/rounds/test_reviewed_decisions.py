"""What people write into the log of decisions: what is none is named with its file."""

from pathlib import Path

import pytest

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.reviewed_decisions import ingest_decisions
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

DAY = "2026-11-22"


@pytest.mark.parametrize("text", ['{"decision_id": "x",', '{"decision_id": "x"}', '{"decided_at": 1}', "[]", "\x00"])
def test_a_file_that_is_no_decision_is_named(tmp_path: Path, text: str) -> None:
    storage = StorageSettings(data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"))
    workspace = Workspace(
        storage, TableStore(storage.data_root), ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db"), tiny()
    )
    workspace.store.write_bytes(f"decision_log/day={DAY}/mine.json", text.encode())

    with pytest.raises(InvalidInputError, match=rf"/decision_log/day={DAY}/mine\.json is no decision"):
        ingest_decisions(workspace, DAY)
