"""One parquet file of a table while it is written, whole or in pieces: the check of its schema, and its metadata.

The table store decides where the file goes and moves it there.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import polars.selectors as cs
import pyarrow.parquet as pq

from wm_pipeline.domain.errors import TableError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.tables import TABLE_NAMES, TABLES, SchemaT
from wm_pipeline.domain.vocabulary import FORMAT_VERSION

METADATA_KEY = "wm_pipeline"
_COMPRESSION_LEVEL = 1
"""The fastest: a fifth less work than Polars' default for a twentieth more bytes, measured on pages of text."""
_ROWS_IN_A_GROUP = 20_000
"""Groups are encoded side by side: a day of 100,000 rows was written in half the time on 2 cores."""


def write_whole(path: Path, table: str, frame: dy.DataFrame[dy.Schema], lineage: Mapping[str, Any]) -> dict[str, Any]:
    """Write a table's file; return the note in it."""
    note = _note_of(table, {"content": content_of(frame), **lineage})
    frame.write_parquet(
        path,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        row_group_size=_ROWS_IN_A_GROUP,
        metadata={METADATA_KEY: json.dumps(note, sort_keys=True)},
    )
    return note


class Content:
    """Hash of a table's values, fed in pieces: it does not depend on the pieces or on how they lie in memory."""

    def __init__(self) -> None:
        self._flat, self._nested = hashlib.blake2b(digest_size=10), hashlib.blake2b(digest_size=10)
        self._is_begun = False

    def add(self, rows: pl.DataFrame) -> None:
        self._flat.update(rows.select(~cs.nested()).write_csv(include_header=not self._is_begun).encode())
        nested = rows.select(cs.nested())
        if nested.width:
            self._nested.update(nested.write_ndjson().encode())
        self._is_begun = True

    def hexdigest(self) -> str:
        return digest(self._flat.hexdigest(), self._nested.hexdigest())


def content_of(frame: pl.DataFrame) -> str:
    """Hash of a whole table's values."""
    content = Content()
    content.add(frame)
    return content.hexdigest()


def validated(schema: type[SchemaT], frame: pl.DataFrame, *, place: str) -> dy.DataFrame[SchemaT]:
    """The frame with its schema's types; `place` says in an error which rows they are."""
    try:
        return schema.validate(frame, cast=True)
    except (dy.exc.ValidationError, dy.exc.SchemaError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{TABLE_NAMES[schema]} {place} does not fit its schema: {error}") from error


def _note_of(table: str, lineage: Mapping[str, Any]) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "table": table, **lineage}


class TableFile:
    """A file that is being written: pieces in the order of their keys, then their lineage."""

    def __init__(self, path: Path, table: str, *, place: str) -> None:
        self._path = path
        self._table = table
        self._place = place
        self._file: pq.ParquetWriter | None = None
        self._last_key: tuple[Any, ...] | None = None
        self._content = Content()
        self.note: dict[str, Any] = {}
        """What was noted when it was finished."""
        self.is_finished = False

    def append(self, rows: pl.DataFrame) -> None:
        """Write a piece; an empty one may stand alone, for a table without rows."""
        valid = validated(TABLES[self._table], rows, place=self._place)
        self._check_order(valid)
        self._content.add(valid)
        piece = valid.to_arrow(compat_level=pl.CompatLevel.oldest())
        try:
            if self._file is None:
                self._file = pq.ParquetWriter(
                    self._path, piece.schema, compression="zstd", compression_level=_COMPRESSION_LEVEL
                )
            self._file.write_table(piece, row_group_size=_ROWS_IN_A_GROUP)
        except OSError as error:
            raise TableError(
                f"cannot write {self._table} {self._place}: {error}; check the disk, then run again"
            ) from error

    def finish(self, lineage: Mapping[str, Any]) -> dict[str, Any]:
        """End the file after the last piece: note the lineage and the hash of the content; return the note."""
        assert self._file is not None, "a table without rows is written as one empty piece"
        self.note = _note_of(self._table, {"content": self._content.hexdigest(), **lineage})
        self._file.add_key_value_metadata({METADATA_KEY: json.dumps(self.note, sort_keys=True)})
        self._file.close()
        self.is_finished = True
        return self.note

    def abandon(self) -> None:
        """Close a file that was not finished; does nothing when it is closed."""
        if self._file is not None and not self.is_finished:
            self._file.close()

    def _check_order(self, rows: pl.DataFrame) -> None:
        """Raises TableError unless keys rise: rising keys are distinct over all pieces, so none has to be kept."""
        if rows.is_empty():
            return
        names = TABLES[self._table].primary_key()
        keys = rows.select(names)
        rises = pl.lit(False)
        for name in reversed(names):
            before, here = pl.col(name).shift(1), pl.col(name)
            rises = (before < here) | ((before == here) & rises)
        follows = self._last_key is None or self._last_key < keys.row(0)
        if not follows or not keys.select(rises.slice(1).all()).item():
            raise TableError(
                f"{self._table} {self._place} is written in pieces whose keys do not rise ({', '.join(names)}); "
                "sort the rows, and remove duplicate rows"
            )
        self._last_key = keys.row(-1)
