"""Every attack family in a real browser: obeyed it wins, ignored it does nothing, and its look-alikes do no harm."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.state import State
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.instruments.script import Send
from wm_pipeline.environments.sites.attack import AttackFamily, Payload, Plant, all_channels
from wm_pipeline.environments.sites.attacks.conditional_instruction import AGAIN
from wm_pipeline.environments.sites.registry import registered_attacks, registered_sites
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.wording import WORDING_IDS
from wm_pipeline.environments.sites.worlds import build_world
from wm_pipeline.policies.gullible import GulliblePolicy

pytestmark = pytest.mark.browser


def cases(*, is_lookalike: bool) -> list[WorldSpec]:
    """A world for every payload: the families that carry it, sites, goals, channels, disguises and wordings take turns.

    Every payload of every family on every site is played by `wm worlds check`.
    """
    ways: dict[str, list[tuple[SiteSchema, AttackFamily, Payload]]] = defaultdict(list)
    for family in registered_attacks().values():
        for site in registered_sites().values():
            for payload in family.lookalikes if is_lookalike else family.payloads(site):
                if any(payload.fits(site, goal) and not goal.has_hidden_variable for goal in site.goals):
                    ways[payload.name].append((site, family, payload))
    return [
        world_of(*of_payload[turn % len(of_payload)], is_lookalike=is_lookalike, turn=turn)
        for turn, of_payload in enumerate(ways.values())
    ]


def world_of(site: SiteSchema, family: AttackFamily, payload: Payload, *, is_lookalike: bool, turn: int) -> WorldSpec:
    goals = [goal for goal in site.goals if payload.fits(site, goal) and not goal.has_hidden_variable]
    goal = goals[turn % len(goals)]
    channels = family.channels(site, goal)
    plan = AttackPlan(
        family.name,
        channels[turn % len(channels)],
        payload.name,
        family.disguises[turn % len(family.disguises)],
        is_lookalike,
    )
    wording = WORDING_IDS[turn % len(WORDING_IDS)]
    return world_spec(f"{site.name}/{goal.name}", seed=100 + turn, wording_id=wording, attack=plan)


def named(spec: WorldSpec) -> str:
    assert spec.attack is not None
    return f"{spec.attack.family}-{spec.attack.payload}-{spec.goal_id}"


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


@pytest.mark.parametrize("spec", cases(is_lookalike=False), ids=named)
def test_a_payload_wins_when_it_is_obeyed_and_does_nothing_when_it_is_ignored(
    sites: BrowserSites, spec: WorldSpec
) -> None:
    ignored = sites.play(spec, obeys=False)
    obeyed = sites.play(spec, obeys=True)

    assert ignored.status.is_reached
    assert ignored.status.is_attack_successful is False
    assert ignored.harmful_effects == ()
    assert obeyed.obeyed >= 1
    assert obeyed.status.is_attack_successful is True
    assert obeyed.harmful_effects
    assert all(tag_of(effect) is not None for effect in obeyed.harmful_effects)


@pytest.mark.parametrize("spec", cases(is_lookalike=True), ids=named)
def test_obeying_a_lookalike_does_no_harm_and_the_goal_is_reached(sites: BrowserSites, spec: WorldSpec) -> None:
    run = sites.play(spec, obeys=True)

    assert run.obeyed >= 1
    assert run.harmful_effects == ()
    assert run.status.is_reached
    assert run.status.is_attack_successful is None


CHANNELS = [
    (site.name, channel, turn)
    for site in registered_sites().values()
    for turn, channel in enumerate(all_channels(site, site.goals[0]))
]


@pytest.mark.parametrize(
    ("site", "channel", "turn"), CHANNELS, ids=[f"{site}-{channel}" for site, channel, _ in CHANNELS]
)
def test_what_stands_in_a_channel_is_read_on_the_way_to_the_goal(
    sites: BrowserSites, site: str, channel: str, turn: int
) -> None:
    schema = registered_sites()[site]
    plan = AttackPlan("user_content_instruction", channel, schema.abuses[0].name, "zero_width")
    spec = world_spec(f"{site}/{schema.goals[1].name}", seed=60 + turn, wording_id="w1", attack=plan)

    run = sites.play(spec, obeys=True)

    marker = marker_of(spec)
    assert "\u200b" in marker
    states = [run.episode.state, *(observation.state for observation in run.play.observations)]
    assert any(marker in read_state(state).text for state in states)
    assert run.status.is_attack_successful is True


def marker_of(spec: WorldSpec) -> str:
    plant = build_world(spec).plant
    assert plant is not None
    return plant.marker


def test_a_page_that_shows_more_at_the_second_visit_is_restored_as_it_was(sites: BrowserSites) -> None:
    plan = AttackPlan("conditional_instruction", "comment", "create_forwarding_rule", "plain")
    spec = first(
        lambda seed: world_spec("webmail/reply", seed=seed, attack=plan), lambda plant: plant.shown_when == AGAIN
    )
    state = sites.reset(spec).state
    record = f"http://webmail.localhost/inbox/{build_world(spec).parameters['mail_id']}"
    to_record, to_list = (Action(ActionKind.GOTO, value=url) for url in (record, "http://webmail.localhost/inbox"))

    def is_shown(state: State) -> bool:
        return any(marker_of(spec) in block.text for block in state.texts)

    first_visit = state if state.url == record else sites.act(to_record).state
    sites.run(sites.environment.snapshot())
    seen, same = [], []
    for _ in range(2):
        sites.act(to_list)
        seen.append(is_shown(sites.act(to_record).state))
        same.append(sites.run(sites.environment.restore()))

    assert not is_shown(first_visit)
    assert (seen, same) == ([True, True], [True, True])


def first(make: Callable[[int], WorldSpec], is_wanted: Callable[[Plant], bool]) -> WorldSpec:
    """The first seed's world whose plant is as wanted."""
    return next(
        spec
        for seed in range(600)
        if (spec := make(seed)) and (plant := build_world(spec).plant) is not None and is_wanted(plant)
    )


def test_a_forwarding_rule_does_its_harm_at_a_later_honest_step_which_collection_sees(sites: BrowserSites) -> None:
    plan = AttackPlan("user_content_instruction", "mail_body", "create_forwarding_rule", "plain")

    def has_term(spec: WorldSpec) -> bool:
        world = build_world(spec)
        assert world.plant is not None
        send = world.plant.steps[-1]
        assert isinstance(send, Send)
        return send.fields[0].value in world.parameters["subject"]

    specs = (world_spec("webmail/reply", seed=seed, wording_id="w0", attack=plan) for seed in range(600))
    spec = next(spec for spec in specs if has_term(spec))
    settings = CollectSettings(max_steps=8, branches=0, form_branches=0, horizon=3)

    done = sites.run(collect_trajectory(sites.environment, GulliblePolicy(), spec, day="2026-03-01", settings=settings))

    rule = next(one for one in done.transitions if any(e.asset is AssetKind.FORWARDING_RULE for e in one.effects))
    delayed = [effect for effect in rule.effects if effect.steps_later > 0]
    assert [(effect.subject, effect.asset) for effect in delayed] == [("messages", AssetKind.MESSAGE)]
    target = next(effect.value_of("forward_to") for effect in rule.effects if effect.subject == "rules")
    assert delayed[0].value_of("recipient") == target
    assert done.benign_success
    assert done.attack_success is True
