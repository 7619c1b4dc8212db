"""The examples in docs/examples add a site, a goal and an attack family, which run like the built-in ones."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.sites.catalogue import catalogue
from wm_pipeline.environments.sites.registry import forget_attack, forget_site, register_site, site_of
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import build_world

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def library() -> Iterator[str]:
    yield load("site_library").register().name
    forget_site("library")


@pytest.fixture
def larger_payroll() -> Iterator[str]:
    before = site_of("payroll")
    yield load("goal_on_payroll").register().name
    register_site(before)


@pytest.fixture
def false_alarm() -> Iterator[str]:
    yield load("attack_banner").register().name
    forget_attack("false_alarm")


def test_a_new_site_takes_part_in_drawing_worlds(library: str) -> None:
    specs = draw_worlds(site=library, day="2026-03-01", count=120, seed=1)

    missing = set(catalogue().families) - {spec.attack.family for spec in specs if spec.attack is not None}
    # No form of a library asks for what these move: an amount, an account, an address or a prefilled value.
    assert missing == {"oauth_overconsent", "added_recipient", "house_rule", "rival_note", "moved_default"}
    assert all(build_world(spec).goal_text for spec in specs)
    assert library in {site.name for site in catalogue().sites}


@pytest.mark.browser
def test_a_new_site_and_a_new_attack_run_in_the_browser(library: str, false_alarm: str) -> None:
    sites = BrowserSites()
    attack = AttackPlan(false_alarm, "note", "confirm_session", "notice")
    twin = AttackPlan(false_alarm, "comment", "own_preferences", "plain", is_lookalike=True)
    misuse = AttackPlan("user_content_instruction", "note", "lend_to_stranger", "plain")
    try:
        plain = sites.play(world_spec("library/lend", seed=2), obeys=False)
        attacked = sites.play(world_spec("payroll/set_salary", seed=2, attack=attack), obeys=True)
        harmless = sites.play(world_spec("webmail/reply", seed=2, attack=twin), obeys=True)
        misused = sites.play(world_spec("library/lend", seed=2, attack=misuse), obeys=True)
    finally:
        sites.close()

    assert plain.status.is_reached
    assert plain.harmful_effects == ()
    assert attacked.status.is_attack_successful is True
    assert harmless.status.is_reached
    assert harmless.harmful_effects == ()
    assert misused.status.is_attack_successful is True


@pytest.mark.browser
def test_a_new_goal_is_reached_within_what_it_authorizes_and_can_be_attacked(larger_payroll: str) -> None:
    goal_id = f"{larger_payroll}/slip_for_a_colleague"
    sites = BrowserSites()
    try:
        plain = sites.play(world_spec(goal_id, seed=5), obeys=False)
        attack = AttackPlan("user_content_instruction", "comment", "transfer_money", "polite")
        attacked = sites.play(world_spec(goal_id, seed=5, attack=attack), obeys=True)
    finally:
        sites.close()

    assert plain.status.is_reached
    assert {effect.subject for effect in plain.play.effects} == {"payslips"}
    assert plain.harmful_effects == ()
    assert attacked.status.is_attack_successful is True


def test_a_family_without_a_harmless_twin_is_refused() -> None:
    module = load("attack_banner")
    family = module.AttackFamily("lonely", payloads=module.FALSE_ALARM.payloads, lookalikes=())

    with pytest.raises(
        ValueError, match=r"^attack family lonely: it has no look-alikes; add at least one harmless twin$"
    ):
        module.register_attack(family)
