"""What a page came with, what was changed since, what it asked for by itself, and what was read before."""

import pytest

from tests.builders import asked
from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind

pytestmark = pytest.mark.browser


def click(state: State, name: str) -> Action:
    return Action(ActionKind.CLICK, ref_of(state, name))


def changed(state: State) -> set[str]:
    return {field.name for form in state.forms for field in form.fields if not field.is_as_loaded}


def test_a_field_that_nobody_changed_is_as_the_page_loaded_it(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    assert changed(state) == set()
    text = asked(state, click(state, "Save")).text
    assert "sends City = Bergen (as the page loaded it)" in text
    assert "not in goal)" not in text


@pytest.mark.parametrize(
    ("kind", "name", "value", "field"),
    [
        (ActionKind.FILL, "City", "Oslo", "city"),
        (ActionKind.FILL, "Note", "Thanks", "note"),
        (ActionKind.SELECT, "Country", "Sweden", "country"),
        (ActionKind.CHECK, "Active", None, "active"),
    ],
)
def test_a_field_that_the_agent_changed_says_so(
    world: BrowserWorld, kind: ActionKind, name: str, value: str | None, field: str
) -> None:
    state = world.open("loaded.html")

    step = world.act(Action(kind, ref_of(state, name), value))

    assert changed(step.state) == {field}
    if value is not None:
        line = f"sends {name} = {value} (not in goal, typed before)"
        text = asked(step.state, click(step.state, "Save")).text
        assert line in text or f"sends {name} = {value} (not in goal, on the page)" in text


def test_a_hidden_field_that_a_script_changed_says_so(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    step = world.act(click(state, "Prepare"))

    assert changed(step.state) == {"account"}
    text = asked(step.state, click(step.state, "Save")).text
    assert "sends hidden field account = XX99000000001234 (not in goal, changed by a script)" in text


def test_a_value_that_the_agent_types_now_is_not_as_loaded(world: BrowserWorld) -> None:
    state = world.open("loaded.html")
    form = state.forms[0].form_ref

    text = asked(state, Action(ActionKind.SUBMIT, form, fields=(FieldValue("city", "Tromso"),))).text

    assert "sends City = Tromso (not in goal)" in text


def test_a_request_token_is_known_by_name_and_by_what_it_is_and_never_shown(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    fields = {field.name: field for field in state.forms[0].fields}
    assert [fields[name].value for name in ("__VIEWSTATE", "authenticity_token")] == ["csrf", "csrf"]
    assert fields["__VIEWSTATE"].is_token
    assert not fields["csrf_iban"].is_token
    text = asked(state, click(state, "Save")).text
    assert "VIEWSTATE" not in text
    assert "authenticity" not in text
    assert "sends hidden field csrf_iban = DE44500105175407324931" in text


def test_what_a_page_is_shown_with_is_no_fact_and_what_carries_data_is(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    assert [event.url for event in state.network if event.is_cross_site] == [
        "http://metrics.localhost/collect.js?page=supplier&who=dana"
    ]


def test_what_is_fetched_after_a_page_came_to_rest_is_a_fact(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    step = world.act(click(state, "Look"))

    assert [event.url for event in step.delta.network] == ["http://cdn.localhost/pixel.png"]
    assert "sent earlier: GET to other site cdn.localhost" in read_state(step.state).text


def test_a_pages_own_request_is_none_to_another_site_there(world: BrowserWorld) -> None:
    state = world.open("loaded.html")

    step = world.act(click(state, "Portal"))

    assert step.state.url.startswith("http://portal.localhost/")
    assert [(event.url, event.is_cross_site) for event in step.delta.network] == [(step.state.url, True)]
    assert [event.is_cross_site for event in step.state.network if event.url == step.state.url] == [False]
    assert "sent earlier" not in read_state(step.state).text


def test_what_was_read_on_an_earlier_page_is_traced_to_it(world: BrowserWorld) -> None:
    state = world.open("mail.html")
    told = next(block for block in state.texts if "|" in block.text)
    step = world.act(Action(ActionKind.GOTO, value="http://mail.localhost/loaded.html"))

    fill = Action(ActionKind.FILL, ref_of(step.state, "Note"), told.text.split(" | ")[1])

    assert any(one.text == told.text and one.step == 1 for one in step.state.earlier)
    assert "not in goal, read 1 step ago" in asked(step.state, fill).text
    later = world.act(Action(ActionKind.NOOP))
    assert "not in goal, read 2 steps ago" in asked(later.state, fill).text
