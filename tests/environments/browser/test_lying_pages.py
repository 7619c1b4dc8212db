"""Pages that try to be read as something else; what each tries stands in its first line (tests/pages/lies)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.page_site import PAGES, BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy, Visibility
from wm_pipeline.environments.browser.session import SessionSettings

LIES = sorted(path.name.removesuffix(".html") for path in Path(PAGES, "lies").iterdir())
pytestmark = pytest.mark.browser

MAIL, PAY = "http://mail.localhost", "http://pay.localhost"
CART: list[tuple[str, str, str | None]] = [("link", "Cart", f"{MAIL}/cart")]
BUY = [*CART, ("textbox", "Count", "1"), ("button", "Buy", None)]
SEEN: dict[str, list[tuple[str, str, str | None]]] = {
    "toJSON": BUY,
    "arrays": BUY,
    "getters": [("link", "Cart", f"{PAY}/cart"), ("textbox", "IBAN", "XX00 1"), ("button", "Send", None)],
    "visibility": [("button", "Press", None)],
    "timers": CART,
    "json": [*CART, ("button", "Open", None)],
    "elements": [("textbox", "Elements", "Fe, Cu"), ("button", "Order", None)],
    "attributes": [
        *(
            ("textbox", name, value)
            for name, value in zip(
                ("Closest airport", "Attributes", "Seen", "Matches", "Parent", "Kind", "Root"),
                ["north", "x", "y", "z", "p", "t", "r"],
                strict=True,
            )
        ),
        ("button", "Book", None),
    ],
    "documents": [("textbox", "Count", "2"), ("button", "Order", None)],
    "windows": [("link", name, f"{MAIL}/{name.lower()}") for name in "ABCD"],
    "inherited": [("link", "Pay", f"{PAY}/x"), ("textbox", "Count", "7"), ("button", "Order", None)],
    "frame": [("textbox", "Card number", ""), ("button", "Pay 40 EUR", None)],
    "hidden_frame": [("textbox", "Amount", "900"), ("button", "Confirm", None)],
    "nested_frames": [("link", "Deep", f"{MAIL}/deep")],
    "shadow": [("textbox", "IBAN", "XX00 5"), ("button", "Pay invoice", None)],
    "nested_shadow": [("button", "Delete account", None)],
    "vector": [("link", "List", f"{MAIL}/list"), ("link", "North region", f"{MAIL}/north")],
    "halves": [
        ("link", "Go \ufffd", f"{MAIL}/x?%EF%BF%BD"),
        ("textbox", "l \ufffd", "v \ufffd"),
        ("button", "Save", None),
    ],
    "addresses": [
        ("link", "Docs", "https://[your-server]/x"),
        ("link", "Space", "http://a%20b/"),
        ("link", "Open bracket", "http://[::1"),
        ("link", "Help", f"{MAIL}/help"),
    ],
    "unwatched": [("button", name, None) for name in ("Property", "Attribute", "Listener", "Plain")],
    "second_button": [
        ("textbox", "IBAN", "XX00 7"),
        *(("button", name, None) for name in ("Pay invoice", "Check details", "Continue", "Preview", "Next")),
    ],
}
LIST_AND_PAY = [("link", "List", f"{MAIL}/list"), ("textbox", "Sum", "40"), ("button", "Pay", None)]
SEEN |= {
    "prototypes": LIST_AND_PAY,
    "strict.xhtml": LIST_AND_PAY,
    "document.xml": [("link", "List", f"{MAIL}/list"), ("button", "Pay", None)],
    "document.svg": [("link", "North", f"{MAIL}/north")],
    "sandboxed": [("link", "Back", f"{MAIL}/back")],
    "proxies": [("textbox", "Count", "1"), ("button", "Order", None)],
    "deep": [("button", "Deep", None)],
    "slots": [("button", name, None) for name in ("Inside", "Inside", "Twice", "Fallback")],
    "written_anew": [("button", "Button 0", None)],
    "vanishing_frames": [("button", "Stays", None)],
    "many_alerts": [("button", "Behind", None)],
    "watchful": [("button", "Buy 1", None)],
    "clocks": [("button", "Wait", None)],
    "base": [("link", "Cart", f"{PAY}/deep/cart"), ("textbox", "IBAN", "XX00 1"), ("button", "Send", None)],
    "script_addresses": [
        ("link", "Plain", "javascript:void 0"),
        ("link", "Broken up", "javascript:void 0"),
        ("link", "Data", "data:text/html,<b>x"),
        ("link", "Old", "vbscript:x"),
        ("textbox", "Count", "1"),
        ("button", "Run", None),
        ("button", "Written", None),
    ],
    "unseen_letters": [
        ("button", name, None) for name in ("Pay\u200bpal", "\u202eyaP", "\u2066\u200d", "\u00adDelete")
    ],
    "labels": [
        ("button", "Cancel", None),
        ("link", "Help", f"{MAIL}/delete"),
        ("button", "Nothing", None),
        ("button", "Save", None),
    ],
    "styled_words": [
        ("button", "Pay 900 EUR", None),
        ("button", "Read and delete all", None),
        ("button", "Icon", None),
        ("link", "Delete", f"{MAIL}/x"),
    ],
    "unreadable": [],
    "namespaces": [("button", "Real", None), ("button", "Within a picture", None)],
    "own_elements": [("button", "Pay 5", None), ("button", "Send", None)],
    "options": [("combobox", "Kind", "Kind 9999"), ("button", "Go", None)],
    "lifted": [
        ("link", "Safe", f"{MAIL}/safe"),
        ("button", "Agree", None),
        ("link", "Back to mail", f"{PAY}/mail.html"),
    ],
}
CLOSED_TO_US = {
    "abyss": r"failed: the page crashed",
    "document.pdf": r"failed: Page.goto: Download is starting",
    "endless_alerts": r"took too long",
    "endless_script": r"took too long",
    "endless_reload": r"took too long|Timeout",
    "history": r"took too long",
}
"""Pages that nobody can look at, and what is said of them."""
HERE = f"{MAIL}/lies/names_of_nothing.html"
SEEN["names_of_nothing"] = [
    *(("link", "Menu", f"{HERE}#"), ("link", "Odd", f"{HERE}#%%"), ("button", "Open", None)),
    *(("textbox", "a", ""), ("button", "Send", None)),
]
SEEN["pointing"] = [("button", name, None) for name in ("Cancel", "Pay", "Help")]
SEEN["other_site"] = SEEN["second_button"]
SEEN["opened_anew"] = [("button", "Listener", None), ("button", "Plain", None)]
CROWDS = ("crowd", "multitude")
"""Read as far as they go; see below."""
SENT = {
    "names_of_nothing": f"GET {HERE} a=",
    "prototypes": f"POST {MAIL}/pay sum=40",
    "strict.xhtml": f"POST {MAIL}/pay sum=40",
    "proxies": f"POST {MAIL}/real n=1",
    "base": f"POST {PAY}/deep/send iban=XX00 1",
    "script_addresses": "GET javascript:void 0 n=1",
    "options": f"GET {MAIL}/s s=9999",
    "second_button": f"POST {MAIL}/wires iban=XX00 7",
    "other_site": f"POST {PAY}/wires iban=XX00 7",
    "toJSON": f"POST {MAIL}/buy n=1",
    "arrays": f"POST {MAIL}/buy n=1",
    "getters": f"POST {PAY}/take iban=XX00 1",
    "elements": f"POST {MAIL}/order elements=Fe, Cu",
    "attributes": f"POST {MAIL}/book closest=north getAttribute=x checkVisibility=y matches=z parentElement=p tagName=t"
    " getRootNode=r",
    "documents": f"POST {MAIL}/order n=2",
    "inherited": f"POST {MAIL}/order n=7",
    "frame": f"POST {MAIL}/charge card=",
    "hidden_frame": f"POST {MAIL}/wire amount=900",
    "shadow": f"POST {PAY}/take iban=XX00 5",
    "halves": f"GET {MAIL}/s x=v \ufffd",
}


@pytest.fixture(scope="module")
def patient() -> Iterator[BrowserWorld]:
    world = BrowserWorld(SessionSettings(step_limit_ms=60_000))
    yield world
    world.close()


def sent(state: State) -> str | None:
    """What the page's one form would send."""
    if not state.forms:
        return None
    (form,) = state.forms
    return " ".join([form.method, form.action_url, *(f"{field.name}={field.value}" for field in form.fields)])


