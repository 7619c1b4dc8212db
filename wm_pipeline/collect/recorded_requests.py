"""Requests as HAR files and Playwright's traces write them (HAR 1.2), and what a state says of them."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from wm_pipeline.domain.address import is_cross_site, parse_address, site_of
from wm_pipeline.domain.state import NetworkEvent
from wm_pipeline.environments.browser.network import SHOWN_WITH, is_told

_LENIENT = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
"""The formats are others': what is not needed here is passed over."""


class NamedText(BaseModel):
    model_config = _LENIENT

    name: str
    value: str = ""


class PostData(BaseModel):
    model_config = _LENIENT

    params: tuple[NamedText, ...] = ()
    text: str = ""
    mime_type: str = Field("", alias="mimeType")


class Request(BaseModel):
    model_config = _LENIENT

    method: str
    url: str
    headers: tuple[NamedText, ...] = ()
    post_data: PostData | None = Field(None, alias="postData")
    body_size: int = Field(0, alias="bodySize")

    def header(self, name: str) -> str:
        return next((one.value for one in self.headers if one.name.lower() == name), "")


class Content(BaseModel):
    model_config = _LENIENT

    mime_type: str = Field("", alias="mimeType")
    text: str | None = None
    encoding: str | None = None
    file: str | None = Field(None, alias="_file")
    """Where the text lies beside the record, instead."""

    @property
    def is_page(self) -> bool:
        return self.mime_type.partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}

    @property
    def is_style(self) -> bool:
        return self.mime_type.partition(";")[0].strip().lower() == "text/css"

    def own_text(self) -> str | None:
        """None where the record holds none, or none that can be read."""
        if self.text is None or self.encoding is None:
            return self.text
        try:
            return base64.b64decode(self.text).decode(errors="replace") if self.encoding == "base64" else None
        except binascii.Error:
            return None


class Response(BaseModel):
    model_config = _LENIENT

    status: int
    content: Content = Field(default_factory=lambda: Content.model_validate({}))


class Entry(BaseModel):
    """One request with its answer."""

    model_config = _LENIENT

    request: Request
    response: Response
    pageref: str | None = None
    started: str = Field("", alias="startedDateTime")
    time_ms: float = Field(0, alias="time")
    resource_type: str | None = Field(None, alias="_resourceType")
    frame_id: str | None = Field(None, alias="_frameref")
    at_ms: float = Field(0, alias="_monotonicTime")
    """Milliseconds on the clock of a trace."""

    @property
    def is_web(self) -> bool:
        return parse_address(self.request.url).scheme in {"http", "https"}


def events_of(entries: Iterable[Entry], page_url: str) -> tuple[NetworkEvent, ...]:
    """What a state says of the requests since the one before, which was at `page_url`.

    By the rule of our own sessions: what a page is shown with is no event, as long as its address carries nothing.
    """
    events = []
    for one in entries:
        request = one.request
        asker = request.header("referer") or page_url
        event = NetworkEvent(
            method=request.method,
            url=request.url,
            resource_type=one.resource_type or _type_of(one),
            status=one.response.status if 100 <= one.response.status <= 599 else None,
            is_cross_site=bool(site_of(asker)) and is_cross_site(request.url, asker),
            body_bytes=max(0, request.body_size),
        )
        if one.is_web and is_told(event, is_shown_with=event.resource_type in SHOWN_WITH):
            events.append(event)
    return tuple(events)


def _type_of(entry: Entry) -> str:
    """By what the browser said it was for, or by what came."""
    wanted = entry.request.header("sec-fetch-dest")
    if wanted in {"document", "iframe", "frame"}:
        return "document"
    if wanted == "empty":
        return "fetch"
    kind = entry.response.content.mime_type.partition(";")[0].strip().lower()
    if kind == "text/css":
        return "stylesheet"
    if "javascript" in kind:
        return "script"
    family = kind.partition("/")[0]
    return {"image": "image", "font": "font", "video": "media", "audio": "media"}.get(family, "other")


def first_line(error: Any) -> str:
    """What pydantic found wrong first: where, and what."""
    problem: Sequence[Any] = error.errors()
    place = ".".join(map(str, problem[0]["loc"]))
    return f"{place}: {str(problem[0]['msg'])[:1].lower()}{str(problem[0]['msg'])[1:]}"
