"""Documents that others recorded, shown in a browser behind the wall and looked at by the one observer there is.

Each is served from memory under the address it had; nothing is fetched, and none of its scripts runs.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from playwright.async_api import Browser, Locator, Page, Playwright, Route, async_playwright
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.errors import BrowserError, WorldError
from wm_pipeline.domain.scratch import temporary_files_in
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.environments.browser.any_page import Session
from wm_pipeline.environments.browser.chromium import ChromiumBinary, launch_browser, profiles_of_browsers

NOWHERE_PORT = 9
"""Of the server that the wall would lead to; every request is answered before it."""
LOAD_LIMIT_MS = 10_000
POLICY = "default-src 'none'; style-src * 'unsafe-inline' data:; frame-src * data:; base-uri *; form-action 'none'"
TARGET = "[__playwright_target__]"
_RESTORE = """() => {
  const all = [];
  const collect = (root) => {
    for (const node of root.querySelectorAll("*")) {
      all.push(node);
      if (node.shadowRoot) collect(node.shadowRoot);
    }
  };
  collect(document);
  const told = (node, name) => {
    const value = node.getAttribute(`__playwright_${name}`);
    node.removeAttribute(`__playwright_${name}`);
    return value;
  };
  const scrolled = [];
  for (const node of all) {
    const [value, checked, selected] = ["value_", "checked_", "selected_"].map((name) => told(node, name));
    const isInput = node.tagName === "INPUT" && !["file", "checkbox", "radio"].includes(node.type);
    const isText = isInput || node.tagName === "TEXTAREA";
    if (value !== null && isText && node.value !== value) node.value = value;
    if (checked !== null) node.checked = checked === "true";
    if (selected !== null && node.selected !== (selected === "true")) node.selected = selected === "true";
    const dialog = told(node, "dialog_open_"), popover = told(node, "popover_open_");
    if (dialog !== null && node.tagName === "DIALOG") {
      node.removeAttribute("open");
      try { dialog === "modal" ? node.showModal() : node.show(); } catch { /* it is not shown */ }
    }
    if (popover !== null) try { node.showPopover(); } catch { /* it is not shown */ }
    const top = told(node, "scroll_top_"), left = told(node, "scroll_left_");
    if (top !== null || left !== null) scrolled.push([node, Number(top ?? 0), Number(left ?? 0)]);
  }
  for (const [node, top, left] of scrolled) [node.scrollTop, node.scrollLeft] = [top, left];
}"""
"""What a page's own script cannot be left to do: values that were typed, what was ticked, opened and scrolled."""
_LABEL = "(node, value) => [...(node.options ?? [])].find((one) => one.value === value)?.label ?? null"


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """A document, and what it is shown with."""

    url: str
    html: str
    frames: Mapping[str, str] = field(default_factory=dict)
    """HTML of its frames, by the addresses that the document has for them."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """Style sheets, by address."""


@dataclass(frozen=True, slots=True)
class RecordedLook:
    state: State
    target_ref: str | None
    """Of the element that is marked as acted on; None where none is."""
    chosen: str | None = None
    """How the option is called whose value was asked about."""


class RecordedPages:
    """One browser for many documents, each shown in a context of its own; it starts when the first is looked at."""

    def __init__(self, binary: ChromiumBinary) -> None:
        self._binary = binary
        self._started: tuple[Playwright, Browser] | None = None
        self._scratch = contextlib.ExitStack()

    async def close(self) -> None:
        if self._started is not None:
            playwright, browser = self._started
            with contextlib.suppress(PlaywrightError):
                await browser.close()
            await playwright.stop()
        self._scratch.close()

    async def _browser(self) -> Browser:
        """Raises BrowserError when it does not start."""
        if self._started is None:
            with temporary_files_in(self._scratch.enter_context(profiles_of_browsers())):
                playwright = await async_playwright().start()
            try:
                self._started = playwright, await launch_browser(playwright, self._binary, NOWHERE_PORT)
            except BrowserError:
                await playwright.stop()
                raise
        return self._started[1]

    async def look(
        self,
        session: Session,
        recorded: RecordedPage,
        *,
        network: tuple[NetworkEvent, ...] = (),
        is_acted_on: bool = True,
        option_value: str | None = None,
    ) -> RecordedLook:
        """The document as a state of this session, with the requests that were recorded.

        `is_acted_on`: the marked element is what an action is about, and a part of the state in any case. Raises
        WorldError when it cannot be shown or read.
        """
        browser = await self._browser()
        context = await browser.new_context(service_workers="block", accept_downloads=False)
        try:
            page = await context.new_page()
            await page.route("**/*", lambda route: _answer(route, recorded))
            await page.goto(recorded.url, timeout=LOAD_LIMIT_MS)
            if _without_fragment(page.url) != _without_fragment(recorded.url):
                raise WorldError(f"the recorded page {recorded.url[:200]} is led elsewhere when it is shown")
            for frame in page.frames:
                with contextlib.suppress(PlaywrightError):  # a frame of which nothing was recorded
                    await frame.evaluate(_RESTORE)
            target = await _target_in(page) if is_acted_on else None
            seen = await session.look(page, at=target)
            chosen = None
            if target is not None and option_value is not None:
                chosen = await target.evaluate(_LABEL, option_value)
        except PlaywrightError as error:
            reason = error.message.partition("\n")[0]
            raise WorldError(f"the recorded page {recorded.url[:200]} cannot be shown: {reason}") from error
        finally:
            await context.close()
        # Which scripts listened was not recorded; what listens here is Playwright's own.
        elements = tuple(replace(one, handled_by=None) for one in seen.state.elements)
        state = replace(seen.state, elements=elements, network=session.redactor.events(network))
        return RecordedLook(state, seen.element_ref, chosen)


async def _answer(route: Route, recorded: RecordedPage) -> None:
    """The document, its frames and styles from memory; anything else is not there."""
    url, kind = route.request.url, route.request.resource_type
    headers = {"Content-Security-Policy": POLICY, "Access-Control-Allow-Origin": "*"}
    text = None
    if kind == "document":
        is_frame = route.request.frame.parent_frame is not None
        is_page = not is_frame and _without_fragment(url) == _without_fragment(recorded.url)
        text = recorded.html if is_page else recorded.frames.get(url) if is_frame else None
        headers["Content-Type"] = "text/html; charset=utf-8"
    elif kind == "stylesheet":
        text = recorded.styles.get(url)
        headers["Content-Type"] = "text/css; charset=utf-8"
    if text is None and kind == "document":
        await route.fulfill(status=204)  # what is shown stays; an abort would show the browser's own page
    elif text is None:
        await route.abort()
    else:
        await route.fulfill(status=200, headers=headers, body=text)


def _without_fragment(url: str) -> str:
    return parse_address(url).href.partition("#")[0]


async def _target_in(page: Page) -> Locator | None:
    for frame in page.frames:
        with contextlib.suppress(PlaywrightError):
            target = frame.locator(TARGET)
            if await target.count():
                return target.first
    return None
