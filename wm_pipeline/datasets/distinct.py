"""Which rows are worth a place: each question once, on each page once, and no page more often than its cap.

Near-duplicates are found by a hash of normalized text, not by MinHash: what MinHash finds on our pages at a similarity
of 0.9 are pages reached along another way (docs/decisions/0005), which is an equality and needs no threshold.
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import without_leaks
from wm_pipeline.domain.tables import KEY
from wm_pipeline.domain.text import HISTORY_PATTERN, PAGE_PATTERN

_DIGITS = r"\d+"


class Kept(NamedTuple):
    """Rows that stay, and how many went for which reason."""

    rows: pl.DataFrame
    removed: Mapping[str, int]


def page_of(state_summary: pl.Expr) -> pl.Expr:
    """A number for page and goal: equal for states that differ in how they were reached, case and spacing alone.

    Figures count: a page that asks for another amount is another question.
    """
    return state_summary.str.replace_all(HISTORY_PATTERN, "").str.to_lowercase().str.replace_all(r"\s+", " ").hash()


def template_of(state_summary: pl.Expr, action_repr: pl.Expr) -> pl.Expr:
    """A number for what is done where, whatever record it is about: the page's address and the action's first line."""
    address = state_summary.str.extract(PAGE_PATTERN).fill_null("").str.replace_all(_DIGITS, "0")
    action = action_repr.str.extract(r"^([^\n]*)").str.replace_all(_DIGITS, "0")
    return pl.concat_str([address, action], separator=" ").hash()


def keep_distinct(frame: pl.DataFrame, *, outcome: list[str], settings: DatasetSettings) -> Kept:
    """One row a question in a stable order, no visible state and no page in two splits, no template above its cap.

    Needs `split`, `page` and `template`, and drops the latter two. Leaks go first, so that of a question asked in a
    training and in a test world the training row is left. A near-duplicate is the same action on the same page with the
    same `outcome`: where the outcome differs, the little that differs on the page is what there is to learn.
    """
    removed: dict[str, int] = {}

    def left(name: str, rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
        removed[name] = before.height - rows.height
        return rows

    leakless = left("leaking_states", without_leaks(frame, by="state_id"), frame)
    apart = left("leaking_pages", without_leaks(leakless, by="page"), leakless).sort(KEY)
    once = left("same_questions", _first_of(apart, ["state_id", "action_repr"]), apart)
    unlike = left("near_duplicates", _first_of(once, ["split", "page", "action_repr", *outcome]), once)
    place_in_template = pl.int_range(pl.len()).over("split", "template")
    capped = left("over_template_cap", unlike.filter(place_in_template < settings.rows_per_template), unlike)
    return Kept(capped.drop("page", "template"), removed)


def _first_of(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return frame.unique(columns, keep="first", maintain_order=True)
