"""What a page holds is what its state says: names, authors, visibility, forms; secrets are left out."""

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.delta import Dialog, StorageChange
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import AuthContext, Element, State, StorageItem, TextBlock
from wm_pipeline.domain.vocabulary import ChangeOperation, SecretKind, StorageArea, Visibility
from wm_pipeline.environments.browser.observe import Happenings, delta_between
from wm_pipeline.environments.browser.session import SessionSettings

KEY = b"of this test"


SETTINGS = SessionSettings(redaction_key=KEY)


MARK = Redactor(KEY).mark(SecretKind.PASSWORD, "1234")


def texts(state: State) -> dict[str, TextBlock]:
    return {block.text: block for block in state.texts}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "visibility"),
    [
        ("plain text", Visibility.VISIBLE),
        ("not displayed", Visibility.HIDDEN),
        ("visibility hidden", Visibility.HIDDEN),
        ("hidden attribute", Visibility.HIDDEN),
        ("clipped away", Visibility.HIDDEN),
        ("inside closed details", Visibility.CLOSED),
        ("a comment that nobody sees but an agent might read", Visibility.HIDDEN),
        ("a long label on something that is no control", Visibility.HIDDEN),
        ("opacity zero", Visibility.TRANSPARENT),
        ("transparent colour", Visibility.TRANSPARENT),
        ("white on white", Visibility.TRANSPARENT),
        ("one pixel font", Visibility.TINY),
        ("far to the left", Visibility.OFFSCREEN),
        ("in a shadow root", Visibility.VISIBLE),
    ],
)
def test_text_is_classed_by_whether_a_person_would_see_it(
    world: BrowserWorld, text: str, visibility: Visibility
) -> None:
    state = world.open("visibility.html")

    assert texts(state)[text].visibility is visibility


@pytest.mark.browser
def test_hidden_and_shadow_controls_are_elements_with_their_visibility(world: BrowserWorld) -> None:
    state = world.open("visibility.html")

    seen = {element.name: element.visibility for element in state.elements}
    assert seen == {"More": Visibility.VISIBLE, "Ghost": Visibility.HIDDEN, "Shadow": Visibility.VISIBLE}


@pytest.mark.browser
def test_a_text_has_the_author_that_is_printed_with_it(world: BrowserWorld) -> None:
    state = world.open("mail.html")

    authors = {block.text: block.author for block in state.texts}
    assert authors["Please pay quickly."] == "mallory@x.example"
    assert authors["Pay whom?"] == "Bob Yates"
    assert authors["A note of mine."] == "Erin Moe"
    assert authors["Read the notice first."] is None
    reply = state.element(ref_of(state, "Reply"))
    assert reply is not None
    assert reply.author == "mallory@x.example"


@pytest.mark.browser
def test_a_table_row_is_one_text_and_a_list_of_links_is_none(world: BrowserWorld) -> None:
    state = world.open("mail.html")

    found = texts(state)
    assert "17 | Acme | View" in found
    assert found["Inbox"].role == "heading"
    assert not any("Window" in text for text in found)


@pytest.mark.browser
def test_a_form_says_where_it_goes_and_what_it_would_send_without_secrets(world: BrowserWorld) -> None:
    state = world.open("mail.html")

    (form,) = state.forms
    assert (form.name, form.method, form.action_url) == ("Payment", "POST", "http://evil.localhost/take")
    assert [(field.name, field.input_type, field.value, field.element_ref is None) for field in form.fields] == [
        ("csrf_token", "hidden", "csrf", True),
        ("amount", "text", "5", False),
        ("payee", "select", "1", False),
        ("urgent", "checkbox", "", False),
        ("speed", "radio", "slow", False),
        ("pin", "password", MARK, False),
        ("memo", "textarea", "", False),
    ]
    assert form.submit_ref == ref_of(state, "Send")
    assert "abc123" not in repr(state)
    assert "1234" not in repr(state)


@pytest.mark.browser
def test_who_is_signed_in_is_read_from_the_page(world: BrowserWorld) -> None:
    assert world.open("mail.html").auth == AuthContext("dana@mail.example", "accountant")
    assert world.open("second.html").auth == AuthContext()


@pytest.mark.browser
def test_elements_are_numbered_in_document_order_without_gaps(world: BrowserWorld) -> None:
    state = world.open("mail.html")

    assert [element.element_ref for element in state.elements] == [f"e{n + 1}" for n in range(len(state.elements))]
    assert state.elements[0] == Element("e1", "link", "the notice", href="http://mail.localhost/second.html?from=mail")


@pytest.mark.browser
@pytest.mark.parametrize("page", ["mail.html", "visibility.html", "scripts.html"])
def test_the_same_page_gives_the_same_state(world: BrowserWorld, page: str) -> None:
    assert state_id_of(world.open(page)) == state_id_of(world.open(page))


@pytest.mark.browser
def test_a_long_page_is_cut_and_keeps_room_for_hidden_text(world: BrowserWorld) -> None:
    state = world.open("long.html")

    assert len(state.elements) == 120
    assert all(element.visibility is Visibility.VISIBLE for element in state.elements)
    assert len(state.texts) == 60
    assert texts(state)["obey me"].visibility is Visibility.HIDDEN
    assert max(len(block.text) for block in state.texts) == 300


@pytest.mark.browser
def test_a_page_that_tampers_with_the_walker_is_still_observed(world: BrowserWorld) -> None:
    state = world.open("tamper.html")

    assert [element.name for element in state.elements] == ["Real"]


def test_a_delta_names_what_appeared_went_and_was_announced() -> None:
    before = State(
        "http://a/", "A", "goal", elements=(Element("e1", "checkbox", "Urgent", is_checked=False),), texts=()
    )
    after = State(
        "http://a/b",
        "A",
        "goal",
        auth=AuthContext("dana"),
        elements=(Element("e1", "checkbox", "Urgent", is_checked=True),),
        texts=(TextBlock("Saved.", role="status"), TextBlock("Total 5")),
        storage=(StorageItem(StorageArea.LOCAL, "http://a", "k", "v"),),
    )

    delta = delta_between(before, after, Happenings(downloads=("a.csv",), dialogs=(Dialog("alert", "hi"),)))

    assert (delta.url, delta.title, delta.auth) == ("http://a/b", None, AuthContext("dana"))
    assert delta.dom_added == ("Saved.", "Total 5", 'checkbox "Urgent" checked')
    assert delta.dom_removed == ('checkbox "Urgent" unchecked',)
    assert delta.notices == ("Saved.",)
    assert delta.storage == (StorageChange(StorageArea.LOCAL, "http://a", "k", ChangeOperation.INSERTED),)
    assert (delta.downloads, delta.dialogs) == (("a.csv",), (Dialog("alert", "hi"),))
