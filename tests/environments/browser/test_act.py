"""An action is done as a browser does it: keys are typed, files are chosen, and what is not done says why."""

from collections.abc import Iterator

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.session import SessionSettings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserWorld]:
    uploads = tmp_path_factory.mktemp("uploads")
    (uploads / "receipt.txt").write_text("a receipt")
    world = BrowserWorld(SessionSettings(step_limit_ms=5000, upload_folder=uploads))
    yield world
    world.close()


def click(state: State, name: str) -> Action:
    return Action(ActionKind.CLICK, ref_of(state, name))


def fill(state: State, name: str, value: str) -> Action:
    return Action(ActionKind.FILL, ref_of(state, name), value)


def value_of(state: State, name: str) -> str | None:
    return next(element.value for element in state.elements if element.name == name)


def posts(world: BrowserWorld) -> list[str]:
    return [request for request in world.site.requests if request.startswith("POST")]


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Day", "03/04/2027", "the date field takes a date such as 2027-04-03"),
        ("Day", "2027-02-30", "the date field takes a date such as 2027-04-03"),
        ("Hour", "2 pm", "the time field takes a time such as 14:30"),
        ("Month", "April", "the month field takes a month such as 2027-04"),
        ("Nights", "1,000", "the number field takes a plain number such as 1000 or 12.5"),
        ("Nights", "many", "the number field takes a plain number such as 1000 or 12.5"),
        ("Light", "7", "the slider takes a number from 0 to 10 in steps of 5"),
        ("Tint", "red", "the color field takes a color such as #1a2b3c"),
        ("Locked", "z", "the field is read-only"),
        ("Off", "z", "the field is disabled"),
        ("Size", "z", "the list takes no text"),
    ],
)
def test_a_value_that_a_control_does_not_take_is_told_and_nothing_is_done(
    world: BrowserWorld, name: str, value: str, problem: str
) -> None:
    state = world.open("typed/fields.html")

    step = world.act(fill(state, name, value))

    assert (step.failure, step.problem, step.delta) == (None, problem, StateDelta())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Day", "2027-04-03"),
        ("Hour", "14:30"),
        ("Month", "2027-04"),
        ("Nights", "1000"),
        ("Nights", "12.50"),
        ("Light", "10"),
        ("Tint", "#1A2b3c"),
        ("Day", ""),
    ],
)
def test_a_value_in_the_form_that_a_control_wants_is_taken(world: BrowserWorld, name: str, value: str) -> None:
    state = world.open("typed/fields.html")

    step = world.act(fill(state, name, value))

    assert step.problem is None
    assert value_of(step.state, name) == value.lower()


def test_a_value_that_is_cut_is_told(world: BrowserWorld) -> None:
    state = world.open("typed/fields.html")

    step = world.act(fill(state, "Code", "123456"))

    assert step.problem == "the field takes 4 characters at most"
    assert value_of(step.state, "Code") == "1234"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("Tiny", 'there is no option "Tiny", only "Small", "Large"'),
        ("Large", 'the option "Large" is disabled'),
    ],
)
def test_an_option_that_cannot_be_chosen_is_told(world: BrowserWorld, value: str, problem: str) -> None:
    state = world.open("typed/fields.html")

    step = world.act(Action(ActionKind.SELECT, ref_of(state, "Size"), value))

    assert (step.problem, step.delta) == (problem, StateDelta())


def test_a_form_with_a_value_that_is_not_taken_is_not_sent(world: BrowserWorld) -> None:
    world.open("typed/fields.html")

    step = world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("code", "12"), FieldValue("day", "tomorrow"))))

    assert step.problem == "day: the date field takes a date such as 2027-04-03"
    assert posts(world) == []


def test_a_disabled_button_is_told(world: BrowserWorld) -> None:
    state = world.open("typed/fields.html")

    step = world.act(click(state, "Stop"))

    assert (step.failure, step.problem, step.delta) == (None, "the button is disabled", StateDelta())


