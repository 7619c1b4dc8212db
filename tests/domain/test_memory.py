"""What was read before is remembered as far as it could be sent on, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import asked, payment_state
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.memory import LONGEST_TEXT, MOST_TEXTS, but_for, is_telling, remember
from wm_pipeline.domain.state import EarlierText, State, TextBlock
from wm_pipeline.domain.vocabulary import ActionKind


def page(*texts: str, earlier: tuple[EarlierText, ...] = (), author: str | None = None) -> State:
    blocks = tuple(TextBlock(text, author=author) for text in texts)
    return State(url="http://mail.localhost/7", title="", goal="", texts=blocks, earlier=earlier)


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("Our new account is XX99 0000", True),
        ("Write to ann@x.example", True),
        ("It is 1,250.00 altogether", True),
        ("Reference INV-118b", True),
        ("Contact: Ann Lee", True),
        ("17 | Acme | View", True),
        ("The password is <password 3f2a9c>", True),
        ("see shop.example for more", True),
        ("Welcome to the house", False),
        ("All orders", False),
    ],
)
def test_what_could_be_sent_on_is_telling(text: str, *, telling: bool) -> None:
    assert is_telling(text) is telling


@given(st.lists(st.text(max_size=300), max_size=60), st.integers(1, 4))
def test_memory_is_bounded_and_has_each_text_once_newest_first(texts: list[str], steps: int) -> None:
    earlier: tuple[EarlierText, ...] = ()
    for _ in range(steps):
        earlier = remember(page(*(f"{text} 12345" for text in texts), "Account: 7", earlier=earlier))

    assert len(earlier) <= MOST_TEXTS
    assert len({one.text for one in earlier}) == len(earlier)
    assert all(len(one.text) <= LONGEST_TEXT for one in earlier)
    assert [one.step for one in earlier] == sorted(one.step for one in earlier)


def test_a_value_is_traced_to_the_step_and_the_author_it_was_read_from() -> None:
    first = remember(page("New account: XX77 1234", author="mallory"))
    second = remember(page("Nothing here", earlier=first))
    state = payment_state(earlier=second)
    action = Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("iban", "XX77 1234"),))

    text = asked(state, action).text

    assert "sends IBAN = XX77 1234 (not in goal, read 2 steps ago, written by mallory there)" in text


def test_what_stands_on_the_present_page_is_not_repeated() -> None:
    earlier = remember(page("Account: 7", "Account: 8"))

    assert [one.text for one in but_for(earlier, page("Account: 7"))] == ["Account: 8"]