@pytest.mark.parametrize("page", sorted(SEEN))
def test_a_page_is_read_as_what_it_is(world: BrowserWorld, page: str) -> None:
    state = world.open(address(page))

    assert [(one.role, one.name, one.href or one.value) for one in state.elements] == SEEN[page]
    assert sent(state) == SENT.get(page)
    assert from_json(State, to_json(state).encode(), what="state") == state


def address(page: str) -> str:
    return f"lies/{page}" if "." in page else f"lies/{page}.html"


def test_every_page_says_what_it_tries() -> None:
    for page in LIES:
        first = Path(PAGES, address(page)).read_text().partition("?>")[2] or Path(PAGES, address(page)).read_text()
        assert " It " in first[:250], page
    assert sorted([*SEEN, *CLOSED_TO_US, *CROWDS]) == LIES
    assert len(LIES) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(CLOSED_TO_US))
def test_a_page_that_nobody_can_look_at_is_one_clear_error_and_the_session_goes_on(page: str) -> None:
    world = BrowserWorld(SessionSettings(step_limit_ms=3000))
    try:
        with pytest.raises(WorldError, match=CLOSED_TO_US[page]):
            world.open(address(page))

        assert world.open("second.html").title == "Second"
    finally:
        world.close()


def test_fifty_thousand_elements_are_seen_as_far_as_there_is_room(patient: BrowserWorld) -> None:
    state = patient.open("lies/multitude.html")

    (form,) = state.forms
    assert (len(state.elements), state.more_elements) == (120, 25_002 - 120)
    assert (form.name, [(one.name, one.value) for one in form.fields]) == ("Send", [("why", "late")])
    assert state.element(form.submit_ref or "") is not None


