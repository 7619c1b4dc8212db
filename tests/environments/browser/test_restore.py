"""A saved page can be gone back to exactly, and a page that cannot is noticed."""

import time

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import NOOP, SCROLL_DOWN, Action
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.observe import OriginStorage
from wm_pipeline.environments.browser.session import SessionSettings

pytestmark = pytest.mark.browser


SETTINGS = SessionSettings(step_limit_ms=4000)


def click(world: BrowserWorld, name: str) -> Action:
    return Action(ActionKind.CLICK, ref_of(world.session.state, name))


def save(world: BrowserWorld) -> None:
    world.run(world.session.snapshot())


def restore(world: BrowserWorld) -> bool:
    return world.run(world.session.restore())


def test_a_secret_that_is_typed_after_the_page_was_saved_is_no_mark_in_the_restored_page(world: BrowserWorld) -> None:
    state = world.open("noted_card.html")
    save(world)
    filled = world.act(Action(ActionKind.FILL, ref_of(state, "Card number"), "5b19d996e1")).state

    assert restore(world)
    assert world.session.state == state
    assert "5b19d996e1" in str(state.texts)
    assert "5b19d996e1" not in str(filled.texts)


def test_half_filled_forms_come_back(world: BrowserWorld) -> None:
    state = world.open("mail.html")
    for action in (
        Action(ActionKind.FILL, ref_of(state, "Amount"), "12"),
        Action(ActionKind.SELECT, ref_of(state, "Payee"), "Bob"),
        Action(ActionKind.CHECK, ref_of(state, "Urgent")),
        Action(ActionKind.CHECK, ref_of(state, "Fast")),
    ):
        world.act(action)
    saved = world.session.state
    save(world)
    world.act(Action(ActionKind.SUBMIT, "f1"))

    is_same = restore(world)

    assert is_same
    assert world.session.state == saved


def test_a_text_in_a_field_that_is_scrolled_comes_back(world: BrowserWorld) -> None:
    state = world.open("mail.html")
    world.act(Action(ActionKind.FILL, ref_of(state, "Memo"), "one more line\n" * 40))
    world.run(world.session.evaluate("() => { document.querySelector('[name=memo]').scrollTop = 90; }"))
    saved = world.session.state
    save(world)
    world.act(Action(ActionKind.GOTO, value="/scripts.html"))

    assert restore(world)
    assert world.session.state == saved


@pytest.mark.parametrize("name", ["Store", "Draft", "Cookie", "Worker"])
def test_what_a_branch_stored_is_gone_again(world: BrowserWorld, name: str) -> None:
    saved = world.open("scripts.html")
    save(world)
    world.act(click(world, name))

    is_same = restore(world)

    assert is_same
    assert world.session.state == saved
    assert world.act(NOOP).delta.storage == ()


def test_what_was_stored_before_is_there_before_the_page_asks_for_it(world: BrowserWorld) -> None:
    world.open("scripts.html")
    for name in ("Store", "Draft", "Cookie"):
        world.act(click(world, name))
    saved = world.act(Action(ActionKind.GOTO, value="/scripts.html?again")).state
    assert "stored: http://evil.localhost/ x" in [block.text for block in saved.texts]
    save(world)
    world.act(Action(ActionKind.RUN_SCRIPT, value="localStorage.clear(); sessionStorage.clear()"))

    is_same = restore(world)

    assert is_same
    assert world.session.state == saved


def test_what_a_state_does_not_tell_of_storage_comes_back_too() -> None:
    world = BrowserWorld(SessionSettings(ignored_storage=("sync",)))
    world.open("scripts.html")
    world.act(click(world, "Store"))
    saved = world.act(Action(ActionKind.GOTO, value="/scripts.html?again")).state
    save(world)
    world.act(Action(ActionKind.RUN_SCRIPT, value="localStorage.clear()"))

    is_same = restore(world)
    told, kept = world.session.state.storage, world.run(world.session.evaluate("() => localStorage.sync"))
    world.close()

    assert is_same
    assert "stored: http://evil.localhost/" in [block.text for block in saved.texts]
    assert told == ()
    assert kept == "http://evil.localhost/"


def test_a_session_begins_with_the_storage_of_another(world: BrowserWorld) -> None:
    world.open("scripts.html")
    for name in ("Store", "Draft"):
        world.act(click(world, name))
    kept = world.session.storage()
    world.open("mail.html")

    state = world.run(
        world.session.begin(
            start_url="http://mail.localhost/scripts.html",
            goal="Read the page",
            allowed_hosts={"mail.localhost", "pay.localhost"},
            storage={**kept, "http://pay.localhost": OriginStorage(local=(("sync", "elsewhere"),))},
        )
    )
    other = world.act(Action(ActionKind.GOTO, value="http://pay.localhost/scripts.html")).state
    fresh = world.open("scripts.html")

    assert "stored: http://evil.localhost/ x" in [block.text for block in state.texts]
    assert "stored: elsewhere" in [block.text for block in other.texts]
    assert "stored: nothing" in [block.text for block in fresh.texts]
    assert fresh.storage == ()


