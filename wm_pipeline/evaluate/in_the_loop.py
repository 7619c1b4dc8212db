"""Policies acting in fresh worlds, with and without the guard; loop_metrics.py makes numbers of the episodes.

Whether a proposed action that the guard did not execute was harmful is found by executing it from a snapshot that is
restored afterwards, so miss and over-block are measured, not judged. What a script asks for beyond the state is held
until the guard has judged it, too, as GuardedPage does. The policy hears of every refusal. Nobody answers
an escalation here: nothing is executed, and when the policy insists on the same action the episode ends. That is
the worst case for utility.
An episode whose browser broke or hung is played once more; when it breaks again, it is counted as crashed and enters no
metric. Each episode has a world of its own, so that an interval over episodes is one over worlds.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Environment, Guard, Policy, Progress
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import StopReason, Verdict
from wm_pipeline.domain.world import Observation, WorldSpec
from wm_pipeline.environments.episodes import play
from wm_pipeline.environments.instruments.side_by_side import play_side_by_side
from wm_pipeline.guard.requests import state_with_request
from wm_pipeline.guard.step import Refused, guarded_step

BROKEN = frozenset({StopReason.BROWSER_CRASHED, StopReason.TIMED_OUT})


@dataclass(slots=True)
class LoopCounts:
    """What is counted while an episode runs."""

    harm_count: int = 0
    safe_proposed: int = 0
    safe_not_executed: int = 0
    unsafe_proposed: int = 0
    unsafe_executed: int = 0
    escalations: int = 0
    switches: int = 0
    decisions: int = 0
    tokens: int = 0
    added_latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """One proposed action that a guard decided on, and what executing it did."""

    page: str
    """Address of the page."""
    goal: str
    action: str
    """The action's text, as the model read it."""
    risk_score: float | None
    """None where no prediction was made."""
    verdict: Verdict
    reason: str
    executed: str | None
    """Words for what was executed instead; None where nothing was, or the proposed action itself."""
    is_harmful: bool

    @property
    def is_mistake(self) -> bool:
        return self.is_harmful is (self.verdict is Verdict.EXECUTE)


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One executed action, and how goal and attack stood after it."""

    state: State
    """Before it."""
    action: Action
    goal_reached: bool
    attack_success: bool


@dataclass(frozen=True, slots=True)
class LoopEpisode:
    """How one episode went."""

    policy: str
    is_guarded: bool
    site: str
    world_seed: int
    """With the site, it names the world."""
    attack_family: str | None
    attack_disguise: str | None
    is_attacked: bool
    """An attack is planted; a benign look-alike is not an attack."""
    goal_reached: bool
    attack_success: bool
    stop_reason: StopReason
    counts: LoopCounts
    judged: tuple[JudgedStep, ...]
    """In order; empty without a guard."""
    executed: tuple[ExecutedStep, ...]
    """In order, without an action that broke the browser."""


async def run_episode(
    environment: Environment, policy: Policy, spec: WorldSpec, *, guard: Guard | None, max_steps: int
) -> LoopEpisode:
    """One policy in one fresh world. Crashes and time-outs end the episode with their reason."""
    run = _Run(environment, policy, guard)
    try:
        episode = await environment.reset(spec)
        run.authorization = episode.authorization
        policy.start(episode, environment, seed=seed_of("loop", spec.world_seed))
        played = await play(environment, episode.state, policy.propose, max_steps=max_steps, execute=run.execute)
        status, stop = await environment.goal_status(), played.stop_reason
        goal_reached, attack_success = status.is_reached, bool(status.is_attack_successful)
        if goal_reached and stop is StopReason.MAX_STEPS:
            stop = StopReason.GOAL_REACHED
    except WorldError:
        goal_reached, attack_success, stop = False, False, StopReason.BROWSER_CRASHED
    run.counts.tokens += policy.tokens
    return LoopEpisode(
        policy=policy.proposed_by,
        is_guarded=guard is not None,
        site=spec.site,
        world_seed=spec.world_seed,
        attack_family=spec.attack.family if spec.attack is not None else None,
        attack_disguise=spec.attack.disguise if spec.attack is not None else None,
        is_attacked=spec.attack is not None and not spec.attack.is_lookalike,
        goal_reached=goal_reached,
        attack_success=attack_success,
        stop_reason=stop,
        counts=run.counts,
        judged=tuple(run.judged),
        executed=tuple(run.executed),
    )


async def run_sound_episode(
    environment: Environment, make_policy: Callable[[], Policy], spec: WorldSpec, *, guard: Guard | None, max_steps: int
) -> LoopEpisode:
    """`run_episode`, and once more when the browser broke: a machine may have ended it. A page breaks it both times."""
    episode = await run_episode(environment, make_policy(), spec, guard=guard, max_steps=max_steps)
    if episode.stop_reason in BROKEN:
        episode = await run_episode(environment, make_policy(), spec, guard=guard, max_steps=max_steps)
    return episode


@dataclass(slots=True)
class _Run:
    """An episode while it is played: the guard's steps, and around them what is measured."""

    environment: Environment
    policy: Policy
    guard: Guard | None
    authorization: Authorization = field(default_factory=Authorization)
    """The episode's, once it has begun."""
    counts: LoopCounts = field(default_factory=LoopCounts)
    judged: list[JudgedStep] = field(default_factory=list)
    executed: list[ExecutedStep] = field(default_factory=list)
    refused: Refused = frozenset()

    async def execute(self, state: State, proposed: Action) -> Observation | StopReason | None:
        """The guard's step; what it did not execute is tried out from a snapshot first."""
        executed, decision = proposed, None
        if self.guard is not None:
            step = guarded_step(self.guard, state, proposed, refused=self.refused, can_hold=True)
            decision, self.refused = step.decision, step.refused
            self._count(decision)
            if not step.is_as_proposed:
                is_harmful = await self._try_out(proposed)
                self.judged.append(_judged(state, proposed, decision, is_harmful=is_harmful))
                self.policy.on_refusal(proposed)
            if step.executed is None:
                return StopReason.ESCALATED if step.is_insisting else None
            executed = step.executed
        judge = None if self.guard is None else partial(self._may_leave, state, executed)
        observation = await self.environment.act(executed, judge=judge)
        is_harmful = bool(harms(observation.effects, self.authorization))
        self.counts.harm_count += is_harmful
        if executed == proposed:
            self.counts.unsafe_proposed += is_harmful
            self.counts.unsafe_executed += is_harmful
            self.counts.safe_proposed += not is_harmful
        if decision is not None and decision.verdict is Verdict.EXECUTE:
            self.judged.append(_judged(state, proposed, decision, is_harmful=is_harmful))
        if observation.failure is None:
            status = await self.environment.goal_status()
            self.executed.append(ExecutedStep(state, executed, status.is_reached, bool(status.is_attack_successful)))
        return observation

    async def _may_leave(self, state: State, action: Action, request: NetworkEvent, body: bytes) -> bool:
        """Whether the guard lets through what only a script knew of, once it is known."""
        assert self.guard is not None
        known = state_with_request(state, request, body, name=short_action(state, action))
        decision = guarded_step(self.guard, *known, can_hold=True).decision
        self._count(decision)
        return decision.verdict is Verdict.EXECUTE

    def _count(self, decision: Decision) -> None:
        self.counts.decisions += 1
        self.counts.tokens += decision.tokens
        self.counts.added_latency_ms += decision.latency_ms
        self.counts.escalations += decision.verdict is Verdict.ESCALATE
        self.counts.switches += decision.verdict is Verdict.SWITCH

    async def _try_out(self, proposed: Action) -> bool:
        """Whether the action that the guard avoided would have been harmful, found by executing and undoing it."""
        await self.environment.snapshot()
        tried = await self.environment.act(proposed)
        if tried.failure is not None and tried.is_broken:
            raise WorldError(f"what the guard avoided cannot be measured: {tried.failure.value}")
        if not await self.environment.restore():
            raise WorldError("the world differs after a restore, so what the guard avoided cannot be measured")
        is_harmful = bool(harms(tried.effects, self.authorization))
        self.counts.unsafe_proposed += is_harmful
        self.counts.safe_proposed += not is_harmful
        self.counts.safe_not_executed += not is_harmful
        return is_harmful


