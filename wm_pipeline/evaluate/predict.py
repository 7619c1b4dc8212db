"""Predictions for rows of the SFT dataset, through the same predictor that serves: the state is encoded once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dataframely as dy
import numpy as np
import polars as pl

from wm_pipeline.domain.action import Action, is_executable
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.ports import Predictor, Progress
from wm_pipeline.domain.question import Question, question_of, read_state
from wm_pipeline.domain.records import from_python, from_row, to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import (
    KEY,
    WORLD,
    PredictionSchema,
    SftSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
    frame_of,
)
from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import ActionKind, Head
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.evaluate.metrics import Floats

PageRisks = Callable[[tuple[Line, ...], Sequence[Question]], Sequence[float]]
"""A model's risk of questions with these lines in place of their page's."""
_AS_IN_THE_ROW = ("split", "state_id", "action_text", "risk_label", "risk_score", "is_harmful", "delta_facts")
_SENDING = (ActionKind.SUBMIT.value, ActionKind.RUN_SCRIPT.value, ActionKind.TOOL_CALL.value)
QUICK_HEADS = (Head.RISK, Head.TAGS, Head.COUNTERFACTUAL)


def choose_rows(sft: dy.DataFrame[SftSchema], *, rows_per_split: int) -> dy.DataFrame[SftSchema]:
    """At most `rows_per_split` rows of each split but train, in the order of `in_measured_order`."""
    ranked = in_measured_order(sft.filter(pl.col("split").cast(pl.String) != "train"))
    return SftSchema.cast(ranked.filter(pl.int_range(pl.len()).over("split") < rows_per_split))


def in_measured_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of sft_dataset, whole states: of every world first the state in which most actions send, then the next.

    Among equals a digest of the state's id decides. So a limit on rows cuts as few worlds as it can.
    """
    states = rows.group_by("split_group", "state_id").agg(
        sending=pl.col("action").struct.field("kind").is_in(_SENDING).sum()
    )
    position = pl.Series("position", [digest("evaluate", one) for one in states["state_id"]], dtype=pl.String)
    order = (
        states.with_columns(position)
        .sort("sending", "position", "split_group", descending=[True, False, False])
        .with_columns(turn=pl.int_range(pl.len()).over("split_group"))
        .unique("state_id", keep="first", maintain_order=True)
    )
    ranked = rows.join(order.select("state_id", "turn", "position"), on="state_id").sort("turn", "position", *KEY)
    return ranked.drop("turn", "position")


def with_harm(
    rows: dy.DataFrame[SftSchema],
    transitions: dy.DataFrame[TransitionSchema],
    trajectories: dy.DataFrame[TrajectorySchema],
) -> pl.DataFrame:
    """Add `is_harmful`: harm in this very execution, from its effects and the goal's authorization. No table has it."""
    joined = rows.select(KEY).join(transitions.select(*KEY, "effects"), on=KEY, how="left", maintain_order="left")
    joined = joined.join(
        trajectories.select("trajectory_id", "authorization"), on="trajectory_id", how="left", maintain_order="left"
    )
    found = [
        bool(
            harms(
                from_python(tuple[Effect, ...], row["effects"], what="effects"),
                from_row(Authorization, row["authorization"]),
            )
        )
        for row in joined.iter_rows(named=True)
    ]
    return rows.with_columns(pl.Series("is_harmful", found, dtype=pl.Boolean))


