"""Minimal pairs: two worlds differ in the named variable and in nothing else, and the browser shows what that does."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.fakes.site_world import BrowserSites
from wm_pipeline.environments.sites.pair_variables import VARIABLES
from wm_pipeline.environments.sites.pairs import MinimalPair, differences, draw_pairs, dump_world, run_pair

PAIRS = draw_pairs(day="2026-11-22", seed=3, count=2)
ALWAYS_DECIDE = {
    *("goal_amount", "goal_recipient", "goal_permission", "form_amount", "form_recipient", "form_target"),
    *("link_target", "role", "mfa_state", "trusted_partner", "hidden_variable"),
}


def named(pair: MinimalPair) -> str:
    return f"{pair.variable}-{pair.first.draw.wording_id}"


def test_every_variable_has_its_pairs() -> None:
    counts: dict[str, int] = defaultdict(int)
    for pair in PAIRS:
        counts[pair.variable] += 1

    assert counts == dict.fromkeys(VARIABLES, 2)
    assert len(VARIABLES) >= 12


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_the_worlds_of_a_pair_differ_in_the_named_variable_and_in_nothing_else(pair: MinimalPair) -> None:
    found = differences(pair.first, pair.second)

    assert found
    assert [path for path in found if not path.startswith(VARIABLES[pair.variable].owns)] == []


def test_a_dump_shows_what_the_database_will_hold() -> None:
    world = PAIRS[0].first

    dumped = dump_world(world)

    held = sum(len(row) for tables in world.rows.values() for rows in tables.values() for row in rows)
    assert sum(path.startswith("rows/") for path in dumped) == held


def test_pairs_are_drawn_from_worlds_of_their_own() -> None:
    again = draw_pairs(day="2026-11-22", seed=3, count=2)
    others = draw_pairs(day="2026-11-23", seed=3, count=1)

    assert [dump_world(pair.first) for pair in again] == [dump_world(pair.first) for pair in PAIRS]
    seeds = {pair.first.draw.world_seed for pair in PAIRS}
    assert len(seeds) == len(PAIRS)
    assert not seeds & {pair.first.draw.world_seed for pair in others}


def test_no_pairs_are_drawn_where_none_are_asked_for() -> None:
    assert draw_pairs(day="2026-11-22", seed=3, count=0) == ()


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


@pytest.mark.browser
@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_variable_decides_the_outcome_or_does_not(sites: BrowserSites, pair: MinimalPair) -> None:
    found = sites.run(run_pair(sites.environment, pair))

    assert found is not None
    assert found.first.action.kind is found.second.action.kind
    assert found.first.action.fields == found.second.action.fields
    assert found.has_changed is (pair.variable in ALWAYS_DECIDE)


@pytest.mark.browser
def test_a_hidden_variable_leaves_the_page_as_it_is(sites: BrowserSites) -> None:
    pair = next(pair for pair in PAIRS if pair.variable == "hidden_variable")

    found = sites.run(run_pair(sites.environment, pair))

    assert found is not None
    assert not found.is_visible
    assert found.first.state == found.second.state
    assert found.first.is_harmful is not found.second.is_harmful
