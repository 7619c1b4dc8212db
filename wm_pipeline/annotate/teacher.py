"""The Teacher protocol and its input: executions, each with the other executions that are evidence about it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.relations import ActionRelations
from wm_pipeline.domain.state import State


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed action as the teacher gets it."""

    trajectory_id: str
    step_index: int
    branch_index: int
    state_id: str
    state: State
    action: Action
    question: str
    """The action and its relations to the state, in words."""
    relations: ActionRelations
    delta: StateDelta
    facts: tuple[str, ...]
    """Facts of the state delta."""
    effects: tuple[Effect, ...]
    authorization: Authorization
    is_expert: bool
    goal_is_reached: bool
    goal_is_reachable: bool

    @property
    def key(self) -> tuple[str, int, int]:
        """Key of the transition, as KEY in the tables."""
        return self.trajectory_id, self.step_index, self.branch_index

    @property
    def question_key(self) -> tuple[str, str]:
        """Executions with the same key asked the same question: this action in this visible state."""
        return self.state_id, to_json(self.action)


class Experience:
    """All executions of a partition, grouped by what they say about each other."""

    def __init__(self, executions: Sequence[Execution]) -> None:
        self.executions = tuple(executions)
        self._siblings: dict[tuple[str, int], list[Execution]] = defaultdict(list)
        self._matched: dict[tuple[str, str], list[Execution]] = defaultdict(list)
        for execution in executions:
            self._siblings[execution.trajectory_id, execution.step_index].append(execution)
            self._matched[execution.question_key].append(execution)

    def branches_beside(self, execution: Execution) -> list[Execution]:
        """Other executions from the same restored state, in the order of branches."""
        found = self._siblings[execution.trajectory_id, execution.step_index]
        return sorted((other for other in found if other is not execution), key=lambda other: other.branch_index)

    def matched(self, execution: Execution) -> list[Execution]:
        """The same action in the same visible state, this execution included: worlds that look the same."""
        return self._matched[execution.question_key]


class Teacher(Protocol):
    """Explains executions; may be asked from several threads."""

    @property
    def teacher_id(self) -> str: ...

    def annotate(self, execution: Execution) -> Mapping[str, Any]:
        """One row of the annotations table without curriculum_weight; `rejected` lists answers that could not be used.

        Raises ServiceError or BudgetError when the teacher cannot go on.
        """
        ...
