"""Turns a panic of a Rust library into LibraryPanicError.

pyo3 raises it past `except Exception`, so a framework above would neither record nor report it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from wm_pipeline.domain.errors import LibraryPanicError


@contextmanager
def panics_as_errors(doing: str) -> Iterator[None]:
    """Raises LibraryPanicError when Polars panics; `doing` says what was being made."""
    try:
        yield
    except pl.exceptions.PanicException as error:
        raise LibraryPanicError(
            f"Polars {pl.__version__} broke down while making {doing} ({error}); nothing half-made was kept. "
            "Run the same command again; if it breaks again, report this line with the version of wm_pipeline"
        ) from error
