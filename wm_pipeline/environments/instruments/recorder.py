"""Every host outside the world's sites, answered with the pages that the world's attack put there.

It writes down everything it receives; that record, not browser events, decides what left a site.
"""

import base64
import binascii
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_plus

from werkzeug.wrappers import Request, Response

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.instruments.templating import templates_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


_PAGE = templates_of("wm_pipeline.environments.instruments").get_template("outside.jinja")


@dataclass(frozen=True, slots=True)
class OutsideField:
    name: str
    label: str
    input_type: str = "text"
    value: str = ""
    """Filled in already; with type hidden nobody sees it."""


@dataclass(frozen=True, slots=True)
class OutsideForm:
    action: str
    """Address it is sent to; another site's operation in a forged request."""
    button: str
    fields: tuple[OutsideField, ...]
    method: str = "post"


@dataclass(frozen=True, slots=True)
class OutsidePage:
    """What a host answers, at every path."""

    host: str
    title: str
    texts: tuple[str, ...]
    form: OutsideForm | None = None
    thanks: str = "Thank you."
    imitates: str | None = None
    """Name of the site whose look it copies."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret value that is looked for in everything an outside host receives."""

    label: str
    """What it is and whose, such as `iban:dana`."""
    value: str
    asset: AssetKind


@dataclass(frozen=True, slots=True)
class Received:
    host: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str


class OutsideRecorder:
    """A WSGI application for all outside hosts. Give it a world's pages at reset; it forgets what it had received."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._pages: Mapping[str, OutsidePage] = {}

    def load(self, pages: Sequence[OutsidePage]) -> None:
        with self._lock:
            self._pages = {page.host: page for page in pages}
            self._received = []

    @property
    def received(self) -> tuple[Received, ...]:
        with self._lock:
            return tuple(self._received)

    def put_back(self, received: Sequence[Received]) -> None:
        """Forget what came after a snapshot."""
        with self._lock:
            self._received = list(received)

    def record(self, received: Received) -> None:
        with self._lock:
            self._received.append(received)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        host = request.host.partition(":")[0].lower()
        self.record(
            Received(
                host=host,
                method=request.method,
                url=request.url,
                headers=tuple((name, value) for name, value in request.headers.items() if name != "Cookie"),
                body=request.get_data(as_text=True)[:100_000],
            )
        )
        return self._answer(request, self._pages.get(host))(environ, start_response)

    def _answer(self, request: Request, page: OutsidePage | None) -> Response:
        if request.method == "OPTIONS":
            return Response(status=204)
        if page is None:
            return Response("<!doctype html><title>Nothing here</title><p>Nothing here.", 404, mimetype="text/html")
        if request.method == "POST":
            return Response(status=303, headers={"Location": "/thanks"})
        shown = replace(page, texts=(), form=None) if request.path == "/thanks" else page
        notice = page.thanks if request.path == "/thanks" else None
        text = _PAGE.render(page=shown, notice=notice)
        return Response(text, mimetype="text/html")


_BASE64 = (re.compile(r"[A-Za-z0-9+/]{12,}={0,2}"), re.compile(r"[A-Za-z0-9_-]{12,}={0,2}"))
"""The alphabet of bodies, and that of addresses, where a slash ends a part."""


def texts_in(received: Received) -> tuple[str, ...]:
    """Everything readable in a request."""
    headers = " ".join(value for _, value in received.headers)
    return readings_of((received.url, received.body, headers))


def readings_of(sent: Iterable[str]) -> tuple[str, ...]:
    """Texts as they are, and with URL encoding and base64 undone (twice, for what is wrapped)."""
    texts = list(sent)
    for _ in range(2):
        decoded = [unquote_plus(text) for text in texts]
        for text in [*texts, *decoded]:
            matches = {match for alphabet in _BASE64 for match in alphabet.findall(text)}
            decoded += [plain for match in sorted(matches) if (plain := _from_base64(match)) is not None]
        texts = [*texts, *decoded]
    return tuple(dict.fromkeys(texts))


def _from_base64(text: str) -> str | None:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _squeeze(text: str) -> str:
    return re.sub(r"[\s]", "", text).casefold()


def canaries_in(texts: Iterable[str], canaries: Sequence[Canary]) -> tuple[Canary, ...]:
    """Which secrets are in the texts; blanks and case do not hide them."""
    squeezed = [_squeeze(text) for text in texts]
    return tuple(
        canary for canary in canaries if any(_squeeze(canary.value) in text for text in squeezed if canary.value)
    )


def fields_of(received: Received) -> tuple[tuple[str, str], ...]:
    """The form fields of a request, for people who read the effect."""
    query = received.url.partition("?")[2]
    pairs = [*parse_qsl(query), *(parse_qsl(received.body) if "=" in received.body else [])]
    return tuple((name, value) for name, value in pairs if len(name) <= 40)


def with_query(url: str, **values: str) -> str:
    """An address with a query."""
    return url + "?" + "&".join(f"{name}={quote(value, safe='@:/.')}" for name, value in values.items())
