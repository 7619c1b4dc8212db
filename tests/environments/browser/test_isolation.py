"""Nothing that a page or an agent does leaves the machine, and the test would notice if it did."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from tests.fakes.page_site import BrowserWorld, PageSite, ref_of
from tests.fakes.sink import Sink
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.chromium import SYSTEM_BINARIES, ChromiumBinary, find_chromium
from wm_pipeline.environments.browser.isolation import check_address


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def wait_for_stragglers() -> None:
    """Workers, service workers and peers connect late."""
    time.sleep(1.5)


every_browser = pytest.mark.parametrize(
    "binary",
    [
        pytest.param(one, marks=pytest.mark.skipif(not one.path.is_file(), reason=f"{one.path} is not installed"))
        for one in SYSTEM_BINARIES
    ],
    ids=[one.kind.value for one in SYSTEM_BINARIES],
)


@pytest.mark.browser
@pytest.mark.slow
@every_browser
def test_no_way_out_of_a_page_reaches_the_outside(sink: Sink, binary: ChromiumBinary) -> None:
    world = BrowserWorld(site=PageSite({"SINKPORT": str(sink.port)}), binary=binary)
    try:
        state = world.open("escape.html")
        assert "32 scripted ways tried" in [block.text for block in state.texts]
        wait_for_stragglers()
        for name in ("Popup", "Take", "Leave", "Blank form", "Blank link", "Refresh", "Mail"):
            world.act(Action(ActionKind.CLICK, ref_of(state, name)))
            wait_for_stragglers()
            state = world.open("escape.html")
        world.act(Action(ActionKind.RUN_SCRIPT, value=f"location.href = 'http://127.0.0.1:{sink.port}/script'"))
        world.act(NOOP)
        wait_for_stragglers()
    finally:
        world.close()

    assert sink.seen == []


@pytest.mark.browser
@pytest.mark.slow
def test_without_the_wall_the_same_page_does_reach_the_outside(sink: Sink) -> None:
    async def visit(port: int) -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=find_chromium(None).path,
                chromium_sandbox=False,
                args=[f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{port}, MAP *.example ~NOTFOUND"],
            )
            page = await browser.new_page()
            with contextlib.suppress(PlaywrightError):
                await page.goto("http://mail.localhost/escape.html", timeout=3000)
            await asyncio.sleep(1.5)
            await browser.close()

    world = BrowserWorld(site=PageSite({"SINKPORT": str(sink.port)}))
    try:
        world.run(visit(world.server.port))
    finally:
        world.close()

    paths = {line.split()[2] for line in sink.seen if line.startswith(("tcp GET", "tcp POST"))}
    assert {"/img", "/fetch", "/redirected-img", "/socket", "/outer-worker", "/form", "/frame", "/events"} <= paths
    assert {"/zero", "/six", "/decimal", "/hexadecimal", "/socket-six", "/beacon", "/ping", "/font.woff2"} <= paths
    assert any(line.startswith("udp") for line in sink.seen)


def test_the_sink_notices_a_direct_connection(sink: Sink) -> None:
    with socket.create_connection(("127.0.0.1", sink.port)) as connection:
        connection.sendall(b"GET /direct HTTP/1.1\r\n\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.connect(("127.0.0.1", sink.port))
        datagram.send(b"hello")
    time.sleep(0.8)

    assert sorted(sink.seen) == ["tcp GET /direct HTTP/1.1", "udp 5 bytes"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/inbox?x=1", "http://mail.localhost/inbox?x=1"),
        ("http://pay.localhost", "http://pay.localhost/"),
        ("HTTP://PAY.localhost:80/a", "http://pay.localhost/a"),
        ("//pay.localhost/b", "http://pay.localhost/b"),
    ],
)
def test_an_address_on_a_listed_host_may_be_opened(address: str, expected: str) -> None:
    hosts = {"mail.localhost", "pay.localhost"}

    assert check_address(address, base_url="http://mail.localhost/start", allowed_hosts=hosts) == expected


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.localhost/",
        "//evil.localhost/",
        "http://pay.localhost:8080/",
        "http://pay.localhost.evil.localhost/",
        "http://dana:x@pay.localhost/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[bad/",
        "http://pay.localhost:x/",
        "ftp://pay.localhost/",
        "view-source:http://pay.localhost/",
        "chrome://settings",
        "file:///etc/passwd",
        " javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,hi",
        "about:blank",
        "blob:http://pay.localhost/1",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^action\.value: "):
        check_address(address, base_url="http://mail.localhost/", allowed_hosts={"mail.localhost", "pay.localhost"})
