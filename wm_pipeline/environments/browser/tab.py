"""One browser context with one page, and everything that listens to it. Replaced as a whole when it breaks."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Self

from playwright.async_api import Browser, BrowserContext, CDPSession, Cookie, Frame, Page, Worker
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


class Tab:
    """The page that an episode happens in; windows it opens are recorded and closed."""

    def __init__(self, context: BrowserContext, page: Page, cdp: CDPSession, observer: PageObserver) -> None:
        self.context = context
        self.page = page
        self.cdp = cdp
        self.observer = observer
        self.log = NetworkLog(context)
        self.has_used_workers = False
        """A service worker ran: the context is not used for another episode."""
        self.cookies: Sequence[Cookie] | None = None
        """As they were when the page was last looked at; None where it was not, or where it may have set some since."""
        self._dialogs: list[Dialog] = []
        self._popups_announced = 0
        self._popups_opened = 0
        self._popups_closing: set[asyncio.Task[None]] = set()
        page.on("framenavigated", self._on_document)
        page.on("dialog", self._on_dialog)
        page.on("download", self.log.on_download)
        cdp.on("Page.windowOpen", self._on_window_open)
        context.on("page", self._on_popup)
        context.on("serviceworker", self._on_worker)

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
        channel = new_channel()
        await context.add_init_script(hooks_script(channel))
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        await cdp.send("Page.enable")
        observer = PageObserver(page, cdp, channel, is_watched=True, redactor=redactor)
        await observer.world.be_ready_early()
        return cls(context, page, cdp, observer)

    async def finish_popups(self) -> None:
        """Wait until every window that was announced has opened and is closed again."""
        deadline = time.perf_counter() + POPUP_LIMIT_S
        while self._popups_opened < self._popups_announced and time.perf_counter() < deadline:
            await asyncio.sleep(0.005)
        self._popups_opened = self._popups_announced
        if self._popups_closing:
            await asyncio.gather(*self._popups_closing)

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

    def _on_document(self, frame: Frame) -> None:
        self.log.arrivals += frame is self.page.main_frame
        self.log.on_document(frame)

    def _on_worker(self, _: Worker) -> None:
        self.has_used_workers = True

    def _on_window_open(self, event: dict[str, Any]) -> None:
        # The browser says so at once; the page that Playwright hands out comes when its document does.
        self._popups_announced += 1
        self._dialogs.append(Dialog("popup", str(event["url"])))

    def _on_popup(self, popup: Page) -> None:
        popup.on("dialog", self._on_dialog)
        popup.on("download", self.log.on_download)
        self._popups_opened += 1
        task = asyncio.ensure_future(_close_popup(popup))
        self._popups_closing.add(task)
        task.add_done_callback(self._popups_closing.discard)

    async def _on_dialog(self, dialog: PlaywrightDialog) -> None:
        """An alert is dismissed, everything that asks is accepted: the worst case an action can lead to."""
        self._dialogs.append(Dialog(dialog.type, dialog.message[:MAX_MESSAGE]))
        with contextlib.suppress(PlaywrightError):
            if dialog.type == "alert":
                await dialog.dismiss()
            else:
                await dialog.accept()


async def _close_popup(popup: Page) -> None:
    with contextlib.suppress(PlaywrightError):
        await popup.close()
