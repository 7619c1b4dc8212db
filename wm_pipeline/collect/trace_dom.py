"""Documents of a Playwright trace as HTML that shows what was there, without what runs or leads elsewhere.

A trace writes a document as nested lists: a text, `[tag, attributes, *children]`, or `[[ago, number]]`, a node that
stood the same in an earlier snapshot of this frame: the one `ago` before, where nodes are numbered children first.
"""

import re
from collections.abc import Callable, Collection, Sequence
from html import escape
from typing import Any

from wm_pipeline.domain.errors import InvalidInputError

LONGEST_HTML = 8_000_000
"""Characters of one document; references could make a small file say much more."""
TARGET = "__playwright_target__"
"""The attribute of the element that a call acts on."""
_MARK = "__playwright_"
_NAME = re.compile(r"[^\s=<>/\"']+")
_VOID = frozenset(
    {"AREA", "BASE", "BR", "COL", "EMBED", "HR", "IMG", "INPUT", "LINK", "META", "PARAM", "SOURCE", "TRACK", "WBR"}
)
_LEFT_OUT = frozenset({"SCRIPT", "OBJECT", "EMBED", "NOSCRIPT"})
_TOO_LONG = f"a document of the trace is longer than {LONGEST_HTML} characters; nothing was imported"
_BROKEN = "a document of the trace refers to a part of it that is not there; nothing was imported"

FrameAttributes = Callable[[str], str]
"""From the id of a frame to the attributes, as HTML, that make an iframe show it."""


class FrameHistory:
    """All snapshots of one frame, in order."""

    def __init__(self) -> None:
        self._documents: list[Any] = []
        self._numbered: dict[int, list[Any]] = {}

    def add(self, document: Any) -> int:
        self._documents.append(document)
        return len(self._documents) - 1

    def html(self, index: int, frame_attributes: FrameAttributes) -> str:
        """The snapshot as HTML without a doctype. Raises InvalidInputError when it is too long or broken."""
        written: list[str] = []
        length = 0
        waiting: list[tuple[Any, int] | str] = [(self._documents[index], index)]
        while waiting:
            one = waiting.pop()
            if not isinstance(one, str):
                node, at = one
                one = ""
                if isinstance(node, str):
                    one = escape(node, quote=False)
                elif _is_reference(node):
                    waiting.append(self._referred(node[0], at))
                elif _is_element(node):
                    one, children, end = _opened(node, frame_attributes)
                    waiting.append(end)
                    waiting += [(child, at) for child in reversed(children)]
            written.append(one)
            length += len(one) + 1
            if length > LONGEST_HTML:
                raise InvalidInputError(_TOO_LONG)
        return "".join(written)

    def _referred(self, reference: Sequence[Any], index: int) -> tuple[Any, int]:
        ago, number = reference
        if not isinstance(ago, int) or not isinstance(number, int) or not 0 < ago <= index:
            raise InvalidInputError(_BROKEN)
        nodes = self._nodes(index - ago)
        if not 0 <= number < len(nodes):
            raise InvalidInputError(_BROKEN)
        return nodes[number], index - ago

    def _nodes(self, index: int) -> list[Any]:
        if index not in self._numbered:
            self._numbered[index] = _numbered(self._documents[index])
        return self._numbered[index]


def _numbered(document: Any) -> list[Any]:
    """Its own nodes, children before the node around them."""
    nodes: list[Any] = []
    waiting = [(document, False)]
    while waiting:
        node, is_done = waiting.pop()
        if isinstance(node, str) or is_done:
            nodes.append(node)
        elif _is_element(node):
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(node[2:])]
    return nodes


def _is_reference(node: Any) -> bool:
    return isinstance(node, list) and len(node) == 1 and isinstance(node[0], list) and len(node[0]) == 2


def _is_element(node: Any) -> bool:
    return isinstance(node, list) and bool(node) and isinstance(node[0], str)


def _opened(node: list[Any], frame_attributes: FrameAttributes) -> tuple[str, list[Any], str]:
    """How an element begins, its children, and how it ends; nothing of one that is left out."""
    tag, attributes = node[0], node[1] if len(node) > 1 and isinstance(node[1], dict) else {}
    upper, children = tag.upper(), node[2:]
    if upper in _LEFT_OUT or not _NAME.fullmatch(tag):
        return "", [], ""
    if upper == "META" and any(name.lower() == "http-equiv" for name in attributes):
        return "", [], ""
    sheet = attributes.get(f"{_MARK}style_sheet_")
    if isinstance(sheet, str):
        return _style({}, sheet), [], ""
    if upper == "STYLE":
        return _style(attributes, "".join(child for child in children if isinstance(child, str))), [], ""
    if f"{_MARK}shadow_root_" in attributes:
        return '<template shadowrootmode="open">', children, "</template>"
    shown = _written(attributes, leaves={"src", "srcdoc"} if upper in {"IFRAME", "FRAME"} else set())
    if upper in {"IFRAME", "FRAME"}:
        shown += frame_attributes(str(attributes.get("src", "")).rpartition("/")[2])
        children = []
    if upper in _VOID:
        return f"<{tag}{shown}>", [], ""
    return f"<{tag}{shown}>", children, f"</{tag}>"


def _style(attributes: dict[str, Any], text: str) -> str:
    closed = re.sub("</", r"<\\/", text)
    return f"<style{_written(attributes)}>{closed}</style>"


def _written(attributes: dict[str, Any], *, leaves: Collection[str] = ()) -> str:
    return "".join(
        f' {name}="{escape(value)}"'
        for name, value in attributes.items()
        if isinstance(value, str)
        and _NAME.fullmatch(name)
        and name.lower() not in leaves
        and not name.lower().startswith("on")
    )
