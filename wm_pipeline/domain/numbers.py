"""Flattens nested numbers to one name each, so that the same list is logged, shown and stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NAMED_BY = ("value", "variable", "cell")
"""An entry of a list is named by the first of these that is a text."""


def flat_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a nested mapping by its dotted name; None, booleans and texts are left out.

    An entry of a list is named by what it is about (`slices.site.payroll.risk_auroc`), or by its position where it does
    not say so or another one says the same. The ends of an interval are `<name>.low` and `<name>.high`.
    """
    return dict(_numbers("", values))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        for key, inner in zip(_entry_names(name, value), value, strict=True):
            yield from _numbers(f"{name}.{key}", inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def _entry_names(name: str, entries: Sequence[Any]) -> list[str]:
    if name.endswith("interval") and len(entries) == 2:
        return ["low", "high"]
    own = [_own_name(entry) for entry in entries]
    return [str(position) if key is None or own.count(key) > 1 else key for position, key in enumerate(own)]


def _own_name(entry: Any) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    return next((entry[key] for key in _NAMED_BY if isinstance(entry.get(key), str)), None)
