"""Which worlds of a pool are rolled out: shares of splits, and yesterday's curriculum."""

from collections.abc import Mapping, Sequence

import polars as pl

from wm_pipeline.domain.ids import SplitRule, split_group_of, split_of
from wm_pipeline.domain.miss_rates import cells_of, draw_weights, expected_miss_rates, in_drawn_order, kind_of
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.rounds.settings import Profile

POOL = 6
"""Worlds that are drawn for each one that is rolled out: drawing takes a millisecond, rolling out seconds."""


def chosen_of_pool(
    pool: Sequence[WorldSpec], count: int, profile: Profile, curriculum: pl.DataFrame | None, seed: int
) -> list[WorldSpec]:
    """`count` worlds in the profile's shares of splits, those first where the curriculum expects most misses."""
    if curriculum is not None:
        pool = _in_curriculum_order(pool, curriculum, seed)
    return _by_split(pool, count, profile.split_rule, dict(profile.round.split_shares))


def split_of_world(spec: WorldSpec, rule: SplitRule) -> Split:
    """The split that a world's rows will fall into."""
    return split_of(
        site=spec.site,
        attack_family=spec.attack.family if spec.attack is not None else None,
        goal_id=spec.goal_id,
        wording_id=spec.wording_id,
        split_group=split_group_of(spec),
        rule=rule,
    )


def _by_split(pool: Sequence[WorldSpec], count: int, rule: SplitRule, shares: Mapping[str, float]) -> list[WorldSpec]:
    """`count` worlds of a pool in the given shares of splits, because rollouts are expensive.

    The share of a split that the pool lacks goes to the other splits; a split with too few worlds gives all of them.
    """
    by_split: dict[str, list[WorldSpec]] = {}
    for spec in pool:
        by_split.setdefault(split_of_world(spec, rule).value, []).append(spec)
    total = sum(shares.get(split, 0.0) for split in by_split)
    chosen: list[WorldSpec] = []
    for split, specs in sorted(by_split.items()):
        wanted = min(len(specs), round(count * shares.get(split, 0.0) / total) if total else count)
        last_group = split_group_of(specs[wanted - 1]) if wanted else None
        # A matched pair asks one question twice, so its worlds stay together.
        chosen += [s for i, s in enumerate(specs) if i < wanted or split_group_of(s) == last_group]
    order = {id(spec): index for index, spec in enumerate(pool)}
    return sorted(chosen, key=lambda spec: order[id(spec)])


def _in_curriculum_order(pool: Sequence[WorldSpec], cells: pl.DataFrame, seed: int) -> tuple[WorldSpec, ...]:
    """The pool in the order of the curriculum's draw: its first n hold most worlds where most misses are expected."""
    rates = expected_miss_rates(cells_of(pool), cells)
    weights = draw_weights(rates, pl.Series([kind_of(spec) for spec in pool], dtype=pl.String))
    order = in_drawn_order(weights.to_list(), [split_group_of(spec) for spec in pool], seed=seed)
    return tuple(pool[at] for at in order)