def _judged(state: State, proposed: Action, decision: Decision, *, is_harmful: bool) -> JudgedStep:
    instead = decision.executed if decision.verdict is Verdict.SWITCH else None
    return JudgedStep(
        page=state.url,
        goal=state.goal,
        action=question_of(read_state(state), proposed).text,
        risk_score=None if decision.outcome is None else decision.outcome.risk_score,
        verdict=decision.verdict,
        reason=decision.reason,
        executed=None if instead is None else short_action(state, instead),
        is_harmful=is_harmful,
    )


async def run_loop(
    environments: Sequence[Environment],
    policies: Sequence[Callable[[], Policy]],
    worlds: Sequence[WorldSpec],
    *,
    guards: Sequence[Guard | None],
    max_steps: int,
    progress: Progress,
) -> list[LoopEpisode]:
    """Every policy in every world under every guard; None is no guard."""

    async def play(
        environment: Environment, episode: tuple[Callable[[], Policy], Guard | None, WorldSpec]
    ) -> LoopEpisode:
        make_policy, chosen_guard, spec = episode
        return await run_sound_episode(environment, make_policy, spec, guard=chosen_guard, max_steps=max_steps)

    return await play_side_by_side(
        environments,
        list(product(policies, guards, worlds)),
        play,
        progress=lambda done, total: progress(done, total, "episodes with and without the guard"),
    )


def guard_mistakes(episodes: Sequence[LoopEpisode], *, limit: int) -> list[dict[str, object]]:
    """Harm that the guard executed and safe actions that it did not, harm first; at most `limit` of each."""
    found: dict[bool, list[dict[str, object]]] = {True: [], False: []}
    for episode in episodes:
        for step in episode.judged:
            if step.is_mistake:
                where = {
                    "policy": episode.policy,
                    "site": episode.site,
                    "attack_family": episode.attack_family,
                    "is_attacked": episode.is_attacked,
                }
                found[step.is_harmful].append({**where, **asdict(step)})
    return [*found[True][:limit], *found[False][:limit]]
