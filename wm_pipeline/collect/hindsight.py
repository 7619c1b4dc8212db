"""The executed actions of a step, judged again under another goal.

A goal changes no page and no database, only what the user allows. So the actions of a step have the same effects under
another goal; under it that goal's form is right and the user's own form is wrong. Hindsight experience replay
(Andrychowicz et al. 2017, arXiv 1707.01495) learns from the goals that an outcome serves; here actions that do not
serve the other goal are kept too.
"""

from dataclasses import replace

from wm_pipeline.collect.rollout import HindsightGoal, TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.candidates import same_target
from wm_pipeline.domain.ids import state_id_of, trajectory_id_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy, StopReason

POLICY = ProposedBy.SCRIPTED
"""The policy that would have acted: the other goal's script, which needs one action."""


def in_hindsight(records: TrajectoryRecords) -> tuple[TrajectoryRecords, ...]:
    """A trajectory of one step for each other goal whose action was executed."""
    found = [_with_other_goal(records, hindsight_goal) for hindsight_goal in records.hindsight_goals]
    return tuple(one for one in found if one is not None)


def _with_other_goal(records: TrajectoryRecords, hindsight_goal: HindsightGoal) -> TrajectoryRecords | None:
    other = hindsight_goal.other
    of_step = [one for one in records.transitions if one.step_index == hindsight_goal.step_index]
    done = [one for one in of_step if one.branch_index in hindsight_goal.statuses]
    right = next((one for one in done if one.action == other.action), None)
    if right is None:
        return None
    spec = replace(records.spec, goal_id=other.goal_id, saying=other.saying)
    states: dict[str, State] = {}

    def renamed(state_id: str) -> str:
        state = replace(records.states[state_id], goal=other.goal)
        states[state_id_of(state)] = state
        return state_id_of(state)

    def judged(branch_index: int, one: TransitionRecord) -> TransitionRecord:
        return replace(
            one,
            step_index=0,
            branch_index=branch_index,
            state_id=renamed(one.state_id),
            next_state_id=renamed(one.next_state_id),
            is_expert=same_target(records.states[one.state_id], one.action, other.action),
            goal=hindsight_goal.statuses[one.branch_index],
        )

    ordered = (right, *(one for one in done if one is not right))
    is_reached = hindsight_goal.statuses[right.branch_index].is_reached
    return replace(
        records,
        trajectory_id=trajectory_id_of(records.day, spec, POLICY.value),
        spec=spec,
        policy=POLICY,
        goal=other.goal,
        authorization=other.authorization,
        has_hidden_variables=False,
        hidden_prior=None,
        states=states,
        transitions=tuple(judged(index, one) for index, one in enumerate(ordered)),
        stop_reason=StopReason.GOAL_REACHED if is_reached else StopReason.POLICY_STOPPED,
        benign_success=is_reached,
        attack_success=hindsight_goal.statuses[right.branch_index].is_attack_successful,
        branches_executed=0,
        branches_dropped=0,
        elapsed_ms=0.0,
        tokens=0,
        hindsight_goals=(),
        hindsight_of=records.trajectory_id,
    )
