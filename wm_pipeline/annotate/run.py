"""Annotate the transitions of a partition: one row for each executed action that did not fail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import dataframely as dy
import polars as pl

from wm_pipeline.annotate.curriculum import ASKED_OF, difficulty, with_rarity
from wm_pipeline.annotate.instrumented import InstrumentedTeacher
from wm_pipeline.annotate.teacher import Execution, Experience, Teacher
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.errors import BudgetError, ServiceError, WmError
from wm_pipeline.domain.ports import Predictor, Progress
from wm_pipeline.domain.records import from_python, from_row
from wm_pipeline.domain.relations import ActionRelations
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import (
    KEY,
    AnnotationSchema,
    QuestionSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
)
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.domain.world import WITHOUT_LABELS


class ExperienceTables(NamedTuple):
    """What a teacher annotates: the tables of one partition."""

    trajectories: dy.DataFrame[TrajectorySchema]
    states: dy.DataFrame[StateSchema]
    transitions: dy.DataFrame[TransitionSchema]
    questions: dy.DataFrame[QuestionSchema]


def executions_of(tables: ExperienceTables) -> list[Execution]:
    """The partition's transitions with what the teacher needs.

    Failed transitions are left out because they have no outcome, and so are those whose effects nobody observed.
    """
    state_of = {row["state_id"]: from_row(State, row["state"]) for row in tables.states.iter_rows(named=True)}
    environment = pl.col("world_spec").struct.field("environment")
    watched = tables.trajectories.filter(~environment.is_in(list(WITHOUT_LABELS)))
    authorization_of = {
        row["trajectory_id"]: from_row(Authorization, row["authorization"])
        for row in watched.select("trajectory_id", "authorization").iter_rows(named=True)
    }
    asked = tables.questions.select(*KEY, "action_text", "relations", "delta_facts")
    done = tables.transitions.filter(
        pl.col("failure").is_null() & pl.col("trajectory_id").is_in(watched["trajectory_id"].implode())
    ).join(asked, on=KEY, how="left", maintain_order="left")
    return [
        Execution(
            trajectory_id=row["trajectory_id"],
            step_index=row["step_index"],
            branch_index=row["branch_index"],
            state_id=row["state_id"],
            state=state_of[row["state_id"]],
            action=from_row(Action, row["action"]),
            question=row["action_text"],
            relations=from_row(ActionRelations, row["relations"]),
            delta=from_row(StateDelta, row["state_delta"]),
            facts=tuple(row["delta_facts"]),
            effects=from_python(tuple[Effect, ...], row["effects"], what="effects"),
            authorization=authorization_of[row["trajectory_id"]],
            is_expert=row["is_expert"],
            goal_is_reached=row["goal_is_reached"],
            goal_is_reachable=row["goal_is_reachable"],
        )
        for row in done.iter_rows(named=True)
    ]


@dataclass(frozen=True, slots=True)
class Annotated:
    """A partition's annotations, complete or not."""

    frame: dy.DataFrame[AnnotationSchema]
    pending: int
    """Executions that the teacher was not asked about."""
    stopped: WmError | None
    """The error that left them pending; None when none is pending."""


def annotate_partition(
    tables: ExperienceTables, *, champion: Predictor | None, progress: Progress
) -> dy.DataFrame[AnnotationSchema]:
    """The annotations table of one (day, site) by the embedded teacher; difficulty comes from the champion."""
    return ask_teacher(tables, InstrumentedTeacher, champion=champion, progress=progress).frame


def ask_teacher(
    tables: ExperienceTables,
    make_teacher: Callable[[Experience], Teacher],
    *,
    champion: Predictor | None,
    progress: Progress,
    kept: dy.DataFrame[AnnotationSchema] | None = None,
    at_once: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> Annotated:
    """Annotate one (day, site), `at_once` executions at a time, until the teacher stops.

    `kept` are annotations of the same executions from an earlier attempt; these executions are not asked again.
    `stop` ends the waits of open questions; it is called on an interrupt.
    """
    executions = executions_of(tables)
    rows = {} if kept is None else _rows_kept(kept)
    teacher = make_teacher(Experience(executions))
    waiting = [execution for execution in executions if execution.key not in rows]
    stopped: WmError | None = None
    for execution, answer in _asked(teacher, waiting, at_once=at_once, stop=stop):
        if isinstance(answer, WmError):
            stopped = stopped or answer
        else:
            rows[execution.key] = answer
            progress(len(rows), len(executions), "annotated transitions")
    done = [execution for execution in executions if execution.key in rows]
    frame = _weighted(done, [rows[execution.key] for execution in done], tables.questions, champion)
    return Annotated(frame, len(executions) - len(done), stopped)


def _rows_kept(kept: dy.DataFrame[AnnotationSchema]) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Rows of an earlier attempt by key, without weights: these are computed again over all rows."""
    rows = kept.drop("curriculum_weight").to_dicts()
    return {(row["trajectory_id"], row["step_index"], row["branch_index"]): row for row in rows}


def _asked(
    teacher: Teacher, executions: Sequence[Execution], *, at_once: int, stop: Callable[[], None]
) -> Iterator[tuple[Execution, Mapping[str, Any] | WmError]]:
    """Rows as they are answered, with at most `at_once` open questions. When the teacher cannot go on, open questions
    are completed and no further ones are asked."""
    waiting = iter(executions)
    with ThreadPoolExecutor(at_once) as pool:
        try:
            under_way = {pool.submit(teacher.annotate, one): one for one in islice(waiting, at_once)}
            has_stopped = False
            while under_way:
                finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in finished:
                    execution = under_way.pop(future)
                    try:
                        yield execution, future.result()
                    except (ServiceError, BudgetError) as error:
                        has_stopped = True
                        yield execution, error
                if not has_stopped:
                    free = at_once - len(under_way)
                    under_way |= {pool.submit(teacher.annotate, one): one for one in islice(waiting, free)}
        except BaseException:
            stop()
            raise


def _weighted(
    executions: list[Execution],
    rows: Sequence[Mapping[str, Any]],
    questions: dy.DataFrame[QuestionSchema],
    champion: Predictor | None,
) -> dy.DataFrame[AnnotationSchema]:
    """The rows with their curriculum weight: difficulty x rarity x agreement."""
    if not rows:
        return AnnotationSchema.create_empty()
    frame = pl.DataFrame(rows, infer_schema_length=None)
    asked = questions.select(*KEY, ASKED_OF.alias("asked"))
    rarity = with_rarity(frame.join(asked, on=KEY, how="left", maintain_order="left"), ["asked", "risk_label"])
    hard = pl.Series("difficulty", _difficulties(executions, frame, champion), dtype=pl.Float64)
    weighted = frame.with_columns((hard * rarity * pl.col("agreement")).alias("curriculum_weight"))
    return AnnotationSchema.cast(weighted)


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
