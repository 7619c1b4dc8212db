"""A saved page, and putting its cookies and storage back before it is loaded again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Cookie as PlaywrightCookie

from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.secrets import Known
from wm_pipeline.domain.state import State
from wm_pipeline.environments.browser.observe import OriginStorage, Scrolled
from wm_pipeline.environments.browser.tab import Tab


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What it takes to come back; documents themselves are asked for anew."""

    state: State
    url: str
    """The page's address as it is."""
    scrolled: Scrolled
    cookies: tuple[PlaywrightCookie, ...]
    storage: Mapping[str, OriginStorage]
    history: tuple[str, ...]
    typed: tuple[dict[str, Any], ...]
    """Controls whose value a reload would lose, and parts of the page that are scrolled (observer.typed)."""
    known: Known
    """Secrets that had been seen: one that is typed later is no mark in what stood there before."""


async def restore_cookies(tab: Tab, saved: Snapshot, *, present: Sequence[PlaywrightCookie] | None) -> None:
    """`present`: those there are, where they are known; None: the browser is asked."""
    if _values(await tab.context.cookies() if present is None else present) == _values(saved.cookies):
        return
    await tab.context.clear_cookies()
    if saved.cookies:
        await tab.context.add_cookies([_settable(cookie) for cookie in saved.cookies])


async def restore_storage(tab: Tab, present: Mapping[str, OriginStorage], saved: Snapshot) -> str | None:
    """Make storage what it was; returns the identifier of a script that fills the page's own origin as it loads.

    Databases and service workers can be taken away again, not put back: comparing the pages tells.
    """
    page_origin = origin_of(saved.url)
    refill: str | None = None
    for origin in sorted(present.keys() | saved.storage.keys()):
        had, has = saved.storage.get(origin, OriginStorage()), present.get(origin, OriginStorage())
        if has.workers and not had.workers:
            await tab.clear_origin(origin, "service_workers,cache_storage")
        if has.databases and not had.databases:
            await tab.clear_origin(origin, "indexeddb")
        if (had.local, had.session) == (has.local, has.session):
            continue
        refill = await fill_storage(tab, origin, had, page_origin=page_origin) or refill
    return refill


async def fill_storage(tab: Tab, origin: str, had: OriginStorage, *, page_origin: str) -> str | None:
    """Make one origin's storage what it was; the identifier of a script that does it as the page is loaded."""
    if origin != page_origin:
        await _fill_elsewhere(tab, origin, had)
        return None
    # Before the page's own scripts, so that they read what was there when the snapshot was taken.
    source = {"source": _refill_script(origin, had)}
    return str((await tab.cdp.send("Page.addScriptToEvaluateOnNewDocument", source))["identifier"])


async def end_filling(tab: Tab, refill: str | None) -> None:
    """Once the page is loaded: what is opened next keeps its own storage."""
    if refill is not None:
        await tab.cdp.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": refill})


async def _fill_elsewhere(tab: Tab, origin: str, had: OriginStorage) -> None:
    """Put back the storage of an origin other than the page's, from an empty page of that origin."""
    address = f"{origin}/"
    await tab.page.route(address, lambda route: route.fulfill(body="", content_type="text/html"))
    try:
        await tab.page.goto(address)
        await tab.page.evaluate(_refill_script(origin, had))
    finally:
        await tab.page.unroute(address)


def origin_of(url: str) -> str:
    return parse_address(url).origin


def _refill_script(origin: str, had: OriginStorage) -> str:
    return f"""(() => {{
        if (location.origin !== {json.dumps(origin)}) return;
        const fill = (store, pairs) => {{
            store.clear();
            for (const [key, value] of pairs) store.setItem(key, value);
        }};
        fill(localStorage, {json.dumps(had.local)});
        fill(sessionStorage, {json.dumps(had.session)});
    }})()"""


def _values(cookies: Sequence[PlaywrightCookie]) -> frozenset[tuple[object, ...]]:
    return frozenset(
        (one.get("name"), one.get("value"), one.get("domain"), one.get("path"), one.get("httpOnly"), one.get("secure"))
        for one in cookies
    )


def _settable(cookie: PlaywrightCookie) -> Any:
    return {key: value for key, value in cookie.items() if value is not None}
