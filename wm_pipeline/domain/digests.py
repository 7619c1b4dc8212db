"""Digests of whole files: what `sha256sum` prints."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wm_pipeline.domain.state import STRICT


@dataclass(frozen=True, slots=True)
class FileDigest:
    __pydantic_config__ = STRICT

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


def digest_of_file(path: Path) -> FileDigest:
    with path.open("rb") as stream:
        return FileDigest(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def digest_of_bytes(content: bytes) -> FileDigest:
    return FileDigest(len(content), hashlib.sha256(content).hexdigest())


def files_in(folder: Path) -> dict[str, Path]:
    """The files of a folder by their paths in it, sorted."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
