"""A request that only a script knew of, judged once it is known: as if the page had a form that sends it."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from wm_pipeline.domain.action import LONGEST_TEXT, MOST_FIELDS, Action
from wm_pipeline.domain.state import Form, FormField, NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind

REF = "f999999"


def state_with_request(state: State, request: NetworkEvent, body: bytes, *, name: str) -> tuple[State, Action]:
    """The state with a form of what is asked for, and the action that sends it. `name`: of what led to it.

    One more than what is read is kept: what is too long is a person's (what_is_too_long).
    """
    fields = tuple(
        FormField(key, key, "text", value[: LONGEST_TEXT + 1], is_as_loaded=False)
        for key, value in values_of(body)[: MOST_FIELDS + 1]
    )
    form = Form(REF, name, request.method.upper(), request.url, fields)
    return replace(state, forms=(*state.forms, form)), Action(ActionKind.SUBMIT, REF)


def values_of(body: bytes) -> list[tuple[str, str]]:
    """What a body carries, name by name: of JSON, of a form, else the whole as one value."""
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return []
    try:
        return list(_leaves(json.loads(text), "body"))
    except (ValueError, RecursionError):
        pass
    if text.startswith("--") and "form-data" in text:
        return _parts(text)
    if "=" not in text:
        return [("body", text)]
    return [pair for part in text.split("&") for pair in (parse_qsl(part, keep_blank_values=True) or [("body", part)])]


def _leaves(value: Any, name: str) -> list[tuple[str, str]]:
    if value in ({}, []):
        return [(name, "")]
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, str(key))]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner, name)]
    return [(name, value if isinstance(value, str) else json.dumps(value))]


def _parts(text: str) -> list[tuple[str, str]]:
    boundary = text.splitlines()[0]
    found = []
    for part in text.split(boundary)[1:]:
        head, _, content = part.partition("\r\n\r\n")
        name = head.partition(' name="')[2].partition('"')[0]
        if name:
            found.append((name, content.strip()))
        if file := head.partition(' filename="')[2].partition('"')[0]:
            found.append((name, file))
    return found
