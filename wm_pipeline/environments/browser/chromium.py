"""Which Chromium is used, where it is found, and how it is started."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil
from playwright.async_api import Browser, Playwright
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.errors import BrowserError
from wm_pipeline.domain.scratch import scratch_folder
from wm_pipeline.environments.browser.isolation import wall_flags

VARIABLE = "WM_CHROMIUM"
"""The environment variable that names a browser; read by the command line, which hands its value on."""

_ASKED_FOR_S = 5.0
_LAUNCHES = 3
"""Tries to start a browser."""
INSTALL_COMMAND = "apt-get install -y --no-install-recommends chromium-headless-shell"


class ChromiumKind(StrEnum):
    CONFIGURED = "configured"
    HEADLESS_SHELL = "headless_shell"
    """About four times cheaper a page than the full browser: the first choice."""
    FULL = "full"
    PLAYWRIGHT = "playwright"
    """Downloaded by `playwright install`."""


@dataclass(frozen=True, slots=True)
class ChromiumBinary:
    path: Path
    kind: ChromiumKind


SYSTEM_BINARIES = (
    ChromiumBinary(Path("/usr/bin/chromium-headless-shell"), ChromiumKind.HEADLESS_SHELL),
    ChromiumBinary(Path("/usr/bin/chromium"), ChromiumKind.FULL),
)


def find_chromium(
    configured: str | None,
    *,
    system: tuple[ChromiumBinary, ...] = SYSTEM_BINARIES,
    playwright_cache: Path | None = None,
) -> ChromiumBinary:
    """The browser to use: the configured one, Debian's headless shell, Debian's Chromium, then Playwright's own.

    A configured path that is not a file is an error rather than a reason to look further.
    """
    if configured:
        path = Path(configured)
        if not path.is_file():
            raise BrowserError(f"{VARIABLE} names {configured!r}, which is not a file; correct it or unset it")
        return ChromiumBinary(path, ChromiumKind.CONFIGURED)
    for binary in system:
        if binary.path.is_file():
            return binary
    cache = playwright_cache or Path.home() / ".cache" / "ms-playwright"
    downloaded = [*cache.glob("chromium_headless_shell-*/*/*headless*shell"), *cache.glob("chromium-*/*/chrome")]
    for path in sorted(downloaded, reverse=True):
        if path.is_file():
            return ChromiumBinary(path, ChromiumKind.PLAYWRIGHT)
    raise BrowserError(
        f"no Chromium was found; install one with `{INSTALL_COMMAND}`, or set {VARIABLE} to the path of a browser"
    )


async def process_of(browser: Browser) -> psutil.Process | None:
    """The browser's main process; None where it does not say which it is, or is gone."""
    try:
        async with asyncio.timeout(_ASKED_FOR_S):
            session = await browser.new_browser_cdp_session()
            answer = await session.send("SystemInfo.getProcessInfo")
        (pid,) = (one["id"] for one in answer["processInfo"] if one["type"] == "browser")
        return psutil.Process(int(pid))
    except (PlaywrightError, TimeoutError, KeyError, ValueError, psutil.NoSuchProcess):
        return None


def kill_with_children(process: psutil.Process) -> None:
    """End a browser and all its processes, whatever state they are in; nothing happens to one that has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


_SHARED = contextlib.ExitStack()
_USERS: list[Path] = []


@contextlib.contextmanager
def profiles_of_browsers() -> Iterator[Path]:
    """Where Playwright puts the profiles of this process's browsers: one folder, gone with the last of them.

    One, as Playwright takes its place from the environment, which browsers that start at once share.
    """
    _USERS.append(_USERS[0] if _USERS else _SHARED.enter_context(scratch_folder("browser")))
    try:
        yield _USERS[0]
    finally:
        _USERS.pop()
        if not _USERS:
            _SHARED.close()


async def launch_browser(playwright: Playwright, binary: ChromiumBinary, port: int) -> Browser:
    """Behind the wall, with the server at `port` as the only thing it can reach. Raises BrowserError.

    One that ends while it starts is started again: a machine that has just killed a process may kill another.
    """
    for _ in range(_LAUNCHES - 1):
        with contextlib.suppress(BrowserError):
            return await _launch_once(playwright, binary, port)
        await asyncio.sleep(1)
    return await _launch_once(playwright, binary, port)


async def _launch_once(playwright: Playwright, binary: ChromiumBinary, port: int) -> Browser:
    try:
        return await playwright.chromium.launch(
            executable_path=binary.path,
            args=[*wall_flags(port), "--disable-gpu"],
            chromium_sandbox=False,
            # Signals are for the process that started us: it closes browsers in order.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except PlaywrightError as error:
        first_line = error.message.splitlines()[0] if error.message else "no reason given"
        raise BrowserError(f"{binary.path} does not start: {first_line}") from error
