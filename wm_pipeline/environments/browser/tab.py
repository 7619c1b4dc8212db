"""One browser context with its windows, and everything that listens to it. Replaced as a whole when it breaks."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Cookie,
    Frame,
    Page,
    Worker,
)
from playwright.async_api import Dialog as PlaywrightDialog
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.delta import Dialog
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.environments.browser.network import NetworkLog
from wm_pipeline.environments.browser.observe import Happenings
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.world import hooks_script, new_channel

POPUP_LIMIT_S = 1.0
"""A window that was announced and does not open within this time was blocked."""
PICTURE_LIMIT_S = 2.0
"""A picture of what has failed is worth no more waiting: the step has had its time already."""
MAX_MESSAGE = 300
CLOSING_S = 0.05
MOST_WINDOWS = 6
"""Windows beyond these are closed as they open."""


@dataclass(slots=True)
class Window:
    """One page, and what is asked of it."""

    page: Page
    cdp: CDPSession
    observer: PageObserver
    first_entry: asyncio.Future[int] | None = None
    """Of its history: how far one can go back; None: to its beginning."""


class Tab:
    """What an episode happens in: a window, and those that it opens, the present one last."""

    def __init__(self, context: BrowserContext, channel: str, redactor: Redactor) -> None:
        self.context = context
        self.windows: list[Window] = []
        self.log = NetworkLog(context)
        self.has_used_workers = False
        """A service worker ran: the context is not used for another episode."""
        self.cookies: Sequence[Cookie] | None = None
        """As they were when the page was last looked at; None where it was not, or where it may have set some since."""
        self.choosers = 0
        """File choosers that were opened since somebody asked; none is shown."""
        self._channel = channel
        self._redactor = redactor
        self._dialogs: list[Dialog] = []
        self._popups_announced = 0
        self._popups_opened = 0
        self._popups_entering: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, browser: Browser, redactor: Redactor) -> Self:
        context = await browser.new_context(
            viewport={"width": 1280, "height": 720},
            locale="en-US",
            timezone_id="UTC",
            color_scheme="light",
            reduced_motion="reduce",
            accept_downloads=False,
            service_workers="allow",
        )
        tab = cls(context, new_channel(), redactor)
        await context.add_init_script(hooks_script(tab._channel))
        page = await context.new_page()
        tab._listen(page)
        tab.windows.append(await tab._window_of(page))
        context.on("page", tab._on_popup)
        context.on("serviceworker", tab._on_worker)
        return tab

    @property
    def page(self) -> Page:
        return self.windows[-1].page

    @property
    def cdp(self) -> CDPSession:
        return self.windows[-1].cdp

    @property
    def observer(self) -> PageObserver:
        return self.windows[-1].observer

    @property
    def other_addresses(self) -> tuple[str, ...]:
        return tuple(window.page.url for window in self.windows[:-1])

    async def finish_popups(self) -> None:
        """Wait until every window that was announced has opened."""
        deadline = time.perf_counter() + POPUP_LIMIT_S
        while self._popups_opened < self._popups_announced and time.perf_counter() < deadline:
            await asyncio.sleep(0.005)
        self._popups_opened = self._popups_announced
        if self._popups_entering:
            await asyncio.gather(*self._popups_entering)
        if len(self.windows) > 1 and self.page.url in {"", "about:blank"} and self.log.has_downloads:
            # It was opened for the file alone.
            await self._close_present()

    async def close_others(self) -> None:
        """Only the first window is left."""
        await self.finish_popups()
        for window in self.windows[1:]:
            with contextlib.suppress(PlaywrightError):
                await window.page.close()
        del self.windows[1:]

    def is_left(self, page: Page) -> bool:
        """Whether a page has been closed and another window is the present one."""
        return page.is_closed() and not self.page.is_closed()

    async def is_left_soon(self, page: Page) -> bool:
        """Whether it is, of a page that has just given an error: that it was closed may be told after that."""
        if not page.is_closed() and len(self.windows) > 1:
            await asyncio.sleep(CLOSING_S)
        return self.is_left(page)

    # --- going back -------------------------------------------------------------------------------------------------

    def begin_history(self) -> None:
        """What the present page has been before is no part of the episode."""
        window = self.windows[-1]
        window.first_entry = asyncio.ensure_future(self._present_entry(window))
        window.first_entry.add_done_callback(lambda asked: asked.cancelled() or asked.exception())

    async def go_back(self) -> bool:
        """As the browser does; False when there is nothing to go back to. A window that has nothing is closed."""
        window = self.windows[-1]
        first = 0 if window.first_entry is None else await window.first_entry
        if await self._present_entry(window) > first:
            await window.page.go_back(wait_until="commit")
            return True
        if len(self.windows) == 1:
            return False
        await self._close_present()
        return True

    async def _close_present(self) -> None:
        page = self.page
        with contextlib.suppress(PlaywrightError):
            await page.close()
        self._leave_window(page)

    async def _present_entry(self, window: Window) -> int:
        return int((await window.cdp.send("Page.getNavigationHistory"))["currentIndex"])

    def take_happenings(self) -> Happenings:
        """What happened since the last call; it is forgotten here."""
        happenings = Happenings(self.log.take(), self.log.take_downloads(), tuple(self._dialogs))
        self._dialogs.clear()
        return happenings

    @property
    def is_crashed(self) -> bool:
        return self.observer.is_crashed

    def forget(self) -> None:
        """Drop what happened so far, requests under way included."""
        self.take_happenings()
        self.log.forget()

    async def load(self, url: str, *, wait_until: Literal["commit", "load"] = "load") -> None:
        """The document of an address, anew: to a place in the present one the browser would go without loading it."""
        if "#" in url and self.page.url.partition("#")[0] == url.partition("#")[0]:
            await self.page.goto("about:blank")
            self.forget()
        await self.page.goto(url, wait_until=wait_until)

    async def leave(self, *, limit_s: float) -> None:
        """To an empty page, the old one silenced: it sends nothing for being left, and what is under way arrives."""
        await self.observer.silence()
        await self.page.goto("about:blank")
        await self.log.wait_idle(limit_s)

    async def last_picture(self) -> bytes | None:
        """The page that an action has failed on; a script that never ends is ended for it. None: it crashed."""
        if self.is_crashed or self.page.is_closed():
            return None
        try:
            async with asyncio.timeout(PICTURE_LIMIT_S):
                await self.cdp.send("Runtime.terminateExecution")
                # Not page.screenshot(), which waits for fonts and runs scripts of its own in the page.
                answer = await self.cdp.send("Page.captureScreenshot")
        except (PlaywrightError, TimeoutError):
            return None
        return base64.b64decode(answer["data"])

    async def clear_origin(self, origin: str, kinds: str = "all") -> None:
        await self.cdp.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": kinds})

    # --- what the browser reports -----------------------------------------------------------------------------------

    def _listen(self, page: Page) -> None:
        page.on("framenavigated", self._on_document)
        page.on("dialog", self._on_dialog)
        page.on("download", self.log.on_download)
        page.on("close", self._leave_window)

    async def _window_of(self, page: Page) -> Window:
        cdp = await self.context.new_cdp_session(page)
        cdp.on("Page.windowOpen", self._on_window_open)
        cdp.on("Page.fileChooserOpened", self._on_chooser)
        await cdp.send("Page.enable")
        await cdp.send("Page.setInterceptFileChooserDialog", {"enabled": True})
        observer = PageObserver(page, cdp, self._channel, is_watched=True, redactor=self._redactor)
        await observer.world.be_ready_early()
        return Window(page, cdp, observer)

    def _on_document(self, frame: Frame) -> None:
        self.log.arrivals += frame is self.page.main_frame
        self.log.on_document(frame)
        for window in self.windows[:-1]:
            # A window with a name that is there already: the browser announces it and opens none.
            if frame is window.page.main_frame and self._popups_opened < self._popups_announced:
                self._popups_opened += 1
                self.windows.remove(window)
                self.windows.append(window)
                self.log.arrivals += 1

    def _on_chooser(self, _: dict[str, Any]) -> None:
        self.choosers += 1

    def _on_worker(self, _: Worker) -> None:
        self.has_used_workers = True

    def _on_window_open(self, event: dict[str, Any]) -> None:
        # The browser says so at once; the page that Playwright hands out comes when its document does.
        self._popups_announced += 1
        self._dialogs.append(Dialog("popup", str(event["url"])))

    def _on_popup(self, popup: Page) -> None:
        self._popups_opened += 1
        self._listen(popup)
        self._soon(self._enter(popup))

    async def _enter(self, popup: Page) -> None:
        if len(self.windows) + len(self._popups_entering) > MOST_WINDOWS:
            await popup.close()
            return
        window = await self._window_of(popup)
        if not popup.is_closed():
            self.windows.append(window)
            self.log.arrivals += 1

    def _leave_window(self, page: Page) -> None:
        """A window that is closed leads back to the one that was there before it; the last one stays."""
        left = [window for window in self.windows if window.page is not page]
        if left and len(left) < len(self.windows):
            self.windows = left
            self.log.arrivals += 1

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        async def unless_closed() -> None:
            with contextlib.suppress(PlaywrightError):
                await work

        task = asyncio.ensure_future(unless_closed())
        self._popups_entering.add(task)
        task.add_done_callback(self._popups_entering.discard)

    async def _on_dialog(self, dialog: PlaywrightDialog) -> None:
        """An alert is dismissed, everything that asks is accepted: the worst case an action can lead to."""
        self._dialogs.append(Dialog(dialog.type, dialog.message[:MAX_MESSAGE]))
        with contextlib.suppress(PlaywrightError):
            if dialog.type == "alert":
                await dialog.dismiss()
            else:
                await dialog.accept()
