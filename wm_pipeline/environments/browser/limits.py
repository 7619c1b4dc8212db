"""How much of each thing a State holds: whatever a page writes, its State stays small enough for every reader."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Characters, each; observe.js is called with them."""

    url: int = 2000
    """Of the page, and of where a form is sent."""
    href: int = 500
    title: int = 300
    name: int = 120
    """Of elements, forms, fields, authors, storage, cookies and files."""
    value: int = 200
    option: int = 80
    message: int = 300
    """Of a dialog."""


LIMITS = StateLimits()
MAX_OPTIONS = 30
MAX_KEPT = 100
"""Cookies, stored values and requests, each."""
MAX_UNSEEN = 20
MAX_BYTES = 500_000
"""Of a page's own part of a State as JSON; a service takes a million."""


class Room(NamedTuple):
    """What is left of a page that is beyond MAX_BYTES."""

    options: int
    address: int
    fields: int
    forms: int


ROOMS = (Room(5, 500, 200, 60), Room(0, 200, 60, 20), Room(0, 100, 20, 5))
"""One after another, until it fits."""


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def cut_address(address: str, limit: int) -> str:
    """An address that is cut says so, and how long it is; observe.js does the same."""
    if len(address) <= limit:
        return address
    return f"{address[: limit - 30]}…cut-from-{len(address)}"
