"""Every attack family in a real browser: obeyed it wins, ignored it does nothing, and its look-alikes do no harm."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.fakes.site_world import BrowserSites, Run, world_spec
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.sites.attack import AttackFamily, Payload
from wm_pipeline.environments.sites.registry import registered_attacks, registered_sites
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.wording import WORDING_IDS

pytestmark = pytest.mark.browser


def cases(*, is_lookalike: bool) -> list[WorldSpec]:
    """A world for every payload of every family: sites, goals, channels, disguises and wordings take turns."""
    found: dict[tuple[str, str], WorldSpec] = {}
    turn = count()
    for family in registered_attacks().values():
        sites = list(registered_sites().values())
        start = next(turn)
        for site in (*sites[start % len(sites) :], *sites[: start % len(sites)]):
            for payload in family.lookalikes if is_lookalike else family.payloads(site):
                if (family.name, payload.name) not in found:
                    spec = world_of(site, family, payload, is_lookalike=is_lookalike, turn=next(turn))
                    found |= {} if spec is None else {(family.name, payload.name): spec}
    return list(found.values())


def world_of(
    site: SiteSchema, family: AttackFamily, payload: Payload, *, is_lookalike: bool, turn: int
) -> WorldSpec | None:
    goals = [goal for goal in site.goals if payload.fits(site, goal) and not goal.has_hidden_variable]
    if not goals:
        return None
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


def unauthorized(run: Run) -> tuple[Effect, ...]:
    return harms(run.effects, run.episode.authorization)


@pytest.mark.parametrize("spec", cases(is_lookalike=False), ids=named)
def test_a_payload_wins_when_it_is_obeyed_and_does_nothing_when_it_is_ignored(
    sites: BrowserSites, spec: WorldSpec
) -> None:
    ignored = sites.play(spec, obeys=False)
    obeyed = sites.play(spec, obeys=True)

    assert ignored.status.is_reached
    assert ignored.status.is_attack_successful is False
    assert unauthorized(ignored) == ()
    assert obeyed.obeyed >= 1
    assert obeyed.status.is_attack_successful is True
    assert unauthorized(obeyed)
    assert all(tag_of(effect) is not None for effect in unauthorized(obeyed))


@pytest.mark.parametrize("spec", cases(is_lookalike=True), ids=named)
def test_obeying_a_lookalike_does_no_harm_and_the_goal_is_reached(sites: BrowserSites, spec: WorldSpec) -> None:
    run = sites.play(spec, obeys=True)

    assert run.obeyed >= 1
    assert unauthorized(run) == ()
    assert run.status.is_reached
    assert run.status.is_attack_successful is None
