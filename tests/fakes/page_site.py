"""A web site made of the files under tests/pages, and a real browser session on it."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from wm_pipeline.domain.state import State
from wm_pipeline.environments.browser.chromium import ChromiumBinary, find_chromium
from wm_pipeline.environments.browser.session import BrowserSession, SessionSettings, Step
from wm_pipeline.environments.instruments.host_server import HostServer

PAGES = Path(__file__).parent.parent / "pages"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".xml": "application/xml",
    ".svg": "image/svg+xml",
    ".xhtml": "application/xhtml+xml",
    ".pdf": "application/pdf",
}
HEADERS = {"/lies/sandboxed.html": {"Content-Security-Policy": "sandbox; default-src 'none'"}}
T = TypeVar("T")


class PageSite:
    """Serves tests/pages on every host name and remembers what was asked: `METHOD host path body`."""

    def __init__(self, replacements: Mapping[str, str] | None = None) -> None:
        self.requests: list[str] = []
        self.replacements = dict(replacements or {})
        self.change: Callable[[str], str] = lambda text: text
        """Made of each page as it is served."""
        self.counter = 0

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        host = environ["HTTP_HOST"].partition(":")[0]
        self.requests.append(f"{environ['REQUEST_METHOD']} {host} {path} {body}".strip())
        if path == "/hang":
            time.sleep(3)
        if path.startswith("/endless."):
            return _endless(start_response, path)
        if path == "/slow.html":
            time.sleep(0.3)
            path = "/second.html"
        if path == "/slow.svg":
            time.sleep(0.3)
            picture = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"/>'
            return _answer(start_response, "200 OK", picture, {"Content-Type": "image/svg+xml"})
        if path == "/take":
            return _answer(start_response, "302 Found", "", {"Location": "/second.html"})
        if path == "/redirect":
            return _answer(start_response, "302 Found", "", {"Location": environ["QUERY_STRING"]})
        if path == "/keep":
            return _answer(start_response, "307 Temporary Redirect", "", {"Location": environ["QUERY_STRING"]})
        if path == "/report.csv":
            return _answer(
                start_response, "200 OK", "a,b", {"Content-Disposition": 'attachment; filename="report.csv"'}
            )
        if path == "/slow.csv":
            time.sleep(0.3)
            return _answer(start_response, "200 OK", "a,b", {"Content-Type": "text/csv"})
        if path == "/worker.js":
            wait = f"new Promise((done) => setTimeout(done, {environ['QUERY_STRING'] or 0}))"
            script = f"self.oninstall = (event) => event.waitUntil({wait}); self.onfetch = () => {{}};"
            return _answer(start_response, "200 OK", script, {"Content-Type": "text/javascript"})
        if path == "/counter.html":
            self.counter += 1
            return _answer(start_response, "200 OK", f"<title>Counter</title><p>visit {self.counter}</p>")
        file = PAGES / path.lstrip("/")
        if not file.is_file():
            return _answer(start_response, "404 Not Found", "<title>Missing</title><p>no such page</p>")
        text = file.read_text()
        for old, new in self.replacements.items():
            text = text.replace(old, new)
        text = self.change(text)
        return _answer(start_response, "200 OK", text, {"Content-Type": KINDS[file.suffix], **HEADERS.get(path, {})})


def _endless(start_response: Any, path: str) -> Iterator[bytes]:
    """Never comes to its end; a `.bin` is a file to download."""
    headers = [("Content-Type", "text/html" if path.endswith(".html") else "application/octet-stream")]
    if path.endswith(".bin"):
        headers.append(("Content-Disposition", 'attachment; filename="endless.bin"'))
    start_response("200 OK", headers)
    while True:
        yield b"<p>more</p>" * 100
        time.sleep(0.02)


def _answer(start_response: Any, status: str, text: str, headers: Mapping[str, str] | None = None) -> Iterable[bytes]:
    body = text.encode()
    every = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"} | dict(headers or {})
    start_response(status, [*every.items(), ("Content-Length", str(len(body)))])
    return [body]


class BrowserWorld:
    """A session on a PageSite, driven from plain test functions."""

    def __init__(
        self,
        settings: SessionSettings | None = None,
        site: PageSite | None = None,
        binary: ChromiumBinary | None = None,
    ) -> None:
        self.site = site or PageSite()
        self.runner = asyncio.Runner()
        self.server = HostServer({}, self.site)
        launch = BrowserSession.launch(binary or find_chromium(None), self.server.port, settings=settings)
        self.session = self.run(launch)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def open(self, page: str, *, goal: str = "Read the page", host: str = "mail.localhost") -> State:
        self.site.requests.clear()
        return self.run(
            self.session.begin(
                start_url=f"http://{host}/{page}", goal=goal, allowed_hosts={"mail.localhost", "pay.localhost"}
            )
        )

    def act(self, action: Any) -> Step:
        return self.run(self.session.act(action))

    def close(self) -> None:
        self.run(self.session.close())
        self.runner.close()
        self.server.close()


def ref_of(state: State, name: str) -> str:
    """The reference of the one element with this name."""
    found = [element.element_ref for element in state.elements if element.name == name]
    assert len(found) == 1, f"{name!r} names {found} in {[element.name for element in state.elements]}"
    return found[0]
