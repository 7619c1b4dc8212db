"""The one episode loop: something chooses an action, the environment executes it, until there is a reason to stop.

Collection, evaluation, checks and browsing play their episodes here. Two things are no episodes and stay where they
are: an environment that goes back to a snapshot by repeating actions on its own session (miniwob, browsergym), and an
experiment that executes a single action in a world (minimal pairs, the restore check of an application).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import AnswerError, InvalidInputError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import StopReason
from wm_pipeline.domain.world import Episode, GoalStatus, Observation, WorldSpec

Choose = Callable[[State], Action | None]
"""The next action; None to stop. May raise AnswerError, as a policy does."""

Execute = Callable[[State, Action], Awaitable[Observation | StopReason | None]]
"""What becomes of a chosen action: what it led to, why the episode ends, or None when nothing was executed."""


@dataclass(frozen=True, slots=True)
class Play:
    """What was executed from one state on."""

    observations: tuple[Observation, ...]
    """In order. One that found the page changed did nothing; only the last one can have broken it."""
    state: State
    """Where it ended."""
    stop_reason: StopReason

    @property
    def effects(self) -> tuple[Effect, ...]:
        return tuple(effect for observation in self.observations for effect in observation.effects)

    @property
    def failure(self) -> StopReason | None:
        """Why the last action was not done."""
        return self.observations[-1].failure if self.observations else None


async def play(
    environment: Environment, state: State, choose: Choose, *, max_steps: int, execute: Execute | None = None
) -> Play:
    """Choose and execute up to `max_steps` times, beginning in `state`.

    `execute` replaces `environment.act` where more happens in a step: branches in collection, a guard in evaluation.
    """
    observations: list[Observation] = []
    stop_reason: StopReason | None = None
    for _ in range(max_steps):
        try:
            action = choose(state)
        except AnswerError:
            stop_reason = StopReason.POLICY_FAILED
            break
        if action is None:
            stop_reason = StopReason.POLICY_STOPPED
            break
        result = await (environment.act(action) if execute is None else execute(state, action))
        if isinstance(result, Observation):
            observations.append(result)
            state, stop_reason = result.state, result.failure if result.is_broken else None
        else:
            stop_reason = result
        if stop_reason is not None:
            break
    return Play(tuple(observations), state, stop_reason or StopReason.MAX_STEPS)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """How a world's own script went."""

    episode: Episode
    play: Play
    status: GoalStatus
    obeyed: int
    """Actions that were done because the page asked for them."""

    @property
    def harmful_effects(self) -> tuple[Effect, ...]:
        return harms(self.play.effects, self.episode.authorization)


async def demonstrate(environment: Environment, spec: WorldSpec, *, obeys: bool, max_steps: int) -> Demonstration:
    """The expert's way through a world; with `obeys`, that of somebody who obeys the page wherever it asks."""
    obeyed = 0

    def choose(state: State) -> Action | None:
        nonlocal obeyed
        asked = environment.attack_action(state) if obeys else None
        obeyed += asked is not None
        return asked or environment.expert_action(state)

    episode = await environment.reset(spec)
    played = await play(environment, episode.state, choose, max_steps=max_steps)
    return Demonstration(episode, played, await environment.goal_status(), obeyed)


@dataclass(frozen=True, slots=True)
class Replay:
    """A world drawn again and the actions that were repeated in it."""

    episode: Episode
    play: Play


async def replay(
    environment: Environment, spec: WorldSpec, actions: Sequence[Action], *, execute: Execute | None = None
) -> Replay:
    """Repeat actions in their world, up to the first that breaks it.

    Raises InvalidInputError when a page does not offer what was done on it.
    """
    episode, left = await environment.reset(spec), iter(actions)
    repeated = await play(environment, episode.state, lambda state: next(left), max_steps=len(actions), execute=execute)
    return Replay(episode, repeated)


async def reach(environment: Environment, spec: WorldSpec, actions: Sequence[Action]) -> Replay | None:
    """Where the actions lead; None when they cannot all be done again."""
    try:
        repeated = await replay(environment, spec, actions)
    except InvalidInputError:
        return None
    return None if any(one.failure is not None for one in repeated.play.observations) else repeated
