"""The notebooks run as shipped, over a small round that this test collects and a report over toy worlds."""

import asyncio
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.evaluate.test_report import measure, report_of
from wm_pipeline.evaluate.eval_report import report_text
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.questions import render_sites
from wm_pipeline.rounds.raw_trajectories import collect_sites
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.socratic_annotations import annotate_sites
from wm_pipeline.rounds.workspace import Workspace

PICTURES = {"01_explore_datasets": 3, "02_read_an_eval_report": 3, "03_bring_your_own_trajectories": 2}
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
DAY = "2026-11-20"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("notebooks")
    storage = StorageSettings(data_root=str(state / "data"), work_folder=str(state / "work"))
    profile = replace(tiny(), round=replace(tiny().round, worlds_per_site=4))
    workspace = Workspace(
        storage, TableStore(storage.data_root), ModelRegistry(f"sqlite:///{state}/mlflow.db"), profile
    )
    silent = partial(lambda done, total, text: None)
    collect_sites(workspace, DAY, ["payroll"], progress=silent)
    render_sites(workspace, DAY, ["payroll"], progress=silent)
    annotate_sites(workspace, DAY, ["payroll"], champion=None, progress=silent)
    make_dataset(workspace, DAY, "sft_dataset")
    evaluation = asyncio.run(measure())
    report = report_text(report_of(evaluation, day=DAY))
    workspace.store.write_folder(f"reports/{DAY}", {"report.json": report.encode()}, note={})
    workspace.store.write("predictions", evaluation.predictions, day=DAY, lineage={"fingerprint": "test"})
    return state / "data"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Jupyter's own, about its event loop and its paths
def test_a_notebook_runs_as_shipped(
    path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("WM_DATA", str(data_root))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()

    pictures = [o for cell in notebook.cells for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]
    assert len(pictures) == PICTURES[path.stem]
    assert os.environ["WM_DATA"] == str(data_root)
    if path.stem.startswith("02"):
        told = [o["data"]["text/plain"] for cell in notebook.cells for o in cell.get("outputs", ()) if "data" in o]
        assert any("no data" in text for text in told)
        assert not any("nan" in text.lower().split() for text in told)
    if path.stem.startswith("03"):
        said = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", ()))
        assert "effects: a row of crm/contacts was updated, state_delta.database has none; nothing was imported" in said
