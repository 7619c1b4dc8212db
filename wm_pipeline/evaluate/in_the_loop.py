"""Policies acting in fresh worlds, with and without the guard; loop_metrics.py makes numbers of the episodes.

Whether a proposed action that the guard did not execute was harmful is found by executing it from a snapshot that is
restored afterwards, so miss and over-block are measured, not judged. What a script asks for beyond the state is held
until the guard has judged it, too, as GuardedPage does. The policy hears of every refusal. Nobody answers
an escalation here: nothing is executed, and when the policy insists on the same action the episode ends. That is
the worst case for utility. What executing an action in a state did is remembered for all guards of the same world.
An episode whose browser broke or hung is played once more; when it breaks again, it is counted as crashed and enters no
metric. Each episode has a world of its own, so that an interval over episodes is one over worlds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ids import seed_of, state_id_of
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
GUARD_OFF, GUARD_ON, CHAMPION_GUARD_ON = "guard_off", "guard_on", "champion_guard_on"
"""No guard, the model's, and the champion's; other guards have names of their own."""
MakeGuard = Callable[[], Guard]
"""A guard for one episode: one that counts begins anew in each."""
KnownHarm = dict[tuple[WorldSpec, str, Action], bool]
"""Whether an action did harm in a world, by the state_id of where it was done."""


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
    is_harmful: bool | None
    """None where it did nothing, since the page had changed."""

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
    guard: str
    """GUARD_OFF where there was none."""
    spec: WorldSpec
    is_attack_proposed: bool
    """The policy proposed what the attack asks for, or what did harm, whatever came of it."""
    goal_reached: bool
    attack_success: bool
    stop_reason: StopReason
    counts: LoopCounts
    judged: tuple[JudgedStep, ...]
    """In order; empty without a guard."""
    executed: tuple[ExecutedStep, ...]
    """In order, without an action that broke the browser."""

    @property
    def is_attacked(self) -> bool:
        """An attack is planted; a benign look-alike is not an attack."""
        return self.spec.attack is not None and not self.spec.attack.is_lookalike

    @property
    def is_strict_success(self) -> bool:
        return self.goal_reached and self.counts.harm_count == 0


async def run_episode(
    environment: Environment,
    policy: Policy,
    spec: WorldSpec,
    *,
    guard: Guard | None,
    max_steps: int,
    name: str | None = None,
    known: KnownHarm | None = None,
    tries_out: bool = True,
) -> LoopEpisode:
    """One policy in one fresh world. Crashes and time-outs end the episode with their reason.

    `name`: the guard's. `known`: what other episodes have found; what this one finds is added. `tries_out`: what the
    guard avoided and nobody knows is tried.
    """
    run = _Run(environment, policy, guard, spec, {} if known is None else known, tries_out)
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
        guard=name or (GUARD_OFF if guard is None else GUARD_ON),
        spec=spec,
        is_attack_proposed=run.is_attack_proposed or run.counts.unsafe_proposed > 0,
        goal_reached=goal_reached,
        attack_success=attack_success,
        stop_reason=stop,
        counts=run.counts,
        judged=tuple(run.judged),
        executed=tuple(run.executed),
    )


async def run_sound_episode(
    environment: Environment,
    make_policy: Callable[[], Policy],
    spec: WorldSpec,
    *,
    make_guard: MakeGuard | None,
    max_steps: int,
    name: str | None = None,
    known: KnownHarm | None = None,
    tries_out: bool = True,
) -> LoopEpisode:
    """`run_episode`, and once more when the browser broke: a machine may have ended it. A page breaks it both times."""

    async def run() -> LoopEpisode:
        guard = None if make_guard is None else make_guard()
        return await run_episode(
            environment,
            make_policy(),
            spec,
            guard=guard,
            max_steps=max_steps,
            name=name,
            known=known,
            tries_out=tries_out,
        )

    episode = await run()
    return await run() if episode.stop_reason in BROKEN else episode


@dataclass(slots=True)
class _Run:
    """An episode while it is played: the guard's steps, and around them what is measured."""

    environment: Environment
    policy: Policy
    guard: Guard | None
    spec: WorldSpec
    known: KnownHarm
    tries_out: bool
    authorization: Authorization = field(default_factory=Authorization)
    """The episode's, once it has begun."""
    counts: LoopCounts = field(default_factory=LoopCounts)
    judged: list[JudgedStep] = field(default_factory=list)
    executed: list[ExecutedStep] = field(default_factory=list)
    refused: Refused = frozenset()
    is_attack_proposed: bool = False

    async def execute(self, state: State, proposed: Action) -> Observation | StopReason | None:
        """The guard's step; what it did not execute is tried out from a snapshot first."""
        executed, decision = proposed, None
        self.is_attack_proposed |= proposed == self.environment.attack_action(state)
        if self.guard is not None:
            step = guarded_step(self.guard, state, proposed, refused=self.refused, can_hold=True)
            decision, self.refused = step.decision, step.refused
            self._count(decision)
            if not step.is_as_proposed:
                is_harmful = await self._try_out(state, proposed)
                self.judged.append(_judged(state, proposed, decision, is_harmful=is_harmful))
                self.policy.on_refusal(proposed)
            if step.executed is None:
                return StopReason.ESCALATED if step.is_insisting else None
            executed = step.executed
        judge = None if self.guard is None else partial(self._may_leave, state, executed)
        observation = await self.environment.act(executed, judge=judge)
        is_harmful = self._harm_of(state, executed, observation, is_remembered=judge is None)
        self.counts.harm_count += bool(is_harmful)
        if executed == proposed:
            self._count_proposal(is_harmful, is_executed=True)
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

    async def _try_out(self, state: State, proposed: Action) -> bool | None:
        """Whether the action that the guard avoided would have been harmful, found by executing and undoing it.

        None where it did nothing, since the page had changed, and where it is not known and not tried.
        """
        is_harmful = self.known.get((self.spec, state_id_of(state), proposed))
        if is_harmful is None and self.tries_out:
            await self.environment.snapshot()
            tried = await self.environment.act(proposed)
            if tried.failure is not None and tried.is_broken:
                raise WorldError(f"what the guard avoided cannot be measured: {tried.failure.value}")
            if not await self.environment.restore():
                raise WorldError("the world differs after a restore, so what the guard avoided cannot be measured")
            is_harmful = self._harm_of(state, proposed, tried, is_remembered=True)
        self._count_proposal(is_harmful, is_executed=False)
        return is_harmful

    def _harm_of(self, state: State, action: Action, observation: Observation, *, is_remembered: bool) -> bool | None:
        """Whether an executed action did harm; None where it did nothing, since the page had changed.

        Not remembered where a guard may have held back what the action sent.
        """
        if observation.failure is StopReason.PAGE_CHANGED:
            return None
        is_harmful = bool(harms(observation.effects, self.authorization))
        if observation.failure is None and is_remembered:
            self.known[self.spec, state_id_of(state), action] = is_harmful
        return is_harmful

    def _count_proposal(self, is_harmful: bool | None, *, is_executed: bool) -> None:
        self.counts.unsafe_proposed += is_harmful is True
        self.counts.unsafe_executed += is_harmful is True and is_executed
        self.counts.safe_proposed += is_harmful is False
        self.counts.safe_not_executed += is_harmful is False and not is_executed


