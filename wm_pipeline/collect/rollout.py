"""One policy in one world: the states visited, the action taken in each, and K alternatives from the same state."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wm_pipeline.collect.branches import Alternative, Plans, candidate_key, choose_branches
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.ways_back import can_be_tried, reversibility_at_once, try_ways_back
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.candidates import same_target
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ids import page_id_of, seed_of, state_id_of, trajectory_id_of
from wm_pipeline.domain.ports import Environment, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind, Reversibility, StopReason
from wm_pipeline.domain.world import WITHOUT_LABELS, Episode, GoalStatus, Observation, OtherGoal, WorldSpec
from wm_pipeline.environments.episodes import play, reach

LEFT_BEHIND = frozenset({AssetKind.LOCAL_STORAGE, AssetKind.SERVICE_WORKER, AssetKind.FORWARDING_RULE})
"""Assets that can act by themselves in a later step."""
STORED = frozenset({EffectKind.STORAGE_WRITTEN, EffectKind.SERVICE_WORKER_REGISTERED})
"""Effects that are no harm by themselves: what follows is."""


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """One executed action; branch 0 is the policy's own."""

    step_index: int
    branch_index: int
    state_id: str
    next_state_id: str
    action: Action
    proposed_by: str
    is_expert: bool
    delta: StateDelta
    effects: tuple[Effect, ...]
    goal: GoalStatus
    is_settled: bool
    elapsed_ms: float
    failure: StopReason | None
    reversibility: Reversibility | None = None
    """None where no way back was tried."""
    picture: bytes | None = None
    """PNG picture of the page that the step failed on."""


@dataclass(frozen=True, slots=True)
class HindsightGoal:
    """Another goal that the user could have had at a step."""

    other: OtherGoal
    step_index: int
    statuses: dict[int, GoalStatus] = field(default_factory=dict)
    """The goal's status after each action of the step, by branch index."""


@dataclass(frozen=True, slots=True)
class TrajectoryRecords:
    """All records of one policy's run through one world."""

    trajectory_id: str
    day: str
    spec: WorldSpec
    policy: str
    goal: str
    authorization: Authorization
    has_hidden_variables: bool
    hidden_prior: float | None
    states: dict[str, State]
    transitions: tuple[TransitionRecord, ...]
    stop_reason: StopReason
    benign_success: bool
    attack_success: bool | None
    branches_executed: int
    branches_dropped: int
    elapsed_ms: float
    tokens: int
    hindsight_goals: tuple[HindsightGoal, ...] = ()
    hindsight_of: str | None = None
    """Id of the executed trajectory, when this one judges it under another goal."""

    @property
    def steps(self) -> int:
        return sum(one.branch_index == 0 for one in self.transitions)


async def collect_trajectory(
    environment: Environment,
    policy: Policy,
    spec: WorldSpec,
    *,
    day: str,
    settings: CollectSettings,
    other_goals: Sequence[str] = (),
) -> TrajectoryRecords:
    """Run `policy` in the world `spec`. Crashes and time-outs end the trajectory with their reason.

    `other_goals`: ids of goals that hindsight may use in place of the world's own.

    Raises WorldError only when the world cannot be reset: then there is nothing to record.
    """
    started = time.perf_counter()
    episode = await environment.reset(spec)
    rollout = _Rollout(environment, policy, episode, settings, other_goals, state_id=episode.state_id)
    policy.start(episode, environment, seed=seed_of("policy", settings.seed, spec.world_seed, spec.hidden_seed))
    status: GoalStatus | None
    try:
        stop_reason = await rollout.run()
        status = await environment.goal_status()
    except WorldError:
        stop_reason, status = StopReason.BROWSER_CRASHED, rollout.last_status
    return TrajectoryRecords(
        trajectory_id=trajectory_id_of(day, spec, policy.proposed_by),
        day=day,
        spec=spec,
        policy=policy.proposed_by,
        goal=episode.goal,
        authorization=episode.authorization,
        has_hidden_variables=episode.has_hidden_variables,
        hidden_prior=episode.hidden_prior,
        states=rollout.states,
        transitions=tuple(rollout.transitions),
        stop_reason=stop_reason,
        benign_success=status is not None and status.is_reached,
        attack_success=_attack_success(spec, status),
        branches_executed=rollout.branches_executed,
        branches_dropped=rollout.branches_dropped,
        elapsed_ms=(time.perf_counter() - started) * 1000,
        tokens=policy.tokens,
        hindsight_goals=tuple(rollout.hindsight_goals),
    )


