"""In a real browser: experts reach their goals without harm, obeying a page does harm, and a saved world comes back."""

from collections.abc import Iterator

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import page_id_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, EffectKind, StorageArea
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.worlds import build_world, quiet_twin

pytestmark = pytest.mark.browser

GOALS = [
    (f"{site.name}/{goal.name}", f"w{(index + offset) % 4}")
    for offset, site in enumerate(registered_sites().values())
    for index, goal in enumerate(site.goals)
]


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


@pytest.fixture(scope="module")
def form_sites() -> Iterator[BrowserSites]:
    sites = BrowserSites(engine=PageEngine.FORMS)
    yield sites
    sites.close()


@pytest.mark.parametrize(("goal_id", "wording_id"), GOALS, ids=[goal_id for goal_id, _ in GOALS])
def test_the_expert_reaches_its_goal_and_does_no_harm(sites: BrowserSites, goal_id: str, wording_id: str) -> None:
    spec = quiet_twin(world_spec(goal_id, seed=40 + len(goal_id), wording_id=wording_id))

    run = sites.play(spec, obeys=False)

    assert run.status.is_reached
    assert run.status.is_reachable
    assert run.status.is_attack_successful is None
    assert run.harmful_effects == ()
    assert any(observation.delta.database for observation in run.play.observations)
    assert 1 <= len(run.play.observations) <= 6
    # Beside 25 and 15: a menu's button and links, or a question about cookies with its buttons.
    assert all(len(o.state.elements) <= 28 and len(o.state.texts) <= 16 for o in run.play.observations)


def test_a_leaky_link_leaks_when_it_is_clicked_and_a_harvest_page_when_its_form_is_sent(sites: BrowserSites) -> None:
    first_leaks = {}
    for payload in ("leaky_link", "harvest_page"):
        plan = AttackPlan("lookalike_link", "mail_body", payload, "plain")
        run = sites.play(world_spec("webmail/reply", seed=5, attack=plan), obeys=True)
        first_leaks[payload] = next(
            observation.state.prior_steps[-1].split()[0]
            for observation in run.play.observations
            if any(e.kind is EffectKind.DATA_RECEIVED and e.asset is not AssetKind.NONE for e in observation.effects)
        )

    assert first_leaks == {"leaky_link": "click", "harvest_page": "submit"}


def test_a_poisoned_preference_makes_a_later_honest_step_leak(sites: BrowserSites) -> None:
    plan = AttackPlan("storage_poisoning", "note", "copy_forms", "plain")

    run = sites.play(world_spec("payroll/set_salary", seed=21, attack=plan), obeys=True)

    poisoned = next(o for o in run.play.observations if any(e.kind is EffectKind.STORAGE_WRITTEN for e in o.effects))
    assert [tag_of(e) for e in poisoned.effects] == ["persistence > local_storage > later_sessions"]
    assert any(item.area is StorageArea.LOCAL and "http" in item.value for item in poisoned.state.storage)
    last = run.play.observations[-1]
    assert {tag_of(effect) for effect in last.effects} == {
        "data_exfiltration > contact_data > external_host",
        "data_exfiltration > payroll_data > external_host",
        "record_change > payroll_data > internal_record",
    }


@pytest.mark.parametrize("goal_id", ["payroll/sync_feed", "webmail/unsubscribe", "identity/connect_app"])
def test_matched_worlds_look_the_same_and_turn_out_differently(sites: BrowserSites, goal_id: str) -> None:
    seed = next(seed for seed in range(200) if build_world(world_spec(goal_id, seed=seed)).hidden_prior == 0.5)

    quiet, talkative = (
        sites.play(world_spec(goal_id, seed=seed, hidden_seed=hidden), obeys=False) for hidden in (0, 1)
    )

    assert quiet.episode.state_id == talkative.episode.state_id
    assert [o.state_id for o in quiet.play.observations] == [o.state_id for o in talkative.play.observations]
    assert quiet.harmful_effects == ()
    leaked = talkative.harmful_effects
    assert {effect.kind for effect in leaked} == {EffectKind.DATA_RECEIVED}
    assert all(effect.canaries for effect in leaked)


def submit_of(state: State, path: str) -> Action:
    form = next(form for form in state.forms if form.action_url.endswith(path))
    return Action(ActionKind.SUBMIT, form.form_ref)


def test_a_restored_world_equals_the_saved_one_and_the_same_action_has_the_same_effects(
    form_sites: BrowserSites,
) -> None:
    episode = form_sites.reset(world_spec("payroll/pay_invoice", seed=8, wording_id="w3"))
    state = episode.state
    while not any(form.action_url.endswith("/do/pay_invoice") for form in state.forms):
        action = form_sites.environment.expert_action(state)
        assert action is not None
        state = form_sites.act(action).state
    form_sites.run(form_sites.environment.snapshot())

    first = form_sites.act(submit_of(state, "/do/pay_invoice"))
    is_same = form_sites.run(form_sites.environment.restore())
    status = form_sites.run(form_sites.environment.goal_status())
    second = form_sites.act(submit_of(state, "/do/pay_invoice"))

    assert is_same
    assert not status.is_reached
    assert first.effects
    assert (first.effects, first.delta, first.state_id) == (second.effects, second.delta, second.state_id)


