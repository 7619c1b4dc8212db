"""`wm gc`: what nobody needs goes, by rules; what somebody needs stays, whenever a kill comes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders_registry import registered
from tests.builders_rounds import collect, finish_round, write_folder
from tests.command_line import Wm
from tests.fakes.s3_server import BUCKET, s3_server
from wm_pipeline.collect.run import STAGING
from wm_pipeline.domain.errors import BusyError, InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.processes import process_mark
from wm_pipeline.domain.scratch import scratch_name
from wm_pipeline.domain.tables import DecisionSchema, TrajectorySchema
from wm_pipeline.domain.vocabulary import ChampionMove
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.mlflow_registry import ModelRegistry, RegisteredModel
from wm_pipeline.gateways.places import folder_uri
from wm_pipeline.gateways.table_store import TableStore, day_of, table_path
from wm_pipeline.rounds.champions import plan_promotion
from wm_pipeline.rounds.checkpoints import prepare_training
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.gc import (
    WasteRule,
    bytes_freed,
    clean,
    delete_finished_parts,
    delete_left_overs,
    delete_parts_not_due,
    find_waste,
    kept_days,
)
from wm_pipeline.rounds.graph import ASSETS, DISTILLED, MIDTRAIN, stale_assets
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

OLD, FIRST, SECOND, WINDOW, NEWEST = "2026-10-01", "2026-10-10", "2026-10-20", "2026-11-20", "2026-11-22"
"""Nobody's day, those of two champions, one in the window of the newest, the newest."""
PROFILE = replace(tiny(), round=replace(tiny().round, sites=("payroll",)))
EXPERIENCE = {table for asset in ASSETS if asset.is_by_site for table in asset.tables}

pytestmark = [
    # All from MLflow's own code, whose version is pinned: its queries, its own types at import, its use of pandas.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
    # Dagster announces at import which of its parameters may still change or go.
    pytest.mark.filterwarnings("ignore:Parameter `.*` of function"),
]


def workspace_in(folder: Path, store: TableStore | None = None) -> Workspace:
    storage = StorageSettings(
        data_root=str(folder / "data"), work_folder=str(folder / "work"), cache_folder=str(folder / "cache")
    )
    registry = ModelRegistry(f"sqlite:///{folder}/mlflow.db", artifact_root=folder_uri(str(folder / "artifacts")))
    return Workspace(storage, store or TableStore(storage.data_root), registry, PROFILE)


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of this test alone: in this machine's there may be what other tests have killed."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database before any round: making its tables takes seconds."""
    folder = tmp_path_factory.mktemp("database")
    assert workspace_in(folder).registry.versions() == ()
    return folder / "mlflow.db"


