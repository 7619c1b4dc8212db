"""Tables: rows that need rows of other tables, columns that name a world, and what a row has to name."""

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tests.builders import payment_state
from tests.builders_experience import HIDDEN_TEXT, Done, Visit, annotate, experience, trajectory, world
from wm_pipeline.domain.action import ASK_HUMAN, NOOP
from wm_pipeline.domain.errors import TableError
from wm_pipeline.domain.experience import check_experience
from wm_pipeline.domain.tables import WORLD, StateSchema, frame_of, world_columns

VISITS = [Visit(payment_state(title=title), [Done(NOOP), Done(ASK_HUMAN)]) for title in ("one", "two")]
EXPERIENCED = experience(*(trajectory(world(seed), VISITS) for seed in (1, 2)))
WHOLE: dict[str, pl.DataFrame] = {**EXPERIENCED._asdict(), "annotations": annotate(EXPERIENCED)}
IDS = EXPERIENCED.trajectories["trajectory_id"].to_list()
FIRST = IDS[0]
STATES = EXPERIENCED.states["state_id"]

Break = Callable[[pl.DataFrame], pl.DataFrame]


def without_first(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("trajectory_id") != FIRST)


def without_a_state(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("state_id") != STATES[0])


def in_another_state(frame: pl.DataFrame) -> pl.DataFrame:
    is_first = pl.int_range(pl.len()) == 0
    other = pl.when(pl.col("state_id") == STATES[0]).then(pl.lit(STATES[1])).otherwise(pl.lit(STATES[0]))
    return frame.with_columns(state_id=pl.when(is_first).then(other).otherwise("state_id"))


@pytest.mark.parametrize(
    ("table", "change", "rule", "rows"),
    [
        ("trajectories", without_first, "trajectory_is_stored", {"transitions": 4, "questions": 4, "annotations": 4}),
        ("transitions", without_first, "transition_is_stored", {"questions": 4, "annotations": 4}),
        ("questions", without_first, "transition_has_its_question", {"transitions": 4}),
        ("states", without_a_state, "states_are_stored", {"transitions": 8}),
        ("questions", in_another_state, "transition_has_its_question", {"questions": 4}),
        ("annotations", in_another_state, "transition_is_stored", {"annotations": 4}),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else None,
)
def test_a_row_without_the_rows_it_needs_is_found_and_its_rule_named(
    table: str, change: Break, rule: str, rows: dict[str, int]
) -> None:
    with pytest.raises(TableError) as refused:
        check_experience({**WHOLE, table: change(WHOLE[table])}, place="of 2026-11-22/payroll")

    told = str(refused.value)
    assert told.startswith("the tables of 2026-11-22/payroll do not belong together: ")
    for name, count in rows.items():
        assert re.search(rf"{count} rows of {name} break {rule}, such as those of trajectory ({'|'.join(IDS)})", told)


@pytest.mark.parametrize("left_out", [(), ("annotations",), ("questions", "state_texts", "annotations")])
def test_tables_that_belong_together_pass_whichever_of_them_there_are(left_out: tuple[str, ...]) -> None:
    check_experience({name: frame for name, frame in WHOLE.items() if name not in left_out}, place="of a test")


def test_a_world_is_named_by_all_its_columns_but_the_day() -> None:
    named = world_columns(world(attack=HIDDEN_TEXT))

    assert ["day", *named] == WORLD
    assert None not in named.values()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"state_id": "s"}, "missing ['state'], unknown []"),
        ({"state_id": "s", "state": None, "page": "p"}, "missing [], unknown ['page']"),
    ],
    ids=["less", "more"],
)
def test_a_row_that_does_not_name_the_columns_of_its_table_is_refused(row: dict[str, Any], told: str) -> None:
    with pytest.raises(AssertionError, match=f"^a row of StateSchema: {re.escape(told)}"):
        frame_of(StateSchema, [row])
