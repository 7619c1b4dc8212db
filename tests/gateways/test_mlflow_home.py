"""A state folder that was moved or copied: its own artifacts answer, and nothing points to where it was."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders_registry import registered
from wm_pipeline.domain.errors import DamagedError, MissingUpstreamError, ServiceError
from wm_pipeline.gateways.mlflow_home import _ADDRESSES, has_running_runs, renew_addresses
from wm_pipeline.gateways.mlflow_registry import EXPERIMENT, ModelRegistry
from wm_pipeline.gateways.places import folder_uri, sqlite_uri

pytestmark = [
    # MLflow's own; its version is pinned.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
    pytest.mark.slow,
]
ODD = "state of [run 1] 100% #2?ü"


def registry_in(state: Path) -> ModelRegistry:
    return ModelRegistry(sqlite_uri(f"{state}/mlflow.db"), artifact_root=folder_uri(f"{state}/mlartifacts"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with one registered version that says `first`."""
    folder = tmp_path / "project" / ".wm"
    folder.mkdir(parents=True)
    registry = registry_in(folder)
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d")
    registry.log_bytes(round_run, "report.json", b"{}")
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    registered(registry, round_run, checkpoints, "first")
    return folder


@pytest.mark.parametrize("name", ["moved", ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("is_copied", [False, True], ids=["moved", "copied"])
def test_its_artifacts_are_found_in_the_new_place(state: Path, tmp_path: Path, name: str, is_copied: bool) -> None:
    target = tmp_path / name / ".wm"
    shutil.copytree(state, target)
    if not is_copied:
        shutil.rmtree(state)
    else:
        for path in state.rglob("words.txt"):
            path.write_text("of the original")
    registry = registry_in(target)
    version = registry.find("first")
    assert version is not None

    folder = registry.checkpoint_of(version.version, cache=target / "cache")

    assert (folder / "words.txt").read_text() == "first"
    assert registry.read_bytes(version.run_id, "report.json") == b"{}"
    with closing(sqlite3.connect(target / "mlflow.db")) as database:
        found = [uri for table, column in _ADDRESSES for (uri,) in database.execute(f"SELECT {column} FROM {table}")]
    root = folder_uri(f"{target}/mlartifacts")
    assert len(found) >= len(_ADDRESSES)
    others = [uri for uri in found if uri is not None and uri != root and not uri.startswith(f"{root}/")]
    assert [uri for uri in others if not uri.endswith("/mlruns/0")] == []  # of MLflow's default experiment, not used


def test_a_copy_without_artifacts_has_none_of_the_originals_addresses(state: Path, tmp_path: Path) -> None:
    """Else a round of the copy would write its report and its weights there, and `wm gc` delete them there."""
    target = tmp_path / "copied"
    shutil.copytree(state, target, ignore=shutil.ignore_patterns("mlartifacts"))
    registry = registry_in(target)

    with pytest.raises(MissingUpstreamError, match="MLflow has no copy of the checkpoint of version 1"):
        registry.checkpoint_of("1", cache=target / "cache")

    with closing(sqlite3.connect(target / "mlflow.db")) as database:
        found = [uri for table, column in _ADDRESSES for (uri,) in database.execute(f"SELECT {column} FROM {table}")]
    root = folder_uri(f"{state}/mlartifacts")
    assert [uri for uri in found if uri is not None and uri.startswith(root)] == []


@pytest.mark.parametrize("content", [b"", b"flavors: [", b"\xff", b"flavors: {}", b"a: \x01"])
def test_a_description_that_is_damaged_is_told_and_fetched_again_when_it_is_mended(
    state: Path, tmp_path: Path, content: bytes
) -> None:
    registry, cache = registry_in(state), tmp_path / "cache"
    (description,) = state.rglob("MLmodel")
    whole = description.read_bytes()
    description.write_bytes(content)

    with pytest.raises(DamagedError, match=r"/MLmodel is damaged; restore MLflow's artifacts"):
        registry.checkpoint_of("1", cache=cache)
    description.write_bytes(whole)

    assert (registry.checkpoint_of("1", cache=cache) / "words.txt").read_text() == "first"


def test_an_artifact_root_that_is_named_anew_leaves_what_was_kept_before(state: Path, tmp_path: Path) -> None:
    """WM_MLFLOW_ARTIFACTS may change; old runs stay where they are."""
    database, root = state / "mlflow.db", folder_uri(str(tmp_path / "elsewhere"))

    assert not renew_addresses(database, root, experiment=EXPERIMENT)
    assert not renew_addresses(database, "s3://bucket/artifacts", experiment=EXPERIMENT)
    assert not renew_addresses(database, folder_uri(f"{state}/mlartifacts"), experiment=EXPERIMENT)


def test_a_database_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database, though it lies here" * 100)

    with pytest.raises(ServiceError, match=r"^MLflow's database .*/mlflow\.db cannot be read: file is not a "):
        renew_addresses(tmp_path / "mlflow.db", "file:///a", experiment=EXPERIMENT)


def test_a_database_without_tables_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()

    assert not renew_addresses(tmp_path / "mlflow.db", "file:///a", experiment=EXPERIMENT)


def test_what_a_cut_off_process_has_left_half_written_is_rolled_back(state: Path, tmp_path: Path) -> None:
    """A database and its journal as a machine without power leaves them; to read alone is not enough then."""
    cut_off = tmp_path / "cut_off"
    cut_off.mkdir()
    with closing(sqlite3.connect(state / "mlflow.db")) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("UPDATE runs SET status = 'RUNNING'")
        connection.executemany(
            "INSERT INTO experiment_tags VALUES (?, ?, 1)", [(f"k{at}", "v" * 900) for at in range(999)]
        )
        for file in state.glob("mlflow.db*"):
            shutil.copy(file, cut_off)
        connection.rollback()

    assert (cut_off / "mlflow.db-journal").stat().st_size > 0
    assert has_running_runs(cut_off / "mlflow.db") == has_running_runs(state / "mlflow.db")
    assert not (cut_off / "mlflow.db-journal").exists()
