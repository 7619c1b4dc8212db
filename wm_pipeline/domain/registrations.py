"""Registries of sites, attacks, policies, heads, environments and metrics, with the plug-in behind each entry.

Outputs depend on these plug-ins. The registries themselves lie where their things do; each is a Registry, which notes
who adds an entry.
"""

from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Entry = TypeVar("Entry")


class Kind(StrEnum):
    """What can be registered."""

    SITE = "site"
    ATTACK = "attack"
    POLICY = "policy"
    HEAD = "head"
    ENVIRONMENT = "environment"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A module of a user's that registers something."""

    name: str
    version: str
    """Of its distribution, or the hash of its file."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


_REGISTERED: dict[tuple[Kind, str], Plugin | None] = {}
_loading: list[Plugin | None] = []


@contextmanager
def registering(plugin: Plugin | None) -> Iterator[None]:
    """What is registered inside belongs to a plug-in; anything else, and what is inside of None, is our own."""
    _loading.append(plugin)
    try:
        yield
    finally:
        _loading.pop()


class Registry(UserDict[str, Entry]):
    """Entries of one kind by their names, in the order of registration."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind

    def __setitem__(self, name: str, entry: Entry) -> None:
        super().__setitem__(name, entry)
        _REGISTERED[self._kind, name] = _loading[-1] if _loading else None

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        _REGISTERED.pop((self._kind, name), None)


def of_plugins(kind: Kind) -> tuple[str, ...]:
    """Names of the entries that plug-ins registered, in the order of registration."""
    return tuple(name for (found, name), plugin in _REGISTERED.items() if found is kind and plugin is not None)


def plugins_behind(*kinds: Kind) -> tuple[str, ...]:
    """Every plug-in that registered something of these kinds, with its version, sorted."""
    found = {str(plugin) for (kind, _), plugin in _REGISTERED.items() if plugin is not None and kind in kinds}
    return tuple(sorted(found))
