"""Of some hundred and fifty more ways out of a page each arrives without the wall, and none with it."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from tests.environments.browser.escape_vectors import VECTORS, Vector
from tests.environments.browser.test_isolation import every_browser, wait_for_stragglers
from tests.fakes.page_site import BrowserWorld, PageSite
from tests.fakes.sink import Sink
from wm_pipeline.domain.action import NOOP
from wm_pipeline.environments.browser.chromium import ChromiumBinary, find_chromium

FRAMES = 14
"""Vectors that share a tab."""
BY_NAME = {vector.name: vector for vector in VECTORS}
SHARED = [vector.name for vector in VECTORS if not vector.is_top]
TABS = [
    *(f"vectors/tab?{','.join(SHARED[start : start + FRAMES])}" for start in range(0, len(SHARED), FRAMES)),
    *(f"vectors/{vector.name}" for vector in VECTORS if vector.is_top),
]


class VectorSite(PageSite):
    """Serves each vector at `/vectors/NAME`, and `/vectors/tab?A,B` with A and B in frames."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.asked: set[str] = set()
        """Vectors whose document was asked for."""

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], unquote(environ["QUERY_STRING"])
        if not path.startswith("/vectors/"):
            return super().__call__(environ, start_response)
        name, _, ending = path.removeprefix("/vectors/").partition(".")
        if name == "tab":
            frames = "".join(
                f'<iframe src="/vectors/{one}" width="60" height="40"></iframe>' for one in query.split(",")
            )
            return _answer(start_response, "200 OK", f"<title>Vectors</title>{frames}", {})
        if name == "hop":
            status, _, address = query.partition("&")
            return _answer(start_response, status, "", {"Location": address})
        vector = BY_NAME.get(name)
        if vector is None:
            return _answer(start_response, "404 Not Found", "", {})
        if ending == "js":
            return _answer(
                start_response, "200 OK", self.filled(vector, vector.script), {"Content-Type": "text/javascript"}
            )
        self.asked.add(name)
        headers = {key: self.filled(vector, value) for key, value in vector.headers.items()}
        return _answer(start_response, vector.status, self.filled(vector, vector.document), headers)

    def filled(self, vector: Vector, text: str) -> str:
        text = text.replace("OUT", f"http://127.0.0.1:{self.port}/{vector.name}")
        return text.replace("PORT", str(self.port)).replace("NAME", vector.name)

    def wait_for(self, names: set[str]) -> None:
        """Until the documents of these vectors were asked for, 5 s at most, and a moment for what they do then."""
        deadline = time.perf_counter() + 5
        while not names <= self.asked and time.perf_counter() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)


def names_on(tab: str) -> set[str]:
    return set(tab.removeprefix("vectors/").removeprefix("tab?").split(","))


def _answer(start_response: Any, status: str, text: str, headers: Mapping[str, str]) -> Iterable[bytes]:
    every = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", **headers}
    start_response(status, list(every.items()))
    return [text.encode()]


def names_in(sink: Sink) -> set[str]:
    """Of the vectors that the sink has heard of."""
    asked = {line.split()[2].partition("?")[0] for line in sink.seen if len(line.split()) == 4}
    return {path.rpartition("/")[2] for path in asked} & BY_NAME.keys()


def test_each_vector_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(vector.name for vector in VECTORS).items() if count > 1] == []
    assert len(VECTORS) >= 100


@pytest.mark.browser
@pytest.mark.slow
def test_each_vector_arrives_without_the_wall() -> None:
    async def visit(port: int, sink: Sink) -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=find_chromium(None).path,
                chromium_sandbox=False,
                args=[f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{port}, MAP *.example ~NOTFOUND"],
            )
            for tab in TABS:
                context = await browser.new_context()
                page = await context.new_page()
                with contextlib.suppress(PlaywrightError):
                    await page.goto(f"http://mail.localhost/{tab}", timeout=5000)
                await asyncio.sleep(1)
                # A busy machine takes longer; what does not arrive by then does not arrive.
                for _ in range(150):
                    if names_on(tab) <= names_in(sink):
                        break
                    await asyncio.sleep(0.1)
                await context.close()
            await browser.close()

    with Sink() as sink:
        world = BrowserWorld(site=VectorSite(sink.port))
        try:
            world.run(visit(world.server.port, sink))
            wait_for_stragglers()
        finally:
            world.close()

        assert sorted(BY_NAME.keys() - names_in(sink)) == []


@pytest.mark.browser
@pytest.mark.slow
@every_browser
def test_no_vector_arrives_with_the_wall(binary: ChromiumBinary) -> None:
    with Sink() as sink:
        site = VectorSite(sink.port)
        world = BrowserWorld(site=site, binary=binary)
        try:
            for tab in TABS:
                world.open(tab)
                world.act(NOOP)
                site.wait_for(names_on(tab))
            wait_for_stragglers()
        finally:
            world.close()

        assert sink.seen == []
    assert sorted(BY_NAME.keys() - site.asked) == []
