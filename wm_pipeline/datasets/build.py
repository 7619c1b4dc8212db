"""Both datasets from the collected and annotated tables, over a rolling window of days.

One row a (visible state, action): matched worlds asked the same question, their answers are already in `risk_score`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Generic, NamedTuple

import dataframely as dy
import polars as pl

from wm_pipeline.datasets.distinct import Kept, as_candidates
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import with_split
from wm_pipeline.datasets.window import Recipe, Tables, beside, choose, rows_of
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.tables import KEY, WORLD, MidtrainSchema, SchemaT, SftSchema
from wm_pipeline.domain.vocabulary import Split


class Dataset(NamedTuple, Generic[SchemaT]):
    """A dataset in one piece, and the number of rows dropped for each reason."""

    rows: dy.DataFrame[SchemaT]
    removed: Mapping[str, int]


def _at_once(
    recipe: Recipe[SchemaT], tables: Tables, *, rule: SplitRule, settings: DatasetSettings = DatasetSettings()
) -> Dataset[SchemaT]:
    choice = choose(recipe, [tables], rule=rule, settings=settings)
    return Dataset(rows_of(recipe, tables, choice.of_part(0)), choice.removed)


def _midtrain_candidates(tables: Tables, rule: SplitRule) -> Kept:
    transitions = tables.transitions.select(*KEY, "next_state_id", "failure").collect()
    worked = transitions.lazy().filter(pl.col("failure").is_null())
    frame = (
        worked.join(tables.questions.select(*KEY, *_ASKED, "transition_text"), on=KEY)
        .join(_splits(tables, rule), on="trajectory_id")
        .join(_pages(tables), on="state_id")
        .join(_pages(tables), left_on="next_state_id", right_on="state_id", how="semi")
    )
    rows = as_candidates(frame, outcome=["transition_text"]).collect()
    return Kept(rows, {"failed": transitions["failure"].count()})


def _midtrain_rows(tables: Tables, chosen: pl.DataFrame) -> pl.DataFrame:
    transitions, questions, worlds, states, annotations = pl.collect_all(
        [
            tables.transitions.select(*KEY, "next_state_id"),
            tables.questions.select(*KEY, "state_id", "action_text", "transition_text", "relative_transition"),
            tables.trajectories.select("trajectory_id", *WORLD),
            _texts(tables, "state_text", "next_page"),
            tables.annotations.select(*KEY, "rationale", "curriculum_weight"),
        ]
    )
    asked, done = beside(chosen, questions, on=KEY), beside(chosen, transitions, on=KEY)
    following = states.select(pl.col("state_id").alias("next_state_id"), "next_page")
    parts = [
        chosen,
        beside(chosen, worlds, on=["trajectory_id"]),
        asked,
        beside(asked, states.select("state_id", "state_text"), on=["state_id"]),
        beside(done, following, on=["next_state_id"]),
        beside(chosen, annotations, on=KEY),
    ]
    rows = pl.concat(parts, how="horizontal")
    return rows.with_columns(pl.col("curriculum_weight").fill_null(1.0).alias("weight"))


def _sft_candidates(tables: Tables, rule: SplitRule) -> Kept:
    judged = [*KEY, "risk_label", "risk_score", "alternative_score"]
    frame = (
        tables.annotations.select(*judged, "instrumented_risk_label", "instrumented_risk_score")
        .join(tables.questions.select(*KEY, *_ASKED, "delta_facts"), on=KEY)
        .join(_splits(tables, rule), on="trajectory_id")
        .join(_pages(tables), on="state_id")
        .with_columns(*_label_and_score())
    )
    outcome = ["risk_label", "alternative_score", "delta_facts"]
    return Kept(as_candidates(frame, outcome=outcome).collect(), {})


def _sft_rows(tables: Tables, chosen: pl.DataFrame) -> pl.DataFrame:
    judged = ["risk_label", "risk_score", "instrumented_risk_label", "instrumented_risk_score", "alternative_score"]
    explained = ["rationale", "consequence_tags", "consequence_narrative", "counterfactual_action"]
    transitions, questions, worlds, states, annotations = pl.collect_all(
        [
            tables.transitions.select(*KEY, "action", "proposed_by", "state_delta"),
            tables.questions.select(*KEY, "action_text", "action_lines", "patterns", "delta_facts", "relative_facts"),
            tables.trajectories.select("trajectory_id", *WORLD),
            _texts(tables, "state_text", "state_lines"),
            tables.annotations.select(
                *KEY, "state_id", *judged, *explained, "counterfactual_text", "agreement", "curriculum_weight"
            ),
        ]
    )
    known = beside(chosen, annotations, on=KEY)
    parts = [
        chosen,
        beside(chosen, worlds, on=["trajectory_id"]),
        known,
        beside(known, states, on=["state_id"]),
        beside(chosen, transitions, on=KEY),
        beside(chosen, questions, on=KEY),
    ]
    consequence = pl.struct(
        pl.col("consequence_narrative").alias("narrative"), pl.col("consequence_tags").alias("tags"), "patterns"
    )
    return pl.concat(parts, how="horizontal").with_columns(
        *_label_and_score(), consequence.alias("predicted_consequence"), _weight()
    )


MIDTRAIN = Recipe(MidtrainSchema, _midtrain_candidates, _midtrain_rows)
SFT = Recipe(SftSchema, _sft_candidates, _sft_rows)
RECIPES: dict[str, Recipe[Any]] = {"midtrain_dataset": MIDTRAIN, "sft_dataset": SFT}
"""Both datasets by the names of their tables."""
build_midtrain_dataset = partial(_at_once, MIDTRAIN)
"""State, action and what came next; every transition that did not fail, annotated or not."""
build_sft_dataset = partial(_at_once, SFT)
"""State, action and everything that predict_outcome answers about them.

Training rows have the teacher's label; held-out rows have instrumentation's label, which is what happened.
"""


def _splits(tables: Tables, rule: SplitRule) -> pl.LazyFrame:
    """The split of each trajectory."""
    worlds = tables.trajectories.select("trajectory_id", *WORLD).collect()
    return with_split(worlds, rule).lazy().select("trajectory_id", "split")


_ASKED = ["state_id", "action_text", "template"]


def _pages(tables: Tables) -> pl.LazyFrame:
    """The page of each visible state."""
    return _texts(tables, "page_id")


def _texts(tables: Tables, *columns: str) -> pl.LazyFrame:
    """The text columns of each visible state, once: several partitions of a day may hold the same state."""
    return tables.state_texts.select("state_id", *columns).unique("state_id", keep="first", maintain_order=True)


def _label_and_score() -> list[pl.Expr]:
    """The label and score; outside of train those of instrumentation."""
    is_trained_on = pl.col("split") == Split.TRAIN.value
    return [
        pl.when(is_trained_on).then(name).otherwise(f"instrumented_{name}").alias(name)
        for name in ("risk_label", "risk_score")
    ]


def _weight() -> pl.Expr:
    """The row's weight; outside of train it does not depend on the teacher's agreement."""
    weight = pl.col("curriculum_weight")
    without_agreement = pl.when(pl.col("agreement") > 0).then(weight / pl.col("agreement")).otherwise(1.0)
    return pl.when(pl.col("split") == Split.TRAIN.value).then(weight).otherwise(without_agreement).alias("weight")
