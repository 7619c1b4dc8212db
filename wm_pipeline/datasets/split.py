"""The split of a world is a function of the world's parts, and no visible state is in two splits."""

import polars as pl

from wm_pipeline.domain.ids import SplitRule, split_of
from wm_pipeline.domain.tables import WORLD
from wm_pipeline.domain.vocabulary import Split

SPLITS_IN_ORDER = tuple(split.value for split in Split)
"""A state in several splits stays in the first of them, so that a test world never removes training data."""
_IDLE = ("day", "saying", "attack_family", "attack_channel", "attack_disguise", "is_lookalike")
"""They do not change a world's split. Of an attack only the mechanism does; a look-alike has the split of the mechanism
that it resembles."""
_DECISIVE = [name for name in WORLD if name not in _IDLE]
"""Columns that split_of uses."""


def with_split(frame: pl.DataFrame, rule: SplitRule) -> pl.DataFrame:
    """Add `split`, computed once a world (the columns of a world are the same in all its rows)."""
    worlds = frame.select(_DECISIVE).unique()
    splits = [split_of(**row, rule=rule).value for row in worlds.iter_rows(named=True)]
    return frame.join(worlds.with_columns(pl.Series("split", splits, dtype=pl.String)), on=_DECISIVE, nulls_equal=True)


def without_leaks(frame: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """Drop rows whose `by` (a visible state, a page) also stands in an earlier split; needs `split` as its place in
    SPLITS_IN_ORDER."""
    return frame.filter(pl.col("split") == pl.col("split").min().over(by))


def leaking_states(frame: pl.DataFrame) -> int:
    """The number of visible states in more than one split; the leakage check expects 0."""
    return (
        frame.group_by("state_id").agg(pl.col("split").n_unique().alias("splits")).filter(pl.col("splits") > 1).height
    )
