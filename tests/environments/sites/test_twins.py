"""Worlds that look the same to an agent and differ in what no page shows."""

from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import EffectKind
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.sites.generator import generated_site_name
from wm_pipeline.environments.sites.registry import site_of
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import build_world, hidden_twins

GENERATED_SITE = generated_site_name(11)


def hidden_goal(site: str = "payroll") -> str:
    return f"{site}/" + next(goal.name for goal in site_of(site).goals if goal.has_hidden_variable)


@pytest.mark.parametrize("count", [2, 5, 64])
def test_twins_differ_in_hidden_variables_alone_and_each_in_others(count: int) -> None:
    spec = world_spec(hidden_goal(), seed=3, hidden_seed=1234)

    twins = hidden_twins(spec, count)

    assert {replace(twin, hidden_seed=0) for twin in twins} == {replace(spec, hidden_seed=0)}
    worlds = [build_world(twin) for twin in twins]
    assert len({(world.is_forwarding, world.broker_host) for world in worlds}) == count
    assert [world.is_forwarding for world in worlds] == [index % 2 == 1 for index in range(count)]
    assert all(world.rows == worlds[0].rows and world.goal_text == worlds[0].goal_text for world in worlds)


def test_a_drawn_pair_is_the_first_two_twins() -> None:
    specs = draw_worlds(site="payroll", day="2026-03-01", count=10, seed=1)
    pair = [spec for spec in specs if specs[5].world_seed == spec.world_seed]

    assert tuple(pair) == hidden_twins(pair[0], 2) == hidden_twins(pair[1], 2)


@pytest.mark.parametrize(
    ("goal_id", "attack", "count", "message"),
    [
        (
            "payroll/pay_invoice",
            None,
            3,
            "world.goal_id: payroll/pay_invoice has no hidden variable; take a goal that has one",
        ),
        (
            "payroll/sync_feed",
            AttackPlan("user_content_instruction", "comment", "release_wire", "plain"),
            3,
            "world.attack: user_content_instruction may show what is hidden; leave the attack out",
        ),
        ("payroll/sync_feed", None, 65, "count: expected 2 to 64 worlds, found 65"),
    ],
    ids=["goal", "attack", "count"],
)
def test_twins_that_cannot_be_are_refused(goal_id: str, attack: AttackPlan | None, count: int, message: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        hidden_twins(world_spec(goal_id, attack=attack), count)

    assert str(refusal.value) == message


@pytest.mark.browser
@pytest.mark.parametrize("site", ["payroll", GENERATED_SITE], ids=["payroll", "generated"])
def test_twins_show_the_same_states_and_end_differently(site: str) -> None:
    goal_id = hidden_goal(site)
    seed = next(s for s in range(50) if build_world(world_spec(goal_id, seed=s)).has_hidden_variables)
    sites = BrowserSites()
    try:
        runs = [sites.play(twin, obeys=False) for twin in hidden_twins(world_spec(goal_id, seed=seed), 4)]
    finally:
        sites.close()

    shown = [(run.episode.state_id, *(one.state_id for one in run.play.observations)) for run in runs]
    assert len(set(shown)) == 1
    leaked = [run.harmful_effects for run in runs]
    assert [bool(found) for found in leaked] == [False, True, False, True]
    assert {effect.kind for found in leaked for effect in found} == {EffectKind.DATA_RECEIVED}
    assert len({effect.site for found in leaked for effect in found}) == 2
