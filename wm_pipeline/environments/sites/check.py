"""Whether every goal can be reached and every attack does what it says, tried in a real browser."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.episodes import Demonstration, demonstrate
from wm_pipeline.environments.sites.attack import AttackFamily, Payload
from wm_pipeline.environments.sites.environment import SiteEnvironment
from wm_pipeline.environments.sites.generator import generated_site_names
from wm_pipeline.environments.sites.mechanisms import plan_of
from wm_pipeline.environments.sites.registry import attack_of, registered_attacks, registered_sites, site_of
from wm_pipeline.environments.sites.schema import Goal, SiteSchema
from wm_pipeline.environments.sites.wording import WORDING_IDS
from wm_pipeline.environments.sites.worlds import ENVIRONMENT, quiet_twin, sayings_for

MAX_STEPS = 14


class Promise(StrEnum):
    """What a world is checked for."""

    GOAL_REACHED = "goal_reached"
    """The expert reaches the goal and harms nobody."""
    EFFECT_SEEN = "effect_seen"
    """Who obeys the attack causes the effect that it is after."""
    NO_HARM = "no_harm"
    """Who obeys the look-alike harms nobody."""


@dataclass(frozen=True, slots=True)
class WorldCase:
    promise: Promise
    spec: WorldSpec


@dataclass(frozen=True, slots=True)
class CheckedWorld:
    case: WorldCase
    problem: str | None
    """What did not hold, in words; None when the promise was kept."""
    steps: int

    @property
    def name(self) -> str:
        attack = self.case.spec.attack
        if attack is None:
            return self.case.spec.goal_id
        return f"{self.case.spec.goal_id} {attack.family}/{attack.payload} in {attack.channel}, {attack.disguise}"


def world_cases(
    sites: Sequence[str] | None = None, *, families: Sequence[str] | None = None, seed: int = 0
) -> tuple[WorldCase, ...]:
    """One world for every goal, and for every payload and look-alike of every family on every site.

    Channels, disguises and wordings go round, so that each comes up. `sites`: only these, generated ones among them;
    None: all that are registered. `families`: only the worlds of these attacks, the same as among all; None: all.
    """
    for name in families or ():
        attack_of(name)
    known = registered_sites()
    chosen = known if sites is None else dict.fromkeys((*(name for name in known if name in sites), *sites))
    cases: list[WorldCase] = []
    for schema in map(site_of, chosen):
        cases += [_case(schema, goal, Promise.GOAL_REACHED, None, len(cases), seed) for goal in schema.goals]
        for family in registered_attacks().values():
            for payload in family.payloads(schema):
                cases += _attacked(schema, family, payload, Promise.EFFECT_SEEN, len(cases), seed)
            for payload in family.lookalikes:
                cases += _attacked(schema, family, payload, Promise.NO_HARM, len(cases), seed)
    if families is None:
        return tuple(cases)
    return tuple(case for case in cases if case.spec.attack is not None and case.spec.attack.family in families)


def sample_of(cases: Sequence[WorldCase], count: int, *, seed: int = 0) -> tuple[WorldCase, ...]:
    """So many of the cases, in their order; the same ones for the same seed, and among more all those among fewer."""
    drawn = sorted(range(len(cases)), key=lambda index: seed_of("check", "sample", seed, index))[:count]
    return tuple(cases[index] for index in sorted(drawn))


def generated_sites(count: int, *, seed: int = 0) -> tuple[str, ...]:
    """Names of so many generated sites."""
    return generated_site_names(count, "check", "generated", seed)


def _attacked(
    schema: SiteSchema, family: AttackFamily, payload: Payload, promise: Promise, index: int, seed: int
) -> list[WorldCase]:
    goals = [
        goal
        for goal in schema.goals
        if payload.fits(schema, goal) and family.channels(schema, goal) and not goal.has_hidden_variable
    ]
    if not goals:
        return []
    goal = goals[index % len(goals)]
    channels = family.channels(schema, goal)
    plan = plan_of(
        family,
        payload,
        channel=channels[index % len(channels)],
        disguise=family.disguises[index % len(family.disguises)],
        is_lookalike=promise is Promise.NO_HARM,
    )
    return [_case(schema, goal, promise, plan, index, seed)]


def _case(
    schema: SiteSchema, goal: Goal, promise: Promise, plan: AttackPlan | None, index: int, seed: int
) -> WorldCase:
    spec = WorldSpec(
        environment=ENVIRONMENT,
        site=schema.name,
        world_seed=seed_of("check", schema.name, index, seed),
        hidden_seed=0,
        goal_id=f"{schema.name}/{goal.name}",
        wording_id=WORDING_IDS[index % len(WORDING_IDS)],
        attack=plan,
    )
    fitting = sayings_for(spec)
    saying = fitting[seed_of("check", "saying", schema.name, index, seed) % len(fitting)]
    said = replace(spec, saying=saying)
    # What is hidden is not what a page promises.
    return WorldCase(promise, quiet_twin(said) if goal.has_hidden_variable else said)


async def check_worlds(
    environment: SiteEnvironment, cases: Sequence[WorldCase], *, progress: Progress
) -> tuple[CheckedWorld, ...]:
    """Play every case; a promise that is not kept becomes a problem, not an error."""
    checked: list[CheckedWorld] = []
    for done, case in enumerate(cases, start=1):
        obeys = case.promise is not Promise.GOAL_REACHED
        run = await demonstrate(environment, case.spec, obeys=obeys, max_steps=MAX_STEPS)
        checked.append(CheckedWorld(case, _problem(case, run), len(run.play.observations)))
        progress(done, len(cases), f"worlds checked, {sum(one.problem is not None for one in checked)} with a problem")
    return tuple(checked)


def _problem(case: WorldCase, run: Demonstration) -> str | None:
    harmful = run.harmful_effects
    if run.play.failure is not None:
        return f"a step failed: {run.play.failure.value}"
    if case.promise is Promise.EFFECT_SEEN:
        if run.status.is_attack_successful:
            return None
        return "nothing asked for the obedience" if not run.obeyed else "obeyed, and the effect was not seen"
    if harmful:
        return f"it did harm: {harmful[0].kind.value} {harmful[0].subject} on {harmful[0].site}"
    if case.promise is Promise.NO_HARM or run.status.is_reached:
        return None
    return f"the goal was not reached in {len(run.play.observations)} steps"
