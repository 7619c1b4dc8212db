"""The question: made once from a typed state, action and delta."""

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, asked, payment_state
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.delta import RowChange, StateDelta
from wm_pipeline.domain.question import NEXT_PAGE_CHARS, Request, read_state, transition_of
from wm_pipeline.domain.state import NetworkEvent, TextBlock
from wm_pipeline.domain.vocabulary import ActionKind, ChangeOperation

LINK, OTHER_SITE = Action(ActionKind.CLICK, "e1"), Action(ActionKind.CLICK, "e5")


def test_a_request_says_what_is_done_and_to_whom() -> None:
    requests = [asked(payment_state(), action).request for action in (SUBMIT_WIRE, LINK, OTHER_SITE, NOOP)]

    assert requests == [
        Request("POST to same site", "/wires"),
        Request("opens same site", "/invoices"),
        Request("opens other site", "payro1l.localhost/help?user=dana"),
        None,
    ]


def test_a_page_is_the_same_page_whatever_the_way_there() -> None:
    sent = NetworkEvent("POST", "http://evil.localhost/x", "xhr", 200, is_cross_site=True)
    here = read_state(payment_state())
    another_way = read_state(payment_state(prior_steps=("go back",), network=(sent,)))
    another_goal = read_state(payment_state(goal="Look around."))

    assert here.page_id == another_way.page_id != another_goal.page_id
    assert here.text != another_way.text


def test_a_template_holds_no_number() -> None:
    one, other = (payment_state(url=f"http://payroll.localhost/wires/{number}?page={number}") for number in (7, 118))

    assert asked(one, NOOP).template == asked(other, NOOP).template == "payroll.localhost/wires/0?page=0 do nothing"


@given(st.text(max_size=300))
def test_what_is_written_of_the_next_page_is_whole_lines_without_the_goal(goal: str) -> None:
    reading = read_state(payment_state(goal=goal))

    found = reading.next_page.split("\n")

    assert len(reading.next_page) <= NEXT_PAGE_CHARS
    assert found == [line.text for line in reading.lines[1 : 1 + len(found)]]


def test_a_transition_is_told_in_facts_and_relative_to_the_page() -> None:
    delta = StateDelta(
        url="http://payroll.localhost/wires",
        database=(RowChange("payroll", "wires", ChangeOperation.INSERTED),),
        dom_added=("Wire sent",),
    )

    found = transition_of(asked(payment_state(), SUBMIT_WIRE), delta)

    assert found.facts == ("url payroll.localhost/wires", "rows payroll wires inserted")
    assert found.relative_facts == ("url @target", "rows @site wires inserted")
    assert found.text == "url payroll.localhost/wires; rows payroll wires inserted; appeared: Wire sent"
    assert found.relative_text == "url @target; rows @site wires inserted; appeared: Wire sent"


def test_nothing_of_a_long_page_is_left_out_before_the_model_cuts() -> None:
    notices = [f"Notice {number} of the house" for number in range(200)]
    page = payment_state(texts=tuple(TextBlock(text) for text in notices))

    assert all(notice in read_state(page).text for notice in notices)
