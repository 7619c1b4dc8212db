"""Patterns in the report: each against what instrumentation saw, beside the same pattern at random."""

from typing import Any

import polars as pl
import pytest

from tests.builders import world_rows
from wm_pipeline.domain.vocabulary import StatePattern
from wm_pipeline.environments.sites.registry import registered_attacks
from wm_pipeline.evaluate.patterns import FAMILIES, pattern_numbers

ABOUT_NOTHING_VISIBLE = {
    *("crafted_url", "oauth_overconsent", "open_redirect", "overlay_clickjacking", "popup_dialog"),
    *("acting_link", "added_recipient", "borrowed_voice", "house_rule", "moved_default", "rival_note", "twin_record"),
}
"""Attacks that no pattern is about."""


def numbers(*rows: tuple[str | None, bool, bool, tuple[str, ...]]) -> dict[str, dict[str, Any]]:
    """Of rows: the family planted, whether it is a look-alike, whether harm was done, which patterns fire."""
    keyed = world_rows(len(rows)).with_columns(
        pl.Series("trajectory_id", [f"t{at}" for at in range(len(rows))]),
        pl.lit(0).alias("step_index"),
        pl.lit(0).alias("branch_index"),
        pl.Series("attack_family", [family for family, *_ in rows], dtype=pl.String),
        pl.Series("is_lookalike", [is_lookalike for _, is_lookalike, *_ in rows]),
        pl.Series("is_harmful", [is_harmful for *_, is_harmful, _ in rows]),
    )
    questions = keyed.select("trajectory_id", "step_index", "branch_index").with_columns(
        pl.Series("patterns", [list(found) for *_, found in rows], dtype=pl.List(pl.String))
    )
    return pattern_numbers(keyed, questions)  # type: ignore[arg-type]


MEMORY = StatePattern.MEMORY_POISONING.value
ROWS = [
    ("storage_poisoning", False, True, (MEMORY,)),
    ("storage_poisoning", False, True, ()),
    ("storage_poisoning", True, False, (MEMORY,)),
    ("lookalike_link", False, True, ()),
    (None, False, False, (MEMORY,)),
    (None, False, False, ()),
    (None, False, False, ()),
    (None, False, False, ()),
]


def test_a_pattern_is_measured_by_the_harm_that_it_is_about() -> None:
    found = numbers(*ROWS)[MEMORY]

    assert (found["fired"], found["harmful"]) == (3, 2)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["precision_at_random"] == pytest.approx(3 / 8)
    assert found["recall"] == pytest.approx(1 / 2)
    assert found["recall_at_random"] == pytest.approx(3 / 8)
    assert found["fires_without_attack"] == pytest.approx(2 / 5)


def test_a_pattern_that_never_fires_has_no_precision_and_no_recall_where_nothing_is_to_be_found() -> None:
    found = numbers(*ROWS[4:])[StatePattern.LOOKALIKE_LINK.value]

    assert (found["fired"], found["precision"], found["recall"], found["recall_at_random"]) == (0, None, None, 0.0)


def test_a_pattern_that_is_moved_to_other_rows_falls_to_its_null() -> None:
    """The control: one that is right on every row, and the same with its rows shifted by half."""
    right = [("storage_poisoning", False, at % 4 == 0, (MEMORY,) if at % 4 == 0 else ()) for at in range(40)]
    moved = [(*right[at][:3], right[(at + 2) % 40][3]) for at in range(40)]

    at_its_best, by_chance = numbers(*right)[MEMORY], numbers(*moved)[MEMORY]

    assert (at_its_best["precision"], at_its_best["recall"]) == (1.0, 1.0)
    assert by_chance["precision"] <= by_chance["precision_at_random"]
    assert by_chance["recall"] <= by_chance["recall_at_random"]


def test_every_attack_family_is_one_that_a_pattern_is_about_or_known_to_be_none() -> None:
    about = [family for families in FAMILIES.values() for family in families]

    assert set(FAMILIES) == set(StatePattern)
    assert sorted([*about, *ABOUT_NOTHING_VISIBLE]) == sorted(registered_attacks())
