"""Annotate a partition: transitions in, annotations out, one row an executed action that did not fail."""

from typing import Any

import polars as pl

from wm_pipeline.annotate.curriculum import asked_of, difficulty, with_rarity
from wm_pipeline.annotate.instrumented import Execution, InstrumentedTeacher
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.ports import Predictor, Progress
from wm_pipeline.domain.records import from_python, from_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import KEY, AnnotationSchema
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.domain.world import UNWATCHED

INSTRUMENTED_AGREEMENT = 1.0
"""The embedded teacher's labels are instrumentation's own."""


def executions_of(trajectories: pl.DataFrame, states: pl.DataFrame, transitions: pl.DataFrame) -> list[Execution]:
    """The partition's transitions with what the teacher needs.

    Failed ones are left out, they have no outcome; so are those that nobody watched.
    """
    state_of = {row["state_id"]: from_row(State, row["state"]) for row in states.iter_rows(named=True)}
    watched = trajectories.filter(pl.col("world_spec").struct.field("environment") != UNWATCHED)
    authorization_of = {
        row["trajectory_id"]: from_row(Authorization, row["authorization"])
        for row in watched.select("trajectory_id", "authorization").iter_rows(named=True)
    }
    done = transitions.filter(
        pl.col("failure").is_null() & pl.col("trajectory_id").is_in(watched["trajectory_id"].implode())
    )
    return [
        Execution(
            trajectory_id=row["trajectory_id"],
            step_index=row["step_index"],
            branch_index=row["branch_index"],
            state_id=row["state_id"],
            state=state_of[row["state_id"]],
            action=from_row(Action, row["action"]),
            delta=from_row(StateDelta, row["state_delta"]),
            effects=from_python(tuple[Effect, ...], row["effects"], what="effects"),
            authorization=authorization_of[row["trajectory_id"]],
            is_expert=row["is_expert"],
            goal_is_reached=row["goal_is_reached"],
            goal_is_reachable=row["goal_is_reachable"],
        )
        for row in done.iter_rows(named=True)
    ]


def annotate_partition(
    trajectories: pl.DataFrame,
    states: pl.DataFrame,
    transitions: pl.DataFrame,
    *,
    champion: Predictor | None,
    progress: Progress,
) -> pl.DataFrame:
    """The annotations table of one (day, site); difficulty comes from the champion when there is one."""
    executions = executions_of(trajectories, states, transitions)
    teacher = InstrumentedTeacher(executions)
    rows: list[dict[str, Any]] = []
    for done, execution in enumerate(executions, start=1):
        rows.append({**teacher.annotate(execution), "agreement": INSTRUMENTED_AGREEMENT})
        if done % 500 == 0 or done == len(executions):
            progress(done, len(executions), "annotated transitions")
    if not rows:
        return AnnotationSchema.create_empty()
    frame = pl.DataFrame(rows, infer_schema_length=None)
    asked = transitions.select(*KEY, asked_of(pl.col("action_repr")).alias("asked"))
    rarity = with_rarity(frame.join(asked, on=KEY, how="left", maintain_order="left"), ["asked", "risk_label"])
    hard = pl.Series("difficulty", _difficulties(executions, frame, champion), dtype=pl.Float64)
    return frame.with_columns((hard * rarity * pl.col("agreement")).alias("curriculum_weight"))


def _difficulties(executions: list[Execution], frame: pl.DataFrame, champion: Predictor | None) -> list[float]:
    if champion is None:
        return [1.0] * len(executions)
    by_state: dict[str, list[int]] = {}
    for index, execution in enumerate(executions):
        by_state.setdefault(execution.state_id, []).append(index)
    found = [1.0] * len(executions)
    truth = frame["risk_score"].to_list()
    for indices in by_state.values():
        state = executions[indices[0]].state
        outcomes = champion.predict_outcomes(state, [executions[i].action for i in indices], heads=(Head.RISK,))
        for index, outcome in zip(indices, outcomes, strict=True):
            found[index] = difficulty(outcome.risk_score, truth[index])
    return found
