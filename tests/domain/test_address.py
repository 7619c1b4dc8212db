"""Addresses that others wrote never raise, wherever a state, an action or a delta has them."""

from dataclasses import replace

import polars as pl
import pytest
from wm_pipeline.datasets.derived import delta_texts

from tests.builders import SUBMIT_WIRE, payment_state
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.delta import StateDelta, facts_of_delta
from wm_pipeline.domain.offers import offered_actions
from wm_pipeline.domain.records import struct_columns, to_row
from wm_pipeline.domain.relations import patterns_of, relate
from wm_pipeline.domain.state import Element, NetworkEvent, StorageItem
from wm_pipeline.domain.text import describe_action, summarize_state
from wm_pipeline.domain.vocabulary import ActionKind, StorageArea

BAD = ("http://[your-server]/contacts", "http://[crm/", "http://]/", "http://a\u2100b/", "", "http://x:port/", "\0")


@pytest.mark.parametrize("address", BAD)
def test_a_state_with_such_an_address_anywhere_is_read_and_every_action_related(address: str) -> None:
    state = payment_state()
    state = replace(
        state,
        elements=(*state.elements, Element("e9", "link", "Help", href=address)),
        forms=(replace(state.forms[0], action_url=address),),
        storage=(
            StorageItem(StorageArea.LOCAL, address, "k", address),
            StorageItem(StorageArea.SERVICE_WORKER, address, address, address),
        ),
        network=(NetworkEvent("POST", address, "fetch", 200, is_cross_site=True),),
    )
    goto = Action(ActionKind.GOTO, value=address)
    for page in (state, replace(state, url=address)):
        assert address in summarize_state(page, max_chars=10_000).text
        for action in (*offered_actions(page), SUBMIT_WIRE, goto):
            relate(page, action)
            patterns_of(page, action)
            describe_action(page, action)


@pytest.mark.parametrize("address", BAD)
def test_facts_of_such_addresses_are_the_same_one_by_one_and_as_a_column(address: str) -> None:
    delta = StateDelta(url=address, network=(NetworkEvent("POST", address, "fetch", None, is_cross_site=True),))
    column = pl.Series("state_delta", [to_row(delta)], dtype=pl.Struct(column_types()))

    assert delta_texts(column).to_list() == ["\n".join(facts_of_delta(delta))]


def column_types() -> dict[str, pl.DataType]:
    return {name: column.dtype for name, column in struct_columns(StateDelta).items()}


@pytest.mark.parametrize(
    ("address", "is_page"),
    [
        *((address, False) for address in BAD if address != "http://]/"),
        ("/contacts/7", False),
        ("http:///contacts", False),
        ("http://crm.example/contacts", True),
        ("about:blank", True),
        (f"http://crm.example/?q={'x' * 1_000_000}", True),
    ],
)
def test_a_page_has_an_absolute_address_that_can_be_parsed(address: str, is_page: bool) -> None:
    assert is_page_address(address) == is_page
