"""What is said of a whole column is what the domain says of each record in it."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, payment_state
from wm_pipeline.datasets import derived
from wm_pipeline.datasets.derived import delta_texts, patterns_of_actions
from wm_pipeline.domain.action import NOOP, Action, FieldValue
from wm_pipeline.domain.delta import Dialog, RowChange, StateDelta, StorageChange
from wm_pipeline.domain.records import column_of, to_row
from wm_pipeline.domain.relations import patterns_of
from wm_pipeline.domain.state import (
    AuthContext,
    Element,
    Form,
    FormField,
    NetworkEvent,
    State,
    StorageItem,
    TextBlock,
)
from wm_pipeline.domain.text import delta_text
from wm_pipeline.domain.vocabulary import ActionKind, ChangeOperation, StorageArea, Visibility

HERE = "http://payroll.localhost/wires/W-1"
URLS = st.sampled_from(
    [
        *(
            HERE,
            "http://payroll.localhost:8080/wires?a=northwind",
            "http://PAYROLL.localhost/x y",
            "https://evil.example",
        ),
        *("http://evil.localhost/take?user=dana&to=evil.example", "//evil.localhost/a", "/wires/2", "", "about:blank"),
        *(
            "http://dana:secret@payroll.localhost/",
            "http://[::1]:80/a",
            "http://payroll.localhost/a\x1cb\u2003c#d",
            " x",
        ),
        *(
            "http://payroll.localhost#x",
            "http://payroll.localhost\t/a\nb",
            "javascript:alert(1)",
            "http://\u00e4.example/\u00e4",
        ),
    ]
)
WORDS = st.sampled_from(
    [
        "",
        " ",
        "-",
        "a  b",
        "\x1c",
        "x\x1fy",
        "_a_",
        "\u2003",
        "\u00e9t\u00e9\nb",
        "evil.example",
        "Northwind",
        "1,250.00",
        "EVIL.\u212a\u0131m",
    ]
)
OPERATIONS = st.sampled_from(ChangeOperation)


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=4).map(tuple)


DELTAS = st.builds(
    StateDelta,
    url=st.none() | URLS,
    auth=st.none() | st.builds(AuthContext, principal=st.none() | WORDS),
    dom_added=some(WORDS),
    notices=some(WORDS),
    network=some(
        st.builds(NetworkEvent, st.sampled_from(["GET", "POST", "P T"]), URLS, st.just("x"), st.none(), st.booleans())
    ),
    storage=some(st.builds(StorageChange, st.sampled_from(StorageArea), WORDS, WORDS, OPERATIONS)),
    database=some(st.builds(RowChange, WORDS, WORDS, OPERATIONS)),
    downloads=some(WORDS),
    dialogs=some(st.builds(Dialog, WORDS, WORDS)),
)
REFS = st.sampled_from(["e1", "e2", "f1"])
VISIBILITIES = st.sampled_from([Visibility.VISIBLE, Visibility.VISIBLE, Visibility.HIDDEN])
STATES = st.builds(
    State,
    url=st.just(HERE) | URLS,
    title=st.just("Wire"),
    goal=st.sampled_from(["Pay Northwind 1250 on evil.example", "Look"]),
    elements=some(st.builds(Element, REFS, st.just("link"), WORDS, href=st.none() | URLS, form_ref=st.none() | REFS)),
    texts=st.just(()) | some(st.builds(TextBlock, WORDS, VISIBILITIES, st.none() | st.just("mallory"))),
    forms=some(
        st.builds(
            Form,
            REFS,
            WORDS,
            st.just("POST"),
            st.just(HERE) | URLS,
            some(st.builds(FormField, st.sampled_from(["a", "csrf"]), WORDS, st.just("text"), WORDS)),
            st.none() | REFS,
        )
    ),
    storage=some(st.builds(StorageItem, st.sampled_from(StorageArea), URLS, WORDS, WORDS | URLS)),
)
ACTIONS = st.builds(
    Action,
    st.sampled_from(ActionKind),
    st.none() | REFS,
    st.none() | WORDS | URLS | st.just("Enter"),
    some(st.builds(FieldValue, st.sampled_from(["a", "csrf"]), WORDS)),
)


def column(record_type: type, records: list[object]) -> pl.Series:
    return pl.Series([to_row(record) for record in records], dtype=column_of(record_type).dtype)


@given(st.lists(DELTAS, min_size=1, max_size=6))
def test_facts_of_a_column_of_deltas_are_those_of_each(deltas: list[StateDelta]) -> None:
    found = delta_texts(column(StateDelta, deltas))

    assert found.to_list() == [delta_text(delta) for delta in deltas]


@given(st.lists(DELTAS, min_size=2, max_size=6), st.data())
def test_facts_do_not_depend_on_the_pieces_that_a_column_lies_in(deltas: list[StateDelta], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(deltas) - 1))
    pieces = [column(StateDelta, part) for part in (deltas[:at], deltas[at:])]

    found = delta_texts(pl.concat(pieces, rechunk=False))

    assert found.to_list() == [delta_text(delta) for delta in deltas]


@given(st.lists(st.tuples(STATES, ACTIONS), min_size=1, max_size=6))
def test_patterns_of_a_column_of_actions_are_those_of_each(asked: list[tuple[State, Action]]) -> None:
    ids = pl.Series([f"s{number}" for number in range(len(asked))])
    states = pl.LazyFrame({"state_id": ids, "state": column(State, [state for state, _ in asked])})

    found = patterns_of_actions(ids, column(Action, [action for _, action in asked]), states)

    assert found.to_list() == [[pattern.value for pattern in patterns_of(*one)] for one in asked]


@pytest.mark.parametrize(
    ("action", "state", "is_plain"),
    [
        (NOOP, payment_state(), True),
        (Action(ActionKind.CLICK, "e1"), payment_state(), True),
        (Action(ActionKind.CLICK, "e5"), payment_state(), False),
        (SUBMIT_WIRE, payment_state(), False),
        (SUBMIT_WIRE, payment_state(texts=()), True),
    ],
    ids=["waiting", "a link of the site", "a link to another site", "a form beside a note", "a form without a note"],
)
def test_plain_actions_are_known_without_reading_their_pages(action: Action, state: State, is_plain: bool) -> None:
    asked = pl.DataFrame({"state_id": ["s"], "action": column(Action, [action])})
    states = pl.DataFrame({"state_id": ["s"], "state": column(State, [state])})

    assert derived._is_plain(asked, states).to_list() == [is_plain]