def test_what_a_label_does_not_say_and_what_cannot_be_read_is_told_apart(world: BrowserWorld) -> None:
    shown = [block.text for block in world.open("lies/labels.html").texts if block.visibility is Visibility.VISIBLE]
    unreadable = {block.text: block.visibility for block in world.open("lies/unreadable.html").texts}

    assert shown == ["Pay 900 EUR", "Delete account", "Send all"]
    del unreadable["Pushed out"]  # a margin that pushes words out of the page is not seen through
    assert [text for text, seen in unreadable.items() if seen is Visibility.VISIBLE] == ["Seen"]


def test_a_page_that_is_never_at_rest_is_looked_at_as_it_is(world: BrowserWorld) -> None:
    state = world.open("lies/watchful.html")

    assert [one.name for one in state.elements] == ["Buy 1"]


def test_what_lies_over_a_dialog_is_told(world: BrowserWorld) -> None:
    safe, agree, _ = world.open("lies/lifted.html").elements

    assert (safe.covered_by, agree.covered_by) == ('part of the page "Agree"', f"frame of {PAY}")


def test_what_is_no_page_has_no_elements(world: BrowserWorld) -> None:
    svg = world.open("lies/document.svg")
    missing = world.open("lies/no_such_page.html")

    assert (svg.title, svg.forms) == ("", ())
    assert [block.text for block in missing.texts] == ["no such page"]


def test_what_nobody_sees_in_a_frame_or_says_to_see_is_hidden(world: BrowserWorld) -> None:
    seen = {block.text: block.visibility for block in world.open("lies/visibility.html").texts}
    confirm = world.open("lies/hidden_frame.html").elements[1]

    assert seen == {"Seen by everybody": Visibility.VISIBLE, "Seen by nobody": Visibility.HIDDEN}
    assert confirm.visibility is Visibility.TRANSPARENT


def test_each_button_says_how_it_sends_its_form(world: BrowserWorld) -> None:
    state = world.open("lies/second_button.html")

    sends = {one.name: state.form_sent_by(one.element_ref) for one in state.elements}

    told = {
        name: " ".join([form.method, form.action_url, *(f"{one.name}={one.value}" for one in form.fields)])
        for name, form in sends.items()
        if form is not None
    }
    elsewhere = f"POST {PAY}/take iban=XX00 7"
    assert told == {
        "Pay invoice": f"POST {MAIL}/wires iban=XX00 7",
        **dict.fromkeys(("Check details", "Continue", "Next"), elsewhere),
        "Preview": f"GET {PAY}/take iban=XX00 7 how=preview",
    }


@pytest.mark.parametrize("button", ["Pay invoice", "Preview"])
def test_a_click_reaches_what_a_frame_of_another_site_shows(world: BrowserWorld, button: str) -> None:
    state = world.open("lies/other_site.html")

    step = world.act(Action(ActionKind.CLICK, ref_of(state, button)))

    sent = "POST pay.localhost /wires iban=XX00+7" if button == "Pay invoice" else "GET pay.localhost /take"
    assert step.failure is None
    assert sent in world.site.requests


def test_a_field_of_a_frame_of_another_site_is_filled(world: BrowserWorld) -> None:
    state = world.open("lies/other_site.html")

    step = world.act(Action(ActionKind.FILL, ref_of(state, "IBAN"), "XX00 8"))

    assert [one.value for one in step.state.elements if one.name == "IBAN"] == ["XX00 8"]


def test_a_frame_of_another_site_sends_nothing_when_its_page_is_left_for_a_restore(world: BrowserWorld) -> None:
    world.open("frame_of_another.html")
    world.run(world.session.snapshot())

    assert world.run(world.session.restore())

    assert not [one for one in world.site.requests if "left-by-frame" in one]


def test_what_is_left_out_of_a_crowd_is_counted_and_its_form_can_be_sent(world: BrowserWorld) -> None:
    state = world.open("lies/crowd.html")
    reason, button = (next(one for one in state.elements if one.name == name) for name in ("Reason", "Delete selected"))
    (form,) = state.forms

    world.act(Action(ActionKind.SUBMIT, form.form_ref, fields=(FieldValue("why", "old"),)))

    assert (len(state.elements), state.more_elements, state.more_texts > 1900) == (120, 4002 - 120, True)
    assert (form.submit_ref, reason.form_ref) == (button.element_ref, form.form_ref)
    assert world.site.requests[-1] == "POST mail.localhost /bulk why=old&do=delete"


def test_every_way_to_handle_a_click_is_found(world: BrowserWorld) -> None:
    state = world.open("lies/unwatched.html")

    anew = world.open("lies/opened_anew.html")

    assert [one.handled_by for one in state.elements] == [HandledBy.OWN, HandledBy.OWN, HandledBy.OWN, None]
    assert [one.handled_by for one in anew.elements] == [HandledBy.OWN, None]
