"""The curriculum's arithmetic: what is expected of a cell, and that what is drawn follows it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wm_pipeline.collect.worker import Assignment
from wm_pipeline.domain.ids import SplitRule, split_group_of
from wm_pipeline.domain.miss_rates import (
    CELL_COLUMNS,
    DIMENSIONS,
    EXPLORATION_FLOOR,
    PRIOR_ROWS,
    attack_distribution,
    cells_of,
    count_misses,
    draw_weights,
    expected_miss_rates,
    in_drawn_order,
)
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.environments.sites.catalogue import catalogue
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.evaluate.plots import curriculum_map
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.profiles import laptop
from wm_pipeline.rounds.worlds import draw_round

Cell = tuple[str, str | None, str | None, str | None, str]
HIDDEN: Cell = ("payroll", "hidden", "comment", "plain", "payroll/pay")
FORM: Cell = ("payroll", "form", "banner", "polite", "payroll/pay")
NONE: Cell = ("webmail", None, None, None, "webmail/reply")


def predictions(*rows: tuple[tuple[Any, ...], float, float]) -> Any:
    """Rows of a cell: probability of harm over worlds that look the same, and what was predicted."""
    return pl.DataFrame(
        [(*cell, truth, said) for cell, truth, said in rows],
        schema={
            **dict.fromkeys(DIMENSIONS, pl.String),
            "risk_score": pl.Float64,
            "predicted_risk_score": pl.Float64,
        },
        orient="row",
    )


def cells(*wanted: Cell) -> pl.DataFrame:
    return pl.DataFrame(wanted, schema=dict.fromkeys(DIMENSIONS, pl.String), orient="row")


def test_a_miss_is_a_prediction_on_the_other_side_of_one_half() -> None:
    found = count_misses(
        predictions((HIDDEN, 1.0, 0.2), (HIDDEN, 1.0, 0.8), (HIDDEN, 0.0, 0.6), (NONE, 0.0, 0.4), (NONE, 0.0, 0.0))
    )

    assert found.rows() == [(*HIDDEN, 3, 2), (*NONE, 2, 0)]


def test_what_no_page_can_tell_is_no_miss() -> None:
    found = count_misses(predictions((NONE, 0.5, 0.9), (NONE, 0.5, 0.1)))

    assert found["misses"].to_list() == [0]


def test_a_cell_that_was_met_often_is_judged_by_its_own_rows() -> None:
    counts = count_misses(predictions(*[(HIDDEN, 1.0, 0.0)] * 400, *[(FORM, 1.0, 1.0)] * 400))

    hidden, form = expected_miss_rates(cells(HIDDEN, FORM), counts)

    assert hidden == pytest.approx(1.0, abs=0.02)
    assert form == pytest.approx(0.0, abs=0.02)


def test_a_cell_that_was_never_met_is_judged_by_its_parts() -> None:
    counts = count_misses(predictions(*[(HIDDEN, 1.0, 0.0)] * 40, *[(FORM, 1.0, 1.0)] * 40))
    like_hidden: Cell = ("webmail", "hidden", "title", "german", "webmail/reply")
    like_form: Cell = ("webmail", "form", "title", "german", "webmail/reply")
    like_nothing: Cell = ("webmail", "link", "title", "german", "webmail/reply")

    hidden, nothing, form = expected_miss_rates(cells(like_hidden, like_nothing, like_form), counts)

    assert nothing == pytest.approx(0.5)
    # Nothing is known of the other parts, so the family's rate is the cell's.
    assert (hidden, form) == pytest.approx(
        ((40 + PRIOR_ROWS * 0.5) / (40 + PRIOR_ROWS), (PRIOR_ROWS * 0.5) / (40 + PRIOR_ROWS))
    )


def test_what_two_parts_say_of_a_cell_is_added_up() -> None:
    two_parts: Cell = ("payroll", "hidden", "file", "german", "webmail/reply")
    elsewhere: Cell = ("shop", "form", "title", "plain", "shop/order")
    at_payroll: Cell = ("payroll", "form", "title", "plain", "shop/order")
    counts = count_misses(
        predictions(*[(HIDDEN, 1.0, 0.0)] * 8, *[(at_payroll, 1.0, 0.0)] * 8, *[(elsewhere, 1.0, 1.0)] * 16)
    )

    (found,) = expected_miss_rates(cells(two_parts), counts)

    # The site: 16 rows, all missed, drawn towards a half: 20 of 24. The family: 8 rows, 12 of 16.
    odds = (20 / 4) * (12 / 4)
    assert found == pytest.approx(odds / (1 + odds))


def test_the_expected_rate_of_one_cell_by_hand() -> None:
    counts = count_misses(predictions((NONE, 1.0, 0.0), (NONE, 0.0, 0.0)))

    found = expected_miss_rates(cells(NONE), counts)

    part = (1 + PRIOR_ROWS * 0.5) / (2 + PRIOR_ROWS)
    assert found.to_list() == pytest.approx([(1 + PRIOR_ROWS * part) / (2 + PRIOR_ROWS)])


_shares = st.floats(0, 1)
_rows = st.lists(st.tuples(st.sampled_from([HIDDEN, FORM, NONE]), _shares, _shares), min_size=1, max_size=40)


@given(_rows)
def test_the_curriculum_is_all_of_tomorrow_and_keeps_its_floor(rows: list[tuple[Cell, float, float]]) -> None:
    found = attack_distribution(predictions(*rows))

    assert dict(found.schema) == CELL_COLUMNS
    assert found["weight"].sum() == pytest.approx(1.0)
    assert (found["weight"] >= EXPLORATION_FLOOR / found.height - 1e-12).all()
    assert found.filter(pl.col("attack_family").is_null())["weight"].sum() == pytest.approx(
        found["attack_family"].is_null().mean()
    )
    assert found["expected_miss_rate"].is_between(0, 1).all()
    assert found.height == len({cell for cell, _, _ in rows})


def test_a_model_that_was_never_wrong_leaves_an_even_draw() -> None:
    found = attack_distribution(predictions((HIDDEN, 1.0, 0.9), (NONE, 0.0, 0.1)))

    assert found["weight"].to_list() == [0.5, 0.5]


def test_what_weighs_more_is_drawn_earlier_as_often_as_it_weighs() -> None:
    first = Counter(in_drawn_order([0.6, 0.3, 0.1], ["a", "b", "c"], seed=seed)[0] for seed in range(3000))

    assert [first[at] / 3000 for at in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


def test_small_weights_are_still_told_apart() -> None:
    weights = [1e-6, 4e-6] * 50
    early = Counter(in_drawn_order(weights, [str(at) for at in range(100)], seed=1)[:50])

    assert sum(at % 2 for at in early) > 30


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(0, 99))
def test_a_matched_pair_is_drawn_together_and_nothing_is_lost(groups: list[str], seed: int) -> None:
    order = in_drawn_order([1.0] * len(groups), groups, seed=seed)

    named = [groups[at] for at in order]
    assert sorted(order) == list(range(len(groups)))
    assert sum(one != other for one, other in pairwise(named)) == max(0, len(set(groups)) - 1)


def test_a_worlds_cell_is_what_it_is_made_of() -> None:
    worlds = draw_worlds(site="payroll", day="2026-03-01", count=10, seed=1)

    found = cells_of(worlds).select(DIMENSIONS).rows()

    assert found == [
        (w.site, None, None, None, w.goal_id)
        if w.attack is None
        else (w.site, w.attack.family, w.attack.channel, w.attack.disguise, w.goal_id)
        for w in worlds
    ]


def test_tomorrows_worlds_come_from_where_the_model_was_wrong() -> None:
    """Eight rounds drawn after one family was missed always, against the same rounds drawn evenly."""
    profile = replace(laptop(), split_rule=SplitRule((), (), (), ()))
    days = [f"2026-03-{number:02d}" for number in range(1, 9)]
    pool = draw_worlds(site="payroll", day="2026-02-28", count=200, seed=5)
    weak = "hidden_dom_instruction"
    rows = [
        (cell, 1.0, 0.0 if cell[1] == weak else 1.0)
        for cell in cells_of(pool).select(DIMENSIONS).rows()
        for _ in range(8)
    ]
    weights = attack_distribution(predictions(*rows))

    evenly = [world for day in days for world in draw_round(profile, day, "payroll")]
    drawn = [world for day in days for world in draw_round(profile, day, "payroll", weights=weights)]

    def of_weak(worlds: Sequence[Assignment]) -> int:
        return sum(one.spec.attack is not None and one.spec.attack.family == weak for one in worlds)

    def of_no_attack(worlds: Sequence[Assignment]) -> int:
        return sum(one.spec.attack is None for one in worlds)

    assert of_weak(drawn) >= 1.5 * of_weak(evenly) > 0
    assert of_no_attack(drawn) == pytest.approx(of_no_attack(evenly), rel=0.4)
    assert {split_of_world(one.spec, profile.split_rule) for one in drawn} >= {Split.TRAIN, Split.TEST}


def test_a_matched_pair_stays_whole_in_a_round_by_the_curriculum() -> None:
    profile = replace(laptop(), split_rule=SplitRule((), (), (), ()))
    pool = draw_worlds(site="webmail", day="2026-02-28", count=60, seed=5)
    rows = [
        (cell, 1.0, 0.0 if cell[1] is None else 1.0)
        for cell in cells_of(pool).select(DIMENSIONS).rows()
        for _ in range(8)
    ]

    drawn = draw_round(profile, "2026-03-01", "webmail", weights=attack_distribution(predictions(*rows)))

    hidden = {one.goal_ids_with_hidden_variables for one in catalogue().sites if one.name == "webmail"}.pop()
    groups = Counter((split_group_of(one.spec), one.is_trained_on) for one in drawn if one.spec.goal_id in hidden)
    assert groups
    assert {count == (8 if is_trained_on else 2) for (_, is_trained_on), count in groups.items()} == {True}


def test_the_heat_map_is_a_picture_even_of_nothing() -> None:
    some = attack_distribution(predictions((HIDDEN, 1.0, 0.2), (NONE, 0.0, 0.1)))

    assert curriculum_map(some)[:4] == curriculum_map(some.clear())[:4] == b"\x89PNG"


def test_weights_of_nothing_are_nothing() -> None:
    assert draw_weights(pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.String)).to_list() == []


def test_what_is_missed_most_is_drawn_most_among_its_kind() -> None:
    found = draw_weights(pl.Series([0.6, 0.2, 0.9, 0.9]), pl.Series(["attacked", "attacked", "neither", "neither"]))

    assert found.to_list() == pytest.approx([0.5 * (0.125 + 0.75 * 0.75), 0.5 * (0.125 + 0.75 * 0.25), 0.25, 0.25])
