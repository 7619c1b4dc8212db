"""A Playwright trace (`trace.zip`): its calls, its documents before and after each, its requests.

Not here: how documents are written (trace_dom.py), what becomes of calls (trace_steps.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wm_pipeline.collect.recorded_requests import Entry, first_line
from wm_pipeline.collect.recording_files import PackedFile
from wm_pipeline.collect.trace_dom import FrameHistory
from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.records import NESTED_TOO_DEEP
from wm_pipeline.environments.browser.recorded import RecordedPage

TRACE_VERSION = 10
"""Of the format that the installed Playwright writes: the one that is read here."""
MOST_STYLE_BYTES = 8_000_000
_ENDING = "trace.trace"
_LENIENT = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
_BLANK = "about:blank"
Record = TypeVar("Record", bound=BaseModel)


class _Before(BaseModel):
    model_config = _LENIENT

    call_id: str = Field(alias="callId")
    start_ms: float = Field(0, alias="startTime")
    object_class: str = Field("", alias="class")
    method: str = ""
    params: Mapping[str, Any] = {}


class _After(BaseModel):
    model_config = _LENIENT

    call_id: str = Field(alias="callId")
    end_ms: float = Field(0, alias="endTime")
    error: Any = None
    result: Any = None


class _Snapshot(BaseModel):
    model_config = _LENIENT

    call_id: str = Field(alias="callId")
    phase: str
    page_id: str = Field(alias="pageId")
    frame_id: str = Field(alias="frameId")
    url: str = Field(alias="frameUrl")
    doctype: str | None = None
    html: Any
    at_ms: float = Field(alias="timestamp")
    is_page: bool = Field(alias="isMainFrame")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Playwright's."""

    call_id: str
    object_class: str
    method: str
    params: Mapping[str, Any]
    start_ms: float
    end_ms: float
    has_failed: bool
    result: Any


@dataclass(frozen=True, slots=True)
class Shown:
    """All frames of one page at one moment, the page's own first."""

    url: str
    at_ms: float
    frames: tuple[tuple[_Snapshot, int], ...]
    """Each with its number in its frame's history."""


@dataclass(slots=True)
class Trace:
    name: str
    title: str
    base_url: str
    calls: list[Call] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    styles: dict[str, str] = field(default_factory=dict)
    _frames: dict[str, FrameHistory] = field(default_factory=dict)
    _moments: dict[tuple[str, str], list[tuple[_Snapshot, int]]] = field(default_factory=dict)

    def add(self, snapshot: _Snapshot) -> None:
        number = self._frames.setdefault(snapshot.frame_id, FrameHistory()).add(snapshot.html)
        self._moments.setdefault((snapshot.call_id, snapshot.phase), []).append((snapshot, number))

    def shown(self, call_id: str, *phases: str) -> Shown | None:
        """The page of a call in the first of these phases that was recorded; None where none was."""
        for phase in phases:
            frames = self._moments.get((call_id, phase), [])
            main = next((one for one in frames if one[0].is_page), None)
            if main is not None:
                others = (one for one in frames if not one[0].is_page and one[0].page_id == main[0].page_id)
                return Shown(main[0].url, main[0].at_ms, (main, *others))
        return None

    def last_shown(self) -> Shown | None:
        """What was recorded last."""
        moments = (self.shown(*key) for key in self._moments)
        return max((one for one in moments if one is not None), key=lambda one: one.at_ms, default=None)

    def page_of(self, shown: Shown) -> RecordedPage:
        """Raises InvalidInputError when one of its documents is too long, or broken."""
        by_id = {snapshot.frame_id: (snapshot, number) for snapshot, number in shown.frames}
        frames: dict[str, str] = {}
        open_frames: set[str] = set()

        def attributes_of(frame_id: str) -> str:
            found = by_id.get(frame_id)
            if found is None or frame_id in open_frames:
                return f' src="{_BLANK}"'
            address = parse_address(found[0].url)
            html = document_of(frame_id)
            if address.scheme not in {"http", "https"}:
                return f' srcdoc="{escape(html)}"'
            own = f"{address.origin}/recorded-frame-{len(frames)}"
            frames[own] = html
            return f' src="{escape(own)}"'

        def document_of(frame_id: str) -> str:
            snapshot, number = by_id[frame_id]
            open_frames.add(frame_id)
            html = self._frames[frame_id].html(number, attributes_of)
            open_frames.discard(frame_id)
            doctype = "<!doctype html>" if snapshot.doctype else ""
            return f"{doctype}{html}"

        return RecordedPage(shown.url, document_of(shown.frames[0][0].frame_id), frames, self.styles)

    def entries_between(self, start_ms: float, end_ms: float) -> list[Entry]:
        return [one for one in self.entries if start_ms < one.at_ms <= end_ms]


