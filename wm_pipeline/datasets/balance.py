"""How rows and labels are spread over the slices of a dataset."""

import polars as pl

from wm_pipeline.domain.miss_rates import DIMENSIONS
from wm_pipeline.domain.vocabulary import RiskLabel, Split

SLICES = (*(name for name in DIMENSIONS if name != "goal_id"), "is_lookalike", "risk_label")
"""Columns that a dataset is sliced by, without the many goals. Slices whose column a dataset lacks are left out."""
WITHOUT = "none"
"""The value of a slice for rows without a value, such as the attack family of a benign world."""


def balance(frame: pl.DataFrame) -> pl.DataFrame:
    """One row a value of a slice: rows, their share, how many are trained on, and the labels (null: not labelled)."""
    is_labelled = "risk_label" in frame.columns
    labels = [
        ((pl.col("risk_label") == label.value).sum() if is_labelled else pl.lit(None)).cast(pl.Int64).alias(label.value)
        for label in RiskLabel
    ]
    tables = [
        frame.group_by(pl.col(name).cast(pl.String).fill_null(WITHOUT).alias("value"))
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            (pl.col("split") == Split.TRAIN.value).sum().cast(pl.Int64).alias("trained_on"),
            *labels,
        )
        .sort(["rows", "value"], descending=[True, False])
        .select(pl.lit(name).alias("slice"), pl.all())
        for name in SLICES
        if name in frame.columns
    ]
    return pl.concat(tables).with_columns((pl.col("rows") / frame.height).alias("share"))


def largest_share(frame: pl.DataFrame, column: str) -> float | None:
    """The share of the most frequent value among training rows with a value; None when there are none."""
    counts: list[int] = (
        frame.filter(pl.col("split") == Split.TRAIN.value)[column].drop_nulls().value_counts()["count"].to_list()
    )
    return max(counts) / sum(counts) if counts else None
