"""Both datasets from the collected and annotated tables, over a rolling window of days.

One row a (visible state, action): matched worlds asked the same question, their answers are already in `risk_score`.
"""

import polars as pl

from wm_pipeline.datasets.distinct import Kept, keep_distinct, with_page
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import with_split
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.relations import patterns_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import KEY
from wm_pipeline.domain.text import delta_text
from wm_pipeline.domain.vocabulary import Split

WORLD = [
    *("day", "site", "goal_id", "wording_id", "attack_family", "attack_channel", "attack_disguise"),
    *("is_lookalike", "split_group"),
]
_LONGEST_NEXT_STATE = 300
"""Characters of the next page that mid-training predicts: its head, where what changed stands."""


def build_midtrain_dataset(
    trajectories: pl.DataFrame,
    states: pl.DataFrame,
    transitions: pl.DataFrame,
    annotations: pl.DataFrame,
    *,
    rule: SplitRule,
    settings: DatasetSettings = DatasetSettings(),
) -> Kept:
    """State, action and what came next; every transition that did not fail, annotated or not."""
    summaries = _summaries(states)
    following = summaries.select(
        pl.col("state_id").alias("next_state_id"),
        pl.col("state_summary").str.slice(0, _LONGEST_NEXT_STATE).alias("next_state_summary"),
    )
    rationale = annotations.select(
        *KEY,
        pl.col("rationale").list.join(" ").alias("rationale"),
        pl.col("curriculum_weight").alias("weight"),
    )
    worked = transitions.filter(pl.col("failure").is_null())
    frame = (
        worked.join(with_split(trajectories.select("trajectory_id", *WORLD), rule), on="trajectory_id")
        .join(summaries, on="state_id")
        .join(following, on="next_state_id")
        .join(rationale, on=KEY, how="left")
        .with_columns(pl.col("weight").fill_null(1.0))
    )
    kept = keep_distinct(frame, outcome=["transition_summary"], settings=settings)
    rows = kept.rows.select(
        *KEY,
        *WORLD,
        *(
            "state_id",
            "state_summary",
            "action_repr",
            "next_state_summary",
            "transition_summary",
            "rationale",
            "weight",
        ),
        "split",
    )
    return Kept(rows, {"failed": transitions.height - worked.height, **kept.removed})


def build_sft_dataset(
    trajectories: pl.DataFrame,
    states: pl.DataFrame,
    transitions: pl.DataFrame,
    annotations: pl.DataFrame,
    *,
    rule: SplitRule,
    settings: DatasetSettings = DatasetSettings(),
) -> Kept:
    """State, action and everything predict_outcome has to say about them.

    A student learns a teacher's judgement and is examined by what happened: held-out rows have instrumentation's label.
    """
    frame = (
        annotations.join(
            transitions.select(*KEY, "action", "action_repr", "proposed_by", "state_delta"),
            on=KEY,
        )
        .join(with_split(trajectories.select("trajectory_id", *WORLD), rule), on="trajectory_id")
        .join(_summaries(states), on="state_id")
        .join(_derived(states, transitions), on=KEY)
        .with_columns(
            pl.struct(
                pl.col("consequence_narrative").alias("narrative"),
                pl.col("consequence_tags").alias("tags"),
                "patterns",
            ).alias("predicted_consequence"),
            pl.col("rationale").list.join(" "),
            pl.col("curriculum_weight").alias("weight"),
        )
    )
    outcome = ["risk_label", "alternative_score", "delta_text"]
    kept = keep_distinct(_examined_by_what_happened(frame), outcome=outcome, settings=settings)
    rows = kept.rows.select(
        *KEY,
        *WORLD,
        *("state_id", "state_summary", "action", "action_repr", "proposed_by", "risk_label", "risk_score", "rationale"),
        *("predicted_consequence", "counterfactual_action", "counterfactual_repr", "alternative_score"),
        *("state_delta", "delta_text", "weight", "split"),
    )
    return Kept(rows, kept.removed)


def _summaries(states: pl.DataFrame) -> pl.DataFrame:
    """Each visible state's text and page, once."""
    return with_page(states.select("state_id", "state_summary").unique("state_id"))


def _examined_by_what_happened(frame: pl.DataFrame) -> pl.DataFrame:
    """Outside of train: instrumentation's label, and a weight that knows nothing of how far the teacher agreed."""
    is_trained_on = pl.col("split") == Split.TRAIN.value
    without_agreement = pl.when(pl.col("agreement") > 0).then(pl.col("weight") / pl.col("agreement")).otherwise(1.0)
    return frame.with_columns(
        *(
            pl.when(is_trained_on).then(name).otherwise(f"instrumented_{name}").alias(name)
            for name in ("risk_label", "risk_score")
        ),
        pl.when(is_trained_on).then("weight").otherwise(without_agreement).alias("weight"),
    )


def _derived(states: pl.DataFrame, transitions: pl.DataFrame) -> pl.DataFrame:
    """What only the typed records can say: the delta's facts and the suspicious patterns of (state, action)."""
    state_of = {row["state_id"]: from_row(State, row["state"]) for row in states.iter_rows(named=True)}
    rows = [
        {
            **{key: row[key] for key in KEY},
            "delta_text": delta_text(from_row(StateDelta, row["state_delta"])),
            "patterns": [p.value for p in patterns_of(state_of[row["state_id"]], from_row(Action, row["action"]))],
        }
        for row in transitions.select(*KEY, "state_id", "action", "state_delta").iter_rows(named=True)
    ]
    kinds = {key: transitions.schema[key] for key in KEY}
    return pl.DataFrame(rows, schema={**kinds, "delta_text": pl.String, "patterns": pl.List(pl.String)})
