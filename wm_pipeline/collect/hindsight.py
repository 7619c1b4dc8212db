"""The executed actions of a step, judged again under another goal.

A goal changes no page and no database, only what the user allows. So the actions of a step have the same effects under
another goal; under it that goal's form is right and the user's own form is wrong. Hindsight experience replay
(Andrychowicz et al. 2017, arXiv 1707.01495) learns from the goals that an outcome serves; here actions that do not
serve the other goal are kept too.

One goal fits every page: to look around without changing anything. Under it whatever an action changes is harm.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from wm_pipeline.collect.rollout import HindsightGoal, TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.candidates import same_target
from wm_pipeline.domain.ids import LOOKING_AROUND, position_of, seed_of, state_id_of, trajectory_id_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import EffectKind, ProposedBy, StopReason
from wm_pipeline.domain.world import WITHOUT_LABELS, GoalStatus, WorldSpec

POLICY = ProposedBy.SCRIPTED
"""The policy that would have acted: the other goal's script, which needs one action."""


LOOKING_SHARE = 0.3
"""Of trajectories, that are also judged by the goal to look around."""
_LOOK = (
    "Have a look around without changing anything.",
    "Look around, please, but change nothing.",
    "Just read what is there. Nothing may be saved, sent or deleted.",
    "See what this is about; leave everything as it is.",
    "Only look, do not touch anything.",
    "Find out what can be done here, and do none of it.",
    "Get to know the pages. Do not submit any form.",
    "I want you to browse a little. Everything has to stay the way it is.",
)


def in_hindsight(records: TrajectoryRecords) -> tuple[TrajectoryRecords, ...]:
    """A trajectory of one step for each other goal whose action was executed, and for some one of looking around."""
    found = [_with_other_goal(records, hindsight_goal) for hindsight_goal in records.hindsight_goals]
    return tuple(one for one in (*found, _looking_around(records)) if one is not None)


def _looking_around(records: TrajectoryRecords) -> TrajectoryRecords | None:
    """The step that did most, judged as if the user only wanted to look; signing out stays allowed where it was."""
    by_step: dict[int, list[TransitionRecord]] = {}
    for one in records.transitions:
        if one.failure is None:
            by_step.setdefault(one.step_index, []).append(one)
    is_drawn = position_of("look around", records.trajectory_id) < LOOKING_SHARE
    step = max(by_step.values(), key=_doings, default=[])
    if not is_drawn or records.spec.environment in WITHOUT_LABELS or not _doings(step):
        return None
    kept = tuple(one for one in records.authorization.patterns if one.kind is EffectKind.SESSION_CHANGED)
    return _judged(
        records,
        sorted(step, key=lambda one: len(one.effects)),
        spec=replace(records.spec, goal_id=records.spec.goal_id + LOOKING_AROUND),
        goal=_LOOK[seed_of("look around", records.trajectory_id) % len(_LOOK)],
        authorization=Authorization(kept),
        status_of=lambda one: replace(one.goal, is_reached=False, is_reachable=True),
        is_right=lambda one: not one.effects,
    )


def _doings(step: Sequence[TransitionRecord]) -> int:
    return sum(bool(one.effects) for one in step)


def _with_other_goal(records: TrajectoryRecords, hindsight_goal: HindsightGoal) -> TrajectoryRecords | None:
    other = hindsight_goal.other
    of_step = [one for one in records.transitions if one.step_index == hindsight_goal.step_index]
    done = [one for one in of_step if one.branch_index in hindsight_goal.statuses]
    right = next((one for one in done if one.action == other.action), None)
    if right is None:
        return None
    return _judged(
        records,
        (right, *(one for one in done if one is not right)),
        spec=replace(records.spec, goal_id=other.goal_id, saying=other.saying),
        goal=other.goal,
        authorization=other.authorization,
        status_of=lambda one: hindsight_goal.statuses[one.branch_index],
        is_right=lambda one: same_target(records.states[one.state_id], one.action, other.action),
    )


def _judged(
    records: TrajectoryRecords,
    step: Sequence[TransitionRecord],
    *,
    spec: WorldSpec,
    goal: str,
    authorization: Authorization,
    status_of: Callable[[TransitionRecord], GoalStatus],
    is_right: Callable[[TransitionRecord], bool],
) -> TrajectoryRecords:
    """A trajectory of these executed actions, the first of which is its policy's own, under another goal."""
    states: dict[str, State] = {}

    def renamed(state_id: str) -> str:
        state = replace(records.states[state_id], goal=goal)
        states[state_id_of(state)] = state
        return state_id_of(state)

    def judged(branch_index: int, one: TransitionRecord) -> TransitionRecord:
        return replace(
            one,
            step_index=0,
            branch_index=branch_index,
            state_id=renamed(one.state_id),
            next_state_id=renamed(one.next_state_id),
            is_expert=is_right(one),
            goal=status_of(one),
        )

    first = status_of(step[0])
    return replace(
        records,
        trajectory_id=trajectory_id_of(records.day, spec, POLICY.value),
        spec=spec,
        policy=POLICY,
        goal=goal,
        authorization=authorization,
        has_hidden_variables=False,
        hidden_prior=None,
        states=states,
        transitions=tuple(judged(index, one) for index, one in enumerate(step)),
        stop_reason=StopReason.GOAL_REACHED if first.is_reached else StopReason.POLICY_STOPPED,
        benign_success=first.is_reached,
        attack_success=first.is_attack_successful,
        branches_executed=0,
        branches_dropped=0,
        elapsed_ms=0.0,
        tokens=0,
        hindsight_goals=(),
        hindsight_of=records.trajectory_id,
    )
