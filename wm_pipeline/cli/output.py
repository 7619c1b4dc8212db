"""What commands print: JSON and tables on stdout, words on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

_WIDE = 240
"""Columns of a table that nobody's terminal limits: a pipe or a file gets whole lines."""


def say(text: str) -> None:
    """Words for a person."""
    print(text, file=sys.stderr, flush=True)


def print_json(content: object) -> None:
    """One JSON document for a program."""
    print(json.dumps(content))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under a header; what is missing is a dash."""
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row))
    width = None if sys.stdout.isatty() else _WIDE
    Console(file=sys.stdout, width=width, highlight=False, markup=False).print(table)
