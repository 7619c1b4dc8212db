"""Outputs: how they get their place, and how it is known that they are still what was put there.

An output is what one stage leaves at one place: a table's partition, or an artifact folder of a day. A record of it,
`records/<place>.json`, names each of its files with size and SHA-256, and what it was made from.

One protocol, on a disk and on S3, for one output or for several that belong together:

1. Files are staged under `.commits/<token>/`, hidden from every reader.
2. `.commits/<token>/journal.json` is written, with the new records. From here on the commit stands.
3. Each file is moved to its place, files of the former output that are not replaced are deleted, records are written,
   and the staging folder is deleted. An output that is to go loses its files, then its record.

Whoever finds a journal carries out what is left of step 3, which may be repeated; who finds staged files of a process
that is gone, and no journal, deletes them. So a kill at any moment leaves the old outputs or the new ones.
(Write-ahead logging with redo: Mohan et al., ARIES, 1992; one record in place of a log.)
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.digests import FileDigest, digest_of_bytes, digest_of_file
from wm_pipeline.domain.errors import MADE_AGAIN, DamagedError, InvalidInputError, MissingUpstreamError, TableError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.processes import is_alive, is_elsewhere
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.scratch import is_left_over, scratch_name, temporary_left_overs
from wm_pipeline.domain.state import STRICT
from wm_pipeline.gateways.files import Files, Stamp

RECORDS, COMMITS, JOURNAL = "records", ".commits", "journal.json"
_SCRATCH, _LOCK = "wm-commit-", f"{COMMITS}.lock"
_READ_AT_ONCE = 2**20
_SETTLED_AFTER_NS = 2 * 10**9
"""A file that changed so lately may change again under the same time: S3 counts in seconds."""
_CARRIED_OUT_WITHIN_NS = 15 * 60 * 10**9
_STAGED_WITHIN_NS = 24 * 3600 * 10**9
"""On S3 nothing tells that a process of another host is gone, but that what it staged has not changed for so long."""


class Check(Enum):
    """How it is made sure that a file is the one that was committed."""

    SIZE = "size"
    DIGEST = "digest"
    """Its digest, too, unless size and time of change are what they were when that was last computed."""
    DIGEST_ANEW = "digest_anew"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an output."""

    __pydantic_config__ = STRICT

    place: str
    """A table's file or an artifact folder, relative to the root."""
    files: dict[str, FileDigest]
    """By path relative to the root."""
    note: dict[str, Any]
    """What it was made from, with the hash of its content."""
    committed_at: str
    """UTC, ISO 8601."""
    seal: str = ""
    """Hash of all of the above: of what an output was made from nothing else would tell a flipped bit."""


def _sealed(record: Record) -> Record:
    return replace(record, seal=digest(to_json(replace(record, seal=""))))


def _parse_record(content: bytes) -> Record:
    """Raises InvalidInputError for one that is not what was written."""
    found = from_json(Record, content, what="record")
    if found.seal != _sealed(found).seal:
        raise InvalidInputError("record: it was changed after it was written")
    return found


