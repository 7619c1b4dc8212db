"""A page that somebody else opened is seen as one of ours is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright

from tests.environments.browser.test_lying_pages import SEEN, address
from tests.fakes.page_site import BrowserWorld, PageSite
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.browser.observe import PageWalk
from wm_pipeline.environments.browser.observer import PageObserver, not_answered
from wm_pipeline.environments.browser.settle import SettleSettings, walk_options
from wm_pipeline.environments.instruments.host_server import HostServer

pytestmark = pytest.mark.browser
MOVING = {"watchful", "vanishing_frames", "written_anew"}
"""Never the same twice."""


@asynccontextmanager
async def plain_page(*flags: str) -> AsyncIterator[Page]:
    """A page of a browser that knows nothing of us, on the pages of tests/pages."""
    server = HostServer({}, PageSite())
    rules = f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{server.port}"
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=find_chromium(None).path, args=["--no-sandbox", rules, *flags]
            )
            yield await browser.new_page(viewport={"width": 1280, "height": 720})
            await browser.close()
    finally:
        server.close()


def seen(walk: PageWalk) -> tuple[object, ...]:
    return walk.title, walk.elements, walk.texts, walk.forms, walk.more_elements, walk.unseen, walk.foreign


async def look(page: Page, address: str) -> PageWalk:
    await page.goto(address)
    observer = await PageObserver.attach(page)
    return await observer.look(walk_options(SettleSettings()))


def test_a_frame_that_gives_no_answer_stays_named() -> None:
    asked = ["http://a", "http://b", "http://b", "http://c"]

    assert not_answered(asked, []) == tuple(asked)
    assert not_answered(asked, ["http://b"]) == ("http://a", "http://b", "http://c")
    # One of them was led to another site, nobody knows which: as many stay as did not answer.
    assert len(not_answered(asked, ["http://a", "http://elsewhere"])) == 2


@pytest.mark.parametrize("flags", [[], ["--site-per-process"]], ids=["plain", "a process a site"])
def test_pages_of_others_are_seen_as_ours_are(world: BrowserWorld, flags: list[str]) -> None:
    async def all_of_them() -> dict[str, PageWalk]:
        async with plain_page(*flags) as page:
            return {
                name: await look(page, f"http://mail.localhost/{address(name)}") for name in sorted({*SEEN} - MOVING)
            }

    theirs = asyncio.run(all_of_them())

    for name, walk in theirs.items():
        state = world.open(address(name))
        ours = (state.title, state.elements, state.texts, state.forms, state.more_elements, state.unseen, ())
        assert seen(walk) == ours, name
