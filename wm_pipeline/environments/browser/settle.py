"""Waiting until a page has come to rest after an action, and looking at it once it has.

Three things are waited for: no change of the document for a moment, loading complete and service workers at work (all
in the page), no request or download under way, no document being replaced. Each has a cap: an observation says whether
it was taken at rest. The moment is skipped where the page is known to do nothing in it: no timer due, nothing begun.
"""

import asyncio
import time
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from wm_pipeline.domain import secrets, tokens
from wm_pipeline.environments.browser.hold import Hold
from wm_pipeline.environments.browser.limits import LIMITS, MAX_OPTIONS, MAX_UNSEEN
from wm_pipeline.environments.browser.network import NetworkLog
from wm_pipeline.environments.browser.observe import MARGIN, PageWalk, Scrolled
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.world import is_replaced


@dataclass(frozen=True, slots=True)
class SettleSettings:
    quiet_ms: float = 20
    """No change of the document for so long counts as rest; half of a 30 fps frame pair, measured to be enough."""
    page_cap_ms: float = 800
    network_cap_ms: float = 2000
    max_elements: int = 120
    max_texts: int = 60
    max_text: int = 300
    """Characters a block."""
    hidden_selectors: tuple[str, ...] = ()
    """Parts of a page that belong to the instrument, not to what an agent sees."""
    is_rest_foreseen: bool = True
    """Whether what hooks.js watches is all that the pages use; otherwise the quiet time is always waited for."""


class Watched(Protocol):
    """A page with what listens to it."""

    @property
    def page(self) -> Page: ...
    @property
    def observer(self) -> PageObserver: ...
    @property
    def log(self) -> NetworkLog: ...

    async def finish_popups(self) -> None:
        """Wait for the windows that the page has opened."""
        ...

    async def is_left_soon(self, page: Page) -> bool:
        """Whether another window takes the place of this one."""
        ...


def walk_options(
    settings: SettleSettings, *, is_foreseen: bool = False, scrolled_to: Scrolled | None = None
) -> dict[str, object]:
    """What observe.js is called with."""
    return {
        "quietMs": settings.quiet_ms,
        "capMs": settings.page_cap_ms,
        "isForeseen": is_foreseen,
        "scrolledTo": scrolled_to,
        "maxElements": settings.max_elements,
        "maxTexts": settings.max_texts,
        "maxText": settings.max_text,
        "hiddenSelectors": list(settings.hidden_selectors),
        "limits": asdict(LIMITS),
        "maxOptions": MAX_OPTIONS,
        "maxUnseen": MAX_UNSEEN,
        "tokens": tokens.walker_options(),
        "secretFields": secrets.walker_options(),
        "margin": MARGIN,
    }


async def look_now(tab: Watched, settings: SettleSettings, *, scrolled_to: Scrolled | None = None) -> PageWalk | None:
    """The page as soon as it is loaded, without waiting for rest: for a page known in advance. None: replaced."""
    return await _walk(tab, replace(settings, quiet_ms=0), scrolled_to=scrolled_to)


async def settle(
    tab: Watched,
    settings: SettleSettings,
    *,
    is_foreseen: bool = False,
    scrolled_to: Scrolled | None = None,
    hold: Hold | None = None,
) -> PageWalk:
    """The page at rest, or at the cap (`settled` False). Errors other than a replaced document are raised.

    `is_foreseen`: the page asked for nothing since it came to be as it is, so its hooks know what it is about to do.
    `scrolled_to`: where the page is scrolled to first, wherever the browser had put it. `hold`: what its judge takes is
    waited for, and does not count.
    """
    log, started = tab.log, time.perf_counter()
    is_foreseen &= settings.is_rest_foreseen
    while True:
        arrivals, asked = log.arrivals, log.asked
        walk = await _walk(tab, settings, is_foreseen=is_foreseen, scrolled_to=scrolled_to)
        log.expect_downloads(walk.files if walk else 0)
        await tab.finish_popups()
        judged_s = 0.0 if hold is None else hold.judged_s
        left_s = settings.network_cap_ms / 1000 - (time.perf_counter() - started - judged_s)
        if walk is not None and log.is_idle and log.arrivals == arrivals and (not is_foreseen or log.asked == asked):
            return walk
        is_foreseen = False
        if left_s <= 0:
            if walk is not None:
                return replace(walk, settled=False)
            await asyncio.sleep(0.05)
            walk = await _walk(tab, settings, scrolled_to=scrolled_to)
            if walk is None:
                raise TimeoutError("the document was replaced again and again")
            return replace(walk, settled=False)
        await log.wait_idle(left_s)


async def _walk(
    tab: Watched, settings: SettleSettings, *, is_foreseen: bool = False, scrolled_to: Scrolled | None = None
) -> PageWalk | None:
    """One look; None when the document, or the window, was replaced meanwhile."""
    page = tab.page
    try:
        return await tab.observer.look(walk_options(settings, is_foreseen=is_foreseen, scrolled_to=scrolled_to))
    except PlaywrightError as error:
        if await tab.is_left_soon(page):
            return None
        if not is_replaced(error):
            raise
        await page.wait_for_load_state("domcontentloaded", timeout=settings.network_cap_ms)
        return None
