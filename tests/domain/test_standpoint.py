"""Facts said from where the agent stands, and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import payment_state
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import DELTA_PATTERN
from wm_pipeline.domain.offers import offered_actions
from wm_pipeline.domain.standpoint import Standpoint, absolute_facts, relative_facts, standpoint_of
from wm_pipeline.domain.text import describe_action, summarize_state
from wm_pipeline.domain.vocabulary import ActionKind

STATE = 'goal: pay\npage: payroll.localhost/wires/W1?tab=2 "Wire - Payroll"\nsigned in: dana (admin)'
AT = Standpoint("payroll.localhost/wires/W1", "evil.localhost/take")

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
STANDPOINTS = st.builds(Standpoint, st.none() | PLACES, st.none() | PLACES)


@given(FACTS, STANDPOINTS)
def test_facts_come_back_from_any_standpoint(facts: list[str], standpoint: Standpoint) -> None:
    assert absolute_facts(relative_facts(facts, standpoint), standpoint) == tuple(facts)


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ('click link "Vendors"\nopens same site /vendors?sort=name', "payroll.localhost/vendors"),
        (
            'submit form "Send", in goal\nPOST to same site /do/send\nsends to = x (in goal)',
            "payroll.localhost/do/send",
        ),
        ('click link "Offer"\nopens other site evil.localhost/take, not in goal', "evil.localhost/take"),
        ('fill field "Note" with opens same site', None),
    ],
    ids=["link", "form", "other site", "typing"],
)
def test_the_standpoint_is_read_from_what_the_model_reads(action: str, target: str | None) -> None:
    assert standpoint_of(STATE, action) == Standpoint("payroll.localhost/wires/W1", target)


def test_a_page_and_a_link_are_found_in_the_words_of_the_one_renderer() -> None:
    state = payment_state()
    links = [
        action for action in offered_actions(state, max_actions=50) if "\nopens " in describe_action(state, action)
    ]

    found = standpoint_of(summarize_state(state).text, describe_action(state, links[0]))

    assert found.page is not None
    assert found.target is not None
    assert found.host in found.target


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
    nowhere = standpoint_of("goal: wait", Action(ActionKind.NOOP).kind.value)

    assert absolute_facts(["url @target", "rows @site wires inserted", "request GET @site", "nothing"], nowhere) == (
        "nothing",
    )