def traces_in(packed: PackedFile) -> list[Trace]:
    """The traces of a file: one, or one a test's context. Raises InvalidInputError or FormatVersionError."""
    names = [name for name in packed.names if name.rpartition("/")[2].endswith(_ENDING)]
    if not names:
        raise InvalidInputError(
            f"cannot read {packed.path}: it holds no Playwright trace (no {_ENDING}) and no HAR; nothing was imported"
        )
    return [_trace_of(packed, name) for name in sorted(names)]


def _trace_of(packed: PackedFile, name: str) -> Trace:
    lines = _lines(packed, name)
    _, first = next(lines, ("", {}))
    if first.get("type") != "context-options" or not isinstance(first.get("version"), int):
        raise InvalidInputError(
            f"{packed.path}: {name} does not begin as a Playwright trace does; nothing was imported"
        )
    if first["version"] != TRACE_VERSION:
        raise FormatVersionError(
            f"{packed.path}: expected a trace of version {TRACE_VERSION}, found {first['version']}; "
            "record it again with the Playwright that is installed here; nothing was imported"
        )
    options = first.get("options")
    base_url = options.get("baseURL") if isinstance(options, dict) else None
    trace = Trace(name=f"{packed.path}:{name}", title=str(first.get("title") or ""), base_url=str(base_url or ""))
    befores, afters = dict[str, _Before](), dict[str, _After]()
    for where, record in lines:
        match record.get("type"):
            case "before":
                before = _read(_Before, record, where)
                befores[before.call_id] = before
            case "after":
                after = _read(_After, record, where)
                afters[after.call_id] = after
            case "frame-snapshot":
                trace.add(_read(_Snapshot, record.get("snapshot"), where))
    network = f"{name.removesuffix('trace')}network"
    for where, record in _lines(packed, network) if network in packed.names else ():
        if record.get("type") == "resource-snapshot":
            trace.entries.append(_read(Entry, record.get("snapshot"), where))
    trace.calls = [_call_of(one, afters.get(one.call_id)) for one in befores.values()]
    trace.entries.sort(key=lambda one: one.at_ms)
    folder = name.removesuffix(name.rpartition("/")[2])
    trace.styles = styles_of(packed, trace.entries, folder)
    return trace


def _read(kind: type[Record], record: Any, where: str) -> Record:
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        raise InvalidInputError(f"{where}: {first_line(error)}; nothing was imported") from error


def _call_of(before: _Before, after: _After | None) -> Call:
    """A call without an end was under way when the recording ended."""
    return Call(
        call_id=before.call_id,
        object_class=before.object_class,
        method=before.method,
        params=before.params,
        start_ms=before.start_ms,
        end_ms=before.start_ms if after is None else after.end_ms,
        has_failed=after is None or after.error is not None,
        result=None if after is None else after.result,
    )


def _lines(packed: PackedFile, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of one part, each with its place. Raises InvalidInputError for what is none."""
    lines = packed.read(name).decode(errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{packed.path}: {name} line {number}"
        try:
            record = json.loads(line)
        except RecursionError as error:
            raise InvalidInputError(f"{where}: {NESTED_TOO_DEEP}; nothing was imported") from error
        except ValueError as error:
            is_last = number == len(lines)
            why = "the trace was cut, or is still being written" if is_last else "it is not JSON"
            raise InvalidInputError(f"{where}: {why}; nothing was imported") from error
        if not isinstance(record, dict):
            raise InvalidInputError(f"{where}: expected a JSON object, found {line[:40]!r}; nothing was imported")
        yield where, record


def styles_of(packed: PackedFile | None, entries: Iterable[Entry], folder: str = "") -> dict[str, str]:
    """The style sheets among recorded answers, by address."""
    styles: dict[str, str] = {}
    names = frozenset[str]() if packed is None else frozenset(packed.names)
    for one in entries:
        content = one.response.content
        if not content.is_style:
            continue
        text = content.own_text()
        if text is None and packed is not None and f"{folder}{content.file}" in names:
            text = packed.read(f"{folder}{content.file}", most_bytes=MOST_STYLE_BYTES).decode(errors="replace")
        if text is not None:
            styles[one.request.url] = text
    return styles


def actions_in(calls: Sequence[Call], passed_over: frozenset[str]) -> list[Call]:
    """Calls that do something to a page, in order of time."""
    classes = {"Frame", "Page", "ElementHandle", "JSHandle"}
    kept = (one for one in calls if one.object_class in classes and one.method not in passed_over)
    return sorted(kept, key=lambda one: one.start_ms)
