"""Drawing many worlds: from a site and a day to the specs to run, with everything that can vary balanced."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Generic, TypeVar

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.world import EVERY_ATTACK, AttackChoice, WorldSpec
from wm_pipeline.environments.sites.attack import AttackFamily, Payload
from wm_pipeline.environments.sites.hidden import TWINS
from wm_pipeline.environments.sites.mechanisms import SEALED, mechanism_of, plan_of
from wm_pipeline.environments.sites.registry import attack_of, registered_attacks, site_of
from wm_pipeline.environments.sites.sayings import WEIGHTS
from wm_pipeline.environments.sites.schema import Goal, SiteSchema
from wm_pipeline.environments.sites.wording import WORDING_IDS
from wm_pipeline.environments.sites.worlds import ENVIRONMENT, hidden_twins, payloads_of, sayings_for

T = TypeVar("T")

_KINDS = ("attack", "benign", "attack", "lookalike", "attack", "twin", "twin", "attack", "lookalike", "attack")
"""Half attacked, a fifth look-alikes, the rest benign, most of that as twins that differ in hidden variables alone."""


def draw_worlds(
    *,
    site: str,
    day: str,
    count: int,
    seed: int,
    has_hidden_variables: bool = True,
    attacks: AttackChoice = EVERY_ATTACK,
) -> tuple[WorldSpec, ...]:
    """The worlds of one site and day, with families, payloads, channels, disguises, goals and wordings balanced.

    Eight twins share what can be seen; the last of a draw may be fewer. Without hidden variables every benign world has
    a goal whose consequences a page can tell. Families that have nothing to do on this site are left out. Raises
    InvalidInputError when the choice of attacks leaves none.
    """
    schema = site_of(site)
    random = Random(seed_of("worlds", site, day, seed))
    plain_goals = _Cycle(random, [goal for goal in schema.goals if not goal.has_hidden_variable])
    hidden_goals = _Cycle(random, [goal for goal in schema.goals if goal.has_hidden_variable])
    wordings = _Cycle(random, WORDING_IDS)
    families = {
        is_lookalike: _Cycle(random, _fitting_families(schema, attacks, is_lookalike)) for is_lookalike in (False, True)
    }
    payloads: dict[tuple[str, bool], _Cycle[Payload]] = {}
    mechanisms, channels, disguises = _Balance[str](random), _Balance[str](random), _Balance[str](random)
    # A draw of its own: how goals are said moves nothing else.
    sayings = _Balance(Random(seed_of("sayings", site, day, seed)), WEIGHTS)
    specs: list[WorldSpec] = []
    twins: list[WorldSpec] = []
    for index in range(count):
        kind = _KINDS[index % len(_KINDS)]
        if kind == "twin" and not has_hidden_variables:
            kind = "benign"
        world_seed = seed_of("world", site, day, seed, index)
        if kind == "twin" and twins:
            specs.append(twins.pop(0))
            continue
        goal = (hidden_goals if kind == "twin" and hidden_goals.items else plain_goals).next()
        attack = None
        if kind in ("attack", "lookalike"):
            is_lookalike = kind == "lookalike"
            family = attack_of(families[is_lookalike].next())
            of_family = (family.name, is_lookalike)
            if of_family not in payloads:
                payloads[of_family] = _Cycle(random, _chosen_payloads(family, schema, attacks, is_lookalike))
            goal, payload = _fitting(schema, family, payloads[of_family], goal, plain_goals, attacks)
            works_by = _mechanisms_by_channel(family, schema, payload, goal, attacks)
            mechanism = mechanisms.next(tuple(dict.fromkeys(works_by.values())))
            attack = plan_of(
                family,
                payload,
                channel=channels.next([one for one in works_by if works_by[one] == mechanism]),
                disguise=disguises.next(_chosen(family.disguises, attacks.disguises)),
                is_lookalike=is_lookalike,
            )
        spec = WorldSpec(
            environment=ENVIRONMENT,
            site=site,
            world_seed=world_seed,
            hidden_seed=seed_of("hidden", site, day, seed, index) // TWINS * TWINS,
            goal_id=f"{site}/{goal.name}",
            wording_id=wordings.next(),
            attack=attack,
        )
        spec = replace(spec, saying=sayings.next(sayings_for(spec)))
        specs.append(spec)
        if kind == "twin" and goal.has_hidden_variable:
            twins = list(hidden_twins(spec, TWINS))[1:]
    return tuple(specs)


class _Cycle(Generic[T]):
    """Goes round a shuffled list, so that everything comes equally often."""

    def __init__(self, random: Random, items: Iterable[T]) -> None:
        self.items = list(items)
        random.shuffle(self.items)
        self._at = 0

    def next(self) -> T:
        self._at += 1
        return self.items[(self._at - 1) % len(self.items)]


class _Balance(Generic[T]):
    """Chooses what has been chosen least for its weight, at random among equals."""

    def __init__(self, random: Random, weights: Mapping[T, int] | None = None) -> None:
        self._random = random
        self._weights = weights or {}
        self._counts: Counter[T] = Counter()

    def next(self, options: Sequence[T]) -> T:
        chosen_so_far = {option: self._counts[option] / self._weights.get(option, 1) for option in options}
        fewest = min(chosen_so_far.values())
        chosen = self._random.choice([option for option in options if chosen_so_far[option] == fewest])
        self._counts[chosen] += 1
        return chosen


def _chosen(options: Sequence[str], chosen: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(option for option in options if chosen is None or option in chosen)


def _chosen_payloads(
    family: AttackFamily, schema: SiteSchema, attacks: AttackChoice, is_lookalike: bool
) -> tuple[Payload, ...]:
    wanted = attacks.payload_goals
    return tuple(
        payload
        for payload in payloads_of(family, schema, is_lookalike)
        if is_lookalike or wanted is None or payload.aim in wanted
    )


def _has_room(family: AttackFamily, schema: SiteSchema, payload: Payload, goal: Goal, attacks: AttackChoice) -> bool:
    """Whether a payload has something to do with this goal and somewhere to stand."""
    return payload.fits(schema, goal) and bool(_mechanisms_by_channel(family, schema, payload, goal, attacks))


def _mechanisms_by_channel(
    family: AttackFamily, schema: SiteSchema, payload: Payload, goal: Goal, attacks: AttackChoice
) -> dict[str, str]:
    """How a payload works in each of the channels that it may stand in."""
    wanted = attacks.mechanisms
    found = {
        channel: mechanism_of(family, payload, channel)
        for channel in _chosen(family.channels(schema, goal), attacks.channels)
    }
    return {
        channel: mechanism
        for channel, mechanism in found.items()
        if (mechanism not in SEALED if wanted is None else mechanism in wanted)
    }


def _fitting_families(schema: SiteSchema, attacks: AttackChoice, is_lookalike: bool) -> list[str]:
    """The chosen families that have something to do on a site."""
    found = [
        name
        for name in sorted(registered_attacks() if attacks.families is None else attacks.families)
        if _chosen(attack_of(name).disguises, attacks.disguises)
        and any(
            _has_room(attack_of(name), schema, payload, goal, attacks)
            for payload in _chosen_payloads(attack_of(name), schema, attacks, is_lookalike)
            for goal in schema.goals
            if not goal.has_hidden_variable
        )
    ]
    if not found:
        chosen = repr(attacks).removeprefix("AttackChoice(").removesuffix(")")
        raise InvalidInputError(f"site {schema.name}: no attack fits {chosen}; choose more")
    return found


def _fitting(
    schema: SiteSchema,
    family: AttackFamily,
    payloads: _Cycle[Payload],
    goal: Goal,
    goals: _Cycle[Goal],
    attacks: AttackChoice,
) -> tuple[Goal, Payload]:
    """The next payload, and a goal that it fits: the one at hand, or the next that does."""
    for _ in payloads.items:
        payload = payloads.next()
        for candidate in (goal, *(goals.next() for _ in goals.items)):
            if _has_room(family, schema, payload, candidate, attacks):
                return candidate, payload
    raise InvalidInputError(f"site {schema.name}: no goal fits any payload; widen `fits` or the abuses' goals")
