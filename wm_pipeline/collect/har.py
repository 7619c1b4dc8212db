"""A HAR file: the documents that a browser asked for, one after the other, and the requests between them.

A HAR holds no page as a script made it. Where it holds the HTML that the server sent, that is shown and looked at;
where not, a state is an address, a title and requests. What was typed is known where it was posted; clicks are not
known.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from wm_pipeline.collect.recorded_requests import Entry, PostData, events_of, first_line
from wm_pipeline.collect.recorded_steps import Recording, StepRecorder
from wm_pipeline.collect.recording_files import PackedFile
from wm_pipeline.collect.trace_file import MOST_STYLE_BYTES, styles_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.state import Form, FormField, State
from wm_pipeline.domain.tokens import is_request_token
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.any_page import Session
from wm_pipeline.environments.browser.recorded import RecordedPage, RecordedPages

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_PAGE = frozenset({204, 205, 304})


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    title: str = ""


class _Log(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    entries: tuple[Entry, ...]
    pages: tuple[_Page, ...] = ()


@dataclass(frozen=True, slots=True)
class Har:
    name: str
    entries: tuple[Entry, ...]
    """In order of time."""
    titles: Mapping[str, str]
    texts: Mapping[str, str]
    """Of documents, by address and time, where the file holds them."""
    frames: Mapping[str, str]
    """HTML by address, as it came last."""
    styles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Navigation:
    """A document, what was asked for to get it, and the requests since the one before it."""

    asked: Entry
    """The first request: others follow where it was redirected."""
    document: Entry
    before: Sequence[Entry]


def har_of(path: Path, packed: PackedFile | None) -> Har:
    """A HAR file, or the one within a zip file. Raises InvalidInputError."""
    if packed is None:
        name, text = str(path), read_text_file(path)
    else:
        inside = next(name for name in packed.names if name.endswith(".har"))
        name, text = f"{path}:{inside}", packed.read(inside).decode(errors="replace")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{name}: not JSON, or cut; nothing was imported") from error
    if not isinstance(record, dict) or not isinstance(record.get("log"), dict):
        raise InvalidInputError(f"{name}: expected an HTTP archive, an object with `log`; nothing was imported")
    try:
        log = _Log.model_validate(record["log"])
    except ValidationError as error:
        raise InvalidInputError(f"{name}: log.{first_line(error)}; nothing was imported") from error
    entries = tuple(sorted(log.entries, key=_time_of))
    documents = {_key(one): _text(one, packed) for one in entries if one.response.content.is_page}
    return Har(
        name,
        entries,
        titles={one.id: one.title for one in log.pages},
        texts={key: html for key, html in documents.items() if html},
        frames={key.partition(" ")[2]: html for key, html in documents.items() if html},
        styles=styles_of(packed, entries),
    )


def _time_of(entry: Entry) -> float:
    try:
        return datetime.fromisoformat(entry.started).timestamp()
    except ValueError:
        return 0.0


def _key(entry: Entry) -> str:
    return f"{entry.started} {entry.request.url}"


def _text(entry: Entry, packed: PackedFile | None) -> str | None:
    content = entry.response.content
    text = content.own_text()
    if text is None and packed is not None and content.file in packed.names:
        text = packed.read(content.file or "", most_bytes=MOST_STYLE_BYTES).decode(errors="replace")
    return text


async def recording_of(har: Har, pages: RecordedPages, *, goal: str | None, redaction_key: bytes) -> Recording:
    """One step for each document after the first."""
    session = Session(goal or "", redaction_key=redaction_key)
    recorder = StepRecorder(har.name)
    navigations = list(_navigations(har.entries))
    url = ""
    for index, one in enumerate(navigations):
        try:
            state = await _state_of(har, one, url, pages, session)
        except WorldError:
            recorder.lose_sight()
            continue
        finally:
            url = one.document.request.url
        following = navigations[index + 1] if index + 1 < len(navigations) else None
        if following is None:
            recorder.see(state)
            break
        state, action = _act(state, following.asked)
        recorder.see(state)
        session.remember_act(state, action)
        recorder.do(state, action, elapsed_ms=following.document.time_ms)
    return recorder.recording()


def _navigations(entries: Sequence[Entry]) -> Iterator[_Navigation]:
    before: list[Entry] = []
    asked: Entry | None = None
    for one in entries:
        before.append(one)
        if not _is_document(one):
            continue
        asked = asked or one
        if one.response.status in _REDIRECTS:
            continue
        if one.response.status not in _NO_PAGE:
            yield _Navigation(asked, one, tuple(before))
            before = []
        asked = None


def _is_document(entry: Entry) -> bool:
    """What a window shows, not a frame in it: by what the browser said it was for, where the file has it."""
    wanted = entry.request.header("sec-fetch-dest")
    if not entry.is_web or (wanted and wanted != "document"):
        return False
    if entry.resource_type is not None:
        return entry.resource_type == "document"
    return wanted == "document" or entry.response.content.is_page


async def _state_of(har: Har, one: _Navigation, previous_url: str, pages: RecordedPages, session: Session) -> State:
    document = one.document
    url = document.request.url
    network = session.redactor.events(events_of(one.before, previous_url or url))
    text = har.texts.get(_key(document))
    if text is not None:
        look = await pages.look(session, RecordedPage(url, text, har.frames, har.styles))
        return replace(look.state, network=network)
    title = har.titles.get(document.pageref or "", "")
    bare = State(url=url, title=title, goal=session.goal, network=network, prior_steps=session.prior_steps)
    return session.redactor.state(bare)


def _act(state: State, asked: Entry) -> tuple[State, Action]:
    """What led to the next document; the state with a form for what was posted, where it shows none that fits."""
    request = asked.request
    if request.method.upper() != "POST":
        return state, Action(ActionKind.GOTO, value=request.url)
    posted = _posted(request.post_data)
    form = next((one for one in state.forms if _fits(one, request.url, posted)), None)
    if form is None:
        form = Form(
            form_ref=f"f{len(state.forms) + 1}",
            name="",
            method="POST",
            action_url=request.url,
            fields=tuple(_field(name, value) for name, value in posted.items()),
        )
        state = replace(state, forms=(*state.forms, form))
    typed = {one.name for one in form.fields if one.input_type not in {"hidden", "submit", "file"}}
    fields = tuple(FieldValue(name, value) for name, value in posted.items() if name in typed)
    return state, Action(ActionKind.SUBMIT, form.form_ref, fields=fields)


def _fits(form: Form, url: str, posted: Mapping[str, Any]) -> bool:
    names = {one.name for one in form.fields} | {one.name for one in form.submitters}
    return form.method.upper() == "POST" and form.action_url == url and posted.keys() <= names


def _field(name: str, value: str) -> FormField:
    """A field nobody saw: hidden where it is the site's own protection, else as if it could be typed into."""
    if is_request_token(name, value, is_hidden=True):
        return FormField(name, "", "hidden", value)
    return FormField(name, "", "text", "")


def _posted(data: PostData | None) -> dict[str, str]:
    """Names and values; the last one of a name."""
    if data is None:
        return {}
    if data.params:
        return {one.name: one.value for one in data.params}
    is_form = data.mime_type.partition(";")[0].strip() == "application/x-www-form-urlencoded"
    return dict(parse_qsl(data.text, keep_blank_values=True)) if is_form else {}
