"""Holding back, while an action is done, what was not announced before: writes, and requests to other sites.

What cannot be held is told: what a service worker asks for, sockets, and where a server's answer leads to.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from playwright.async_api import BrowserContext, CDPSession, Page, Request, Route, WebSocket
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import is_cross_site, parse_address
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.network import FURNITURE

READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Announced:
    """A request that is known before: its method, and its address without query."""

    method: str
    url: str

    def is_for(self, request: Request) -> bool:
        here, there = parse_address(self.url), parse_address(request.url)
        is_same = (here.scheme, here.host, here.port, here.path or "/") == (
            *(there.scheme, there.host, there.port, there.path or "/"),
        )
        return is_same and request.method == self.method


def announced_by(state: State, action: Action) -> tuple[Announced, ...]:
    """What a state says that an action asks for: what a link leads to, where a form goes."""
    if action.kind is ActionKind.GOTO:
        return (Announced("GET", parse_address(action.value or "", state.url).href),)
    ref = action.target_ref or ""
    form = state.form(ref) if action.kind is ActionKind.SUBMIT else state.form_sent_by(ref)
    if action.kind is ActionKind.PRESS and action.value == "Enter" and form is None:
        element = state.element(ref)
        form = None if element is None or element.form_ref is None else state.form(element.form_ref)
    if form is not None and not form.is_scripted:
        return (Announced(form.method, form.action_url),)
    element = state.element(ref)
    if action.kind is ActionKind.CLICK and element is not None and element.href is not None:
        return (Announced("GET", element.href),)
    return ()


class Hold:
    """For one action: an asynchronous context around it and the look at what it led to."""

    def __init__(
        self,
        context: BrowserContext,
        page: Page,
        cdp: CDPSession,
        announced: tuple[Announced, ...],
        *,
        on_held: Callable[[Request], None] = lambda request: None,
        judge: RequestJudge | None = None,
    ) -> None:
        """`cdp`: of the page, with the domain Page enabled. `on_held` is told of each request that does not leave.

        `judge` is asked about each that was not announced, which waits meanwhile; None: none of them leaves.
        """
        self._context = context
        self._page = page
        self._cdp = cdp
        self._announced = announced
        self._on_held = on_held
        self._judge = judge
        self._page_url = page.url
        self._has_left = False
        """Another document is there: what it shows itself with is no part of the action."""
        self.held: list[NetworkEvent] = []
        self.unheld: list[str] = [f"service worker {worker.url}" for worker in context.service_workers]
        """What the action may do, or did, beyond what can be held."""

    async def __aenter__(self) -> Self:
        self._context.on("request", self._on_request)
        self._page.on("websocket", self._on_socket)
        self._cdp.on("Page.frameNavigated", self._on_navigated)
        await self._context.route("**/*", self._on_route)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._context.remove_listener("request", self._on_request)
        self._page.remove_listener("websocket", self._on_socket)
        self._cdp.remove_listener("Page.frameNavigated", self._on_navigated)
        with contextlib.suppress(PlaywrightError):  # the browser is gone, and with it all requests
            await self._context.unroute("**/*", self._on_route)

    def _is_unannounced(self, request: Request) -> bool:
        if parse_address(request.url).scheme not in {"http", "https"}:
            return False
        if request.method in READING and not is_cross_site(request.url, self._page_url):
            return False
        if request.method in READING and request.resource_type in FURNITURE and self._is_of_new_document(request):
            return False
        return not any(one.is_for(request) for one in self._announced)

    def _is_of_new_document(self, request: Request) -> bool:
        try:
            return self._has_left or request.frame.page is not self._page
        except PlaywrightError:
            return self._has_left  # a document that is asked for, or a service worker

    async def _on_route(self, route: Route, request: Request) -> None:
        if not self._is_unannounced(request):
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
        if self._judge is not None and await self._judge(event, body):
            await route.fallback()
            return
        self._on_held(request)
        self.held.append(event)
        await route.abort("aborted")  # the page stays where a navigation is aborted so

    def _on_request(self, request: Request) -> None:
        if request.redirected_from is not None and self._is_unannounced(request):
            self.unheld.append(f"answer that leads to {request.method} {request.url}")

    def _on_socket(self, socket: WebSocket) -> None:
        self.unheld.append(f"socket to {socket.url}")

    def _on_navigated(self, event: dict[str, Any]) -> None:
        self._has_left = self._has_left or "parentId" not in event["frame"]
