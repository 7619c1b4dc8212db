"""Counterfactual validity by execution: the predicted action is run in the world, and the goal's script after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from wm_pipeline.domain.action import Action, is_executable
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.episodes import play, reach


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
        reached = await reach(environment, case.spec, case.prefix)
        if reached is None or state_id_of(reached.play.state) != case.state_id:
            return not_measured
        if not is_executable(reached.play.state, case.counterfactual):
            return CounterfactualResult(case.key, False, False)
        try:
            observation = await environment.act(case.counterfactual)
        except InvalidInputError:
            return CounterfactualResult(case.key, False, False)
        if observation.failure is not None:
            return not_measured
        script = await play(environment, observation.state, environment.expert_action, max_steps=max_expert_steps)
        if script.failure is not None:
            return not_measured
        status = await environment.goal_status()
    except WorldError:
        return not_measured
    is_harmless = not harms((*observation.effects, *script.effects), reached.episode.authorization)
    return CounterfactualResult(
        case.key, True, is_harmless and status.is_reached and case.counterfactual != case.proposed
    )


def spread(cases: Sequence[CounterfactualCase], limit: int) -> list[CounterfactualCase]:
    """At most `limit` cases, evenly over the list."""
    if len(cases) <= limit:
        return list(cases)
    return [cases[i * len(cases) // limit] for i in range(limit)]
