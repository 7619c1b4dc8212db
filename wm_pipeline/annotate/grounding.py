"""Checks that a teacher's text is grounded: each name in it has to occur in what the teacher was shown.

A name is anything that can be looked up: something in quotes, a host, an address, an element's reference, a number of
two digits or more, a capitalised word inside a sentence. All other words are judgement; checks of labels cover it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wm_pipeline.domain.relations import foreign_hosts
from wm_pipeline.domain.values import is_mentioned

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|`([^`]+)`')
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_REFERENCE = re.compile(r"\b[ef]\d+\b")
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d(?!\w)")
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z][\w-]+")
_NO_CENTS = re.compile(r"\.0+$")


def names_in(text: str) -> tuple[str, ...]:
    """Everything a text names, in the order of its kinds."""
    quoted = [next(filter(None, found)) for found in _QUOTED.findall(text)]
    rest = _QUOTED.sub(" ", text)
    numbers = [_NO_CENTS.sub("", number) for number in _NUMBER.findall(rest)]
    found = [*quoted, *_MAIL.findall(rest), *foreign_hosts(rest, ""), *_REFERENCE.findall(rest), *numbers]
    return tuple(dict.fromkeys([*found, *_NAME.findall(rest)]))


def first_ungrounded(text: str, shown: str) -> str | None:
    """The first name that does not occur in what was shown; None when all do."""
    folded = " ".join(shown.casefold().split())
    for name in names_in(text):
        # A quotation may be cut, in the middle of a word.
        if not is_mentioned(name, shown) and " ".join(name.casefold().split()) not in folded:
            return name
    return None


def words_of(record: Any) -> Iterator[str]:
    """Every text in a record's row, at any depth."""
    if isinstance(record, str):
        yield record
    elif isinstance(record, Mapping):
        for value in record.values():
            yield from words_of(value)
    elif isinstance(record, Sequence):
        for value in record:
            yield from words_of(value)
