"""The goals that a page would have served as well: executed once, judged by each, and only in worlds trained on."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.collect.hindsight import in_hindsight
from wm_pipeline.collect.rollout import TrajectoryRecords, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, frames_of
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.ids import LOOKING_AROUND, page_id_of, split_group_of
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind, ProposedBy, Split
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.worlds import build_world, goal_of, worlds_with_other_goal
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.profiles import laptop
from wm_pipeline.rounds.worlds import draw_round

OTHERS = ("payroll/pay_invoice", "payroll/pay_part", "payroll/change_bank_details", "payroll/send_payslip")


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites(engine=PageEngine.FORMS)
    yield sites
    sites.close()


def collect(sites: BrowserSites, spec: WorldSpec) -> TrajectoryRecords:
    run = collect_trajectory(
        sites.environment,
        make_policy("scripted"),
        spec,
        day="2030-01-15",
        settings=CollectSettings(max_steps=4, branches=2, other_goals=2),
        other_goals=OTHERS,
    )
    return sites.run(run)


@pytest.mark.browser
def test_what_another_goal_asks_for_is_harm_now_and_right_in_hindsight(sites: BrowserSites) -> None:
    records = collect(sites, world_spec("payroll/dispute_invoice", seed=7, wording_id="w0"))

    found = in_hindsight(records)

    assert {one.spec.goal_id for one in found} >= {"payroll/pay_invoice", "payroll/pay_part"}
    for one in (one for one in found if not one.spec.goal_id.endswith(LOOKING_AROUND)):
        right, *rest = one.transitions
        assert right.proposed_by == ProposedBy.BRANCH_OTHER_GOAL
        assert right.is_expert
        assert harms(right.effects, one.authorization) == ()
        assert harms(right.effects, records.authorization)
        assert right.goal.is_reached
        assert one.benign_success
        assert one.hindsight_of == records.trajectory_id
        assert rest
    paid = next(one for one in found if one.spec.goal_id == "payroll/pay_part")
    own = [one for one in paid.transitions if one.action.fields and one.proposed_by == ProposedBy.SCRIPTED]
    assert own
    assert all(harms(one.effects, paid.authorization) and not harms(one.effects, records.authorization) for one in own)


@pytest.mark.browser
def test_another_goal_can_be_asked_about_after_its_world_was_begun_again(sites: BrowserSites) -> None:
    """Collection does so where a restored page differs from the saved one."""
    spec = world_spec("payroll/dispute_invoice", seed=7, wording_id="w0")
    state = sites.run(sites.environment.reset(spec)).state
    while not (others := sites.environment.other_goals(state, OTHERS)):
        step = sites.environment.expert_action(state)
        assert step is not None
        state = sites.run(sites.environment.act(step)).state

    sites.run(sites.environment.reset(spec))

    assert not others[0].status().is_reached


@pytest.mark.browser
def test_nothing_but_the_goal_of_a_state_differs_in_hindsight(sites: BrowserSites) -> None:
    records = collect(sites, world_spec("payroll/dispute_invoice", seed=9, wording_id="w1"))

    pages = {page_id_of(replace(state, goal="")) for state in records.states.values()}
    for one in in_hindsight(records):
        assert {state.goal for state in one.states.values()} == {one.goal}
        assert {page_id_of(replace(state, goal="")) for state in one.states.values()} <= pages
        assert split_group_of(one.spec) == split_group_of(records.spec)
    frames = frames_of([records, *in_hindsight(records)], Versions("test", "test"))
    assert frames.trajectories["hindsight_of"].null_count() == 1
    assert frames.trajectories["trajectory_id"].is_unique().all()


@pytest.mark.browser
def test_who_only_looks_around_wants_nothing_of_what_an_action_changes(sites: BrowserSites) -> None:
    def worlds() -> Iterator[tuple[TrajectoryRecords, TrajectoryRecords]]:
        for seed in range(12):
            records = collect(sites, world_spec("payroll/pay_invoice", seed=seed, wording_id="w0"))
            for one in in_hindsight(records):
                if one.spec.goal_id.endswith(LOOKING_AROUND):
                    yield records, one

    records, looking = next(worlds())

    first, *rest = looking.transitions
    assert looking.spec.goal_id == "payroll/pay_invoice:look_around"
    assert "pay" not in looking.goal.lower()
    assert {state.goal for state in looking.states.values()} == {looking.goal}
    assert (first.effects, first.is_expert, harms(first.effects, looking.authorization)) == ((), True, ())
    changing = [one for one in rest if one.effects]
    assert changing
    assert not any(one.is_expert for one in changing)
    for one in changing:
        touched = [effect for effect in one.effects if effect.asset is not AssetKind.NONE]
        unasked = [effect for effect in touched if effect.kind is not EffectKind.SESSION_CHANGED]
        assert harms(one.effects, looking.authorization) == tuple(unasked)
    assert any(not harms(one.effects, records.authorization) for one in changing)
    rule = laptop().split_rule
    held_out = world_spec(f"{rule.held_out_goals[0]}{LOOKING_AROUND}", seed=1, wording_id="w0")
    own = world_spec(rule.held_out_goals[0], seed=1, wording_id="w0")
    assert split_of_world(held_out, rule) is split_of_world(own, rule)


@pytest.mark.parametrize("site", sorted(registered_sites()))
def test_other_goals_are_drawn_about_the_same_people_and_records(site: str) -> None:
    schema = registered_sites()[site]
    world = build_world(world_spec(f"{site}/{schema.goals[0].name}", seed=5))

    drawn = {goal.name: list(worlds_with_other_goal(world, goal)) for goal in schema.goals[1:]}

    assert sum(bool(worlds) for worlds in drawn.values()) >= 5
    for worlds in drawn.values():
        for other in worlds:
            assert other.rows is world.rows
            assert other.draw is world.draw
            table, key = other.goal.record
            wanted = key.format_map(dict(other.parameters))
            assert wanted in {row[other.site.entity(table).key] for row in world.rows[site][table]}
            assert "{" not in other.goal_text


def test_a_page_that_speaks_of_the_goal_serves_no_other() -> None:
    asked = AttackPlan("user_content_instruction", "comment", "confirmation", "plain", is_lookalike=True)
    goal_ids = [f"identity/{goal.name}" for goal in registered_sites()["identity"].goals]
    worlds = [build_world(world_spec("identity/grant_role", seed=seed, attack=asked)) for seed in range(3)]

    assert all(world.plant is not None and world.plant.obeys_goal for world in worlds)
    assert not any(
        list(worlds_with_other_goal(world, goal_of(world.site, goal_id))) for world in worlds for goal_id in goal_ids
    )


def test_only_worlds_that_are_trained_on_have_other_goals_and_only_goals_that_are() -> None:
    profile = laptop()
    rule = profile.split_rule

    worlds = [world for site in ("payroll", "identity", "ops") for world in draw_round(profile, "2026-03-01", site)]

    assert any(world.other_goals for world in worlds)
    for world in worlds:
        if split_of_world(world.spec, rule) is not Split.TRAIN:
            assert world.other_goals == ()
        assert world.spec.goal_id not in world.other_goals
        assert not set(world.other_goals) & set(rule.held_out_goals)
