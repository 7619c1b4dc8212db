"""Requests and downloads of one browser context since the previous step, and which of them are still under way.

What an agent would call an event of the page: documents, scripted requests, anything that changes something or goes to
another site. Pictures, styles and scripts of the same site come or do not come with the cache, and are left out.
"""

import asyncio
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Download, Request, Response

from wm_pipeline.domain.address import host_of, split_address
from wm_pipeline.domain.state import NetworkEvent

FURNITURE = frozenset({"stylesheet", "image", "font", "media", "script", "manifest", "other", "texttrack"})
ENDLESS = frozenset({"eventsource", "websocket"})
"""Requests that stay open for as long as the page: nothing waits for them."""
SCRIPTED = frozenset({"fetch", "xhr"})
"""Requests whose answer a script may write into the page."""
MAX_BURST = 10
"""Chromium begins no more downloads than these of one page within a second."""


@dataclass(slots=True)
class _Seen:
    request: Request
    is_cross_site: bool
    status: int | None = None


class NetworkLog:
    """Listens to one context. Cross site means a host name other than that of the page shown at the time."""

    def __init__(self, context: BrowserContext) -> None:
        self.page_url = ""
        """The address of the page whose requests are watched; the session keeps it up to date."""
        self.arrivals = 0
        """Documents and answers to scripts that have come: a look during which one came may show the page before it."""
        self.asked = 0
        """Requests so far."""
        self._seen: dict[Request, _Seen] = {}
        self._under_way: set[Request] = set()
        self._downloads: list[str] = []
        self._downloads_expected = 0
        """A link that saves what it leads to: no request is told of, and the download once its answer comes."""
        self._idle = asyncio.Event()
        self._idle.set()
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("requestfinished", self._on_end)
        context.on("requestfailed", self._on_end)

    def _on_request(self, request: Request) -> None:
        if split_address(request.url).scheme not in {"http", "https"}:
            return
        self.asked += 1
        page_site = host_of(self.page_url)
        self._seen[request] = _Seen(request, is_cross_site=bool(page_site) and host_of(request.url) != page_site)
        if request.resource_type not in ENDLESS:
            self._under_way.add(request)
            self._set_idle()

    def _on_response(self, response: Response) -> None:
        seen = self._seen.get(response.request)
        if seen is not None:
            seen.status = response.status

    def _on_end(self, request: Request) -> None:
        self.arrivals += request.resource_type in SCRIPTED
        self._under_way.discard(request)
        self._set_idle()

    def expect_downloads(self, count: int) -> None:
        self._downloads_expected = min(self._downloads_expected + count, MAX_BURST)
        self._set_idle()

    def on_download(self, download: Download) -> None:
        self._downloads.append(download.suggested_filename)
        self._set_idle()

    def _set_idle(self) -> None:
        if self._under_way or self._downloads_expected > len(self._downloads):
            self._idle.clear()
        else:
            self._idle.set()

    @property
    def has_downloads(self) -> bool:
        return bool(self._downloads)

    @property
    def is_silent(self) -> bool:
        """Whether nothing was asked for since the last take()."""
        return self.is_idle and not self._seen

    @property
    def is_idle(self) -> bool:
        return self._idle.is_set()

    async def wait_idle(self, limit_s: float) -> bool:
        """Whether every request came to an end, and every download to its beginning, within the limit."""
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> tuple[NetworkEvent, ...]:
        """The events so far, oldest first; they are forgotten here."""
        events = tuple(
            NetworkEvent(
                method=seen.request.method,
                url=seen.request.url,
                resource_type=seen.request.resource_type,
                status=seen.status,
                is_cross_site=seen.is_cross_site,
                body_bytes=len(seen.request.post_data_buffer or b""),
            )
            for seen in self._seen.values()
            if seen.is_cross_site or seen.request.method != "GET" or seen.request.resource_type not in FURNITURE
        )
        self._seen.clear()
        return events

    def take_downloads(self) -> tuple[str, ...]:
        """The names so far, as they came; they are forgotten here, and so is what was due and did not begin."""
        names = tuple(self._downloads)
        self._downloads.clear()
        self._downloads_expected = 0
        self._set_idle()
        return names

    def drop(self, request: Request) -> None:
        """One that did not leave the browser."""
        self._seen.pop(request, None)
        self._on_end(request)

    def forget(self) -> None:
        """Drop everything, requests under way included: the page they belonged to is gone."""
        self._seen.clear()
        self._under_way.clear()
        self.take_downloads()
