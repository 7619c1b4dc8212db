"""What can be clicked is offered, and says whose listener hears the click."""

import asyncio

import pytest

from tests.environments.browser.test_observer import look, plain_page
from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.state import Element
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy

pytestmark = pytest.mark.browser

Heard = list[tuple[str, str, HandledBy | None]]
AROUND, DOCUMENT, OWN = HandledBy.AROUND, HandledBy.DOCUMENT, HandledBy.OWN
LISTENED: Heard = [("generic", "Ticket 1", DOCUMENT), ("generic", "Close all", DOCUMENT), ("button", "New", DOCUMENT)]
HEARD: dict[str, Heard] = {
    "list": [
        ("generic", "Invoice 7", AROUND),
        ("generic", "Invoice 8", AROUND),
        ("link", "Help", AROUND),
        ("generic", "2", AROUND),
        ("generic", "3", AROUND),
        ("generic", "Key A", AROUND),
        ("generic", "Revoke key A", AROUND),
        ("generic", "Rename", AROUND),
        ("generic", "Archive", AROUND),
        ("textbox", "Count", None),
        ("button", "Pay", HandledBy.FORM),
        ("button", "Own", OWN),
        ("button", "Nobody", None),
    ],
    "component_root": [
        ("generic", "Ticket 1 urgent", DOCUMENT),
        ("button", "New", DOCUMENT),
        ("link", "All", DOCUMENT),
    ],
    **{f"on_{where}": LISTENED for where in ("document", "window", "body", "attribute")},
}


def heard(elements: tuple[Element, ...]) -> Heard:
    return [(one.role, one.name, one.handled_by) for one in elements]


@pytest.mark.parametrize("page", sorted(HEARD))
def test_what_only_a_listener_around_it_makes_clickable_is_offered(world: BrowserWorld, page: str) -> None:
    state = world.open(f"clicks/{page}.html")

    offered = {action.target_ref for action in candidate_actions(state) if action.kind is ActionKind.CLICK}

    assert heard(state.elements) == HEARD[page]
    assert offered == {one.element_ref for one in state.elements if one.role != "textbox"}


def test_the_same_is_heard_on_a_page_that_somebody_else_opened() -> None:
    async def all_of_them() -> dict[str, Heard]:
        async with plain_page() as page:
            return {
                name: heard((await look(page, f"http://mail.localhost/clicks/{name}.html")).elements) for name in HEARD
            }

    assert asyncio.run(all_of_them()) == HEARD


def test_a_handler_of_the_body_leaves_the_body_readable_on_a_page_of_somebody_else() -> None:
    async def often() -> list[Heard]:
        async with plain_page() as page:
            address = "http://mail.localhost/clicks/on_body.html"
            return [heard((await look(page, address)).elements) for _ in range(12)]

    assert asyncio.run(often()) == [LISTENED] * 12


def test_a_click_on_a_row_is_a_click_on_that_row_alone(world: BrowserWorld) -> None:
    state = world.open("clicks/list.html")

    world.act(Action(ActionKind.CLICK, ref_of(state, "Invoice 7")))

    posts = [one for one in world.site.requests if one.startswith("POST")]
    assert posts == ["POST mail.localhost /list/Invoice-7"]
