"""A report is about one line of descent: the day's data, and checkpoints trained on it, each on the one before."""

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders_experience import DAY, Done, Visit, annotate, experience, trajectory, world
from tests.builders_model import save_tiny_checkpoint
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.tables import SftSchema
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_file import content_of
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.model.checkpoint import Manifest
from wm_pipeline.rounds.datasets import data_version_of, make_dataset
from wm_pipeline.rounds.eval_report import check_lineage, evaluate_day
from wm_pipeline.rounds.graph import trainings_of
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

PROFILE = replace(tiny(), has_ablation=True)
ABLATION = "without_midtraining"
TABLES = {training.name: training.dataset for training in trainings_of(PROFILE)}
FOLDERS = {
    **{name: f"checkpoints/{name}/{DAY}" for name in ("midtrain", "sft", "distilled")},
    ABLATION: f"checkpoints/sft/{DAY}/{ABLATION}",
}
PARENTS = {"midtrain": (), "sft": ("the-midtrain",), "distilled": ("the-sft", "the-midtrain"), ABLATION: ()}


def silent(done: int, total: int, text: str) -> None:
    pass


def make_data(workspace: Workspace, *actions: Action) -> None:
    """Collected, annotated and built into both datasets, all with the same settings."""
    frames = experience(trajectory(world(), [Visit(payment_state(), [Done(action) for action in actions])]))
    annotations = annotate(frames)
    for table, frame in {**frames._asdict(), "annotations": annotations}.items():
        workspace.store.write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "f"})
    for table in ("midtrain_dataset", "sft_dataset"):
        make_dataset(workspace, DAY, table)


def put(workspace: Workspace, name: str, manifest: Manifest) -> None:
    """A manifest in a training's folder; the ablation's lies in that of SFT, which is committed as one."""
    place, beside = FOLDERS[name].removesuffix(f"/{ABLATION}"), f"{ABLATION}/" if name == ABLATION else ""
    former = workspace.store.list_files(place)
    content = {path.removeprefix(f"{place}/"): workspace.store.read_bytes(path) for path in former}
    content[f"{beside}checkpoint/manifest.json"] = to_json(manifest).encode()
    workspace.store.write_folder(place, content, note={})


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny").manifest


def workspace_in(folder: Path) -> Workspace:
    storage = StorageSettings(data_root=str(folder / "data"), work_folder=str(folder / "work"))
    registry = ModelRegistry(f"sqlite:///{folder}/mlflow.db")
    return Workspace(storage, TableStore(storage.data_root), registry, PROFILE)


@pytest.fixture(scope="module")
def descended(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> Path:
    """A folder with a day whose four checkpoints descend from its data, made once."""
    folder = tmp_path_factory.mktemp("descended")
    workspace = workspace_in(folder)
    make_data(workspace, SUBMIT_WIRE, NOOP)
    for name, table in TABLES.items():
        version = data_version_of(workspace.store, table, DAY)
        put(
            workspace,
            name,
            replace(manifest, model_version=f"the-{name}", data_version=version, parents=PARENTS[name]),
        )
    return folder


@pytest.fixture
def workspace(descended: Path, tmp_path: Path) -> Workspace:
    """A day whose four checkpoints descend from its data."""
    shutil.copytree(descended, tmp_path, dirs_exist_ok=True)
    return workspace_in(tmp_path)


def refused(workspace: Workspace) -> str:
    """What evaluating the day says; no browser and no weights are there to be reached."""
    with pytest.raises(CheckpointError) as told:
        evaluate_day(workspace, DAY, timings={}, progress=silent)
    return str(told.value)


def test_children_of_the_days_data_may_be_reported_on(workspace: Workspace) -> None:
    check_lineage(workspace, DAY)


def test_checkpoints_of_older_data_are_refused_though_the_settings_are_the_same(workspace: Workspace) -> None:
    before = data_version_of(workspace.store, "midtrain_dataset", DAY)

    make_data(workspace, SUBMIT_WIRE, NOOP, Action(ActionKind.CLICK, "e1"))

    after = data_version_of(workspace.store, "midtrain_dataset", DAY)
    assert before != after
    assert refused(workspace) == (
        f"checkpoints/midtrain/{DAY} was trained on midtrain_dataset {before}, the day's is {after}; "
        f"make it again (`wm run --day {DAY} --redo-from midtrain_checkpoint`)"
    )


@pytest.mark.parametrize("name", ["sft", "distilled", ABLATION])
def test_a_checkpoint_of_other_data_is_refused(workspace: Workspace, manifest: Manifest, name: str) -> None:
    put(workspace, name, replace(manifest, model_version=f"the-{name}", data_version="d1", parents=PARENTS[name]))

    wanted = data_version_of(workspace.store, "sft_dataset", DAY)
    asset = "distilled" if name == "distilled" else "sft"
    assert refused(workspace) == (
        f"{FOLDERS[name]} was trained on sft_dataset d1, the day's is {wanted}; "
        f"make it again (`wm run --day {DAY} --redo-from {asset}_checkpoint`)"
    )


@pytest.mark.parametrize(
    ("name", "parents", "told"),
    [
        ("sft", ("another",), "was started from another, the day's midtrain checkpoint is the-midtrain"),
        ("sft", (), "was started from nothing, the day's midtrain checkpoint is the-midtrain"),
        ("distilled", ("the-midtrain",), "was started from the-midtrain, the day's sft checkpoint is the-sft"),
    ],
    ids=["another parent", "no parent", "a grandparent"],
)
def test_a_checkpoint_that_skips_the_one_before_it_is_refused(
    workspace: Workspace, manifest: Manifest, name: str, parents: tuple[str, ...], told: str
) -> None:
    version = data_version_of(workspace.store, "sft_dataset", DAY)
    put(workspace, name, replace(manifest, model_version=f"the-{name}", data_version=version, parents=parents))

    assert refused(workspace) == (
        f"checkpoints/{name}/{DAY} {told}; make it again (`wm run --day {DAY} --redo-from {name}_checkpoint`)"
    )


def test_content_changes_with_a_value_and_not_with_a_rerun(workspace: Workspace) -> None:
    frame = workspace.store.read(SftSchema, days=[DAY])

    assert content_of(frame) == content_of(frame.clone())
    assert content_of(frame) != content_of(frame.with_columns(pl.col("weight") * 2))
