"""Which rows of a partition's tables need which rows of others; checked where it is collected, imported or annotated.

Datasets are built without the check, which would take a tenth of their time and more.
"""

from collections.abc import Mapping
from typing import Annotated

import dataframely as dy
import polars as pl
import polars.selectors as cs

from wm_pipeline.domain.errors import TableError
from wm_pipeline.domain.tables import (
    KEY,
    AnnotationSchema,
    QuestionSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
)

_OF = [*KEY, "state_id"]


class Experience(dy.Collection):
    """Each filter returns the trajectories that keep it; one that is not stored keeps none."""

    trajectories: dy.LazyFrame[TrajectorySchema]
    transitions: dy.LazyFrame[TransitionSchema]
    questions: dy.LazyFrame[QuestionSchema] | None
    annotations: dy.LazyFrame[AnnotationSchema] | None
    states: Annotated[dy.LazyFrame[StateSchema], dy.CollectionMember(ignored_in_filters=True)]

    @dy.filter()
    def trajectory_is_stored(self) -> pl.LazyFrame:
        return self._but()

    @dy.filter()
    def states_are_stored(self) -> pl.LazyFrame:
        """The state that an action was executed in and the one it led to."""
        transitions, states = self.transitions, self.states
        before = transitions.join(states, on="state_id", how="anti")
        return self._but(before, transitions.join(states, left_on="next_state_id", right_on="state_id", how="anti"))

    @dy.filter()
    def transition_has_its_question(self) -> pl.LazyFrame:
        questions = self.questions
        return self._but() if questions is None else self._but(self.transitions.join(questions, on=_OF, how="anti"))

    @dy.filter()
    def transition_is_stored(self) -> pl.LazyFrame:
        """Of each question and each annotation, in the same state."""
        told = [table for table in (self.questions, self.annotations) if table is not None]
        return self._but(*(table.join(self.transitions, on=_OF, how="anti") for table in told))

    def _but(self, *broken: pl.LazyFrame) -> pl.LazyFrame:
        whole = self.trajectories.select("trajectory_id")
        for rows in broken:
            whole = whole.join(rows, on="trajectory_id", how="anti")
        return whole


def check_experience(tables: Mapping[str, pl.DataFrame], *, place: str) -> None:
    """Raise TableError when rows need others that are not there. Tables by their names, each valid in itself."""
    keys = cs.by_name(*_OF, "next_state_id", require_all=False)
    known = {name: tables[name].select(keys) for name in Experience.members() if name in tables}
    broken = [
        f"{count} rows of {name} break {rule}, such as those of trajectory {failure.invalid()['trajectory_id'][0]}"
        for name, failure in Experience.filter(known, skip_member_validation=True).failure.items()
        for rule, count in [*failure.counts().items()][:1]
    ]
    if broken:
        raise TableError(f"the tables {place} do not belong together: {'; '.join(broken)}; make them again")
