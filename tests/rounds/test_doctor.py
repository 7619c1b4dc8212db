"""`wm doctor`: what holds, and what to do where something does not."""

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import payment_state
from tests.builders_experience import DAY, states_table
from tests.builders_model import save_tiny_checkpoint
from tests.builders_registry import registered
from wm_pipeline.domain import machine
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.vocabulary import ChampionMove
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds import doctor
from wm_pipeline.rounds.doctor import Finding, examine
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

pytestmark = [
    # MLflow's own; its version is pinned.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A deployment with one stored table."""
    storage = StorageSettings(
        data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"), cache_folder=str(tmp_path / "cache")
    )
    store = TableStore(storage.data_root)
    store.write("states", states_table(payment_state()), day=DAY, partition="payroll", lineage={"fingerprint": "f"})
    return Workspace(storage, store, ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db"), tiny())


def found_by(workspace: Workspace, *, ports: dict[str, int] | None = None, is_deep: bool = False) -> dict[str, Finding]:
    state_folder = Path(workspace.storage.work_folder).parent
    return {
        one.what: one
        for one in examine(workspace, state_folder=state_folder, ports=ports or {}, more={}, is_deep=is_deep)
    }


def test_a_sound_deployment_holds_line_by_line(workspace: Workspace) -> None:
    found = found_by(workspace)

    assert {what for what, one in found.items() if not one.holds} <= {"base weights", "browser"}
    assert found["outputs"].told == "1 outputs are what was committed (`--deep` reads every file anew)"
    assert found["registry"].told.startswith("no champion yet: ")
    assert found["round"].told == "none is being made"
    assert found["base weights"].told.endswith(": `make setup` converts them")


@pytest.mark.parametrize("is_deep", [False, True], ids=["cheap", "deep"])
def test_a_flipped_bit_is_named(workspace: Workspace, is_deep: bool) -> None:
    path = Path(workspace.store.address_of(f"tables/states/round_day={DAY}/payroll.parquet"))
    content = bytearray(path.read_bytes())
    content[100] ^= 4
    path.write_bytes(content)

    found = found_by(workspace, is_deep=is_deep)["outputs"]

    assert not found.holds
    assert found.told.startswith(f"{path} is damaged: expected SHA-256 ")
    assert found.told.endswith(": `wm run --day D` makes it again, or says why it cannot")


def test_a_file_that_nobody_committed_is_named(workspace: Workspace) -> None:
    path = Path(workspace.store.address_of(f"tables/states/round_day={DAY}/webmail.parquet"))
    path.write_bytes(b"PAR1")

    assert found_by(workspace)["outputs"].told.startswith(f"{path} has no record: ")


@pytest.mark.slow
def test_a_champion_of_which_mlflow_has_no_copy_is_named(workspace: Workspace, tmp_path: Path) -> None:
    made, day = tmp_path / "made", "checkpoints/distilled/2026-11-20"
    version = save_tiny_checkpoint(made / "checkpoint", seed=1).manifest.model_version
    workspace.store.write_folder(day, files_in(made), note={})
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    model = registered(registry, round_run, made, "checkpoint", name=version, address=day)
    registry.move_champion(model.version, move=ChampionMove.PROMOTE, reason="It knows two pages.")
    workspace = replace(workspace, registry=registry)
    before = found_by(workspace)["registry"]
    shutil.rmtree(tmp_path / "artifacts")

    after = found_by(workspace)["registry"]

    assert (before.holds, after.holds) == (True, False)
    assert after.told.startswith(f"MLflow has no copy of the weights of version {model.version}, the champion: ")


def test_a_port_in_use_is_named(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        found = found_by(workspace, ports={"Dagster UI": port})["port of Dagster UI"]

    assert not found.holds
    assert found.told.startswith(f"{port} is in use")


def test_too_little_space_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE_GIB", 2**30)

    found = found_by(workspace)["disk"]

    assert not found.holds
    assert "GiB free, a round needs" in found.told


def test_a_browser_that_is_not_there_is_named(workspace: Workspace) -> None:
    storage = replace(workspace.storage, chromium="/nowhere/chromium")

    found = found_by(replace(workspace, storage=storage))["browser"]

    assert not found.holds
    assert found.told == "WM_CHROMIUM names '/nowhere/chromium', which is not a file; correct it or unset it"


def test_a_clock_that_was_set_back_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "today", lambda: "2020-01-01")
    monkeypatch.setattr(
        type(workspace.store), "partitions", lambda self, table: [type("P", (), {"day": DAY, "name": "payroll"})()]
    )

    found = found_by(workspace)["days"]

    assert not found.holds
    assert found.told == f"experience of {DAY} is stored, and the clock says 2020-01-01: set the clock"
