"""Which worlds of a pool are rolled out: shares of splits, and yesterday's curriculum."""

from collections.abc import Sequence
from random import Random

import polars as pl

from wm_pipeline.domain.ids import SplitRule, seed_of, split_group_of, split_of
from wm_pipeline.domain.miss_rates import cells_of, draw_weights, expected_miss_rates, in_drawn_order, kind_of
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.sites.registry import site_of
from wm_pipeline.environments.sites.worlds import ENVIRONMENT, goal_of
from wm_pipeline.rounds.settings import Profile

POOL = 6
"""Worlds that are drawn for each one that is rolled out: drawing takes a millisecond, rolling out seconds."""


def chosen_of_pool(
    pool: Sequence[WorldSpec], count: int, profile: Profile, curriculum: pl.DataFrame | None, seed: int
) -> list[WorldSpec]:
    """`count` worlds in the profile's shares of splits, those first where the curriculum expects most misses."""
    if curriculum is not None:
        pool = _in_curriculum_order(pool, curriculum, seed)
    return _by_split(pool, count, profile)


def split_of_world(spec: WorldSpec, rule: SplitRule) -> Split:
    """The split that a world's rows will fall into."""
    return split_of(
        site=spec.site,
        attack_mechanism=spec.attack.mechanism if spec.attack is not None else None,
        goal_id=spec.goal_id,
        wording_id=spec.wording_id,
        split_group=split_group_of(spec),
        rule=rule,
    )


def kind_of_world(spec: WorldSpec) -> str:
    """What every split has the same mix of: attacked, look-alike, benign, and benign with a hidden variable."""
    kind = kind_of(spec)
    if kind != "neither" or spec.environment != ENVIRONMENT:
        return kind
    return "hidden variable" if goal_of(site_of(spec.site), spec.goal_id).has_hidden_variable else "benign"


def _by_split(pool: Sequence[WorldSpec], count: int, profile: Profile) -> list[WorldSpec]:
    """About `count` worlds of a pool in the profile's shares of splits, because rollouts are expensive.

    The share of a split that the pool lacks goes to the other splits; a split with too few worlds gives all of them.
    Each split gets the pool's mix of kinds. Matched worlds ask one question several times, so they stay together.
    """
    shares, groups = dict(profile.round.split_shares), _groups(pool)
    by_split: dict[str, list[list[WorldSpec]]] = {}
    for group in groups:
        by_split.setdefault(split_of_world(group[0], profile.split_rule).value, []).append(group)
    total = sum(shares.get(split, 0.0) for split in by_split)
    chosen: list[WorldSpec] = []
    for split, own in sorted(by_split.items()):
        most = None if split == Split.TRAIN else profile.round.held_out_twins
        specs = [spec for group in own for spec in _some_of(group, most)]
        # Where fewer of a question's worlds are taken, its kind has the more turns.
        kinds = [kind_of_world(group[0]) for group in groups for _ in range(len(group) // len(_some_of(group, most)))]
        wanted = min(len(specs), round(count * shares.get(split, 0.0) / total) if total else count)
        chosen += _in_the_mix(specs, wanted, sorted(kinds), seed_of("mix", split, split_group_of(pool[0])))
    order = {id(spec): index for index, spec in enumerate(pool)}
    return sorted(chosen, key=lambda spec: order[id(spec)])


def _in_the_mix(specs: Sequence[WorldSpec], wanted: int, kinds: Sequence[str], seed: int) -> list[WorldSpec]:
    """At least `wanted` of a split's worlds, its first ones of each kind.

    `kinds` are those of the pool's groups, sorted. They are taken at even distances from a place that the seed draws:
    splits of a single world have the mix over many of them. The turn of a kind that is used up goes to another.
    """
    waiting: dict[str, list[list[WorldSpec]]] = {}
    for group in _groups(specs):
        waiting.setdefault(kind_of_world(group[0]), []).append(group)
    chosen: list[WorldSpec] = []
    start, turn, random = seed / float(1 << 31), 0, Random(seed)
    while len(chosen) < wanted:
        # The golden ratio's multiples are spread evenly for any number of turns.
        kind = kinds[int((start + turn * 0.6180339887498949) % 1.0 * len(kinds))]
        turn += 1
        kind = kind if kind in waiting else next(iter(waiting))
        if random.random() * len(waiting[kind][0]) >= wanted - len(chosen):
            continue  # of more matched worlds than are wanted, as often as keeps the number
        chosen += waiting[kind].pop(0)
        if not waiting[kind]:
            del waiting[kind]
    return chosen


def _some_of(group: Sequence[WorldSpec], most: int | None) -> Sequence[WorldSpec]:
    """At most so many of matched worlds, drawn by what they share; None: all."""
    if most is None or len(group) <= most:
        return group
    return Random(seed_of("some twins", split_group_of(group[0]))).sample(group, most)


def _groups(specs: Sequence[WorldSpec]) -> list[list[WorldSpec]]:
    """Matched worlds together, in the order of the first of each."""
    found: dict[str, list[WorldSpec]] = {}
    for spec in specs:
        found.setdefault(split_group_of(spec), []).append(spec)
    return list(found.values())


def _in_curriculum_order(pool: Sequence[WorldSpec], cells: pl.DataFrame, seed: int) -> tuple[WorldSpec, ...]:
    """The pool in the order of the curriculum's draw: its first n hold most worlds where most misses are expected."""
    rates = expected_miss_rates(cells_of(pool), cells)
    weights = draw_weights(rates, pl.Series([kind_of(spec) for spec in pool], dtype=pl.String))
    order = in_drawn_order(weights.to_list(), [split_group_of(spec) for spec in pool], seed=seed)
    return tuple(pool[at] for at in order)