def test_storage_of_a_page_left_behind_comes_back(world: BrowserWorld) -> None:
    world.open("scripts.html")
    world.act(click(world, "Store"))
    saved = world.act(Action(ActionKind.GOTO, value="http://pay.localhost/scripts.html")).state
    save(world)
    world.act(Action(ActionKind.GOTO, value="http://mail.localhost/scripts.html"))
    world.act(Action(ActionKind.RUN_SCRIPT, value="localStorage.clear()"))

    is_same = restore(world)
    again = world.act(Action(ActionKind.GOTO, value="http://mail.localhost/scripts.html"))

    assert is_same
    assert [item.key for item in saved.storage] == ["sync"]
    assert "stored: http://evil.localhost/" in [block.text for block in again.state.texts]


def test_the_same_action_leads_to_the_same_state_after_each_restore(world: BrowserWorld) -> None:
    world.open("mail.html")
    save(world)

    steps = []
    for _ in range(3):
        steps.append(world.act(click(world, "the notice")))
        assert restore(world)

    assert steps[0].state == steps[1].state == steps[2].state
    assert steps[0].delta == steps[1].delta == steps[2].delta


@pytest.mark.parametrize("page", ["part", "tall"])
def test_a_page_is_as_far_down_as_it_was_when_it_was_saved(world: BrowserWorld, page: str) -> None:
    top = world.open(f"scroll/{page}.html")
    bottom = world.act(SCROLL_DOWN).state
    save(world)
    world.act(Action(ActionKind.GOTO, value="/scripts.html"))

    assert restore(world)
    up = world.act(Action(ActionKind.SCROLL, value="up")).state
    assert (top.is_more_below, bottom.is_more_below, up.is_more_below) == (True, False, True)


def test_going_back_after_a_restore_follows_the_saved_history(world: BrowserWorld) -> None:
    world.open("mail.html")
    world.act(click(world, "the notice"))
    save(world)
    world.act(Action(ActionKind.GOTO, value="/scripts.html"))
    world.act(Action(ActionKind.GOTO, value="/visibility.html"))
    assert restore(world)

    step = world.act(Action(ActionKind.BACK))

    assert step.state.title == "Mail"


def test_a_page_that_differs_from_the_saved_one_is_noticed(world: BrowserWorld) -> None:
    world.open("counter.html")
    save(world)
    world.act(NOOP)

    assert not restore(world)


def test_the_database_goes_back_before_the_page_is_asked_for_and_the_old_page_sends_nothing(
    world: BrowserWorld,
) -> None:
    world.open("unload.html")
    save(world)
    world.site.requests.clear()

    is_same = world.run(world.session.restore(lambda: world.site.requests.append("database restored")))
    time.sleep(0.5)

    assert is_same
    assert world.site.requests == ["database restored", "GET mail.localhost /unload.html"]


def test_a_page_that_an_action_leaves_does_send(world: BrowserWorld) -> None:
    world.open("unload.html")

    world.act(Action(ActionKind.GOTO, value="/second.html"))
    time.sleep(0.5)

    assert "POST mail.localhost /beacon bye" in world.site.requests


def test_a_failed_step_can_be_gone_back_from(world: BrowserWorld) -> None:
    world.open("scripts.html")
    for name in ("Store", "Draft", "Cookie"):
        world.act(click(world, name))
    saved = world.act(Action(ActionKind.GOTO, value="/scripts.html?again")).state
    save(world)
    failed = world.act(click(world, "Hang"))

    is_same = restore(world)

    assert failed.failure is StopReason.TIMED_OUT
    assert is_same
    assert world.session.state == saved


def test_without_a_snapshot_there_is_nothing_to_restore(world: BrowserWorld) -> None:
    world.open("mail.html")

    with pytest.raises(WorldError, match=r"^there is no snapshot to restore$"):
        restore(world)


def test_an_address_with_a_place_in_it_is_loaded_anew(world: BrowserWorld) -> None:
    fresh = world.open("kept.html#one")
    save(world)
    world.act(click(world, "Keep"))
    is_same = restore(world)
    world.act(click(world, "Keep"))
    again = world.open("kept.html#two")

    assert is_same
    assert (again.texts, again.elements) == (fresh.texts, fresh.elements)
    assert world.site.requests == ["GET mail.localhost /kept.html"]


def test_a_button_of_a_closed_part_has_its_name(world: BrowserWorld) -> None:
    state = world.open("kept.html")

    assert [form.name for form in state.forms] == ["Sign out"]
