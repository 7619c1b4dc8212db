"""A dataset over many days is the one that all their rows give at once, and no more of it is held than a day."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from tests.builders import SUBMIT_WIRE, payment_state, wire_effect
from tests.builders_experience import (
    HIDDEN_TEXT,
    LEAK,
    Done,
    Experienced,
    Visit,
    annotate,
    experience,
    trajectory,
    world,
)
from wm_pipeline.datasets.build import RECIPES, Dataset, build_midtrain_dataset, build_sft_dataset
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.window import Recipe, Tables, choose, in_pieces
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.errors import TableError
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.tables import TABLES, AnnotationSchema
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_file import content_of
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
RULE = SplitRule((), (), (), ("w3",), test_share=0.4, validation_share=0.2)
SETTINGS = DatasetSettings(rows_per_template=7)
AT_ONCE: dict[str, Callable[..., Dataset[Any]]] = {
    "midtrain_dataset": build_midtrain_dataset,
    "sft_dataset": build_sft_dataset,
}
Frames = tuple[Experienced, dy.DataFrame[AnnotationSchema]]

both = pytest.mark.parametrize("table", list(RECIPES))


def day_of(day: str, *, seeds: Sequence[int] = range(4)) -> Frames:
    """Some trajectories of a day: pages that other days have too, questions asked again, pages reached another way."""
    records = []
    for seed in seeds:
        spec = world(seed, attack=HIDDEN_TEXT if seed % 2 else None, wording_id="w3" if seed == 3 else "w0")
        done = [
            Done(SUBMIT_WIRE, (wire_effect(payee="Northwind"),)),
            Done(Action(ActionKind.CLICK, "e5"), (LEAK,)),
            Done(ASK_HUMAN, is_expert=True),
            Done(NOOP),
            Done(Action(ActionKind.GOTO, value=f"/wires/W-{seed}"), failure=StopReason.BROWSER_CRASHED),
        ]
        visits = [
            Visit(payment_state(title=f"Wire {'abc'[seed % 3]}", prior_steps=(step,)), done)
            for step in ("go back", f"go back from {seed} on {day}")
        ]
        records.append(trajectory(spec, [*visits, Visit(payment_state(title=f"{day} {seed}"), done[:3])], day=day))
    tables = experience(*records)
    return tables, annotate(tables)


@pytest.fixture(scope="module")
def days() -> list[Frames]:
    return [day_of(day) for day in DAYS]


def lazy(frames: Frames) -> Tables:
    tables, annotations = frames
    return tables.annotated(annotations)


def together(days: Sequence[Frames]) -> Tables:
    """The days' tables as if they were one day's."""
    return Tables._make(pl.concat(tables) for tables in zip(*map(lazy, days), strict=True))


@both
@pytest.mark.parametrize("rows_at_once", [1, 5, 1000])
def test_rows_over_several_days_are_those_of_all_days_at_once(
    table: str, rows_at_once: int, days: list[Frames], tmp_path: Path
) -> None:
    at_once = AT_ONCE[table](together(days), rule=RULE, settings=SETTINGS)
    parts = [lazy(frames) for frames in days]

    choice = choose(RECIPES[table], parts, rule=RULE, settings=SETTINGS)
    pieces = list(in_pieces(RECIPES[table], parts, choice, scratch=tmp_path, rows_at_once=rows_at_once))

    assert pl.concat(pieces).equals(at_once.rows)
    assert choice.removed == at_once.removed
    assert all(choice.removed.values()), choice.removed  # each rule had something to decide
    assert {piece.height for piece in pieces[:-1]} <= {rows_at_once}
    assert list(tmp_path.iterdir()) == []


@both
def test_the_order_of_the_days_decides_nothing(table: str, days: list[Frames], tmp_path: Path) -> None:
    found = []
    for order in (days, days[::-1]):
        parts = [lazy(frames) for frames in order]
        choice = choose(RECIPES[table], parts, rule=RULE, settings=SETTINGS)
        found.append(pl.concat(in_pieces(RECIPES[table], parts, choice, scratch=tmp_path)))

    assert found[0].equals(found[1])


@both
def test_days_without_a_row_give_one_empty_piece(table: str, days: list[Frames], tmp_path: Path) -> None:
    parts = [Tables._make(table.clear() for table in lazy(frames)) for frames in days]

    choice = choose(RECIPES[table], parts, rule=RULE, settings=SETTINGS)
    pieces = list(in_pieces(RECIPES[table], parts, choice, scratch=tmp_path))

    assert [piece.height for piece in pieces] == [0]
    assert pieces[0].schema == AT_ONCE[table](together(days), rule=RULE).rows.schema


class Held:
    """A recipe that counts the whole rows alive whenever it is asked for more, and after each piece."""

    def __init__(self, recipe: Recipe[Any]) -> None:
        self._frames: list[weakref.ref[pl.DataFrame]] = []
        self._recipe = recipe
        self.most = 0
        self.recipe = replace(recipe, rows=self._rows)

    def _rows(self, tables: Tables, chosen: pl.DataFrame) -> pl.DataFrame:
        return self.count(self._recipe.rows(tables, chosen))

    def count(self, frame: pl.DataFrame) -> pl.DataFrame:
        self._frames.append(weakref.ref(frame))
        alive = [one for one in (reference() for reference in self._frames) if one is not None]
        self.most = max(self.most, sum(one.height for one in alive))
        return frame


@both
@pytest.mark.parametrize("count", [2, 8])
def test_no_more_whole_rows_are_held_than_those_of_a_day_and_a_piece(table: str, count: int, tmp_path: Path) -> None:
    parts = [lazy(day_of(f"2026-11-{number + 10}", seeds=range(3))) for number in range(count)]
    held = Held(RECIPES[table])
    choice = choose(held.recipe, parts, rule=RULE, settings=DatasetSettings())
    largest_day = max(choice.of_part(part).height for part in range(count))

    written = 0
    for piece in in_pieces(held.recipe, parts, choice, scratch=tmp_path, rows_at_once=4):
        written += held.count(piece).height

    assert written == choice.rows.height > largest_day + 4
    assert held.most <= largest_day + 4


def test_what_is_kept_of_every_row_is_no_text_but_a_few_numbers(days: list[Frames]) -> None:
    parts = [lazy(frames) for frames in days]

    choice = choose(RECIPES["midtrain_dataset"], parts, rule=RULE, settings=SETTINGS)

    assert all(kind.is_numeric() for kind in choice.rows.schema.dtypes())
    assert choice.rows.estimated_size() <= 20 * choice.rows.height


def test_a_table_that_was_replaced_meanwhile_is_noticed(days: list[Frames], tmp_path: Path) -> None:
    recipe, parts = RECIPES["midtrain_dataset"], [lazy(days[0]), lazy(days[1])]
    choice = choose(recipe, parts, rule=RULE, settings=SETTINGS)
    fewer: Any = parts[1].questions.filter(pl.col("action_text") != "do nothing")
    replaced = parts[1]._replace(questions=fewer)

    with pytest.raises(TableError) as refused:
        list(in_pieces(recipe, [parts[0], replaced], choice, scratch=tmp_path))

    gone = choice.of_part(1).join(
        days[1][0].questions.filter(pl.col("action_text") == "do nothing"), on="trajectory_id"
    )
    assert gone.height > 0
    assert str(refused.value).endswith(
        "rows that were chosen are gone: a table was replaced while a dataset was built from it; build it again"
    )


@both
@pytest.mark.slow
def test_the_stored_dataset_of_a_window_is_that_of_all_days_at_once(
    table: str, days: list[Frames], tmp_path: Path
) -> None:
    store, profile = TableStore(str(tmp_path / "data")), tiny()
    for day, frames in zip(DAYS, days, strict=True):
        tables, annotations = frames
        for name, frame in {**tables._asdict(), "annotations": annotations}.items():
            store.write(name, frame, day=day, partition="payroll", lineage={})
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db")
    workspace = Workspace(StorageSettings(work_folder=str(tmp_path / "work")), store, registry, profile)

    output = make_dataset(workspace, DAYS[-1], table)

    at_once = AT_ONCE[table](together(days), rule=profile.split_rule, settings=profile.datasets).rows
    assert store.read(TABLES[table]).equals(at_once)
    assert store.lineage_of(table, day=DAYS[-1])["content"] == content_of(at_once)
    assert (output.rows, output.numbers["days"]) == (at_once.height, 3)
    assert output.numbers["states"] == at_once["state_id"].n_unique()
