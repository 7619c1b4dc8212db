"""The notebooks run as shipped, over a small round that this test collects."""

import os
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.profiles import tiny
from wm_pipeline.settings import StorageSettings
from wm_pipeline.stages import Workspace, annotate_sites, collect_sites, make_dataset

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
DAY = "2026-11-20"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("notebooks")
    storage = StorageSettings(data_root=str(state / "data"), work_folder=str(state / "work"))
    workspace = Workspace(storage, TableStore(storage.data_root), ModelRegistry(f"sqlite:///{state}/mlflow.db"), tiny())
    silent = partial(lambda done, total, text: None)
    collect_sites(workspace, tiny(), DAY, ["payroll"], fingerprint="test", progress=silent)
    annotate_sites(workspace, tiny(), DAY, ["payroll"], champion=None, fingerprint="test", progress=silent)
    make_dataset(workspace, tiny(), DAY, "sft_dataset", fingerprint="test")
    return state / "data"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Jupyter's own, about its event loop and its paths
def test_a_notebook_runs_as_shipped(path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_DATA", str(data_root))
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()

    pictures = [o for cell in notebook.cells for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]
    assert len(pictures) >= 3
    assert os.environ["WM_DATA"] == str(data_root)
