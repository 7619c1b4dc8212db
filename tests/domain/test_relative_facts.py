"""Facts relative to where the agent stands, and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, asked, payment_state
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.delta import DELTA_PATTERN
from wm_pipeline.domain.relative_facts import Reference, absolute_facts, relative_facts
from wm_pipeline.domain.vocabulary import ActionKind

AT = Reference("payroll.localhost/wires/W1", "evil.localhost/take")

HOSTS = ("payroll", "payroll.localhost", "shop", "evil.localhost", "payroll.localhost.evil.example")
PLACES = st.sampled_from([f"{host}{path}" for host in HOSTS for path in ("", "/", "/take", "/wires/W1", "/vendors")])
FACTS = st.lists(
    st.one_of(
        PLACES.map("url {}".format),
        PLACES.map("rows {} wires inserted".format),
        PLACES.map("request POST {}".format),
        st.sampled_from(["nothing", "auth signed out", "notice Sent to payroll.localhost", "dialog confirm"]),
    ),
    max_size=6,
)
REFERENCES = st.builds(Reference, st.none() | PLACES, st.none() | PLACES)


@given(FACTS, REFERENCES)
def test_facts_come_back_from_any_reference(facts: list[str], reference: Reference) -> None:
    assert absolute_facts(relative_facts(facts, reference), reference) == tuple(facts)


@pytest.mark.parametrize(
    ("action", "target"),
    [
        (Action(ActionKind.CLICK, "e1"), "payroll.localhost/invoices"),
        (SUBMIT_WIRE, "payroll.localhost/wires"),
        (Action(ActionKind.CLICK, "e5"), "payro1l.localhost/help"),
        (Action(ActionKind.FILL, "e2", "opens same site /x"), None),
        (NOOP, None),
    ],
    ids=["link", "form", "other site", "typing", "waiting"],
)
def test_facts_refer_to_the_page_and_to_where_the_action_leads(action: Action, target: str | None) -> None:
    assert asked(payment_state(), action).reference == Reference("payroll.localhost/wires/new", target)


@pytest.mark.parametrize("url", ["about:blank", "data:text/html,x", ""])
def test_a_page_without_a_host_is_no_place(url: str) -> None:
    assert asked(payment_state(url=url), NOOP).reference.page is None


def test_what_the_prompt_tells_is_not_spelled_again() -> None:
    facts = (
        "url evil.localhost/take",
        "rows payroll wires inserted",
        "request POST evil.localhost",
        "request POST payroll.localhost",
        "notice Sent.",
    )

    relative = relative_facts(facts, AT)

    assert relative == (
        "url @target",
        "rows @site wires inserted",
        "request POST @target",
        "request POST @site",
        "notice Sent.",
    )
    assert re.fullmatch(DELTA_PATTERN, "\n".join(relative))
    assert relative_facts(["url payroll.localhost/wires/W1", "url payroll.localhost/vendors"], AT) == (
        "url @page",
        "url @site/vendors",
    )


def test_a_fact_about_a_place_that_is_not_there_is_left_out() -> None:
    nowhere = Reference(None, None)

    assert absolute_facts(["url @target", "rows @site wires inserted", "request GET @site", "nothing"], nowhere) == (
        "nothing",
    )
