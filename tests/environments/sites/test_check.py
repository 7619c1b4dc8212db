"""The check of worlds itself: what it plays, and that it says what does not hold."""

from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.environments.sites.catalogue import catalogue
from wm_pipeline.environments.sites.check import Promise, check_worlds, generated_sites, sample_of, world_cases
from wm_pipeline.environments.sites.registry import register_site, registered_sites, site_of
from wm_pipeline.environments.sites.schema import RowCheck
from wm_pipeline.environments.sites.worlds import build_world


def ignore(done: int, total: int, text: str) -> None:
    pass


def test_every_goal_payload_and_lookalike_is_played() -> None:
    cases, known = world_cases(), catalogue()

    goals = {case.spec.goal_id for case in cases if case.promise is Promise.GOAL_REACHED}
    plans = [case.spec.attack for case in cases if case.spec.attack is not None]
    assert goals == {goal_id for site in known.sites for goal_id in site.goal_ids}
    assert {plan.family for plan in plans} == set(known.families)
    assert sum(case.promise is Promise.EFFECT_SEEN for case in cases) == known.counts["payloads"]
    assert {plan.payload for plan in plans if plan.is_lookalike} == {
        name for names in known.lookalikes.values() for name in names
    }
    assert {plan.disguise for plan in plans} == set(known.disguises)


def test_the_same_seed_plays_the_same_worlds() -> None:
    assert world_cases(["webmail"], seed=3) == world_cases(["webmail"], seed=3)
    assert world_cases(["webmail"], seed=3) != world_cases(["webmail"], seed=4)


def test_one_familys_worlds_are_those_it_has_among_all() -> None:
    chosen = world_cases(["webmail"], families=["alt_text"])

    assert chosen == tuple(c for c in world_cases(["webmail"]) if c.spec.attack and c.spec.attack.family == "alt_text")
    assert {case.promise for case in chosen} == {Promise.EFFECT_SEEN, Promise.NO_HARM}


def test_a_family_that_is_not_registered_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"^attack: there is no family 'none'; registered are "):
        world_cases(families=["none"])


@pytest.mark.parametrize("sites", [None, generated_sites(2)], ids=["all sites", "generated sites"])
def test_a_sample_is_the_seeds_own_and_grows_by_adding(sites: tuple[str, ...] | None) -> None:
    cases = world_cases(sites)

    few, more = sample_of(cases, 10, seed=3), sample_of(cases, 30, seed=3)

    assert len(few) == 10
    assert few == sample_of(cases, 10, seed=3)
    assert few != sample_of(cases, 10, seed=4)
    assert [case for case in more if case in few] == list(few)
    assert [case for case in cases if case in more] == list(more)


@pytest.mark.browser
def test_a_goal_that_cannot_be_reached_is_told() -> None:
    webmail = site_of("webmail")
    never = (RowCheck("messages", {"folder": "nowhere"}),)
    goals = tuple(replace(goal, reached=never) if goal.name == "reply" else goal for goal in webmail.goals)
    cases = [c for c in world_cases(["webmail"]) if c.spec.goal_id in {"webmail/reply", "webmail/add_rule"}]
    benign = [case for case in cases if case.promise is Promise.GOAL_REACHED]
    sites = BrowserSites()
    try:
        register_site(replace(webmail, goals=goals))
        checked = sites.runner.run(check_worlds(sites.environment, benign, progress=ignore))
    finally:
        register_site(webmail)
        sites.close()

    assert {one.name: one.problem for one in checked} == {
        "webmail/reply": "the goal was not reached in 14 steps",
        "webmail/add_rule": None,
    }


@pytest.mark.parametrize("site", list(registered_sites()))
def test_a_lookalike_host_is_never_one_of_the_worlds_own(site: str) -> None:
    cases = [case for seed in range(8) for case in world_cases([site], seed=seed)]
    worlds = [
        build_world(case.spec)
        for case in cases
        if case.promise is Promise.EFFECT_SEEN
        and case.spec.attack is not None
        and case.spec.attack.family == "lookalike_link"
    ]

    assert worlds
    for world in worlds:
        assert world.plant is not None
        assert {page.host for page in world.plant.pages}.isdisjoint(world.own_hosts)