def record_path(place: str) -> str:
    return f"{RECORDS}/{place}.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """What a commit puts in place, and what it takes away."""

    __pydantic_config__ = STRICT

    records: tuple[Record, ...] = ()
    removed: dict[str, str] = field(default_factory=dict)
    """Places of outputs that go, each with the time its output was committed; empty where its record is damaged."""


class Outputs:
    """Commits to one root, and checks of what was committed."""

    def __init__(self, files: Files, *, memory: Path | None = None) -> None:
        self._files = files
        self._known = _Memory(memory)

    @contextmanager
    def committing(self) -> Iterator["Commit"]:
        """Outputs that become visible together when the block ends without an error, or not at all."""
        commit = Commit(self._files)
        try:
            yield commit
            commit.publish()
        finally:
            commit.close()

    def settle(self) -> bool:
        """Carry out what a process that is gone had committed, and delete what it had not.

        In a folder, what another host has committed, too: a copied folder's host never comes back, and the lock keeps
        two from carrying it out at once. On S3, what another host has left alone for long enough.
        Returns whether a process that lives is carrying out a commit right now.
        """
        is_under_way = False
        for token, staged in self._staged().items():
            is_gone = self._is_gone(token, staged)
            is_of_a_copy = is_elsewhere(token.rpartition("-")[0]) and not self._files.is_remote
            if JOURNAL in staged and (is_gone or is_of_a_copy):
                _carry_out(self._files, token)
            elif is_gone:
                self._files.delete_folder(f"{COMMITS}/{token}")
            else:
                is_under_way |= JOURNAL in staged
        for scratch in temporary_left_overs() if self._files.is_remote else ():
            if scratch.name.startswith(_SCRATCH):
                shutil.rmtree(scratch, ignore_errors=True)
        return is_under_way

    def _staged(self) -> dict[str, dict[str, Stamp]]:
        """The staged files of each commit with their stamps."""
        # A process that was killed before it wrote a file has left a folder without one.
        staged: dict[str, dict[str, Stamp]] = {token: {} for token in self._files.folders(COMMITS)}
        for path, stamp in self._files.stamps(COMMITS, hidden=True).items():
            _, token, name = path.split("/", 2)
            staged.setdefault(token, {})[name] = stamp
        return staged

    def _is_gone(self, token: str, staged: Mapping[str, Stamp]) -> bool:
        """Whether the process of a commit is gone, as far as can be told."""
        owner = token.rpartition("-")[0]
        if not (self._files.is_remote and is_elsewhere(owner)):
            return not is_alive(owner)
        limit_ns = _CARRIED_OUT_WITHIN_NS if JOURNAL in staged else _STAGED_WITHIN_NS
        return time.time_ns() - max(stamp.changed_ns for stamp in staged.values()) > limit_ns

    def left_over(self) -> dict[str, int]:
        """What processes that are gone have left, with its size: folders that `settle` would delete, hidden files."""
        hidden = {
            path: stamp.size
            for path, stamp in self._files.stamps("", hidden=True).items()
            if not path.startswith(f"{COMMITS}/") and is_left_over(path.rpartition("/")[2])
        }
        staged = {
            f"{COMMITS}/{token}": sum(stamp.size for stamp in staged.values())
            for token, staged in self._staged().items()
            if JOURNAL not in staged and self._is_gone(token, staged)
        }
        return {**staged, **hidden}

    def delete_left_over(self, path: str) -> None:
        """Delete one that `left_over` has named."""
        if path.startswith(f"{COMMITS}/"):
            self._files.delete_folder(path)
        else:
            self._files.delete(path)

    def files_of(self, place: str) -> dict[str, int]:
        """The files of an output with their sizes, whatever state it is in."""
        return files_at(self._files, place, _read_record(self._files, record_path(place)))

    # --- what was committed -----------------------------------------------------------------------------------------

    def record(self, place: str) -> Record | None:
        """None when nothing was committed there. Raises DamagedError when the record cannot be read."""
        path = record_path(place)
        try:
            return _parse_record(self._files.read(path))
        except MissingUpstreamError:
            return None
        except InvalidInputError as error:
            raise DamagedError(f"{self._files.address_of(path)} is damaged ({error})") from error

    def places(self, folder: str) -> list[str]:
        """The places under a folder where outputs are recorded, sorted."""
        paths = self._files.stamps(f"{RECORDS}/{folder}")
        return [path.removeprefix(f"{RECORDS}/").removesuffix(".json") for path in paths if path.endswith(".json")]

    def check(self, path: str, record: Record, check: Check = Check.DIGEST) -> None:
        """Raises DamagedError unless a file of an output is the one that was committed."""
        expected, address = record.files[path], self._files.address_of(path)
        stamp = self._files.stamp(path)
        if stamp is None:
            raise DamagedError(f"{address} is missing")
        is_known = check is Check.SIZE or (check is Check.DIGEST and self._known.is_known(address, stamp, expected))
        if stamp.size == expected.size and is_known:
            return
        found = FileDigest(stamp.size, "") if stamp.size != expected.size else self._digest(path)
        self._compare(path, expected, found)
        self._known.remember(address, stamp, expected)

    def check_content(self, path: str, content: bytes, record: Record) -> None:
        """Raises DamagedError unless this is the content that was committed."""
        self._compare(path, record.files[path], digest_of_bytes(content))

    def check_copy(self, path: str, copy: Path, record: Record) -> None:
        """Raises DamagedError unless a copy on this machine is what was committed."""
        if not copy.is_file():
            raise DamagedError(f"{self._files.address_of(path)} is missing")
        self._compare(path, record.files[path], digest_of_file(copy))

    def _compare(self, path: str, expected: FileDigest, found: FileDigest) -> None:
        if found.size != expected.size:
            raise DamagedError(
                f"{self._files.address_of(path)} is damaged: expected {expected.size} bytes, found {found.size}"
            )
        if found.sha256 != expected.sha256:
            raise DamagedError(
                f"{self._files.address_of(path)} is damaged: expected SHA-256 {expected.sha256}, found {found.sha256}"
            )

    def _digest(self, path: str) -> FileDigest:
        if not self._files.is_remote:
            return digest_of_file(self._files.local_path(path))
        found, size = hashlib.sha256(), 0
        with self._files.opened(path) as stream:
            while chunk := stream.read(_READ_AT_ONCE):
                found.update(chunk)
                size += len(chunk)
        return FileDigest(size, found.hexdigest())


class Commit:
    """Outputs on their way; see `Outputs.committing`."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._token = scratch_name()
        self._scratch = Path(tempfile.gettempdir(), f"{_SCRATCH}{self._token}") if files.is_remote else None
        self._is_journaled = False
        self._records: dict[str, Record] = {}
        self._removed: dict[str, str] = {}

    def stage(self, path: str) -> Path:
        """Where on this machine a file that will lie at `path` is to be written."""
        local = self._local(path)
        with self._files.writing_to(path):
            local.parent.mkdir(parents=True, exist_ok=True)
        return local

    def finish(self, place: str, paths: Iterable[str], note: Mapping[str, Any]) -> None:
        """An output is complete: these files of it were staged, and this is what it was made from."""
        files = {path: digest_of_file(self._local(path)) for path in paths}
        self._records[place] = _sealed(Record(place, files, dict(note), _now()))

    def remove(self, place: str) -> None:
        """An output goes, with its record."""
        record = _read_record(self._files, record_path(place))
        self._removed[place] = "" if record is None else record.committed_at

    def publish(self) -> None:
        """Write the journal and carry it out; what was not finished is not published."""
        if not self._records and not self._removed:
            return
        for path in (path for record in self._records.values() for path in record.files):
            if self._files.is_remote:
                self._files.take(self._local(path), f"{COMMITS}/{self._token}/{path}")
            else:
                with self._files.writing_to(path), self._local(path).open("rb") as stream:
                    os.fsync(stream.fileno())
        journal = to_json(Journal(tuple(self._records.values()), self._removed))
        self._files.write(f"{COMMITS}/{self._token}/{JOURNAL}", journal.encode())
        self._is_journaled = True
        _carry_out(self._files, self._token)

    def close(self) -> None:
        """Delete what was staged, unless it is committed: then `settle` carries out what is left."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if not self._is_journaled:
            with suppress(TableError):  # what cannot be deleted now, `settle` deletes
                self._files.delete_folder(f"{COMMITS}/{self._token}")

    def _local(self, path: str) -> Path:
        if self._scratch is not None:
            return self._scratch / path
        return self._files.local_path(f"{COMMITS}/{self._token}/{path}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _carry_out(files: Files, token: str) -> None:
    """Step 3, by the process itself or, where it is gone, by another."""
    with files.locked(_LOCK):
        _move_and_record(files, token)


def _move_and_record(files: Files, token: str) -> None:
    folder = f"{COMMITS}/{token}"
    try:
        journal = from_json(Journal, files.read(f"{folder}/{JOURNAL}"), what="journal")
    except MissingUpstreamError:
        return  # another process was faster
    except InvalidInputError as error:
        raise DamagedError(
            f"{files.address_of(f'{folder}/{JOURNAL}')} is damaged ({error}); delete the folder that it lies in: what "
            f"it would have put in its place is then missing, and {MADE_AGAIN}"
        ) from error
    for record in journal.records:
        path = record_path(record.place)
        former = _read_record(files, path)
        for name in record.files:
            files.move(f"{folder}/{name}", name)
        for name in former.files.keys() - record.files.keys() if former is not None else ():
            files.delete(name)
        files.write(path, to_json(record).encode())
    for place, committed_at in journal.removed.items():
        _take_away(files, place, committed_at)
    files.delete_folder(folder)


def _take_away(files: Files, place: str, committed_at: str) -> None:
    """Delete an output, unless another was committed at its place since."""
    path = record_path(place)
    record = _read_record(files, path)
    if record is not None and record.committed_at != committed_at:
        return
    if files.stamp(path) is None:
        return  # the record goes last
    for name in files_at(files, place, record):
        files.delete(name)
    files.delete(path)


def files_at(files: Files, place: str, record: Record | None) -> dict[str, int]:
    """The files of an output with their sizes: those of its record or, without a readable one, those that are there."""
    if record is not None:
        return {path: digest.size for path, digest in record.files.items()}
    if place.endswith(".parquet"):
        stamp = files.stamp(place)
        return {} if stamp is None else {place: stamp.size}
    return {path: stamp.size for path, stamp in files.stamps(place).items()}


def _read_record(files: Files, path: str) -> Record | None:
    """None when there is none, or none that can be read."""
    try:
        return _parse_record(files.read(path))
    except (MissingUpstreamError, InvalidInputError):
        return None


class _Memory:
    """Files that were found to be what was committed, with their stamps: in memory and, one a line, in a file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, tuple[Stamp, str]] | None = None

    def is_known(self, address: str, stamp: Stamp, digest: FileDigest) -> bool:
        return self._read().get(address) == (stamp, digest.sha256)

    def remember(self, address: str, stamp: Stamp, digest: FileDigest) -> None:
        known = self._read()
        if time.time_ns() - stamp.changed_ns < _SETTLED_AFTER_NS or known.get(address) == (stamp, digest.sha256):
            return
        known[address] = stamp, digest.sha256
        if self._file is not None:
            line = json.dumps([address, *stamp, digest.sha256])
            with suppress(OSError), self._file.open("a") as stream:  # what cannot be remembered is checked again
                stream.write(line + "\n")

    def _read(self) -> dict[str, tuple[Stamp, str]]:
        if self._known is None:
            self._known = {}
            lines = self._file.read_text().splitlines() if self._file is not None and self._file.exists() else []
            for line in lines:
                with suppress(ValueError):  # cut by a kill or a full disk
                    address, size, changed_ns, sha256 = json.loads(line)
                    self._known[address] = Stamp(size, changed_ns), sha256
            if self._file is not None and len(lines) > 2 * len(self._known) + 1000:
                rows = [json.dumps([address, *stamp, sha256]) for address, (stamp, sha256) in self._known.items()]
                replace_text(self._file, "".join(f"{row}\n" for row in rows))
        return self._known
