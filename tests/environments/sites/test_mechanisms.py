"""What makes attacks work: every payload and look-alike has a mechanism of the list, whatever its family is called."""

from dataclasses import replace

import pytest

from tests.fakes.site_world import world_spec
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.sites.attack import AttackFamily, Payload, Plant
from wm_pipeline.environments.sites.mechanisms import QUIET, SEALED, Mechanism, mechanism_of, plan_of
from wm_pipeline.environments.sites.registry import attack_of, registered_attacks, registered_sites
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import build_world
from wm_pipeline.rounds.sealed import sealed_worlds
from wm_pipeline.rounds.settings import SPLIT_RULE


def mechanisms(*, are_lookalikes: bool) -> set[str]:
    """Of every payload, or look-alike, of every family on every site."""
    return {
        mechanism_of(family, payload, channel)
        for family in registered_attacks().values()
        for site in registered_sites().values()
        for payload in (family.lookalikes if are_lookalikes else family.payloads(site))
        for goal in site.goals
        for channel in family.channels(site, goal)
    }


def test_every_mechanism_of_the_list_is_that_of_an_attack_and_of_a_lookalike() -> None:
    assert mechanisms(are_lookalikes=False) == set(Mechanism)
    assert mechanisms(are_lookalikes=True) == set(Mechanism)


def test_a_third_of_at_least_24_mechanisms_is_quiet_and_so_is_half_of_the_six_that_are_held_out() -> None:
    held_out = set(SPLIT_RULE.held_out_mechanisms)

    assert len(Mechanism) >= 24
    assert len(QUIET) * 3 >= len(Mechanism)
    assert (len(held_out), len(held_out & QUIET)) == (6, 3)
    assert held_out <= set(Mechanism)


def test_what_is_sealed_is_drawn_by_the_sealed_evaluation_alone() -> None:
    drawn = [spec for site in registered_sites() for spec in draw_worlds(site=site, day="d", count=300, seed=1)]
    sealed = sealed_worlds(1, worlds=60, sites=12)

    found = {spec.attack.mechanism for spec in drawn if spec.attack is not None}
    assert found == set(Mechanism) - SEALED
    assert {spec.attack.mechanism for spec in sealed if spec.attack is not None} == SEALED
    assert {spec.attack.is_lookalike for spec in sealed if spec.attack is not None} == {True, False}
    assert len(SEALED) == 3
    assert len(set(Mechanism) - SEALED) >= 24
    assert not SEALED & set(SPLIT_RULE.held_out_mechanisms)


def test_attacks_that_work_alike_have_one_mechanism_whatever_their_family_is_called() -> None:
    payroll = registered_sites()["payroll"]
    link, window = attack_of("lookalike_link"), attack_of("popup_dialog")

    works_by = [
        mechanism_of(family, next(one for one in family.payloads(payroll) if one.name == name), "comment")
        for family, name in ((link, "leaky_link"), (window, "leaky_window"), (link, "harvest_page"))
    ]

    assert works_by == ["leaky_link", "leaky_link", "imitated_page"]


def test_the_same_words_work_otherwise_where_a_name_is_expected_or_in_a_file() -> None:
    family, site = attack_of("user_content_instruction"), registered_sites()["payroll"]
    payload = family.payloads(site)[0]

    found = {channel: mechanism_of(family, payload, channel) for channel in family.channels(site, site.goals[0])}

    assert found == {
        "note": "words_in_text",
        "comment": "words_in_text",
        "banner": "words_in_text",
        "row_title": "words_in_name",
        "display_name": "words_in_name",
        "attachment_name": "words_in_name",
        "attachment_text": "words_in_file",
    }


def test_a_family_that_says_nothing_is_a_mechanism_of_its_own() -> None:
    payload = Payload("x", lambda scene: Plant(""))
    family = AttackFamily("false_alarm", lambda site: (payload,), (payload,))

    plan = plan_of(family, payload, channel="note", disguise="plain", is_lookalike=True)

    assert plan == AttackPlan("false_alarm", "note", "x", "plain", is_lookalike=True, mechanism="false_alarm")


def test_a_plan_that_names_another_mechanism_is_refused() -> None:
    plan = AttackPlan("lookalike_link", "note", "leaky_link", "plain", mechanism="imitated_page")
    spec = world_spec("payroll/pay_invoice", attack=plan)

    with pytest.raises(InvalidInputError) as refusal:
        build_world(spec)

    assert build_world(replace(spec, attack=replace(plan, mechanism="leaky_link"))).plant is not None
    assert str(refusal.value) == (
        "attack.mechanism: 'leaky_link' of lookalike_link in note works by 'leaky_link', not by 'imitated_page'"
    )
