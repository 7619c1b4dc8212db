"""Holding back, from an action on, what was not announced before: writes, and requests to other sites.

What cannot be held is told: what a service worker asks for, sockets, where a server's answer leads to, and what the
browser does not stop at: `prefetch` links, speculation rules, fetchLater().
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from playwright.async_api import BrowserContext, CDPSession, Page, Request, Route, WebSocket
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import is_cross_site, parse_address, site_of
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.secrets import MARK
from wm_pipeline.domain.state import SUBMITTER, Form, FormField, NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.network import FURNITURE, carries_data
from wm_pipeline.environments.browser.pauses import Pauses

Result = TypeVar("Result")
Heard = tuple[Any, Any, Any]
"""What is listened to, the name of the event and who hears it."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


CHOICES = frozenset({"checkbox", "radio", "select"})
"""Fields whose value, once an agent has chosen it, is the page's word for what was chosen."""
UNSTOPPED = {"shared_worker": "shared worker", "worklet": "audio worklet"}
"""Workers, as the protocol names them, whose requests the browser does not stop at."""
PAUSE_S = 0.02
PAST_S = 0.5
"""What was sent so long ago and did not stop here went past."""
END_LIMIT_S = 2.0
"""A browser that does not let go of its requests by then is not waited for."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A navigation that is known before: where to, how, and what it sends. What a script asks for itself is none."""

    method: str
    url: str
    fields: tuple[FormField, ...] | None = None
    """What a form sends; None: there is no form."""
    chosen: frozenset[str] = frozenset()
    """Names of the fields that the action itself fills in."""
    is_by_picture: bool = False
    """A picture sends the form, and says where it was clicked."""

    def is_for(self, request: Request) -> bool:
        here, there = parse_address(self.url), parse_address(request.url)
        is_same = (here.scheme, here.host, here.port, here.path or "/") == (
            *(there.scheme, there.host, there.port, there.path or "/"),
        )
        if not is_same or request.method != self.method or not request.is_navigation_request():
            return False
        if self.fields is None:
            return here.query == there.query
        if self.method == "GET":
            return self._sends(there.query)
        body = (request.post_data_buffer or b"").decode("utf-8", "replace")
        return here.query == there.query and self._sends(body)

    def _sends(self, text: str) -> bool:
        """Whether a form that was sent so has each name and value that the state said, and no other one."""
        pairs = parse_qsl(text, keep_blank_values=True)
        if len(pairs) != (text.count("&") + 1 if text else 0):
            return False
        left, places = list(self.fields or ()), self._places_in_picture()
        sent: list[FormField] = []
        for name, value in pairs:
            if name in places and value.isdigit() and len(value) < 5:
                places.remove(name)
                sent += [one for one in left if one.input_type == SUBMITTER]
                continue
            field = next((one for one in left if one.name == name and self._is_of(one, value)), None)
            if field is None:
                return False
            sent.append(field)
            if field.input_type != "select":
                left.remove(field)
        return all(one in sent or not self._has_to_be_sent(one) for one in left)

    def _places_in_picture(self) -> set[str]:
        """Names by which a picture that sends the form says where it was clicked."""
        if not self.is_by_picture:
            return set()
        button = next((f"{one.name}." for one in self.fields or () if one.input_type == SUBMITTER), "")
        return {f"{button}x", f"{button}y"}

    def _has_to_be_sent(self, field: FormField) -> bool:
        return bool(field.value) and not (field.input_type in CHOICES and field.name in self.chosen)

    def _is_of(self, field: FormField, value: str) -> bool:
        if field.is_token or MARK.search(field.value):
            return True
        if field.input_type in CHOICES and field.name in self.chosen:
            return True
        told = field.value.replace("\r\n", "\n").strip()
        wanted = value.replace("\r\n", "\n").strip()
        return wanted == told or (field.input_type == "select" and wanted in told.split(","))


def announced_by(state: State, action: Action) -> tuple[Announced, ...]:
    """What a state says that an action asks for: what a link leads to, where a form goes and with what."""
    aim = aim_of(state, action)
    if aim.form is not None:
        # A file that is chosen sends its form only where a script does so.
        is_own = not aim.form.is_scripted and action.kind is not ActionKind.UPLOAD
        return (_announced_form(state, aim.form, action),) if is_own else ()
    return () if aim.destination is None else (Announced("GET", aim.destination),)


