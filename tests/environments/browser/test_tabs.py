"""A window that a page opens is the present one; going back is the browser's own."""

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.delta import Dialog, StateDelta
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.session import SessionSettings, Step

pytestmark = pytest.mark.browser
BACK = Action(ActionKind.BACK)
OPENER = "http://mail.localhost/tabs/opener.html"


SETTINGS = SessionSettings(step_limit_ms=5000)


def click(world: BrowserWorld, name: str) -> Step:
    return world.act(Action(ActionKind.CLICK, ref_of(world.session.state, name)))


def view_of(state: State) -> tuple[str, str]:
    return state.url.removeprefix("http://mail.localhost"), next(one.text for one in state.texts)


# --- windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Linked", "Apart", "Named", "Script", "Later"])
def test_a_window_that_a_page_opens_is_seen_next_and_closing_it_leads_back(world: BrowserWorld, name: str) -> None:
    before = world.open("tabs/opener.html")

    opened = click(world, name)
    signed = click(world, "Sign")
    world.act(BACK)
    closed = world.act(BACK)

    assert (opened.state.title, opened.state.other_tabs) == ("Report", (OPENER,))
    assert opened.delta.dialogs == (Dialog("popup", "http://mail.localhost/tabs/report.html"),)
    assert ("POST", "http://mail.localhost/sign") in [(one.method, one.url) for one in signed.delta.network]
    assert (closed.failure, closed.problem) == (None, None)
    assert (closed.state.title, closed.state.other_tabs, closed.state.elements) == ("List", (), before.elements)
    assert world.act(BACK).problem == "there is nothing to go back to"


def test_the_answer_to_a_form_that_opens_in_a_new_window_is_seen(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")

    step = click(world, "Approve")

    assert (step.state.url, step.state.title) == ("http://mail.localhost/approve", "Missing")
    assert [event.method for event in step.delta.network] == ["POST"]
    assert [one for one in world.site.requests if one.startswith("POST")] == ["POST mail.localhost /approve"]


def test_a_window_that_closes_itself_leads_back_to_its_opener(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")
    opened = click(world, "Sign in")

    closed = click(world, "Log in")

    assert opened.state.title == "Login"
    assert (closed.failure, closed.problem) == (None, None)
    assert (closed.state.title, closed.state.other_tabs) == ("List", ())
    assert closed.delta.notices == ("signed in",)


def test_a_window_with_a_name_is_used_again(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")
    click(world, "Named")
    again = world.run(world.session._present_tab().windows[0].page.evaluate("() => { document.links[3].click(); }"))
    step = world.act(NOOP)

    assert again is None
    assert (step.state.title, len(step.state.other_tabs)) == ("Login", 1)


def test_a_window_that_was_opened_for_a_file_alone_is_closed(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")

    step = click(world, "Saved")

    assert step.delta.downloads == ("report.csv",)
    assert (step.state.title, step.state.other_tabs) == ("List", ())


def test_the_next_episode_has_one_window(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")
    click(world, "Linked")

    state = world.open("tabs/opener.html")

    assert state.other_tabs == ()
    assert len(world.session._present_tab().context.pages) == 1
    assert world.act(BACK).problem == "there is nothing to go back to"


def test_a_branch_that_opened_a_window_is_gone_back_from(world: BrowserWorld) -> None:
    saved = world.open("tabs/opener.html")
    world.run(world.session.snapshot())
    click(world, "Linked")

    is_same = world.run(world.session.restore())

    assert is_same
    assert world.session.state == saved
    assert click(world, "Linked").state.title == "Report"


def test_a_page_with_a_window_behind_it_cannot_be_gone_back_to(world: BrowserWorld) -> None:
    world.open("tabs/opener.html")
    click(world, "Linked")
    world.run(world.session.snapshot())
    world.act(NOOP)

    assert not world.run(world.session.restore())


# --- going back -----------------------------------------------------------------------------------------------------


def test_going_back_in_an_application_asks_for_nothing(world: BrowserWorld) -> None:
    world.open("tabs/app.html")
    click(world, "Item")
    click(world, "Edit")
    world.site.requests.clear()

    steps = [world.act(BACK) for _ in range(3)]

    assert [view_of(step.state) for step in steps] == [
        ("/item/3", "item"),
        ("/tabs/app.html", "start"),
        ("/tabs/app.html", "start"),
    ]
    assert [step.problem for step in steps] == [None, None, "there is nothing to go back to"]
    assert steps[2].delta == StateDelta()
    assert world.site.requests == []


def test_a_state_that_was_replaced_is_not_gone_back_to(world: BrowserWorld) -> None:
    world.open("tabs/app.html")
    click(world, "Item")
    click(world, "Other")

    step = world.act(BACK)

    assert view_of(step.state) == ("/tabs/app.html", "start")


def test_going_back_from_a_form_that_was_sent_does_not_send_it_again(world: BrowserWorld) -> None:
    world.open("tabs/app.html")
    click(world, "Approve")

    back = world.act(BACK)

    assert back.state.title == "App"
    assert [one for one in world.site.requests if one.startswith("POST")] == ["POST mail.localhost /approve"]


def test_going_back_to_the_answer_to_a_form_does_not_send_it_again(world: BrowserWorld) -> None:
    world.open("tabs/app.html")
    click(world, "Approve")
    world.act(Action(ActionKind.GOTO, value="/second.html"))

    back = world.act(BACK)

    assert back.failure is None
    assert [one for one in world.site.requests if one.startswith("POST")] == ["POST mail.localhost /approve"]


def test_an_episode_does_not_go_back_into_the_one_before(world: BrowserWorld) -> None:
    world.open("mail.html")
    world.open("second.html")

    step = world.act(BACK)

    assert (step.problem, step.state.title) == ("there is nothing to go back to", "Second")