def test_a_form_that_the_browser_itself_does_not_send_says_which_field_is_wrong(world: BrowserWorld) -> None:
    state = world.open("typed/fields.html")
    world.run(world.session.evaluate("() => { document.querySelector('[name=code]').required = true; }"))

    step = world.act(click(state, "Book"))

    assert step.problem is not None
    assert step.problem.startswith("the browser does not send the form: code is not as it has to be (")
    assert posts(world) == []


# --- typing ---------------------------------------------------------------------------------------------------------


def test_keys_are_typed_where_a_page_listens_for_them(world: BrowserWorld) -> None:
    state = world.open("typed/keys.html")
    state = world.act(fill(state, "Town", "Porto")).state
    ref_of(state, "Porto, here")
    state = world.act(fill(state, "Number", "912345678")).state

    world.act(click(state, "Call"))

    assert posts(world) == ["POST mail.localhost /call town=Porto&number=912345678&sum="]


def test_a_form_is_filled_by_keys_and_sent_though_fields_write_numbers_in_their_own_form(world: BrowserWorld) -> None:
    world.open("typed/keys.html")
    fields = (FieldValue("sum", "1250"), FieldValue("number", "12"), FieldValue("town", "Faro"))

    step = world.act(Action(ActionKind.SUBMIT, "f1", fields=fields))

    assert (step.failure, step.problem) == (None, None)
    assert posts(world) == ["POST mail.localhost /call town=Faro&number=12&sum=1%2C250"]


def test_a_change_is_told_when_the_field_is_left(world: BrowserWorld) -> None:
    state = world.open("typed/keys.html")
    filled = world.act(fill(state, "Sum", "7"))
    left = world.act(fill(filled.state, "Town", "Faro"))

    assert filled.delta.notices == ()
    assert left.delta.notices == ("sum changed to 7",)


@pytest.mark.parametrize("text", ["x" * 300, "two\nlines"], ids=["long", "lines"])
def test_long_texts_and_lines_are_put_in_whole(world: BrowserWorld, text: str) -> None:
    state = world.open("typed/editor.html")

    step = world.act(fill(state, "Free", text))

    shown = world.run(world.session.evaluate("() => free.innerText"))
    assert step.problem is None
    assert "".join(shown.split()) == "".join(text.split())


@pytest.mark.parametrize("name", ["Plain", "Area"])
def test_a_page_hears_of_a_fill_what_it_hears_of_a_person(world: BrowserWorld, name: str) -> None:
    state = world.open("typed/events.html")

    filled = world.act(fill(state, name, "new"))
    left = world.act(click(filled.state, "Else"))

    assert filled.delta.notices == ("input:insertText:true:new",)
    assert left.delta.notices == ("input:insertText:true:new change::true:new",)


def test_an_editor_that_owns_its_document_takes_what_is_typed(world: BrowserWorld) -> None:
    state = world.open("typed/editor.html")

    step = world.act(fill(state, "Letter", "Hello"))
    again = world.act(fill(step.state, "Letter", "Bye"))
    world.act(click(again.state, "Send"))

    assert (step.problem, value_of(step.state, "Letter")) == (None, "Hello")
    assert value_of(again.state, "Letter") == "Bye"
    assert posts(world) == ["POST mail.localhost /send Bye"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Deaf", "Hello", 'the target did not take the text; it holds ""'),
        ("Held", "yours", 'the field did not take the text; it holds "mine"'),
        ("Mask", "1234567", None),
        ("Digit 1", "4", None),
    ],
)
def test_a_fill_that_did_not_take_says_so(world: BrowserWorld, name: str, value: str, problem: str | None) -> None:
    state = world.open("typed/editor.html")

    step = world.act(fill(state, name, value))

    assert (step.failure, step.problem) == (None, problem)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role"),
    [("Attach", "button"), ("Attach later", "button"), ("Choose a file", "file"), ("Choose a file", "button")],
    ids=["button", "later", "hidden input", "label"],
)
def test_a_file_is_given_to_what_asks_for_one(world: BrowserWorld, name: str, role: str) -> None:
    state = world.open("typed/files.html")
    (target,) = [one.element_ref for one in state.elements if (one.name, one.role) == (name, role)]

    step = world.act(Action(ActionKind.UPLOAD, target, "receipt.txt"))

    assert (step.failure, step.problem) == (None, None)
    assert step.delta.notices == ("attached receipt.txt",)
    assert posts(world) == ["POST mail.localhost /up a receipt"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Nothing", "the target takes no file: a click on it opens no file chooser"),
        ("Drop here", "the target takes no file: a click on it opens no file chooser"),
        ("Off", "the button is disabled"),
    ],
)
def test_what_takes_no_file_says_so(world: BrowserWorld, name: str, problem: str) -> None:
    state = world.open("typed/files.html")

    step = world.act(Action(ActionKind.UPLOAD, ref_of(state, name), "receipt.txt"))

    assert (step.failure, step.problem) == (None, problem)


