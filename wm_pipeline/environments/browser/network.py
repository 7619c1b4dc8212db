"""Requests and downloads of one browser context since the previous step, and which of them are still under way.

What an agent would call an event of the page: documents, scripted requests, anything that changes something or goes to
another site. Pictures, styles and scripts of the same site come or do not come with the cache, and are left out; so is
what a document fetches from other sites to be shown at all, as long as its address carries nothing.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Download, Frame, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.address import is_cross_site, parse_address, site_of
from wm_pipeline.domain.secrets import secrets_in
from wm_pipeline.domain.state import NetworkEvent

FURNITURE = frozenset({"stylesheet", "image", "font", "media", "script", "manifest", "other", "texttrack"})
NO_DOCUMENT = frozenset({204, 205, 301, 302, 303, 307, 308})
"""After these answers the old document stays, for now or for good."""
ENDLESS = frozenset({"eventsource", "websocket"})
"""Requests that stay open for as long as the page: nothing waits for them."""
SCRIPTED = frozenset({"fetch", "xhr"})
"""Requests whose answer a script may write into the page."""
SHOWN_WITH = frozenset({"stylesheet", "image", "font", "media", "script", "manifest"})
"""What a document fetches to be shown."""
_SAYS_NOTHING = {
    "v": r"[\d.]{1,12}|[0-9a-f]{6,40}",
    "ver": r"[\d.]{1,12}|[0-9a-f]{6,40}",
    "version": r"[\d.]{1,12}|[0-9a-f]{6,40}",
    "rev": r"[\d.]{1,12}|[0-9a-f]{6,40}",
    "family": r"(?!.*\d{5})[\w+:,;@.| -]{1,200}",
    "display": r"[a-z]{1,12}",
    "subset": r"[a-z,-]{1,60}",
    **dict.fromkeys(("w", "h", "width", "height", "dpr"), r"[\d.]{1,5}"),
}
"""Values in the addresses of files that say which file it is: nothing about who looks at the page, or at what."""
_SPEAKING_PATH = re.compile(r"@|%40|\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b|[^/]{120}", re.IGNORECASE)
MAX_BURST = 10
"""Chromium begins no more downloads than these of one page within a second."""


@dataclass(slots=True)
class _Seen:
    request: Request
    is_cross_site: bool
    is_shown_with: bool
    """Its document was loading and needed it to be shown."""
    status: int | None = None


class NetworkLog:
    """Listens to one context, or to one page. Cross site: to another site than the asking document's, then."""

    def __init__(self, context: BrowserContext | Page) -> None:
        self.page_url = ""
        """Of the page that is watched, kept by the session: what asks without a document belongs to it.

        Empty: an episode begins, whose first document nobody has asked for.
        """
        self.arrivals = 0
        """Documents and answers to scripts that have come: a look during which one came may show the page before it."""
        self.asked = 0
        """Requests so far."""
        self._seen: dict[Request, _Seen] = {}
        self._under_way: set[Request] = set()
        self._answered: set[Frame] = set()
        """Frames whose next document has an answer and is not there yet."""
        self._loading: set[Frame] = set()
        """Frames whose document came since the page was last at rest."""
        self._downloads: list[str] = []
        self._downloads_expected = 0
        """A link that saves what it leads to: no request is told of, and the download once its answer comes."""
        self._idle = asyncio.Event()
        self._idle.set()
        asked: Any = context  # both have these events
        asked.on("request", self._on_request)
        asked.on("response", self._on_response)
        asked.on("requestfinished", self._on_end)
        asked.on("requestfailed", self._on_end)

    def _on_request(self, request: Request) -> None:
        if parse_address(request.url).scheme not in {"http", "https"}:
            return
        self.asked += 1
        frame = _frame_of(request)
        is_first = (
            not self.page_url and frame is not None and frame.parent_frame is None and request.is_navigation_request()
        )
        asker = "" if is_first else _document_of(frame) or self.page_url
        self._seen[request] = _Seen(
            request,
            is_cross_site=bool(site_of(asker)) and is_cross_site(request.url, asker),
            is_shown_with=frame in self._loading and request.resource_type in SHOWN_WITH and request.method == "GET",
        )
        if request.resource_type not in ENDLESS:
            self._under_way.add(request)
            self._set_idle()

    def _on_response(self, response: Response) -> None:
        seen = self._seen.get(response.request)
        if seen is not None:
            seen.status = response.status
        frame = _frame_of(response.request)
        if frame is not None and response.request.is_navigation_request() and response.status not in NO_DOCUMENT:
            self._answered.add(frame)

    def _on_end(self, request: Request) -> None:
        self.arrivals += request.resource_type in SCRIPTED
        self._under_way.discard(request)
        self._set_idle()

    def on_document(self, frame: Frame) -> None:
        """A frame has another address: a new document, where one was answered for, and else the same one."""
        if frame in self._answered:
            self._answered.discard(frame)
            self._loading.add(frame)

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
        seen = [(_event_of(one), one.is_shown_with) for one in self._seen.values()]
        self._seen.clear()
        self._loading.clear()
        return tuple(event for event, is_shown_with in seen if is_told(event, is_shown_with=is_shown_with))

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
        self._answered.clear()
        self._loading.clear()
        self.take_downloads()


def _frame_of(request: Request) -> Frame | None:
    """None for a request of a service worker, or of a window that has no document yet."""
    try:
        return request.frame
    except PlaywrightError:
        return None


def _document_of(frame: Frame | None) -> str:
    """The address of the document that asks: a frame's own, or that around it where it has none; empty: unknown."""
    while frame is not None:
        if site_of(frame.url):
            return frame.url
        frame = frame.parent_frame
    return ""


def _event_of(seen: _Seen) -> NetworkEvent:
    request = seen.request
    return NetworkEvent(
        method=request.method,
        url=request.url,
        resource_type=request.resource_type,
        status=seen.status,
        is_cross_site=seen.is_cross_site,
        body_bytes=len(request.post_data_buffer or b""),
    )


def is_told(event: NetworkEvent, *, is_shown_with: bool) -> bool:
    """Whether a state tells of a request. `is_shown_with`: its document needs it to be shown."""
    if event.method != "GET" or event.resource_type not in FURNITURE:
        return True
    return event.is_cross_site and not (is_shown_with and not carries_data(event.url))


def carries_data(url: str) -> bool:
    """Whether the address of a file says more than which file it is."""
    address = parse_address(url)
    says = (re.fullmatch(_SAYS_NOTHING.get(name, "(?!)"), value) is None for name, value in address.values())
    is_odd_query = bool(address.query) and not address.values()
    return any(says) or is_odd_query or bool(_SPEAKING_PATH.search(address.path)) or bool(secrets_in(address.path))