def _announced_form(state: State, form: Form, action: Action) -> Announced:
    """With the name of its button, and with what the action fills in."""
    sent = form.sent_by(form.submit_ref or "") or form
    filled = {field.name: field.value for field in action.fields}
    fields = tuple(replace(field, value=filled.get(field.name, field.value)) for field in sent.fields)
    button = state.element(form.submit_ref or "")
    is_by_picture = button is not None and button.input_type == "image"
    return Announced(form.method, form.action_url, fields, frozenset(filled), is_by_picture)


class Hold:
    """Of one browser context: what its pages ask for is held while an action is done, and at rest after it."""

    def __init__(
        self,
        context: BrowserContext,
        *,
        on_held: Callable[[Request], None] = lambda request: None,
        is_past_watched: bool = False,
    ) -> None:
        """`on_held` is told of each request that does not leave. `is_past_watched`: take_past() knows something."""
        self._context = context
        self._on_held = on_held
        self._is_past_watched = is_past_watched
        self._is_listening = False
        self._page: Page | None = None
        self._page_url = ""
        self._routed: dict[Page, list[Heard]] = {}
        """Pages that were acted on, each with what is listened to."""
        self._opened: dict[Page, CDPSession] = {}
        """Windows that they opened."""
        self._announced: tuple[Announced, ...] = ()
        self._judge: RequestJudge | None = None
        self._later: RequestJudge | None = None
        self._used: set[Announced] = set()
        """Writes that were announced and have been asked for: once."""
        self._passed: set[Request] = set()
        """What has been let through: the user's own handlers come next, and then this one again."""
        self._others: list[Page] = []
        """Pages of the same context that the page has nothing to do with."""
        self._judging = Pauses()
        self._has_left = False
        """Another document is there: what it shows itself with is no part of the action."""
        self._has_opened = False
        """A page that was acted on has opened a window, which may not say so itself."""
        self._is_at_rest = False
        self._stopped: Counter[tuple[str, str]] = Counter()
        """Method and address of each request that came by here."""
        self._sent: dict[str, tuple[float, str, str]] = {}
        """When, method and address, by the protocol's name: what else the browser says that a page sends."""
        self.is_lifted = False
        """Nothing is held until the next action."""
        self.held: list[NetworkEvent] = []
        self.unheld: list[str] = []
        """What the action may do, or did, beyond what can be held."""

    @contextlib.asynccontextmanager
    async def during(
        self, page: Page, cdp: CDPSession, announced: tuple[Announced, ...], judge: RequestJudge | None
    ) -> AsyncIterator[None]:
        """For one action alone, as begin() has it."""
        await self.begin(page, cdp, announced, judge)
        try:
            yield
        finally:
            await self.end()

    async def begin(
        self,
        page: Page,
        cdp: CDPSession,
        announced: tuple[Announced, ...],
        judge: RequestJudge | None,
        *,
        later: RequestJudge | None = None,
    ) -> None:
        """An action on a page is done from now on. `cdp`: of the page, with the domain Page enabled.

        `judge` is asked about each request that was not announced, which waits meanwhile; None: none of them leaves.
        `later`: about what the next document shows itself with, and what comes after rest().
        """
        self._page, self._page_url, self._announced, self._judge = page, page.url, announced, judge
        self._later = later
        self.held, self.unheld = [], [f"service worker {worker.url}" for worker in self._context.service_workers]
        self._used, self._passed = set(), set()
        self._has_left = self._has_opened = self._is_at_rest = self.is_lifted = False
        if not self._is_listening:
            self._is_listening = True
            for name, heard in self._of_context:
                self._context.on(name, heard)
            await self._context.route("**/*", self._on_route)
        if page not in self._routed:
            if page in self._opened:
                await self._opened.pop(page).detach()
            self._routed[page] = self._of_page(page, cdp)
            if self._is_past_watched:
                await cdp.send("Network.enable")
                discovered = {"discover": True, "filter": [{"type": kind} for kind in UNSTOPPED]}
                await cdp.send("Target.setDiscoverTargets", discovered)  # those there are come meanwhile
            for source, name, heard in self._routed[page]:
                source.on(name, heard)
            # Of the page, too: its handlers come before those of its context, and the last one first.
            await page.route("**/*", self._on_route)
        self._others = await self._unrelated()

    def rest(self) -> None:
        """The action is done; what its pages put off is judged as it was, and nothing is announced any more."""
        self._announced, self._judge, self._is_at_rest = (), self._later, True

    async def end(self) -> None:
        await self.all_judged()
        for name, heard in self._of_context:
            self._context.remove_listener(name, heard)
        self._is_listening = False
        routed, self._routed = self._routed, {}
        for source, name, heard in chain.from_iterable(routed.values()):
            source.remove_listener(name, heard)
        with contextlib.suppress(PlaywrightError, TimeoutError):  # the browser is gone, and with it all requests
            async with asyncio.timeout(END_LIMIT_S):
                for page in routed:
                    await page.unroute("**/*", self._on_route)
                await self._context.unroute("**/*", self._on_route)

    @property
    def _of_context(self) -> tuple[tuple[Any, Any], ...]:
        return ("request", self._on_request), ("page", self._on_page)

    def _of_page(self, page: Page, cdp: CDPSession) -> list[Heard]:
        heard: list[Heard] = [
            (page, "websocket", self._on_socket),
            (page, "close", self._on_close),
            (cdp, "Page.frameNavigated", partial(self._on_navigated, page)),
            (cdp, "Page.windowOpen", self._on_window),
        ]
        if self._is_past_watched:
            heard += [*self._past_of(page, cdp), (cdp, "Target.targetCreated", self._on_unstopped)]
        return heard

    def _past_of(self, page: Page, cdp: CDPSession) -> list[Heard]:
        return [
            (cdp, "Network.requestWillBeSent", partial(self._on_sent, page)),
            (cdp, "Network.requestServedFromCache", self._on_kept),
            (cdp, "Network.loadingFailed", self._on_failed),
        ]

    @property
    def is_judging(self) -> bool:
        return self._judging.is_on

    @property
    def judged_s(self) -> float:
        """How long the judge has been waited for so far."""
        return self._judging.seconds

    async def all_judged(self) -> bool:
        """Wait for the judge; whether it was asked still."""
        was_judging = self.is_judging
        while self.is_judging:
            await asyncio.sleep(PAUSE_S)
        return was_judging

    async def _unrelated(self) -> list[Page]:
        """Pages that were not opened by each other cannot speak by each other's windows."""
        families = {page: await _opener_of(page) for page in self._context.pages}
        family: set[Page] = set() if self._page is None else {self._page}
        is_growing = True
        while is_growing:
            more = {page for page, opener in families.items() if page in family or opener in family}
            more |= {opener for page, opener in families.items() if page in family and opener is not None}
            is_growing, family = not more <= family, family | more
        return [page for page in families if page not in family]

    def _is_of_another(self, request: Request) -> bool:
        try:
            return request.frame.page in self._others
        except PlaywrightError:
            return False  # a document that is asked for, or a service worker

    def _is_unannounced(self, request: Request) -> bool:
        if not self._says_something(request.method, request.url):
            return False
        if self._is_shown_with(request) and not carries_data(request.url):
            return False
        return not any(one.is_for(request) for one in self._announced if one not in self._used)

    def _says_something(self, method: str, url: str) -> bool:
        """It writes, or leaves the site."""
        is_read = method in READING and not is_cross_site(url, self._page_url)
        return parse_address(url).scheme in {"http", "https"} and not is_read

    def _is_of_new_document(self, request: Request) -> bool:
        try:
            return self._has_left or request.frame.page != self._page
        except PlaywrightError:
            return self._has_left  # a document that is asked for, or a service worker

    def _is_shown_with(self, request: Request) -> bool:
        """What another document than that of the action shows itself with."""
        is_furniture = request.method in READING and request.resource_type in FURNITURE
        return is_furniture and self._is_of_new_document(request)

    async def _on_route(self, route: Route, request: Request) -> None:
        if self._says_something(request.method, request.url):
            self._stopped[request.method, request.url] += 1
        is_free = self.is_lifted or request in self._passed or self._is_of_another(request)
        if is_free or not self._is_unannounced(request):
            if request.method not in READING:
                self._used |= {one for one in self._announced if one.is_for(request)}
            self._passed.add(request)
            await route.fallback()
            return
        body = request.post_data_buffer or b""
        event = NetworkEvent(
            method=request.method,
            url=request.url,
            resource_type=request.resource_type,
            status=None,
            is_cross_site=is_cross_site(request.url, self._page_url),
            body_bytes=len(body),
        )
        is_later = self._later is not None and self._is_shown_with(request)
        if await self._is_let_through(self._later if is_later else self._judge, event, body):
            self._passed.add(request)
            await route.fallback()
            return
        self._on_held(request)
        if not is_later:  # the action is done without it
            self.held.append(event)
        await route.abort("aborted")  # the page stays where a navigation is aborted so

    async def _is_let_through(self, judge: RequestJudge | None, event: NetworkEvent, body: bytes) -> bool:
        if judge is None:
            return False
        with self._judging.waiting():
            return await judge(event, body)

    async def _on_page(self, page: Page) -> None:
        """One that nothing here has opened is another's; while an action is done it may be the action's."""
        if self._is_at_rest and not self._has_opened and await _opener_of(page) is None:
            self._others.append(page)
        elif self._is_past_watched:
            with contextlib.suppress(PlaywrightError):  # it is closed meanwhile
                self._opened[page] = await self._context.new_cdp_session(page)
                for source, name, heard in self._past_of(page, self._opened[page]):
                    source.on(name, heard)
                await self._opened[page].send("Network.enable")

    def _on_close(self, page: Page) -> None:
        self._routed.pop(page, None)

    def _on_window(self, _: dict[str, Any]) -> None:
        self._has_opened = True

    def _on_request(self, request: Request) -> None:
        if self.is_lifted or request.redirected_from is None or self._is_of_another(request):
            return
        if self._is_unannounced(request):
            self.unheld.append(f"answer that leads to {request.method} {request.url}")

    def _on_sent(self, page: Page, event: dict[str, Any]) -> None:
        method, url = event["request"]["method"], event["request"]["url"]
        # What the browser asks before a request that waits here is answered here, too.
        is_led = "redirectResponse" in event or event["initiator"]["type"] == "preflight"
        is_new = self._has_left or page != self._page
        is_shown_with = is_new and method in READING and not carries_data(url)
        if not self.is_lifted and not is_led and not is_shown_with and self._says_something(method, url):
            self._sent[event["requestId"]] = (time.monotonic(), method, url)

    def _on_kept(self, event: dict[str, Any]) -> None:
        self._sent.pop(event["requestId"], None)

    def _on_failed(self, event: dict[str, Any]) -> None:
        if event.get("blockedReason"):
            self._sent.pop(event["requestId"], None)

    def take_past(self) -> tuple[str, ...]:
        """Requests that the browser did not stop at, and workers that it lets send; each is told once."""
        past, now = [], time.monotonic()
        for name, (when, method, url) in list(self._sent.items()):
            if self._stopped[method, url] > 0:
                self._stopped[method, url] -= 1
            elif now - when < PAST_S:
                continue
            else:
                past.append(f"{method} {url}")
            del self._sent[name]
        return tuple(past)

    def _on_unstopped(self, event: dict[str, Any]) -> None:
        info = event["targetInfo"]
        if not self.is_lifted and not self._has_left:
            self._sent[info["targetId"]] = (0.0, "whatever", f"its {UNSTOPPED[info['type']]} {info['url']} asks for")

    def _on_socket(self, socket: WebSocket) -> None:
        self.unheld.append(f"socket to {socket.url}")

    def _on_navigated(self, page: Page, event: dict[str, Any]) -> None:
        if "parentId" not in event["frame"] and page == self._page:
            self._has_left = True
            if site_of(event["frame"]["url"]):
                self._page_url = event["frame"]["url"]


async def within(work: Coroutine[Any, Any, Result], limit_s: float, hold: Hold | None) -> Result:
    """What the work returns; raises TimeoutError when it takes longer. What the judge takes does not count."""
    acting, started = asyncio.ensure_future(work), time.monotonic()
    try:
        while not acting.done():
            left_s = limit_s - (time.monotonic() - started - (0.0 if hold is None else hold.judged_s))
            if left_s <= 0:
                raise TimeoutError
            await asyncio.wait({acting}, timeout=left_s)
        return acting.result()
    finally:
        if not acting.done():
            acting.cancel()
            await asyncio.wait({acting}, timeout=2 * END_LIMIT_S)


async def _opener_of(page: Page) -> Page | None:
    with contextlib.suppress(PlaywrightError):  # it is closed meanwhile
        return await page.opener()
    return None
