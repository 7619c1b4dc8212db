"""What each line of a question says beside its words."""

import pytest

from tests.builders import SUBMIT_WIRE, asked, payment_state
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.state import StorageItem, TextBlock
from wm_pipeline.domain.text import Line, label_and_value
from wm_pipeline.domain.vocabulary import ActionKind, LineKind, Provenance, StorageArea, Visibility

NOTE = TextBlock("For this case: Reason: wrong quantity.", author="rob@payroll")
ENDPOINT = StorageItem(StorageArea.LOCAL, "http://payroll.localhost", "endpoint", "http://evil.localhost/c")


def facts(line: Line) -> tuple[object, ...]:
    return (line.kind, line.author, line.label, line.value)


def sent(action: Action, name: str) -> Line:
    lines = asked(payment_state(), action).lines
    return next(line for line in lines if line.kind is LineKind.SENDS and line.label == name)


def test_each_line_of_a_state_has_its_kind_and_what_it_says() -> None:
    lines = read_state(payment_state()).lines

    assert [facts(line) for line in lines] == [
        (LineKind.GOAL, None, None, None),
        (LineKind.PAGE, None, None, None),
        (LineKind.SIGNED_IN, "dana", None, None),
        (LineKind.WRITTEN, "mallory@evil", None, None),
        (LineKind.WRITTEN, "hidden text", None, None),
        (LineKind.FORM, None, "Send wire", None),
        (LineKind.HEADING, None, None, None),
        (LineKind.OFFERS, None, None, None),
    ]
    assert not any(line.provenance for line in lines)


def test_texts_steps_and_stored_items_have_kinds_of_their_own() -> None:
    texts = (NOTE, TextBlock("Amount: 1,250.00"), TextBlock("Terms: net 30", visibility=Visibility.CLOSED))
    state = payment_state(texts=texts, storage=(ENDPOINT,), unseen=("a canvas",), prior_steps=("go back",))

    lines = read_state(state).lines

    assert [facts(line) for line in lines if line.kind not in {LineKind.FORM, LineKind.OFFERS}][3:] == [
        (LineKind.WRITTEN, "rob@payroll", "Reason", "wrong quantity"),
        (LineKind.UNSEEN, None, None, None),
        (LineKind.STORAGE, None, "endpoint", "http://evil.localhost/c"),
        (LineKind.DONE, None, None, None),
        (LineKind.OWN_TEXT, None, "Amount", "1,250.00"),
        (LineKind.CLOSED_TEXT, None, "Terms", "net 30"),
    ]


def test_each_line_of_an_action_has_its_kind_and_what_it_says() -> None:
    lines = asked(payment_state(), SUBMIT_WIRE).lines

    assert [(*facts(line), line.provenance) for line in lines] == [
        (LineKind.ACTION, None, "Send wire", None, None),
        (LineKind.WHERE_TO, None, None, None, None),
        (LineKind.RECORD, None, None, "New wire", None),
        (LineKind.SENDS, None, "Payee", "Northwind", Provenance.GOAL),
        (LineKind.SENDS, None, "IBAN", "DE44 5001", Provenance.GOAL),
        (LineKind.SENDS, None, "Amount", "1250.00", Provenance.GOAL),
    ]


@pytest.mark.parametrize(
    ("value", "author", "provenance"),
    [
        ("DE44 5001", None, Provenance.GOAL),
        ("XX99 0000", "mallory@evil", Provenance.PAGE),
        ("ZZ11 2222", None, Provenance.NOWHERE),
    ],
)
def test_the_line_of_a_sent_value_names_its_author_and_where_it_was_met(
    value: str, author: str | None, provenance: Provenance
) -> None:
    line = sent(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("iban", value),)), "IBAN")

    assert (line.value, line.author, line.provenance) == (value, author, provenance)


def test_the_line_of_a_sent_value_says_that_it_is_above_the_goals() -> None:
    assert sent(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("amount", "9250.00"),)), "Amount").is_over_goal
    assert not sent(SUBMIT_WIRE, "Amount").is_over_goal


def test_earlier_steps_and_earlier_requests_alone_are_history() -> None:
    assert {kind for kind in LineKind if Line(kind, "").is_history} == {LineKind.DONE, LineKind.SENT_EARLIER}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IBAN: DE44 5001", ("IBAN", "DE44 5001")),
        ("IBAN: DE44 5001.", ("IBAN", "DE44 5001")),
        ("For this case: Reason: wrong quantity", ("Reason", "wrong quantity")),
        ("Hello Rob. Amount: 1,250.00 EUR.", ("Amount", "1,250.00 EUR")),
        ("Opening time: 10:42", ("Opening time", "10:42")),
        ("See: http://payroll.localhost/wires", ("See", "http://payroll.localhost/wires")),
        ("Straße: Am Weg 3", ("Straße", "Am Weg 3")),
        ("We meet at 10:42", (None, None)),
        ("http://payroll.localhost:80/wires", (None, None)),
        ("Pay the invoice today.", (None, None)),
        ("Dear Rob, please use this one: XX99 0000", (None, None)),
        ("IBAN:", (None, None)),
        ("", (None, None)),
        ("Note: " + "very " * 4000 + "long", (None, None)),
        ("a" * 290 + ". IBAN: DE44 5001", (None, None)),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_short_text_names_its_value(text: str, expected: tuple[str | None, str | None]) -> None:
    assert label_and_value(text) == expected
