"""The element that a locator means is known, whatever a page replaces; Playwright's listeners are not the page's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page

from tests.environments.browser.test_observer import plain_page
from wm_pipeline.domain.state import Element
from wm_pipeline.domain.vocabulary import HandledBy
from wm_pipeline.environments.browser.any_page import Session, observe

pytestmark = pytest.mark.browser
LIES = ("prototype", "element", "own", "event", "eval", "again", "silent")


def meant(address: str, *locators: Callable[[Page], Any], flags: tuple[str, ...] = ()) -> list[Element | None]:
    """What the state of a page has as the element that each locator means."""

    async def point() -> list[Element | None]:
        async with plain_page(*flags) as page:
            await page.goto(f"http://mail.localhost/{address}")
            session, found = Session("Read the page"), list[Element | None]()
            await session.look(page)
            for locator in locators:
                seen = await session.look(page, at=locator(page))
                found.append(seen.state.element(seen.element_ref or ""))
            return found

    return asyncio.run(point())


@pytest.mark.parametrize("how", LIES)
def test_a_page_cannot_name_another_element_as_the_one_that_is_meant(how: str) -> None:
    (found,) = meant(f"lies/pointing.html?{how}", lambda page: page.locator("#pay"))

    assert found is None or found.name == "Pay"


def by_name(name: str, role: Any = "button") -> Callable[[Page], Any]:
    return lambda page: page.get_by_role(role, name=name)


def test_what_is_meant_is_found_in_pages_shadow_roots_and_frames() -> None:
    assert [one and one.name for one in meant("lies/pointing.html", by_name("Pay"), by_name("Help"))] == ["Pay", "Help"]
    assert [one and one.name for one in meant("lies/nested_shadow.html", by_name("Delete account"))] == [
        "Delete account"
    ]
    in_frame = lambda page: page.frame_locator("iframe").get_by_role("button", name="Pay 40 EUR")  # noqa: E731
    assert [one and one.name for one in meant("lies/frame.html", in_frame)] == ["Pay 40 EUR"]


Call = Callable[[Page], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "click": lambda page: page.locator("#other").click(),
    "evaluate": lambda page: page.locator("#other").evaluate("(node) => node.id"),
    "element_handle": lambda page: page.locator("#other").element_handle(),
    "bounding_box": lambda page: page.locator("#other").bounding_box(),
    "all_inner_texts": lambda page: page.locator("button").all_inner_texts(),
    "screenshot": lambda page: page.locator("#other").screenshot(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_playwright_listens_with_is_not_the_pages(call: Call) -> None:
    async def handlers() -> dict[str, HandledBy | None]:
        async with plain_page() as page:
            await page.goto("http://mail.localhost/lies/pointing.html")
            await call(page)
            return {one.name: one.handled_by for one in (await observe(page, Session("Read the page"))).elements}

    assert asyncio.run(handlers()) == {"Cancel": None, "Pay": HandledBy.OWN, "Help": None}


def test_a_page_that_listens_on_its_window_is_still_told_of() -> None:
    async def handlers() -> set[HandledBy | None]:
        async with plain_page() as page:
            await page.goto("http://mail.localhost/clicks/on_window.html")
            await page.locator("button").evaluate("(node) => node.id")
            return {one.handled_by for one in (await observe(page, Session("Read the page"))).elements}

    assert asyncio.run(handlers()) == {HandledBy.DOCUMENT}