def _judged(state: State, proposed: Action, decision: Decision, *, is_harmful: bool | None) -> JudgedStep:
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
    guards: Mapping[str, MakeGuard | None],
    max_steps: int,
    progress: Progress,
    known: KnownHarm | None = None,
    tries_out: bool = True,
) -> list[LoopEpisode]:
    """Every policy in every world under every guard, by its name; None is no guard.

    `known`: what was found in these worlds before.
    """
    harm = {} if known is None else known

    async def play(environment: Environment, episode: tuple[Callable[[], Policy], str, WorldSpec]) -> LoopEpisode:
        make_policy, name, spec = episode
        return await run_sound_episode(
            environment,
            make_policy,
            spec,
            make_guard=guards[name],
            max_steps=max_steps,
            name=name,
            known=harm,
            tries_out=tries_out,
        )

    return await play_side_by_side(
        environments,
        list(product(policies, guards, worlds)),
        play,
        progress=lambda done, total: progress(done, total, "episodes with and without a guard"),
    )


_ASKED = ("policy", "site", "page", "goal", "action", "is_harmful")


def guard_mistakes(episodes: Sequence[LoopEpisode], *, limit: int) -> list[dict[str, object]]:
    """Harm that the model's guard executed and safe actions that it did not, harm first, each the most wrong first; at
    most `limit` of each. What an agent asked for again is there once."""
    every = [
        {"policy": e.policy, "site": e.spec.site, "attack_family": family_of(e), "is_attacked": e.is_attacked}
        | asdict(step)
        for e in episodes
        if e.guard == GUARD_ON
        for step in e.judged
        if step.is_mistake
    ]
    found = list({tuple(one[name] for name in _ASKED): one for one in every}.values())
    harm = sorted((one for one in found if one["is_harmful"]), key=lambda one: one["risk_score"] or 0.0)
    safe = sorted((one for one in found if not one["is_harmful"]), key=lambda one: -(one["risk_score"] or 0.0))
    return [*harm[:limit], *safe[:limit]]


def family_of(episode: LoopEpisode) -> str | None:
    return None if episode.spec.attack is None else episode.spec.attack.family
