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


def with_page(states: pl.DataFrame) -> pl.DataFrame:
    """Add to each visible state a number for its page and goal, whatever the way there, and the page's address without
    its numbers."""
    text = pl.col("state_summary")
    return states.with_columns(
        text.str.replace_all(HISTORY_PATTERN, "").hash().alias("page"),
        text.str.extract(PAGE_PATTERN).fill_null("").str.replace_all(_DIGITS, "0").alias("address"),
    )


def keep_distinct(frame: pl.DataFrame, *, outcome: list[str], settings: DatasetSettings) -> Kept:
    """One row a question in a stable order, no visible state and no page in two splits, no template above its cap.

    Needs `split` and what `with_page` adds, and drops the latter. Leaks go first, so that of a question asked in a
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
    verb = pl.col("action_repr").str.splitn("\n", 2).struct.field("field_0").str.replace_all(_DIGITS, "0")
    place_in_template = pl.int_range(pl.len()).over("split", "address", verb)
    capped = left("over_template_cap", unlike.filter(place_in_template < settings.rows_per_template), unlike)
    return Kept(capped.drop("page", "address"), removed)


def _first_of(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return frame.unique(columns, keep="first", maintain_order=True)
