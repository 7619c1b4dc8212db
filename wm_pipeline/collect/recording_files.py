"""Zip files that others recorded, read within bounds: nothing is unpacked, and no part is larger than it may be."""

import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from wm_pipeline.domain.errors import InvalidInputError

MOST_BYTES = 256_000_000
"""Of one part of a file, unpacked: some hours of clicking."""
MOST_READ = 4 * MOST_BYTES
"""Of all parts together; one that is read twice counts twice."""
MOST_PARTS = 100_000
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
"""What the library raises for a file that is cut, damaged, encrypted, or packed in a way that it does not know."""


class PackedFile:
    """A zip file by the names of its parts."""

    def __init__(self, path: Path, *, most_read: int = MOST_READ) -> None:
        """Raises InvalidInputError when it is none."""
        self.path = path
        self._room = most_read
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
        except _BROKEN as error:
            raise InvalidInputError(
                f"cannot read {path}: it is no zip file, or not whole; nothing was imported"
            ) from error
        self.names = self._zip.namelist()
        if len(self.names) > MOST_PARTS:
            raise InvalidInputError(
                f"cannot read {path}: expected at most {MOST_PARTS} parts, found {len(self.names)}; "
                "nothing was imported"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str, *, most_bytes: int = MOST_BYTES) -> bytes:
        """One part. Raises InvalidInputError when it is damaged or larger than `most_bytes`, whatever the file says."""
        most_bytes = min(most_bytes, self._room)
        try:
            with self._zip.open(name) as part:
                content = part.read(most_bytes + 1)
        except _BROKEN as error:
            raise InvalidInputError(
                f"cannot read {name} in {self.path}: the file is damaged or encrypted; nothing was imported"
            ) from error
        if len(content) > most_bytes:
            raise InvalidInputError(
                f"cannot read {name} in {self.path}: it is larger than the {most_bytes} bytes that may be read; "
                "nothing was imported"
            )
        self._room -= len(content)
        return content
