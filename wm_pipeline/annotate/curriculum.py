"""Curriculum weight = difficulty x rarity x agreement: what the next round should look at longest.

Difficulty peaks where the present champion is right about half the time: Socratic-Zero (arXiv 2509.24726) values an
item the solver gets right half the time; we use 4p(1-p), which is 1 at p = 1/2.
"""

import polars as pl

DIFFICULTY_FLOOR = 0.25
"""What the champion already knows, or cannot know yet, still counts a quarter."""
RAREST = 3.0
"""No cell weighs more than three times the common ones: rare cells are small samples."""

_REQUEST, _ADDRESS = pl.col("request"), pl.col("request_address")
ASKED_OF = (
    pl.when(_REQUEST.is_null())
    .then(pl.lit("nothing"))
    .when(_REQUEST.str.starts_with("opens "))
    .then(_REQUEST)
    .otherwise(pl.concat_str(_REQUEST, _ADDRESS, separator=" "))
)
"""What kind of thing a question asks for: a form by its address, a link by whether it leaves the site.

Links are many and alike; of a site's forms each is a thing of its own, to be sent as the user wants and otherwise.
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
