"""Addresses that others wrote never raise, wherever a state, an action or a delta has them."""

from dataclasses import replace

import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.question import question_of, read_state, transition_of
from wm_pipeline.domain.state import Element, NetworkEvent, StorageItem
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
    delta = StateDelta(url=address, network=(NetworkEvent("POST", address, "fetch", None, is_cross_site=True),))
    for page in (state, replace(state, url=address)):
        reading = read_state(page)
        assert address in reading.text
        for action in (*candidate_actions(page), SUBMIT_WIRE, goto):
            question = question_of(reading, action)
            assert question.text
            assert transition_of(question, delta).facts


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