def predict_rows(
    predictor: Predictor,
    rows: pl.DataFrame,
    states: Mapping[str, State],
    *,
    heads: Sequence[str] = QUICK_HEADS,
    text_rows_per_split: int = 0,
    progress: Progress,
) -> dy.DataFrame[PredictionSchema]:
    """The predictions table of one model for `rows` (with `is_harmful`); texts for the first rows of each split that
    are consequential (with `is_consequential`)."""
    found: list[dict[str, Any]] = []
    texts_left: dict[str, int] = {}
    groups = rows.partition_by("state_id", maintain_order=True)
    for done, group in enumerate(groups, start=1):
        split = str(group["split"][0])
        left = texts_left.setdefault(split, text_rows_per_split)
        if left:
            group = group.sort("is_consequential", descending=True, maintain_order=True)
        state = states[group["state_id"][0]]
        actions = [from_row(Action, action) for action in group["action"].to_list()]
        with_text = min(left, int(group["is_consequential"].sum())) if left else 0
        texts_left[split] = left - with_text
        outcomes = [
            *(predictor.predict_outcomes(state, actions[:with_text]) if with_text else ()),
            *(predictor.predict_outcomes(state, actions[with_text:], heads=heads) if actions[with_text:] else ()),
        ]
        for row, outcome in zip(group.iter_rows(named=True), outcomes, strict=True):
            consequence = outcome.predicted_consequence
            counterfactual = outcome.counterfactual_action
            found.append(
                {
                    **{name: row[name] for name in (*KEY, *WORLD, *_AS_IN_THE_ROW)},
                    "model_version": predictor.model_version,
                    "predicted_risk_label": outcome.risk_label.value,
                    "predicted_risk_score": outcome.risk_score,
                    "tags": row["predicted_consequence"]["tags"],
                    "predicted_tags": list(consequence.tags) if consequence is not None else None,
                    "predicted_delta_facts": list(outcome.delta_facts) if outcome.delta_facts is not None else None,
                    "predicted_rationale": " ".join(outcome.rationale) if outcome.rationale is not None else None,
                    "predicted_narrative": consequence.narrative if consequence is not None else None,
                    "predicted_counterfactual": to_row(counterfactual) if counterfactual is not None else None,
                    "counterfactual_executable": is_executable(state, counterfactual)
                    if counterfactual is not None
                    else None,
                    "counterfactual_valid": None,
                }
            )
        if done % 20 == 0 or done == len(groups):
            progress(done, len(groups), f"states predicted by {predictor.model_version}")
    return frame_of(PredictionSchema, found)


def with_other_pages(
    ask: PageRisks, rows: pl.DataFrame, states: Mapping[str, State], *, progress: Progress
) -> dict[str, Floats]:
    """The model's risk of each row with another page than its own, of another world of these rows, and with none; the
    goal stays. A model that reads pages is worse at both."""
    readings = {state_id: read_state(states[state_id]) for state_id in rows["state_id"].unique(maintain_order=True)}
    worlds = dict(rows.select("state_id", "split_group").iter_rows())
    order = list(readings)
    found: dict[str, list[float]] = {"page_shuffled": [], "no_page": []}
    groups = rows.partition_by("state_id", maintain_order=True)
    for at, group in enumerate(groups):
        reading = readings[order[at]]
        following = (*order[at + 1 :], *order[:at])
        other = next((one for one in following if worlds[one] != worlds[order[at]]), order[at])
        goal, shown = reading.lines[0], readings[other].lines[1:]
        questions = [question_of(reading, from_row(Action, action)) for action in group["action"].to_list()]
        for name, page in (("page_shuffled", (goal, *shown)), ("no_page", (goal,))):
            found[name] += ask(page, questions)
        if (at + 1) % 20 == 0 or at + 1 == len(groups):
            progress(at + 1, len(groups), "states asked with another page")
    return {name: np.array(risks, dtype=np.float64) for name, risks in found.items()}


def states_of(states: dy.DataFrame[StateSchema], wanted: Sequence[str]) -> dict[str, State]:
    chosen = states.filter(pl.col("state_id").is_in(list(wanted))).unique("state_id")
    return {row["state_id"]: from_row(State, row["state"]) for row in chosen.iter_rows(named=True)}


def specs_of(trajectories: pl.DataFrame) -> Mapping[str, WorldSpec]:
    """World specs by trajectory_id, of what was rolled out: what hindsight judges cannot be repeated."""
    return {
        row["trajectory_id"]: from_row(WorldSpec, row["world_spec"])
        for row in trajectories.filter(pl.col("hindsight_of").is_null())
        .select("trajectory_id", "world_spec")
        .iter_rows(named=True)
    }


def paths_of(transitions: pl.DataFrame) -> Mapping[tuple[str, int], Action]:
    """The trajectories' own actions by (trajectory_id, step_index)."""
    own = transitions.filter(pl.col("branch_index") == 0).select("trajectory_id", "step_index", "action")
    return {
        (row["trajectory_id"], row["step_index"]): from_row(Action, row["action"]) for row in own.iter_rows(named=True)
    }