def test_a_click_that_opens_a_file_chooser_says_so(world: BrowserWorld) -> None:
    state = world.open("typed/files.html")

    step = world.act(click(state, "Attach"))

    assert step.problem == "it opened a file chooser; `upload` on the same target attaches a file"


# --- covers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Free", "Inner", "Half"])
def test_a_target_that_is_free_at_one_point_is_clicked_there(world: BrowserWorld, name: str) -> None:
    state = world.open("covered.html")
    world.run(world.session.evaluate("() => { coverHalf(); }"))

    step = world.act(click(state, name))

    assert (step.failure, step.delta.notices) == (None, (f"pressed {name}",))


def test_a_target_that_hears_no_click_leaves_it_to_what_it_stands_in(world: BrowserWorld) -> None:
    state = world.open("covered.html")

    step = world.act(click(state, "Dead"))

    assert (step.failure, step.problem, step.delta) == (None, None, StateDelta())


@pytest.mark.parametrize(("name", "at"), [("Details", "http://evil.localhost/second.html"), ("Framed", None)])
def test_what_a_state_says_that_a_click_lands_on_gets_it(world: BrowserWorld, name: str, at: str | None) -> None:
    state = world.open("covered.html")

    step = world.act(click(state, name))

    assert (step.failure, step.problem, step.delta.url) == (None, None, at)


def test_a_label_over_its_own_control_is_no_cover(world: BrowserWorld) -> None:
    state = world.open("covered.html")

    step = world.act(Action(ActionKind.CHECK, ref_of(state, "Tick")))

    assert (step.failure, step.delta.dom_added) == (None, ('checkbox "Tick" checked',))


def test_what_covers_a_target_since_the_look_is_named_and_nothing_is_clicked(world: BrowserWorld) -> None:
    state = world.open("covered.html")
    world.run(world.session.evaluate("() => { cover(); }"))

    step = world.act(click(state, "Free"))

    assert (step.failure, step.problem) == (StopReason.PAGE_CHANGED, 'button "Approve" lies over the target')
    assert posts(world) == []
    assert next(one.covered_by for one in step.state.elements if one.name == "Free") == 'button "Approve"'


def test_a_cover_that_the_state_names_is_clicked_as_judged_unless_it_is_another_by_then(world: BrowserWorld) -> None:
    world.open("covered.html")
    world.run(world.session.evaluate("() => { cover(); }"))
    state = world.run(world.session.refresh())
    world.act(click(state, "Free"))
    world.run(
        world.session.evaluate("() => { document.body.lastElementChild.remove(); cover().textContent = 'Delete all'; }")
    )

    step = world.act(click(state, "Free"))

    assert posts(world) == ["POST mail.localhost /approve"]
    assert (step.failure, step.problem) == (StopReason.PAGE_CHANGED, 'button "Delete all" lies over the target')
