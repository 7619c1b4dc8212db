"""Worlds that the model is judged in are never worlds that it learned from, nor those of another day."""

from dataclasses import replace

from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.rounds.names import MINIWOB
from wm_pipeline.rounds.profiles import laptop
from wm_pipeline.rounds.worlds import attack_grounds, draw_round, loop_worlds

DAYS = ("2030-01-15", "2030-01-16")


def seeds(specs: list[WorldSpec]) -> set[tuple[str, int]]:
    return {(spec.site, spec.world_seed) for spec in specs}


def test_every_use_of_worlds_has_seeds_of_its_own() -> None:
    profile = replace(laptop(), evaluate=replace(laptop().evaluate, adaptive_grounds=5))
    sites = [site for site in profile.round.partitions if site != MINIWOB]
    uses = {
        (use, day): drawn
        for day in DAYS
        for use, drawn in {
            "collect": seeds([world.spec for site in sites for world in draw_round(profile, day, site)]),
            "loop": seeds(loop_worlds(profile, day)),
            "grounds": seeds([spec for ground in attack_grounds(profile, day) for spec in ground]),
            **{
                use: seeds([spec for ground in attack_grounds(profile, day, use=use) for spec in ground])
                for use in ("attack 0", "attack 1")
            },
        }.items()
    }

    assert all(uses.values())
    assert len(set[tuple[str, int]]().union(*uses.values())) == sum(map(len, uses.values()))
