"""What commands print: JSON and tables on stdout, words on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

_WIDE = 240
"""Columns of a table that nobody's terminal limits: a pipe or a file gets whole lines."""


def say(text: str) -> None:
    """Words for a person."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Rows:
    """A table under its header."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    """What is missing is a dash."""


def answer(content: object, *shown: Rows | str, as_json: bool) -> None:
    """The one way in which a command answers: one JSON document for a program, or tables and lines for a person."""
    if as_json:
        print(json.dumps(content))
        return
    for part in shown:
        if isinstance(part, str):
            print(part)
        else:
            _print_table(part)


def _print_table(shown: Rows) -> None:
    table = Table(*shown.columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in shown.rows:
        table.add_row(*("-" if value is None else str(value) for value in row))
    width = None if sys.stdout.isatty() else _WIDE
    Console(file=sys.stdout, width=width, highlight=False, markup=False).print(table)