def _attack_success(spec: WorldSpec, status: GoalStatus | None) -> bool | None:
    if spec.attack is None:
        return None
    return status is not None and bool(status.is_attack_successful)


@dataclass(slots=True)
class _Rollout:
    environment: Environment
    policy: Policy
    episode: Episode
    settings: CollectSettings
    other_goals: Sequence[str]
    """Ids of goals that were not used yet in this world."""
    state_id: str
    """Id of the policy's current state."""
    states: dict[str, State] = field(default_factory=dict)
    transitions: list[TransitionRecord] = field(default_factory=list)
    steps: int = 0
    """The policy's actions so far, with those that found the page changed."""
    taken: list[Action] = field(default_factory=list)
    """Those that were done; a replay repeats them."""
    tried: Counter[str] = field(default_factory=Counter)
    """How often each candidate was executed, branches included."""
    last_status: GoalStatus | None = None
    branches_executed: int = 0
    branches_dropped: int = 0
    ways_back: int = 0
    """How many branches a way back was looked for after."""
    hindsight_goals: list[HindsightGoal] = field(default_factory=list)

    async def run(self) -> StopReason:
        self.states[self.state_id] = self.episode.state
        played = await play(
            self.environment,
            self.episode.state,
            self.policy.propose,
            max_steps=self.settings.max_steps,
            execute=self._execute_step,
        )
        has_stopped_at_goal = played.stop_reason is StopReason.POLICY_STOPPED and self._is_reached
        return StopReason.GOAL_REACHED if has_stopped_at_goal else played.stop_reason

    async def _execute_step(self, state: State, main: Action) -> Observation | StopReason:
        """Execute the branches from a snapshot, then the policy's own action, then look for its delayed harm."""
        plans = Plans(main, self.environment.expert_action(state), self.environment.attack_action(state))
        step_index = self.steps
        if not await self._run_branches(state, self.state_id, plans, step_index):
            return StopReason.RESTORE_FAILED
        observation, self.last_status = await self._execute(
            state, self.state_id, Alternative(main, self.policy.proposed_by), plans, key=(step_index, 0)
        )
        self.steps += 1
        if observation.failure is None:
            self.taken.append(main)
        elif observation.is_broken:
            return observation.failure
        if not await self._follow_main(observation):
            return StopReason.RESTORE_FAILED
        self.state_id = observation.state_id
        return StopReason.GOAL_REACHED if self._is_finished(observation.state) else observation

    @property
    def _is_reached(self) -> bool:
        return self.last_status is not None and self.last_status.is_reached

    def _is_finished(self, state: State) -> bool:
        return (
            self._is_reached
            and self.environment.expert_action(state) is None
            and self.environment.attack_action(state) is None
        )

    async def _run_branches(self, state: State, state_id: str, plans: Plans, step_index: int) -> bool:
        """Execute the alternatives; False when the state could not be brought back afterwards."""
        others = self._other_goals(state, step_index)
        chosen = choose_branches(
            state,
            plans,
            count=self.settings.branches,
            form_count=self.settings.form_branches,
            noop_share=self.settings.noop_share,
            seed=seed_of("branches", self.settings.seed, state_id, step_index),
            tried=self.tried,
            others=[one.action for one in others],
        )
        if not chosen:
            return True
        await self.environment.snapshot()
        for position, alternative in enumerate(chosen):
            observation, _ = await self._execute(state, state_id, alternative, plans, key=(step_index, position + 1))
            self.branches_executed += 1
            if observation.failure is None:
                await self._follow(observation, len(self.transitions) - 1)
            if state.other_tabs:
                # Windows beside a page do not come back with a restore; the way here opens them again.
                if await self._replay(state):
                    continue
                self.branches_dropped += len(chosen) - position - 1
                return False
            is_back = await self.environment.restore()
            if is_back and self.ways_back < self.settings.ways_back and can_be_tried(observation.effects):
                is_back = await self._try_ways_back(state, alternative.action, observation, len(self.transitions) - 1)
            if not is_back:
                # Further branches would start from another page than the saved one.
                self.branches_dropped += len(chosen) - position - 1
                return await self._replay(state)
        return True

    async def _try_ways_back(self, state: State, action: Action, observation: Observation, position: int) -> bool:
        """Say whether the transition at `position` can be undone; False when the state could not be brought back."""
        self.ways_back += 1
        found = await try_ways_back(self.environment, state, action, observation)
        self.transitions[position] = replace(self.transitions[position], reversibility=found)
        return found is not None or await self.environment.restore()

    def _other_goals(self, state: State, step_index: int) -> list[OtherGoal]:
        """Goals that the user could also have on this page; each is used once a world."""
        if not self.settings.other_goals or not self.other_goals:
            return []
        order = sorted(self.other_goals, key=lambda goal_id: seed_of("other goal", state_id_of(state), goal_id))
        found = list(self.environment.other_goals(state, order)[: self.settings.other_goals])
        taken = {one.goal_id for one in found}
        self.other_goals = [goal_id for goal_id in self.other_goals if goal_id not in taken]
        self.hindsight_goals += [HindsightGoal(one, step_index) for one in found]
        return found

    async def _execute(
        self, state: State, state_id: str, alternative: Alternative, plans: Plans, *, key: tuple[int, int]
    ) -> tuple[Observation, GoalStatus]:
        """Execute one action and record it; a failed step does not change the goal's status."""
        observation = await self.environment.act(alternative.action)
        status = self.last_status if observation.failure is not None else None
        if status is None:
            status = await self.environment.goal_status()
        for one in self.hindsight_goals:
            if one.step_index == key[0] and observation.failure is None:
                one.statuses[key[1]] = one.other.status()
        self.tried[candidate_key(state, alternative.action)] += 1
        self.states[observation.state_id] = observation.state
        self.transitions.append(
            TransitionRecord(
                step_index=key[0],
                branch_index=key[1],
                state_id=state_id,
                next_state_id=observation.state_id,
                action=observation.recorded,
                proposed_by=alternative.proposed_by,
                is_expert=plans.expert is not None and same_target(state, alternative.action, plans.expert),
                delta=observation.delta,
                effects=observation.effects,
                goal=status,
                is_settled=observation.is_settled,
                elapsed_ms=observation.elapsed_ms,
                failure=observation.failure,
                reversibility=self._reversibility_of(observation),
                picture=observation.picture,
            )
        )
        return observation, status

    def _reversibility_of(self, observation: Observation) -> Reversibility | None:
        is_known = observation.failure is None and self.episode.spec.environment not in WITHOUT_LABELS
        return reversibility_at_once(observation.effects) if is_known else None

    # --- delayed harm -----------------------------------------------------------------------------------------------

    async def _follow(self, observation: Observation, position: int) -> None:
        """Follow the goal's script, and add the harm seen on the way to the transition at `position`.

        Where the script went all the way to the goal and did no harm, what was stored in the browser touches nothing.
        """
        if not leaves_something(observation.effects):
            return
        script = await play(
            self.environment, observation.state, self.environment.expert_action, max_steps=self.settings.horizon
        )
        # Effects that the script is allowed to have are its own, not consequences of the action before it.
        delayed = [
            replace(effect, steps_later=steps_later)
            for steps_later, later in enumerate(script.observations, start=1)
            for effect in harms(later.effects, self.episode.authorization)
        ]
        record = self.transitions[position]
        own = record.effects
        if not delayed and script.observations and (await self.environment.goal_status()).is_reached:
            own = tuple(replace(one, asset=AssetKind.NONE) if one.kind in STORED else one for one in own)
        self.transitions[position] = replace(record, effects=(*own, *delayed))

    async def _follow_main(self, observation: Observation) -> bool:
        if not leaves_something(observation.effects) or self.settings.horizon == 0:
            return True
        position = len(self.transitions) - 1
        await self.environment.snapshot()
        await self._follow(observation, position)
        return await self.environment.restore() or await self._replay(observation.state)

    async def _replay(self, expected: State) -> bool:
        """Restart the world and repeat the policy's actions; True when that leads to the expected page."""
        reached = await reach(self.environment, self.episode.spec, self.taken)
        return reached is not None and page_id_of(reached.play.state) == page_id_of(expected)


def leaves_something(effects: Sequence[Effect]) -> bool:
    """Whether the effects left something in the browser or on the site that can act later."""
    return any(effect.asset in LEFT_BEHIND and effect.kind is not EffectKind.ROW_DELETED for effect in effects)
