"""What a single-page application would send is a form: its fields with their values, and the button that sends them."""

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.state import Form, State
from wm_pipeline.domain.text import state_lines
from wm_pipeline.domain.vocabulary import ActionKind

pytestmark = pytest.mark.browser


def scripted(state: State) -> dict[str, Form]:
    return {form.name: form for form in state.forms if form.is_scripted}


def test_fields_and_the_button_beside_them_are_a_form(world: BrowserWorld) -> None:
    state = world.open("app/message.html")

    forms = scripted(state)

    assert {name: [(one.name, one.input_type, one.value) for one in form.fields] for name, form in forms.items()} == {
        "Send": [
            ("To", "text", "rob@x"),
            ("Copy", "checkbox", "on"),
            ("Urgency", "select", "low"),
            ("Words", "contenteditable", "Dear all"),
        ],
        "Confirm": [("Code", "text", ""), ("Code 2", "text", "")],
    }
    assert {(form.method, form.action_url) for form in forms.values()} == {("", "")}
    assert [one.is_as_loaded for one in forms["Send"].fields] == [False, True, True, True]
    send = forms["Send"]
    assert send.submit_ref == ref_of(state, "Send")
    assert [one.element_ref for one in send.submitters] == [ref_of(state, "Save draft")]
    assert {one.name for one in state.elements if one.form_ref == send.form_ref} == {
        "To", "Copy", "Urgency", "Words", "Send", "Save draft",
    }  # fmt: skip
    assert [form.name for form in state.forms if not form.is_scripted] == ["Own form"]


def test_a_button_that_closes_a_record_sends_and_one_that_clears_fields_does_not(world: BrowserWorld) -> None:
    state = world.open("app/requests.html")

    forms = scripted(state)

    assert {name: [one.element_ref for one in form.submitters] for name, form in forms.items()} == {
        "Close request": [],
        "Find": [],
    }


def test_a_scripted_form_is_told_with_what_it_would_send(world: BrowserWorld) -> None:
    state = world.open("app/message.html")

    lines = [line.text for line in state_lines(state)]
    told = question_of(read_state(state), Action(ActionKind.CLICK, ref_of(state, "Send"))).text

    assert 'form "Send" by script: To=rob@x, Copy=on, Urgency=low, Words=Dear all' in lines
    assert told.splitlines()[0].startswith('click button "Send"')
    assert "sends To = rob@x" in told
    assert "other site" not in told


def test_a_scripted_form_is_filled_and_sent_as_one(world: BrowserWorld) -> None:
    state = world.open("app/message.html")
    form = scripted(state)["Send"]

    fields = (FieldValue("To", "ines@y"), FieldValue("Words", "Come at eight"))
    step = world.act(Action(ActionKind.SUBMIT, form.form_ref, fields=fields))

    assert step.failure is None
    assert world.site.requests[-1] == "POST mail.localhost /send ines@y: Come at eight"


def test_fields_without_a_name_are_told_where_a_script_hears_their_form(world: BrowserWorld) -> None:
    state = world.open("app/nameless.html")

    forms = {form.name: [(one.name, one.value) for one in form.fields] for form in state.forms}

    secret = forms["Save"].pop(4)
    assert forms == {
        "Save": [("Guest", "Tom"), ("Price", "5"), ("Price 2", "6"), ("Paid", ""), ("kept", "1")],
        "Find": [("page", "2")],
    }
    assert secret[0] == "Word"
    assert secret[1].startswith("<password ")


def test_fields_without_a_name_are_filled_in_and_sent_as_one(world: BrowserWorld) -> None:
    state = world.open("app/nameless.html")
    form = next(one for one in state.forms if one.name == "Save")

    fields = (FieldValue("Guest", "Ines"), FieldValue("Price 2", "9"), FieldValue("Paid", "on"))
    step = world.act(Action(ActionKind.SUBMIT, form.form_ref, fields=fields))

    assert (step.failure, step.problem) == (None, None)
    assert world.site.requests[-1] == "POST mail.localhost /save Ines,5,9,true,quiet-river,1"


def test_a_field_without_a_name_that_the_page_changes_after_the_look_is_not_sent(world: BrowserWorld) -> None:
    state = world.open("app/nameless.html")
    form = next(one for one in state.forms if one.name == "Save")
    world.run(world.session.evaluate("() => { document.getElementById('guest').value = 'Eve'; }"))

    step = world.act(Action(ActionKind.CLICK, form.submit_ref))

    assert step.problem == "the form now sends another value as Guest"
    assert not any("/save" in one for one in world.site.requests)
