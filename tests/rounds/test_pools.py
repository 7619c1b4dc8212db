"""Which worlds fall into which split, and that every split has the same mix of kinds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import pytest

from wm_pipeline.domain.ids import SplitRule, split_group_of
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.sites.check import generated_sites
from wm_pipeline.environments.sites.mechanisms import mechanism_of
from wm_pipeline.environments.sites.registry import attack_of, registered_sites, site_of
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import payloads_of
from wm_pipeline.rounds.pools import chosen_of_pool, kind_of_world, split_of_world
from wm_pipeline.rounds.profiles import laptop, tiny
from wm_pipeline.rounds.settings import SPLIT_RULE, Profile

SITES = (*registered_sites(), *generated_sites(2))
SEEN = (Split.TRAIN, Split.VALIDATION, Split.TEST)
KINDS = {"attacked": 0.5, "look-alike": 0.2, "benign": 0.1, "hidden variable": 0.2}


@lru_cache
def drawn(site: str, count: int, *, day: str = "2026-03-01") -> tuple[WorldSpec, ...]:
    return draw_worlds(site=site, day=day, count=count, seed=3)


def works_by(spec: WorldSpec) -> str | None:
    """What the world's attack really works by, from its payload."""
    if spec.attack is None:
        return None
    family = attack_of(spec.attack.family)
    payloads = payloads_of(family, site_of(spec.site), spec.attack.is_lookalike)
    return mechanism_of(family, next(p for p in payloads if p.name == spec.attack.payload), spec.attack.channel)


def shares(kinds: Iterable[str]) -> dict[str, float]:
    counts = Counter(kinds)
    return {kind: count / counts.total() for kind, count in counts.items()}


@pytest.mark.parametrize("site", SITES)
def test_no_world_that_is_trained_or_tested_on_has_a_held_out_mechanism(site: str) -> None:
    specs = drawn(site, 400)

    by_split: dict[Split, set[str | None]] = {}
    for spec in specs:
        by_split.setdefault(split_of_world(spec, SPLIT_RULE), set()).add(works_by(spec))

    held_out = set(SPLIT_RULE.held_out_mechanisms)
    assert all(spec.attack is None or spec.attack.mechanism == works_by(spec) for spec in specs)
    assert held_out <= {works_by(spec) for spec in specs}
    assert not any(by_split.get(split, set()) & held_out for split in SEEN)
    if site == "payroll":
        assert by_split[Split.OOD_ATTACK] == held_out | {None}
        assert len(by_split[Split.TRAIN] - {None}) >= 12


def test_every_split_has_the_same_mix_of_kinds() -> None:
    by_split: dict[Split, list[str]] = {}
    for site in registered_sites():
        for spec in drawn(site, 900):
            by_split.setdefault(split_of_world(spec, SPLIT_RULE), []).append(kind_of_world(spec))

    found = {split: shares(kinds) for split, kinds in by_split.items()}

    assert set(found) == set(Split)
    # Of the goals with a hidden variable a third is held out, of the others a tenth: choosing evens that out. Matched
    # worlds come in eights, so their share varies most.
    assert set(found.pop(Split.OOD_GOAL)) == set(KINDS)
    for split, mix in found.items():
        assert mix == pytest.approx(KINDS, abs=0.12), split


@pytest.mark.parametrize("split", [split.value for split in Split if split is not Split.OOD_SITE])
def test_what_is_rolled_out_of_a_split_has_the_mix(split: str) -> None:
    profile = tiny()
    alone = replace(profile, round=replace(profile.round, split_shares=((split, 1.0),)))

    chosen = chosen_of_pool(drawn("payroll", 2400), 80, alone, None, 0)

    own = [spec for spec in chosen if split_of_world(spec, profile.split_rule).value == split]
    assert len(own) == len(chosen)
    assert 80 <= len(chosen) < 88
    assert shares(map(kind_of_world, chosen)) == pytest.approx(KINDS, abs=0.12)


def test_matched_worlds_are_chosen_together() -> None:
    pool = drawn("payroll", 400)
    groups = Counter(map(split_group_of, pool))

    chosen = Counter(map(split_group_of, chosen_of_pool(pool, 90, tiny(), None, 0)))

    assert set(chosen.values()) == {1, 8}
    assert all(groups[group] == count for group, count in chosen.items())


def test_of_matched_worlds_that_nothing_is_trained_on_a_few_are_chosen_and_of_more_questions() -> None:
    pool, whole = drawn("payroll", 4000), laptop()
    few = replace(whole, round=replace(whole.round, held_out_twins=2))
    every = replace(whole, round=replace(whole.round, held_out_twins=None))

    def of_questions(profile: Profile) -> tuple[Counter[str], list[WorldSpec]]:
        chosen = [s for s in chosen_of_pool(pool, 400, profile, None, 0) if kind_of_world(s) == "hidden variable"]
        held_out = [s for s in chosen if split_of_world(s, profile.split_rule) is not Split.TRAIN]
        return Counter(map(split_group_of, held_out)), [s for s in chosen if s not in held_out]

    (twos, trained), (eights, trained_of_every) = of_questions(few), of_questions(every)
    assert set(twos.values()) == {2}
    assert set(Counter(map(split_group_of, trained)).values()) == {8}
    assert trained == trained_of_every
    assert len(twos) >= 3 * len(eights)
    assert twos.total() == pytest.approx(eights.total(), rel=0.35)


def test_worlds_without_an_attack_accompany_held_out_mechanisms_in_the_share_of_the_rule() -> None:
    quiet = [spec for spec in drawn("payroll", 2400) if spec.attack is None]
    rule = SplitRule((), (), (), (), accompanying_share=0.25)

    groups = {split_group_of(spec): split_of_world(spec, rule) for spec in quiet}

    assert list(groups.values()).count(Split.OOD_ATTACK) / len(groups) == pytest.approx(0.25, abs=0.04)
