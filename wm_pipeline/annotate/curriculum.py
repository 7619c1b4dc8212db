"""Curriculum weight = difficulty x rarity x agreement: training draws rows of large weight more often.

Difficulty peaks where the present champion is right about half the time: Socratic-Zero (arXiv 2509.24726) values an
item the solver gets right half the time; we use 4p(1-p), which is 1 at p = 1/2.
"""

import polars as pl

DIFFICULTY_FLOOR = 0.25
"""Least difficulty: rows that the champion always gets right, or always wrong, still count a quarter."""
RAREST = 3.0
"""Largest rarity weight of a cell: rare cells are small samples."""

_REQUEST, _ADDRESS = pl.col("request"), pl.col("request_address")
ASKED_OF = (
    pl.when(_REQUEST.is_null())
    .then(pl.lit("nothing"))
    .when(_REQUEST.str.starts_with("opens "))
    .then(_REQUEST)
    .otherwise(pl.concat_str(_REQUEST, _ADDRESS, separator=" "))
)
"""The kind of request that a question is about: a form by its address, a link by whether it leaves the site.

A site has many similar links, so they share a kind; each of its forms is a kind of its own.
"""


def difficulty(champion_risk_score: float, risk_score: float) -> float:
    """How hard the item is for the champion, in [DIFFICULTY_FLOOR, 1]: p is its probability of the true label."""
    p = 1.0 - abs(champion_risk_score - risk_score)
    return max(DIFFICULTY_FLOOR, 4.0 * p * (1.0 - p))


def with_rarity(frame: pl.DataFrame, cell: list[str]) -> pl.Series:
    """Weight of each row by how rare its cell is: mean cell size over its own, in [1/RAREST, RAREST]."""
    size = pl.len().over(cell)
    mean_size = frame.height / max(1, frame.select(cell).unique().height)
    return frame.select((mean_size / size).clip(1.0 / RAREST, RAREST).alias("rarity")).to_series()
