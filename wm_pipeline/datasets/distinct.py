"""Deduplication: each question once, on each page once, and no template more often than its cap.

Near-duplicates are found by a hash of normalized text, not by MinHash: what MinHash finds on our pages at a similarity
of 0.9 are pages reached along another way (docs/decisions/0005), which is an equality and needs no threshold.

This module reads no texts. A row is a candidate: its key and a few 64-bit hashes. In one of 300,000 datasets of ten
million rows, two hashes are equal by chance.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import without_leaks
from wm_pipeline.domain.tables import KEY


class Kept(NamedTuple):
    """The kept rows, and the number of rows dropped for each reason."""

    rows: pl.DataFrame
    removed: Mapping[str, int]


def as_candidates(frame: pl.LazyFrame, *, outcome: Sequence[str]) -> pl.LazyFrame:
    """The hashes of each row that the choice of rows needs; reads `split`, `template` and `page_id`.

    A near-duplicate is the same action on the same page with the same `outcome`: where outcomes differ, the small
    difference between the states explains why and is worth learning.
    """
    return frame.select(
        *KEY,
        "split",
        pl.col("page_id").hash().alias("page"),
        pl.col("state_id").hash().alias("state"),
        pl.struct("state_id", "action_text").hash().alias("question"),
        pl.struct("page_id", "action_text", *outcome).hash().alias("alike"),
        pl.struct("split", "template").hash().alias("template"),
    )


def keep_distinct(candidates: pl.DataFrame, *, order: Sequence[str], settings: DatasetSettings) -> Kept:
    """One row a question, in the order of `order`; no state or page in two splits, no template above its cap.

    Leaks are removed first, so that a question asked in a training and in a test world keeps its training row. After
    that a page has one split, and so have near-duplicates.
    """
    removed: dict[str, int] = {}

    def left(name: str, rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
        removed[name] = before.height - rows.height
        return rows

    leakless = left("leaking_states", without_leaks(candidates, by="state"), candidates)
    apart = left("leaking_pages", without_leaks(leakless, by="page"), leakless).sort(order)
    once = left("same_questions", apart.filter(pl.col("question").is_first_distinct()), apart)
    unlike = left("near_duplicates", once.filter(pl.col("alike").is_first_distinct()), once)
    place_in_template = pl.int_range(pl.len()).over("template")
    capped = left("over_template_cap", unlike.filter(place_in_template < settings.rows_per_template), unlike)
    return Kept(capped, removed)
