"""`scan` reads where a round writes, each row once; other tools read a table's folder as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from tests.builders import payment_state
from tests.builders_experience import DAY, Done, Visit, annotate, experience, trajectory, world
from tests.gateways.test_places import ODD
from wm_pipeline.datasets import scan
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.errors import FormatVersionError, MissingUpstreamError, TableError
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

NEXT_DAY = "2026-11-23"


def fill(root: Path) -> None:
    frames = experience(trajectory(world(), [Visit(payment_state(), [Done(NOOP)])]))
    for table, frame in frames._asdict().items():
        TableStore(str(root)).write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "f"})


@pytest.mark.parametrize(
    "variables", [{"WM_STATE": "state"}, {"WM_STATE": "elsewhere", "WM_DATA": "state/data"}], ids=["state", "data"]
)
def test_without_a_root_the_settings_say_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    fill(tmp_path / "state" / "data")
    monkeypatch.delenv("WM_DATA", raising=False)
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")

    assert scan("transitions").collect().height == 1


def test_what_is_not_there_is_told_with_the_folder_and_how_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WM_DATA", raising=False)
    monkeypatch.setenv("WM_STATE", str(tmp_path))

    with pytest.raises(MissingUpstreamError) as refused:
        scan("transitions")

    assert str(refused.value) == (
        f"no transitions in {tmp_path}/data; materialize it first (`wm run`); "
        "this folder was chosen because WM_STATE names the folder above it"
    )


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_is_written_and_read(tmp_path: Path, name: str) -> None:
    fill(tmp_path / name)

    assert scan("transitions", root=str(tmp_path / name)).collect().height == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


# --- two rounds whose windows overlap ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Every table of two days; the datasets of the second hold the experience of both."""
    root = str(tmp_path_factory.mktemp("two_rounds"))
    store = TableStore(root)
    workspace = Workspace(StorageSettings(work_folder=f"{root}-work"), store, ModelRegistry("sqlite://"), tiny())
    for seed, day in enumerate((DAY, NEXT_DAY)):
        visit = Visit(payment_state(title=f"Wires {'ab'[seed]}"), [Done(NOOP)])
        tables = experience(trajectory(world(seed), [visit]))
        for table, frame in {**tables._asdict(), "annotations": annotate(tables)}.items():
            if "day" in frame.columns:
                frame = frame.with_columns(pl.lit(day).alias("day"))
            store.write(table, frame, day=day, partition="payroll", lineage={"fingerprint": "f"})
        for table in ("midtrain_dataset", "sft_dataset"):
            make_dataset(workspace, day, table)
        for table in ("predictions", "loop_episodes", "loop_decisions", "decisions"):
            store.write(table, TABLES[table].create_empty(), day=day, lineage={"fingerprint": "f"})
    return root


@pytest.mark.parametrize("table", ["midtrain_dataset", "sft_dataset"])
def test_a_dataset_is_read_once_though_windows_overlap(two_rounds: str, table: str) -> None:
    newest = scan(table, root=two_rounds).collect()

    assert sorted(newest["day"]) == [DAY, NEXT_DAY]
    assert newest["round_day"].to_list() == [NEXT_DAY, NEXT_DAY]


def test_another_days_dataset_or_all_of_them_are_read_when_asked_for(two_rounds: str) -> None:
    chosen = scan("sft_dataset", root=two_rounds, days=DAY).collect()
    every = scan("sft_dataset", root=two_rounds, days="all").collect()

    assert chosen.select("day", "round_day").rows() == [(DAY, DAY)]
    assert every.select("day", "round_day").sort(pl.all()).rows() == [(DAY, DAY), (DAY, NEXT_DAY), (NEXT_DAY, NEXT_DAY)]


def test_other_tables_are_read_whole_and_keep_their_columns(two_rounds: str) -> None:
    trajectories = scan("trajectories", root=two_rounds).collect()

    assert sorted(trajectories["day"]) == [DAY, NEXT_DAY]
    assert trajectories.columns == TABLES["trajectories"].column_names()


READERS: dict[str, Callable[[str], Any]] = {
    "pandas": lambda folder: pd.read_parquet(folder),
    "pyarrow": lambda folder: ds.dataset(folder, partitioning="hive").to_table(),
    "polars": lambda folder: pl.read_parquet(folder),
    "polars, by a pattern": lambda folder: pl.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_tables_folder_is_read_as_it_is(two_rounds: str, table: str, reader: str) -> None:
    found = READERS[reader](f"{two_rounds}/tables/{table}")

    expected = scan(table, root=two_rounds, days="all").collect()
    assert len(found) == expected.height
    columns = found.column_names if reader == "pyarrow" else list(found.columns)
    assert set(columns) == {*expected.columns, "round_day"}
    if "day" in expected.columns:
        assert sorted(map(str, found["day"])) == sorted(expected["day"])


def test_tables_of_an_earlier_release_are_refused_not_overlooked(two_rounds: str, tmp_path: Path) -> None:
    old = TableStore(two_rounds).read_bytes(f"tables/states/round_day={DAY}/payroll.parquet")
    store = TableStore(str(tmp_path))
    store._files.write(f"tables/states/day={DAY}/payroll.parquet", old)

    with pytest.raises(FormatVersionError) as refused:
        scan("states", root=str(tmp_path))

    assert str(refused.value) == (
        f"{tmp_path}/tables/states/day={DAY}/payroll.parquet lies where an earlier release put tables; "
        "use the release that wrote it, or point WM_DATA to a new folder"
    )


def test_an_unknown_table_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(TableError) as refused:
        scan("stats", root=str(tmp_path))

    assert str(refused.value) == (
        "unknown table 'stats'; there are trajectories, states, transitions, state_texts, questions, annotations, "
        "midtrain_dataset, sft_dataset, predictions, loop_episodes, loop_decisions, decisions"
    )
