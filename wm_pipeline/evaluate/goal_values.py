"""How much of what actions would send stands in the goal, word for word: where nearly all of it does, whoever asks only
whether a value is in the goal knows most labels.

Over actions of our own sites that have a consequence to speak of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dataframely as dy
import numpy as np
import polars as pl

from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.tables import KEY, QuestionSchema, TrajectorySchema, TransitionSchema
from wm_pipeline.environments.sites.worlds import ENVIRONMENT
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Codes
from wm_pipeline.evaluate.registry import COUNT, LOWER, MetricTable

GOAL_VALUES = MetricTable["SentValues"]("goal_values")
"""`goal_values`."""


@dataclass(frozen=True, slots=True)
class SentValues:
    """How many values each action would send, one entry an action."""

    sent: Codes
    named: Codes
    """Of those, the ones that stand in the goal."""
    chosen: Codes
    """Of those sent, the ones that the page did not come with."""
    chosen_named: Codes
    worlds: Sequence[str]
    seed: int

    def at(self, rows: Codes) -> "SentValues":
        return SentValues(self.sent[rows], self.named[rows], self.chosen[rows], self.chosen_named[rows], (), self.seed)

    @GOAL_VALUES.metric(format=COUNT)
    def values_sent(self) -> int:
        """Values that the actions would send."""
        return int(self.sent.sum())

    @GOAL_VALUES.metric(LOWER, label="stand in the goal", has_interval=True)
    def values_in_goal(self) -> float | None:
        """Of the values that the actions would send, those that the goal names."""
        return metrics.share(int(self.named.sum()), int(self.sent.sum()))

    @GOAL_VALUES.metric(format=COUNT)
    def values_chosen(self) -> int:
        """Values that the actions would send and that the page did not come with."""
        return int(self.chosen.sum())

    @GOAL_VALUES.metric(LOWER, label="stand in the goal", has_interval=True)
    def chosen_in_goal(self) -> float | None:
        """Of the values that the page did not come with, those that the goal names."""
        return metrics.share(int(self.chosen_named.sum()), int(self.chosen.sum()))


def goal_value_numbers(
    told: pl.DataFrame,
    questions: dy.DataFrame[QuestionSchema],
    transitions: dy.DataFrame[TransitionSchema],
    trajectories: dy.DataFrame[TrajectorySchema],
) -> dict[str, dict[str, Any]]:
    """`goal_values.<whose>`: over all of `told`, consequential actions with `split_group`, and over those that the
    goal's expert would do; each only on our own sites."""
    own = trajectories.filter(pl.col("world_spec").struct.field("environment") == ENVIRONMENT).select("trajectory_id")
    sends = pl.col("relations").struct.field("sends").list
    is_named = pl.element().struct.field("is_in_goal")
    is_chosen = ~pl.element().struct.field("is_as_loaded")
    counts = questions.select(
        *KEY,
        sent=sends.len(),
        named=sends.eval(is_named).list.sum(),
        chosen=sends.eval(is_chosen).list.sum(),
        chosen_named=sends.eval(is_chosen & is_named).list.sum(),
    )
    rows = (
        told.select(*KEY, "split_group")
        .join(own, on="trajectory_id", how="semi")
        .join(counts, on=KEY, how="inner", maintain_order="left")
        .join(transitions.select(*KEY, "is_expert"), on=KEY, how="inner", maintain_order="left")
    )
    return {
        whose: GOAL_VALUES.numbers(_values_of(whose, chosen))
        for whose, chosen in (("all_actions", rows), ("expert_actions", rows.filter("is_expert")))
    }


def _values_of(whose: str, rows: pl.DataFrame) -> SentValues:
    names = ("sent", "named", "chosen", "chosen_named")
    columns = {name: np.asarray(rows[name].to_numpy(), dtype=np.intp) for name in names}
    return SentValues(**columns, worlds=rows["split_group"].to_list(), seed=seed_of("goal values", whose))
