"""Steps of a script against a page: which form, by which button, and what is pressed."""

from dataclasses import replace

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.state import Element, Form, FormField, State, Submitter
from wm_pipeline.domain.vocabulary import ActionKind, Visibility
from wm_pipeline.environments.instruments.script import Open, Press, Send, next_action

WIKI = "http://wiki.localhost"
PAGE = State(
    url=f"{WIKI}/edit",
    title="Edit",
    goal="Edit the page",
    elements=(
        Element("e1", "textbox", "Text", form_ref="f1"),
        Element("e2", "button", "Publish", form_ref="f1"),
        Element("e3", "button", "Save draft", form_ref="f1"),
        Element("e4", "button", "More", visibility=Visibility.CLOSED),
        Element("e5", "button", "More", covered_by="dialog"),
        Element("e6", "button", "More"),
        Element("e7", "textbox", "Comment", form_ref="f2"),
        Element("e8", "button", "Send", form_ref="f2"),
    ),
    forms=(
        Form(
            *("f1", "Publish", "POST", f"{WIKI}/save"),
            fields=(FormField("text", "Text", "textarea", "old", "e1"),),
            submit_ref="e2",
            submitters=(Submitter("e3", "POST", f"{WIKI}/save", "draft", "1"),),
        ),
        Form(
            *("f2", "Send", "", ""),
            fields=(FormField("Comment", "Comment", "textarea", "", "e7"),),
            submit_ref="e8",
            is_scripted=True,
        ),
    ),
)


def test_a_form_is_sent_by_its_first_button_all_in_one_where_none_is_named() -> None:
    step = Send(f"{WIKI}/save", (FieldValue("text", "new"),))

    assert next_action(PAGE, [step]) == Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("text", "new"),))


def test_another_button_is_pressed_once_the_fields_are_filled_in() -> None:
    new, old = (Send(f"{WIKI}/save", (FieldValue("text", value),), button="Save draft") for value in ("new", "old"))

    assert next_action(PAGE, [new]) == Action(ActionKind.FILL, "e1", "new")
    assert next_action(PAGE, [old]) == Action(ActionKind.CLICK, "e3")


def test_a_form_that_only_a_script_sends_is_told_by_its_button() -> None:
    step = Send("", (FieldValue("Comment", "Thanks"),), button="Send")

    assert next_action(PAGE, [step]) == Action(ActionKind.SUBMIT, "f2", fields=(FieldValue("Comment", "Thanks"),))
    assert next_action(PAGE, [Send("", button="Delete")]) is None


def test_what_is_pressed_is_open_uncovered_and_the_last_step_that_can_be_done() -> None:
    steps: list[Open | Send | Press] = [Open(f"{WIKI}/list", is_typed=True), Press("More"), Press("Delete")]

    assert next_action(PAGE, steps) == Action(ActionKind.CLICK, "e6")


def test_a_dialog_is_closed_before_a_link_under_it_is_followed() -> None:
    under = Element("e1", "link", "Pages", href=f"{WIKI}/pages", covered_by='part of the page "Invite Back"')
    back = Element("e2", "link", "Back", href=f"{WIKI}/users#")
    page = State(url=f"{WIKI}/users#invite", title="Users", goal="Open the pages", elements=(under, back))
    steps = [Open(f"{WIKI}/pages")]

    assert next_action(page, steps) == Action(ActionKind.CLICK, "e2")
    assert next_action(replace(page, elements=(under,)), steps) == Action(ActionKind.CLICK, "e1")
    assert next_action(replace(page, url=f"{WIKI}/users"), steps) == Action(ActionKind.CLICK, "e1")
