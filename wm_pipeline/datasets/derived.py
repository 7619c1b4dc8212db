"""What only the typed records can say of a row: the facts of its delta, the suspicious patterns of its action."""

import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.relations import patterns_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.text import delta_text


def delta_texts(deltas: pl.Series) -> pl.Series:
    """`delta_text` of each delta."""
    return pl.Series(deltas.name, [delta_text(from_row(StateDelta, row)) for row in deltas.to_list()], dtype=pl.String)


def patterns_of_actions(state_ids: pl.Series, actions: pl.Series, states: pl.LazyFrame) -> pl.Series:
    """`patterns_of` each action in its state."""
    wanted = states.filter(pl.col("state_id").is_in(state_ids.unique().implode())).select("state_id", "state")
    state_of = {row["state_id"]: from_row(State, row["state"]) for row in wanted.collect().iter_rows(named=True)}
    found = [
        [pattern.value for pattern in patterns_of(state_of[state_id], from_row(Action, action))]
        for state_id, action in zip(state_ids, actions, strict=True)
    ]
    return pl.Series("patterns", found, dtype=pl.List(pl.String))
