"""The table of assets: what is out of date and why, from code, settings and data."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.builders import payment_state
from tests.builders_experience import Done, Visit, experience, trajectory, world
from tests.builders_rounds import collect, finish_round
from wm_pipeline.datasets.window import in_pieces
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.errors import DamagedError
from wm_pipeline.domain.tables import TABLES, SftSchema
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_file import Content, content_of
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds import datasets, graph
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.graph import ASSET, ASSETS, ROUND_ASSETS, Asset, fingerprints, stale_assets, trainings_of
from wm_pipeline.rounds.profiles import laptop, tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace, lineage_of

DAY, BEFORE = "2026-11-22", "2026-11-20"
PROFILE = replace(tiny(), round=replace(tiny().round, sites=("payroll", "webmail")))
DATASETS = ("midtrain_dataset", "sft_dataset")


def workspace_in(folder: Path) -> Workspace:
    storage = StorageSettings(data_root=str(folder / "data"), work_folder=str(folder / "work"))
    registry = ModelRegistry(f"sqlite:///{folder}/mlflow.db")
    return Workspace(storage, TableStore(storage.data_root), registry, PROFILE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished round, made once."""
    folder = tmp_path_factory.mktemp("finished")
    finish_round(workspace_in(folder), DAY)
    return folder


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Workspace:
    """A workspace with a finished round."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return workspace_in(tmp_path)


def stale(workspace: Workspace, *, redone: Sequence[str] = ()) -> dict[str, str]:
    return stale_assets(workspace.store, workspace.profile, DAY, redone=redone)


@contextmanager
def other_code(name: str) -> Iterator[None]:
    """The code of one asset is raised to another version."""
    before = graph.ASSETS
    changed = (replace(row, code_version="other") if row.name == name else row for row in before)
    graph.ASSETS = tuple(changed)  # type: ignore[assignment] # as many as before
    try:
        yield
    finally:
        graph.ASSETS = before


def test_what_is_finished_is_not_made_again(workspace: Workspace) -> None:
    assert stale(workspace) == {}


def test_upstream_stands_before_what_is_made_from_it() -> None:
    for position, row in enumerate(ASSETS):
        assert set(row.upstream) <= {before.name for before in ASSETS[:position]}


def test_other_code_of_the_evaluation_leaves_rollouts_and_models_as_they_are(workspace: Workspace) -> None:
    with other_code("eval_report"):
        found = stale(workspace)

    assert found == dict.fromkeys(("eval_report", "model_version", "attack_curriculum"), "code or settings changed")


def test_other_settings_of_sft_make_it_and_what_follows_again(workspace: Workspace) -> None:
    slower = replace(PROFILE, sft=replace(PROFILE.sft, learning_rate=1e-5))

    found = stale(replace(workspace, profile=slower))

    later = ("sft_checkpoint", "distilled_checkpoint", "eval_report", "model_version", "attack_curriculum")
    assert found == dict.fromkeys(later, "code or settings changed")


def test_another_baseline_that_is_asked_makes_the_report_again() -> None:
    changed = replace(laptop(), zero_shot_model=replace(laptop().zero_shot_model, max_state_tokens=64))

    before, after = fingerprints(laptop()), fingerprints(changed)

    assert {name for name in before if before[name] != after[name]} == {
        *("eval_report", "model_version", "attack_curriculum", "reviewed_decisions")
    }


def test_experience_that_changed_makes_all_that_is_made_from_it_again(workspace: Workspace) -> None:
    visits = [Visit(payment_state(title="another"), [Done(NOOP)])]
    frames = experience(trajectory(world(5, site="webmail"), visits, day=DAY))
    lineage = lineage_of(workspace, "raw_trajectories", DAY)
    for table in ASSET["raw_trajectories"].tables:
        workspace.store.write(table, frames._asdict()[table], day=DAY, partition="webmail", lineage=lineage)

    found = stale(workspace)

    assert list(found) == list(ROUND_ASSETS[1:])
    assert found["questions"] == "raw_trajectories changed of webmail"
    assert found["socratic_annotations"] == "raw_trajectories changed of webmail"
    assert found["midtrain_checkpoint"] == "midtrain_dataset is made again"


def test_every_site_with_a_reason_is_named(workspace: Workspace) -> None:
    for place in ("tables/annotations", "records/tables/annotations"):
        shutil.rmtree(workspace.store.address_of(place))

    found = stale(workspace)

    assert found["socratic_annotations"] == "there is none of payroll, webmail"


def test_every_damaged_file_is_named(workspace: Workspace) -> None:
    folder = Path(workspace.store.address_of(f"tables/annotations/round_day={DAY}"))
    for site in PROFILE.round.sites:
        (folder / f"{site}.parquet").unlink()

    found = stale(workspace)["socratic_annotations"]

    assert found == "; ".join(f"{folder}/{site}.parquet is missing" for site in PROFILE.round.sites)


def test_a_dataset_that_is_made_again_to_the_same_rows_changes_nothing_downstream(workspace: Workspace) -> None:
    make_dataset(workspace, DAY, "sft_dataset")

    assert stale(workspace) == {}


@pytest.mark.parametrize("site", ["payroll", "crm"], ids=["of a round", "imported"])
def test_experience_of_an_earlier_day_of_the_window_makes_datasets_again(workspace: Workspace, site: str) -> None:
    collect(workspace, site, day=BEFORE)

    assert stale(workspace)["sft_dataset"] == "raw_trajectories, questions, socratic_annotations changed"


@pytest.mark.parametrize("table", DATASETS)
def test_experience_that_comes_while_a_dataset_is_built_makes_it_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """`wm data import` waits for no round."""

    def read_while_it_comes(*arguments: Any, **named: Any) -> Iterator[pl.DataFrame]:
        collect(workspace, "acme", day=DAY, seed=2)
        return in_pieces(*arguments, **named)

    monkeypatch.setattr(datasets, "in_pieces", read_while_it_comes)
    make_dataset(workspace, DAY, table)
    monkeypatch.undo()
    found = stale(workspace)
    sites = workspace.store.read(TABLES[table], days=[DAY])["site"].unique().to_list()

    assert "acme" not in sites
    assert found[table] == "raw_trajectories, questions, socratic_annotations changed"


def test_experience_before_the_window_changes_nothing(workspace: Workspace) -> None:
    collect(workspace, "crm", day="2026-11-15")

    assert stale(workspace) == {}


def test_a_day_of_the_window_whose_annotation_was_killed_changes_nothing_whether_it_stays_or_goes(
    workspace: Workspace,
) -> None:
    """Datasets hold annotated days alone, and `wm gc` may delete the rest."""
    collect(workspace, "payroll", day=BEFORE)
    workspace.store.remove([f"tables/annotations/round_day={BEFORE}/payroll.parquet"])

    assert stale(workspace) == {}


@pytest.mark.parametrize("row", [row for row in ASSETS if row.root], ids=lambda row: row.name)
def test_an_output_that_is_gone_is_made_again(workspace: Workspace, row: Asset) -> None:
    shutil.rmtree(workspace.store.address_of(row.folder(DAY)))

    assert stale(workspace)[row.name] == f"{workspace.store.address_of(row.folder(DAY))}/made.txt is missing"


def test_a_table_of_one_site_that_is_gone_is_named(workspace: Workspace) -> None:
    Path(workspace.store.address_of(f"tables/trajectories/round_day={DAY}/payroll.parquet")).unlink()

    path = workspace.store.address_of(f"tables/trajectories/round_day={DAY}/payroll.parquet")
    assert stale(workspace, redone=["raw_trajectories"])["raw_trajectories"] == f"{path} is missing"


ALL_PLACES = [
    (row.name, partition, place)
    for row in ASSETS
    if row.is_planned
    for partition in (PROFILE.round.sites[:1] if row.is_by_site else ("all",))
    for place in row.places(DAY, partition)
]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "flipped": flip_a_bit,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
@pytest.mark.parametrize(("name", "partition", "place"), ALL_PLACES, ids=[place for _, _, place in ALL_PLACES])
def test_whatever_is_not_as_it_was_committed_is_made_again_and_what_is_made_from_it(
    workspace: Workspace, name: str, partition: str, place: str, damage: str
) -> None:
    path = Path(workspace.store.address_of(place))
    file = next(one for one in sorted(path.rglob("*")) if one.is_file()) if path.is_dir() else path
    DAMAGES[damage](file)

    found = stale(workspace, redone=["raw_trajectories"])

    assert found[name].startswith(f"{file} is {'missing' if damage == 'deleted' else 'damaged: expected '}")
    behind = [row.name for row in ASSETS if row.is_planned and name in row.upstream]
    assert set(behind) <= found.keys()
    before = ROUND_ASSETS[: ROUND_ASSETS.index(name)]
    assert not set(before) & found.keys()


def test_what_was_rolled_out_on_a_past_day_is_not_replaced_unasked(workspace: Workspace) -> None:
    path = workspace.store.address_of(f"tables/states/round_day={DAY}/payroll.parquet")
    flip_a_bit(Path(path))

    with pytest.raises(DamagedError) as refused:
        stale(workspace)

    told = str(refused.value)
    assert told.startswith(f"{path} is damaged: expected SHA-256 ")
    assert told.endswith(
        "; what was rolled out on a past day cannot be made again as it was: restore it from a backup, or roll out "
        f"anew (`wm run --day {DAY} --redo-from raw_trajectories`)"
    )


def test_every_training_has_a_folder_of_its_own() -> None:
    folders = {training.name: training.folder(DAY) for training in trainings_of(laptop())}

    assert folders == {
        "midtrain": f"checkpoints/midtrain/{DAY}",
        "sft": f"checkpoints/sft/{DAY}",
        "without_midtraining": f"checkpoints/sft/{DAY}/without_midtraining",
        "distilled": f"checkpoints/distilled/{DAY}",
    }


def test_content_follows_values_and_not_the_pieces_they_lie_in(workspace: Workspace) -> None:
    frame = workspace.store.read(SftSchema)
    in_pieces = Content()
    for piece in frame.iter_slices(1):
        in_pieces.add(piece)

    assert in_pieces.hexdigest() == content_of(frame) == content_of(pl.concat(frame.iter_slices(1), rechunk=False))
    assert content_of(frame) != content_of(frame.with_columns(pl.col("weight") * 2))
    nothing = pl.lit(None, frame.schema["counterfactual_action"]).alias("counterfactual_action")
    assert content_of(frame) != content_of(frame.with_columns(nothing))
