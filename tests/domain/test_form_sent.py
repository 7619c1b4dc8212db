"""Which form an action sends, and in which way: one rule for what is judged and for what is let through."""

import pytest

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.state import Element, Form, FormField, State, Submitter
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.hold import announced_by

PAY, CHECK = "http://shop.example/pay", "http://elsewhere.example/check"
STATE = State(
    "http://shop.example/cart",
    "Cart",
    "Pay.",
    elements=(
        Element("e1", "textbox", "Account", input_type="text", form_ref="f1"),
        Element("e2", "button", "Pay", form_ref="f1"),
        Element("e3", "button", "Check", form_ref="f1"),
        Element("e4", "link", "Help", href="http://shop.example/help"),
        Element("e5", "file", "Bill", input_type="file", form_ref="f1"),
    ),
    forms=(
        Form(
            "f1",
            "Pay",
            "POST",
            PAY,
            (FormField("account", "Account", "text", "17", "e1"),),
            submit_ref="e2",
            submitters=(Submitter("e3", "POST", CHECK),),
        ),
    ),
)


@pytest.mark.parametrize(
    ("action", "address", "announced"),
    [
        (Action(ActionKind.SUBMIT, "f1"), PAY, (PAY,)),
        (Action(ActionKind.CLICK, "e2"), PAY, (PAY,)),
        (Action(ActionKind.CLICK, "e3"), CHECK, (CHECK,)),
        (Action(ActionKind.PRESS, "e1", "Enter"), PAY, (PAY,)),
        (Action(ActionKind.PRESS, "e3", "Enter"), CHECK, (CHECK,)),
        (Action(ActionKind.PRESS, "e1", "a"), None, ()),
        (Action(ActionKind.UPLOAD, "e5", "bill.txt"), PAY, ()),
        (Action(ActionKind.CLICK, "e4"), "http://shop.example/help", ("http://shop.example/help",)),
        (Action(ActionKind.GOTO, value="help"), "http://shop.example/help", ("http://shop.example/help",)),
        (Action(ActionKind.FILL, "e1", "18"), None, ()),
    ],
)
def test_what_is_judged_is_what_is_let_through(action: Action, address: str | None, announced: tuple[str, ...]) -> None:
    assert aim_of(STATE, action).destination == address
    assert tuple(one.url for one in announced_by(STATE, action)) == announced