@pytest.fixture
def bare(database: Path, tmp_path: Path) -> Workspace:
    """A deployment in which nothing was made yet."""
    shutil.copy(database, tmp_path)
    return workspace_in(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with five days, made once; versions 1 and 2 became champions, 3 of the day in the window did not."""
    import mlflow

    folder = tmp_path_factory.mktemp("finished")
    workspace = workspace_in(folder)
    for day in (OLD, FIRST, SECOND, WINDOW, NEWEST):
        finish_round(workspace, day)
    registry = workspace.registry
    round_run = registry.round_run(FIRST, profile="tiny", dagster_run_id="d1")
    registry.log_bytes(round_run, "report.json", b"{}")
    for number, day in enumerate((FIRST, SECOND, WINDOW), start=1):
        registered(registry, round_run, folder, f"words {number}", address=DISTILLED.folder(day))
    for version in ("1", "2"):
        registry.move_champion(version, move=ChampionMove.GATE, reason="better")
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type] # forgets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type] # forgets it
    return folder


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Workspace:
    """A copy of the deployment."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return workspace_in(tmp_path)


def days_with(workspace: Workspace) -> dict[str, set[str]]:
    """The tables and folders of each day."""
    found: dict[str, set[str]] = {}
    for place in workspace.store.places(""):
        name = place.split("/")[1] if place.startswith("tables/") else place.rpartition("/")[0]
        found.setdefault(day_of(place), set()).add(name)
    return found


def is_sound(workspace: Workspace) -> bool:
    """Every output is what was committed, and no file is beside them."""
    store = workspace.store
    return store.unrecorded() == [] and all(store.problem(place) is None for place in store.places(""))


def of_rule(workspace: Workspace, rule: WasteRule) -> list[str]:
    return [one.what for one in find_waste(workspace) if one.rule is rule]


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_without_days_to_keep_nothing_committed_goes(workspace: Workspace) -> None:
    before = days_with(workspace)

    found, freed = clean(workspace)

    assert (found, freed) == ([], 0)
    assert days_with(workspace) == before


@pytest.mark.slow
def test_old_days_go_except_for_what_champions_and_kept_days_were_made_from(workspace: Workspace) -> None:
    before = days_with(workspace)
    planned = find_waste(workspace, keep_days=1)

    found, _ = clean(workspace, keep_days=1)

    after = days_with(workspace)
    assert [one.what for one in found] == [one.what for one in planned]
    assert after == {**{day: before[day] for day in (FIRST, SECOND, NEWEST)}, WINDOW: EXPERIENCE}
    assert is_sound(workspace)
    assert all(stale_assets(workspace.store, PROFILE, day) == {} for day in (FIRST, SECOND, NEWEST))
    assert find_waste(workspace, keep_days=1) == []


@pytest.mark.slow
def test_a_version_of_an_old_day_loses_its_weights_and_stays_listed(workspace: Workspace) -> None:
    registry, cache = workspace.registry, workspace.cache

    clean(workspace, keep_days=1)

    assert registry.versions() == ("1", "2", "3")
    assert [bool(registry.weights_of(version)) for version in registry.versions()] == [True, True, False]
    assert (registry.checkpoint_of("1", cache=cache) / "words.txt").read_text() == "words 1"
    with pytest.raises(MissingUpstreamError, match="of version 3, `wm gc` deleted its weights; choose another version"):
        plan_promotion(workspace, version="3", day=None, reason="why not")
    with pytest.raises(InvalidInputError, match="version 2 is the champion: its weights stay"):
        registry.delete_weights("2")


@pytest.mark.slow
def test_versions_that_another_store_has_registered_keep_their_weights(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An MLflow server may serve several deployments; what it keeps is not on this machine."""
    monkeypatch.setattr(ModelRegistry, "kept_in", lambda self, version: None)

    found = [one.what for one in find_waste(workspace, keep_days=1)]
    workspace.store.write_folder(DISTILLED.folder(WINDOW), {"a": b"a"}, note={"model_version": "words 3"})
    of_this_store = [one.what for one in find_waste(workspace, keep_days=1)]

    assert "weights of registered version 3" not in found
    assert "weights of registered version 3" in of_this_store


@pytest.mark.slow
def test_a_kill_between_any_two_deletions_leaves_a_sound_deployment_that_the_next_call_finishes(
    workspace: Workspace, tmp_path: Path
) -> None:
    clean(workspace_copy := workspace_in(Path(shutil.copytree(tmp_path, tmp_path.with_name("whole")))), keep_days=1)
    whole = days_with(workspace_copy)
    planned = find_waste(workspace, keep_days=1)

    for waste in planned:
        waste.delete()
        assert is_sound(workspace)
        assert stale_assets(workspace.store, PROFILE, NEWEST) == {}
        stale_assets(workspace.store, PROFILE, OLD)  # raises for what is damaged and cannot be made again
        left = {one.what for one in find_waste(workspace, keep_days=1)}
        assert left == {one.what for one in planned[planned.index(waste) + 1 :]}

    assert days_with(workspace) == whole


@pytest.mark.slow
def test_as_many_days_as_there_are_keep_all(workspace: Workspace) -> None:
    assert find_waste(workspace, keep_days=5) == []
    assert {day_of(one.what) for one in find_waste(workspace, keep_days=4)} == {OLD}


def test_parents_of_a_champion_stay_with_their_day(bare: Workspace) -> None:
    """A champion that began with a checkpoint of another day, as after an import of checkpoints."""
    workspace = bare
    for root, day, version, parents in (
        ("distilled", NEWEST, "distill-1", ["sft-1", "midtrain-1"]),
        ("sft", NEWEST, "sft-1", ["midtrain-1"]),
        ("midtrain", OLD, "midtrain-1", []),
        ("midtrain", FIRST, "midtrain-0", []),
    ):
        note = {"model_version": version, "parents": parents}
        workspace.store.write_folder(f"checkpoints/{root}/{day}", {"result.json": b"{}"}, note=note)
    (champion,) = [_registered_model("distill-1", DISTILLED.folder(NEWEST))]

    assert kept_days(workspace, [champion], first=NEWEST).days == {NEWEST, OLD}


def _registered_model(model_version: str, place: str) -> RegisteredModel:
    return RegisteredModel("1", "r1", place, model_version, "")


def test_pictures_go_with_their_trajectories(bare: Workspace) -> None:
    workspace = bare
    for day in (OLD, NEWEST):
        collect(workspace, "payroll", day=day)
        (trajectory_id,) = _trajectories(workspace, day)
        workspace.store.write_bytes(f"pictures/{trajectory_id}/0-0.png", day.encode())

    clean(workspace, keep_days=1)

    (picture,) = workspace.store.list_files("pictures")
    assert workspace.store.read_bytes(picture) == NEWEST.encode()


def _trajectories(workspace: Workspace, day: str) -> list[str]:
    rows = workspace.store.scan(TrajectorySchema, days=[day]).select("trajectory_id").collect()
    return [str(found) for found in rows["trajectory_id"]]


def test_decisions_that_people_judged_stay(bare: Workspace) -> None:
    workspace = bare
    for day in (OLD, NEWEST):
        collect(workspace, "payroll", day=day)
    workspace.store.write("decisions", DecisionSchema.create_empty(), day=OLD, lineage={})

    clean(workspace, keep_days=1)

    assert days_with(workspace)[OLD] == {"decisions"}


# --- what was left behind --------------------------------------------------------------------------------------------


@pytest.fixture
def trained(bare: Workspace) -> tuple[Workspace, Path]:
    """A dataset, and the folder of a mid-training on it that was interrupted."""
    workspace = bare
    collect(workspace, "payroll", day=NEWEST)
    make_dataset(workspace, NEWEST, "midtrain_dataset")
    job = prepare_training(workspace, NEWEST, MIDTRAIN)
    (job.output / "resume" / "step50").mkdir(parents=True)
    (job.output / "resume" / "step50" / "optimizer.pt").write_bytes(b"moments")
    return workspace, job.output


def test_an_interrupted_training_stays_while_it_can_be_gone_on_with(trained: tuple[Workspace, Path]) -> None:
    workspace, folder = trained

    before = of_rule(workspace, WasteRule.OUTDATED)
    collect(workspace, "payroll", day=NEWEST, seed=2)
    make_dataset(workspace, NEWEST, "midtrain_dataset")
    after = of_rule(workspace, WasteRule.OUTDATED)
    clean(workspace)

    assert (before, after) == ([], [str(folder)])
    assert not folder.exists()


def test_a_training_whose_output_is_committed_goes(trained: tuple[Workspace, Path]) -> None:
    workspace, folder = trained
    (folder / "result.json").write_text('{"model_version": "midtrain-1"}')

    before = find_waste(workspace)
    note = {"model_version": "midtrain-1"}
    workspace.store.write_folder(MIDTRAIN.folder(NEWEST), {"result.json": folder / "result.json"}, note=note)
    other = of_rule(workspace, WasteRule.PUBLISHED)
    clean(workspace)

    assert (before, other) == ([], [str(folder)])
    assert not folder.exists()
    assert workspace.store.read_bytes(f"{MIDTRAIN.folder(NEWEST)}/result.json") == b'{"model_version": "midtrain-1"}'


def test_worlds_from_before_their_partition_was_committed_go_and_later_ones_stay(bare: Workspace) -> None:
    workspace = bare
    collect(workspace, "payroll", day=NEWEST)
    committed_at = workspace.store.committed_at(table_path("trajectories", day=NEWEST, partition="payroll"))
    assert committed_at is not None
    parts = {"payroll": -10, "webmail": -10, "visited": -10}
    for site, seconds in parts.items():
        part = workspace.work / STAGING / f"day={NEWEST}" / site / "f00" / "t1.zip"
        part.parent.mkdir(parents=True)
        part.touch()
        os.utime(part, (committed_at.timestamp() + seconds,) * 2)

    staged = workspace.work / STAGING / f"day={NEWEST}"
    found = of_rule(workspace, WasteRule.PUBLISHED)
    os.utime(staged / "payroll" / "f00" / "t1.zip", (committed_at.timestamp() + 10,) * 2)

    assert found == [str(staged / "payroll")]
    assert of_rule(workspace, WasteRule.PUBLISHED) == []
    delete_finished_parts(workspace)
    assert sorted(path.name for path in staged.iterdir()) == ["payroll", "visited", "webmail"]
    os.utime(staged / "payroll" / "f00" / "t1.zip", (committed_at.timestamp() - 10,) * 2)
    delete_finished_parts(workspace)
    assert sorted(path.name for path in staged.iterdir()) == ["visited", "webmail"]


def test_worlds_of_a_redo_that_came_to_nothing_go_with_the_next_run_and_those_that_are_due_stay(
    bare: Workspace,
) -> None:
    staged = bare.work / STAGING / f"day={NEWEST}"
    for site in ("payroll", "visited"):
        (staged / site).mkdir(parents=True)
        (staged / site / "t1.zip").touch()

    delete_parts_not_due(bare, NEWEST, to_make=["raw_trajectories", "distilled_checkpoint"])
    assert sorted(path.name for path in staged.iterdir()) == ["payroll", "visited"]
    delete_parts_not_due(bare, NEWEST, to_make=["distilled_checkpoint"])
    assert [path.name for path in staged.iterdir()] == ["visited"]
    delete_parts_not_due(bare, NEWEST, to_make=[])
    assert list(staged.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from wm_pipeline.domain.scratch import scratch_folder
from wm_pipeline.gateways.files import Files
from wm_pipeline.gateways.commits import Outputs
root = Path(sys.argv[1])
files = Files(str(root / "data"))
with (
    scratch_folder("app"),
    scratch_folder("dataset", parent=root / "work" / "datasets"),
    scratch_folder(".base", parent=root / "cache"),
    files.unfinished("doctor.txt") as unfinished,
    Outputs(files).committing() as commit,
):
    unfinished.write_bytes(b"half")
    commit.stage("reports/2026-11-22/report.json").write_bytes(b"half")
    print("there", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_has_left_goes_and_what_a_living_one_uses_stays(
    bare: Workspace, tmp_path: Path, temporary_folder: Path
) -> None:
    workspace = bare
    collect(workspace, "payroll", day=NEWEST)
    before = days_with(workspace)
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    environment = {**os.environ, "TMPDIR": str(temporary_folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        alive = of_rule(workspace, WasteRule.LEFT_OVER)
        process.send_signal(signal.SIGKILL)
        process.wait()

    found, freed = clean(workspace)

    assert alive == []
    assert [Path(one.what).parent for one in found] == [
        *(tmp_path / "work" / "datasets", tmp_path / "cache", temporary_folder),
        *(tmp_path / "data" / ".commits", tmp_path / "data"),
    ]
    assert freed == 8
    assert list(temporary_folder.iterdir()) == []
    assert find_waste(workspace) == []
    assert days_with(workspace) == before
    assert is_sound(workspace)


def test_every_run_deletes_what_a_killed_one_has_made_for_itself(bare: Workspace, temporary_folder: Path) -> None:
    gone = f"{process_mark().partition('-')[0]}-999999999-1-abcdef12"
    left = [temporary_folder / f"wm-browser-{gone}", bare.work / "datasets" / gone, bare.cache / f".copy-{gone}"]
    used = [temporary_folder / f"wm-browser-{scratch_name()}", bare.work / "datasets" / "rows"]
    for folder in (*left, *used):
        (folder / "inside").mkdir(parents=True)

    delete_left_overs(bare)

    assert [folder.exists() for folder in (*left, *used)] == [False, False, False, True, True]


HOLDER = """
import sys, time
from pathlib import Path
from wm_pipeline.gateways.locks import alone
with alone(Path(sys.argv[1]), "wm run of 2026-11-22", say=None):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def round_goes_on(tmp_path: Path) -> Iterator[int]:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "work" / "round.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_nothing_is_deleted_while_a_round_is_made(trained: tuple[Workspace, Path], round_goes_on: int) -> None:
    workspace, folder = trained

    with pytest.raises(BusyError) as refused:
        clean(workspace, keep_days=1)

    assert str(refused.value).startswith(f"process {round_goes_on} (wm run of 2026-11-22, since ")
    assert str(refused.value).endswith(") is at work here; try again when it has ended")
    assert folder.exists()


def test_bytes_under_two_names_become_free_with_the_last(trained: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, folder = trained
    (folder / "result.json").write_text("{}")
    weights = folder / "checkpoint"
    weights.mkdir()
    (weights / "w").write_bytes(b"0" * 1000)
    content: dict[str, bytes | Path] = {"result.json": b"{}", "checkpoint/w": weights / "w"}
    workspace.store.write_folder(MIDTRAIN.folder(NEWEST), content, note={})
    (waste,) = find_waste(workspace)

    shared = bytes_freed([waste])
    Path(workspace.store.address_of(f"{MIDTRAIN.folder(NEWEST)}/checkpoint/w")).unlink()

    assert waste.size - shared == 1000
    assert bytes_freed([waste]) == waste.size


# --- copies, and the same on S3 --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


@pytest.mark.slow
def test_copies_of_a_remote_store_go_except_for_the_champions_and_its_days_expire(
    finished: Path, tmp_path: Path, s3: S3Options
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    workspace = workspace_in(tmp_path, TableStore(f"s3://{BUCKET}/{tmp_path.name}", s3))
    for day in (OLD, NEWEST):
        collect(workspace, "payroll", day=day)
        make_dataset(workspace, day, "sft_dataset")
        workspace.store.local_file(table_path("sft_dataset", day=day), cache=workspace.cache)
    for day in (OLD, SECOND, NEWEST):
        write_folder(workspace, "distilled_checkpoint", day)
        workspace.store.local_folder(DISTILLED.folder(day), cache=workspace.cache)

    found, _ = clean(workspace, keep_days=1)

    copies = [one.what.removeprefix(f"{workspace.cache}/") for one in found if one.rule is WasteRule.COPY]
    assert copies == [
        *(DISTILLED.folder(day) for day in (OLD, NEWEST)),
        *(table_path("sft_dataset", day=day) for day in (OLD, NEWEST)),
    ]
    assert sorted(days_with(workspace)) == [SECOND, NEWEST]
    assert is_sound(workspace)
    assert workspace.store.local_folder(DISTILLED.folder(NEWEST), cache=workspace.cache).is_dir()


@pytest.mark.slow
def test_a_fetched_version_that_is_not_the_champion_goes(workspace: Workspace) -> None:
    """Versions 1 and 2 are kept by MLflow on this machine: copies of an earlier release are of no use."""
    for version in ("1", "3"):
        copy = workspace.registry.copy_of(version, cache=workspace.cache)
        copy.mkdir(parents=True)
        (copy / "MLmodel").touch()

    found = of_rule(workspace, WasteRule.COPY)

    assert sorted(found) == sorted(
        str(workspace.registry.copy_of(version, cache=workspace.cache)) for version in ("1", "3")
    )


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_says_what_goes_and_deletes_it(wm: Wm, database: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    shutil.copy(database, tmp_path / "state")
    workspace = workspace_in(tmp_path / "state")
    for day in (OLD, NEWEST):
        collect(workspace, "payroll", day=day)

    tried = wm("gc", "--dry-run", "--keep-days", "1", "--json")
    there = days_with(workspace)
    told = wm("gc", "--keep-days", "1")
    nothing = wm("gc", "--keep-days", "0")

    plan = json.loads(tried.out)
    expired = [one for one in plan["things"] if one["rule"] == "older than the days to keep"]
    assert [one["what"] for one in expired] == [
        f"{asset} of {OLD}" for asset in ("socratic_annotations", "questions", "raw_trajectories")
    ]
    assert plan["is_dry_run"] is True
    assert plan["freed_bytes"] >= sum(one["bytes"] for one in expired) > 0
    assert set(there) == {OLD, NEWEST}
    assert (told.status, set(days_with(workspace))) == (0, {NEWEST})
    assert f"raw_trajectories of {OLD}" in told.out
    assert told.out.splitlines()[-1].endswith(" MiB became free")
    assert nothing.status == 2
