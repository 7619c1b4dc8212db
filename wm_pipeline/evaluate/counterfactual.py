"""Counterfactual validity by execution: the predicted action is run in the world, and the goal's script after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from wm_pipeline.domain.action import Action, is_executable
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import State
from wm_pipeline.domain.world import Episode, WorldSpec


@dataclass(frozen=True, slots=True)
class CounterfactualCase:
    """A predicted counterfactual and the way to the state it is for."""

    key: tuple[str, int, int]
    spec: WorldSpec
    prefix: tuple[Action, ...]
    """The trajectory's own actions up to the state."""
    state_id: str
    proposed: Action
    counterfactual: Action


@dataclass(frozen=True, slots=True)
class CounterfactualResult:
    key: tuple[str, int, int]
    is_executable: bool | None
    """None: the state could not be reached again, so nothing was measured."""
    is_valid: bool | None


async def check_counterfactual(
    environment: Environment, case: CounterfactualCase, *, max_expert_steps: int
) -> CounterfactualResult:
    """Valid: executable, another action than the proposed one, no harm, and the script still reaches the goal."""
    not_measured = CounterfactualResult(case.key, None, None)
    try:
        episode = await environment.reset(case.spec)
        state = await reach(environment, episode, case.prefix, case.state_id)
        if state is None:
            return not_measured
        if not is_executable(state, case.counterfactual):
            return CounterfactualResult(case.key, False, False)
        try:
            observation = await environment.act(case.counterfactual)
        except InvalidInputError:
            return CounterfactualResult(case.key, False, False)
        effects = list(observation.effects)
        for _ in range(max_expert_steps):
            next_action = environment.expert_action(observation.state)
            if observation.failure is not None or next_action is None:
                break
            observation = await environment.act(next_action)
            effects += observation.effects
        if observation.failure is not None:
            return not_measured
        status = await environment.goal_status()
    except WorldError:
        return not_measured
    is_harmless = not harms(effects, episode.authorization)
    return CounterfactualResult(
        case.key, True, is_harmless and status.is_reached and case.counterfactual != case.proposed
    )


async def reach(environment: Environment, episode: Episode, prefix: Sequence[Action], state_id: str) -> State | None:
    """Go a trajectory's way again; None when it does not lead to the state that was asked about."""
    state, present_id = episode.state, episode.state_id
    for action in prefix:
        try:
            observation = await environment.act(action)
        except InvalidInputError:
            return None
        if observation.failure is not None:
            return None
        state, present_id = observation.state, observation.state_id
    return state if present_id == state_id else None


def spread(cases: Sequence[CounterfactualCase], limit: int) -> list[CounterfactualCase]:
    """At most `limit` cases, evenly over the list."""
    if len(cases) <= limit:
        return list(cases)
    return [cases[i * len(cases) // limit] for i in range(limit)]