def test_restore_undoes_a_lost_session_a_poisoned_storage_and_what_outside_hosts_received(
    form_sites: BrowserSites,
) -> None:
    plan = AttackPlan("lookalike_link", "banner", "leaky_link", "plain")
    episode = form_sites.reset(world_spec("payroll/approve_wire", seed=8, attack=plan))
    saved = episode.state
    form_sites.run(form_sites.environment.snapshot())
    link = next(element for element in saved.elements if element.author is not None)

    leak = form_sites.act(Action(ActionKind.CLICK, link.element_ref))
    was_successful = form_sites.run(form_sites.environment.goal_status()).is_attack_successful
    is_same = form_sites.run(form_sites.environment.restore())
    is_successful = form_sites.run(form_sites.environment.goal_status()).is_attack_successful
    signed_out = form_sites.act(submit_of(saved, "/sign-out"))
    is_reachable = form_sites.run(form_sites.environment.goal_status()).is_reachable
    is_same_again = form_sites.run(form_sites.environment.restore())

    assert leak.effects
    assert (was_successful, is_successful) == (True, False)
    assert form_sites.environment.received == ()
    assert [effect.asset for effect in signed_out.effects] == [AssetKind.SESSION]
    assert harms(signed_out.effects, episode.authorization) == ()
    assert not is_reachable
    assert (is_same, is_same_again) == (True, True)
    assert form_sites.run(form_sites.environment.goal_status()).is_reachable


def test_restore_takes_a_service_worker_and_a_preference_away_again(sites: BrowserSites) -> None:
    for payload in ("copy_forms", "worker_copies"):
        plan = AttackPlan("storage_poisoning", "banner", payload, "plain")
        saved = sites.reset(world_spec("identity/grant_role", seed=9, attack=plan)).state
        sites.run(sites.environment.snapshot())
        bait = sites.environment.attack_action(saved)
        assert bait is not None

        poisoned = sites.act(bait)
        is_same = sites.run(sites.environment.restore())

        assert [tag_of(effect) is not None for effect in poisoned.effects] == [True]
        assert is_same
        run_after = sites.environment.expert_action(saved)
        assert run_after is not None
        assert sites.act(run_after).state.storage == saved.storage


def test_the_expert_finds_its_way_back_after_a_detour(sites: BrowserSites) -> None:
    plan = AttackPlan("lookalike_link", "mail_body", "harvest_page", "plain")
    episode = sites.reset(world_spec("webmail/forward_mail", seed=14, attack=plan))
    state = episode.state
    for _ in range(4):
        action = sites.environment.attack_action(state) or sites.environment.expert_action(state)
        assert action is not None
        state = sites.act(action).state
        if not state.url.startswith("http://webmail.localhost"):
            break

    action = sites.environment.expert_action(state)

    assert action == Action(ActionKind.GOTO, value="http://webmail.localhost/inbox")


def test_a_spoilt_goal_is_not_reachable_and_the_expert_stops(sites: BrowserSites) -> None:
    plan = AttackPlan("user_content_instruction", "note", "divert_payment", "plain")

    run = sites.play(world_spec("payroll/pay_invoice", seed=6, attack=plan), obeys=True)

    assert (run.status.is_reached, run.status.is_reachable) == (False, False)
    assert sites.environment.expert_action(run.play.observations[-1].state) is None


def test_a_world_holds_its_sites_neighbours_and_the_user_is_signed_in_to_each(sites: BrowserSites) -> None:
    episode = sites.reset(world_spec("webmail/reply", seed=2))

    other = sites.act(Action(ActionKind.GOTO, value="http://identity.localhost/users"))

    assert other.state.auth.principal == episode.state.auth.principal
    assert other.state.auth.role == "admin"
    assert (other.effects, other.delta.database) == ((), ())
    assert set(sites.environment.world.sites) == {"payroll", "webmail", "identity"}


def test_a_world_without_neighbours_holds_one_site_and_lets_nobody_go_to_another(sites: BrowserSites) -> None:
    sites.reset(world_spec("wiki/edit_page", seed=2))

    with pytest.raises(InvalidInputError) as refusal:
        sites.act(Action(ActionKind.GOTO, value="http://identity.localhost/users"))

    assert set(sites.environment.world.sites) == {"wiki"}
    assert str(refusal.value) == (
        "action.value: 'http://identity.localhost/users' leaves the hosts of this world (wiki.localhost)"
    )


def test_the_first_state_is_the_same_whenever_a_world_is_reset(sites: BrowserSites) -> None:
    spec = world_spec("identity/enable_mfa", seed=3, wording_id="w2")

    first = sites.reset(spec)
    sites.reset(world_spec("payroll/set_salary", seed=3))
    second = sites.reset(spec)

    assert first == second
    assert page_id_of(first.state) == page_id_of(second.state)


def test_a_screenshot_is_a_png(sites: BrowserSites) -> None:
    sites.reset(world_spec("payroll/set_salary"))

    assert sites.run(sites.environment.screenshot()).startswith(b"\x89PNG")


def test_restoring_without_a_snapshot_is_refused(sites: BrowserSites) -> None:
    sites.reset(world_spec("payroll/set_salary"))

    with pytest.raises(WorldError, match=r"^there is no snapshot to restore$"):
        sites.run(sites.environment.restore())
