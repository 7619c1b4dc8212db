"""Where tables, checkpoints and reports live: a local folder or `s3://bucket/prefix`, behind one URL.

Layout under the root: `tables/<table>/round_day=<day>/<partition>.parquet`, folders of artifacts under any other name,
and `records`, what is known of each of these outputs (commits.py). `tables/` holds only parquet files, and no
table has a column `round_day`: pandas, pyarrow, Polars and DuckDB read a table's folder as it is.
An output is committed whole or not at all, alone or together with others, and what is read is what was committed.
"""

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import dataframely as dy
import polars as pl

from wm_pipeline.domain.atomic import add_name, replace_bytes
from wm_pipeline.domain.errors import DamagedError, FormatVersionError, MissingUpstreamError, TableError
from wm_pipeline.domain.machine import full_disk
from wm_pipeline.domain.records import is_version
from wm_pipeline.domain.tables import TABLE_NAMES, TABLES, SchemaT
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.gateways.commits import Check, Commit, Outputs, Record
from wm_pipeline.gateways.files import Files, S3Options
from wm_pipeline.gateways.table_file import TableFile, validated, write_whole

T = TypeVar("T")
ROUND_DAY = "round_day"
"""Key of a table's folders: the day of the round that made a file; rows of a dataset may be of other days."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PLACE = re.compile(r"tables/[^/]+/[^/]+/[^/]+\.parquet$|(?:[^/]+/)+\d{4}-\d\d-\d\d(?=/|$)")
"""The output that a path belongs to: a table's file, or the folder of a day; other files belong to none."""


def table_path(table: str, *, day: str, partition: str = "all") -> str:
    """Where a partition lies, relative to the store's root."""
    return f"tables/{table}/{ROUND_DAY}={day}/{partition}.parquet"


@dataclass(frozen=True, slots=True)
class Partition:
    table: str
    day: str
    name: str
    """The site, or `all` for a table with one file a day."""


class Batch:
    """Outputs that are committed together; see `TableStore.committing`."""

    def __init__(self, store: "TableStore", commit: Commit) -> None:
        self._store = store
        self._commit = commit

    def write(
        self, table: str, frame: pl.DataFrame, *, day: str, partition: str = "all", lineage: Mapping[str, Any]
    ) -> str:
        """Replace one partition; return its address. The frame has no type yet: the schema of `table` decides here.

        Raises TableError when the frame does not fit the table's schema.
        """
        path = table_path(table, day=day, partition=partition)
        valid = validated(TABLES[table], frame, place=f"for {day}/{partition}")
        unfinished = self._commit.stage(path)
        with self._store.writing_to(path):
            note = write_whole(unfinished, table, valid, lineage)
        self._commit.finish(path, [path], note)
        return self._store.address_of(path)

    @contextmanager
    def writing(self, table: str, *, day: str, partition: str = "all") -> Iterator[TableFile]:
        """Replace one partition by pieces that are never in memory together.

        The old one stands unless the block is left with the file finished. Raises TableError when a piece does not fit
        the table's schema or its keys do not follow those before it.
        """
        path = table_path(table, day=day, partition=partition)
        file = TableFile(self._commit.stage(path), table, place=f"for {day}/{partition}")
        try:
            yield file
        finally:
            file.abandon()
        if file.is_finished:
            self._commit.finish(path, [path], file.note)

    def write_folder(self, place: str, content: Mapping[str, bytes | Path], *, note: Mapping[str, Any]) -> str:
        """Replace an artifact folder by files, each given as its content or as a local file; return its address.

        `place`: its path, which ends in a day. A local file is not copied where it can have a further name: nobody may
        write into it any more.
        """
        assert place_of(place) == place, f"{place!r} is no folder of a day"
        paths = {f"{place}/{name}": given for name, given in content.items()}
        for path, given in paths.items():
            unfinished = self._commit.stage(path)
            with self._store.writing_to(path):
                if isinstance(given, Path):
                    add_name(given, unfinished)
                else:
                    unfinished.write_bytes(given)
        self._commit.finish(place, paths, {"format_version": FORMAT_VERSION, **note})
        return self._store.address_of(place)


class TableStore:
    """Tables and artifact folders under one root URL."""

    def __init__(
        self, root: str, s3: S3Options | None = None, *, memory: Path | None = None, check: Check | None = None
    ) -> None:
        """`memory`: a file that says which files were checked before; `check`: of files that are scanned or given to a
        training. None: each is hashed anew, as a bit that flips on a disk changes no time; on S3 it is hashed once.
        """
        self._files = Files(root, s3)
        self._outputs = Outputs(self._files, memory=memory)
        self._of_work = check or (Check.DIGEST if self._files.is_remote else Check.DIGEST_ANEW)
        self.root = self._files.root
        self.is_remote = self._files.is_remote
        self.address_of = self._files.address_of
        self.places = self._outputs.places
        self.files_of = self._outputs.files_of
        self.left_over = self._outputs.left_over
        self.delete_left_over = self._outputs.delete_left_over

    # --- writing ----------------------------------------------------------------------------------------------------

    @contextmanager
    def committing(self) -> Iterator[Batch]:
        """Outputs that become visible together when the block ends without an error, or not at all."""
        with self._outputs.committing() as commit:
            yield Batch(self, commit)

    def write(
        self, table: str, frame: pl.DataFrame, *, day: str, partition: str = "all", lineage: Mapping[str, Any]
    ) -> str:
        """Replace one partition, alone; see `Batch.write`."""
        with self.committing() as batch:
            return batch.write(table, frame, day=day, partition=partition, lineage=lineage)

    def write_tables(
        self, frames: Mapping[str, pl.DataFrame], *, day: str, partition: str, lineage: Mapping[str, Any]
    ) -> list[str]:
        """Replace a partition of several tables at once; return their addresses."""
        with self.committing() as batch:
            return [
                batch.write(table, frame, day=day, partition=partition, lineage=lineage)
                for table, frame in frames.items()
            ]

    def write_folder(self, place: str, content: Mapping[str, bytes | Path], *, note: Mapping[str, Any]) -> str:
        """Replace an artifact folder, alone; see `Batch.write_folder`."""
        with self.committing() as batch:
            return batch.write_folder(place, content, note=note)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write one file that belongs to no output: a reader sees the old content or the new, never a part."""
        assert place_of(path) is None, f"{path!r} belongs to an output"
        self._files.write(path, content)

    def delete_folder(self, folder: str) -> None:
        """Delete all files under a folder, which belong to no output; nothing happens when there is none."""
        self._files.delete_folder(folder)

    @contextmanager
    def writing_to(self, path: str) -> Iterator[None]:
        """Raises TableError when the disk, the bucket or the encoder fails."""
        try:
            with self._files.writing_to(path):
                yield
        except pl.exceptions.PolarsError as error:
            # Polars' words for a disk that is full are those for a file that is none.
            full = None if self.is_remote else full_disk(Path(self.root))
            if full is not None:
                raise TableError(f"{full}, then run again") from error
            raise TableError(f"cannot write {self.address_of(path)}: {error}") from error

    def delete(self, path: str) -> None:
        """Delete one file that belongs to no output."""
        assert place_of(path) is None, f"{path!r} belongs to an output"
        self._files.delete(path)

    def settle(self) -> None:
        """Carry out what a process that was killed had committed, and delete what it had not."""
        self._outputs.settle()

    def remove(self, places: Sequence[str]) -> None:
        """Delete outputs with their records; a kill at any moment leaves all of them or none."""
        with self._outputs.committing() as commit:
            for place in places:
                commit.remove(place)

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(
        self, schema: type[SchemaT], *, days: Sequence[str] | None = None, sites: Sequence[str] | None = None
    ) -> dy.DataFrame[SchemaT]:
        """All rows of the chosen partitions, validated again: a stored stamp is not proof.

        Each file is opened once, so a partition that is replaced meanwhile is read as it was or as it is. Raises
        DamagedError when one is not what was committed.
        """
        frames = []
        table = TABLE_NAMES[schema]
        paths = self._chosen_paths(table, days, sites)
        for path in paths:
            content = self.read_bytes(path)
            try:
                frames.append(pl.read_parquet(io.BytesIO(content)))
            except pl.exceptions.PolarsError as error:
                raise self._unreadable(path, error) from error
        frame = _of_sites(schema, pl.concat(frames).lazy(), sites, paths).collect()
        return validated(schema, frame, place=f"in {self.root}")

    def scan(
        self, schema: type[SchemaT], *, days: Sequence[str] | None = None, sites: Sequence[str] | None = None
    ) -> dy.LazyFrame[SchemaT]:
        """One LazyFrame over the chosen partitions; other files are not opened.

        It reads when it is collected; do not collect while a partition is being replaced. Rows are not validated.
        Raises MissingUpstreamError when there are none, FormatVersionError when one is of another version, DamagedError
        when one is not what was committed.
        """
        paths = self._chosen_paths(TABLE_NAMES[schema], days, sites)
        for path in paths:
            self._settled(partial(self._check, path, self._of_work))
        sources = [self._files.source_of(path) for path in paths]
        # Without glob a folder called `run[1]` is a folder.
        options = self._files.s3.for_polars() if self.is_remote else None
        frame = pl.scan_parquet(sources, glob=False, storage_options=options)
        return cast("dy.LazyFrame[SchemaT]", _of_sites(schema, frame, sites, paths))

    def _chosen_paths(self, table: str, days: Sequence[str] | None, sites: Sequence[str] | None) -> list[str]:
        chosen = [
            part
            for part in self.partitions(table)
            if (days is None or part.day in days) and (sites is None or part.name in (*sites, _ALL))
        ]
        if not chosen:
            wanted = "" if days is None else f" for days {', '.join(days)}"
            wanted += "" if sites is None else f" for sites {', '.join(sites)}"
            raise MissingUpstreamError(f"no {table}{wanted} in {self.root}; materialize it first (`wm run`)")
        return [table_path(part.table, day=part.day, partition=part.name) for part in chosen]

    def partitions(self, table: str) -> list[Partition]:
        """The partitions there are, oldest day first; those whose file is missing, too."""
        found = set()
        for path in {*self._outputs.places(f"tables/{table}"), *self._files.stamps(f"tables/{table}")}:
            folder, name = path.split("/")[-2:]
            key, _, day = folder.partition("=")
            if key == "day":
                raise FormatVersionError(
                    f"{self.address_of(path)} lies where an earlier release put tables; "
                    "use the release that wrote it, or point WM_DATA to a new folder"
                )
            if key == ROUND_DAY and name.endswith(".parquet"):
                found.add(Partition(table, day, name.removesuffix(".parquet")))
        return sorted(found, key=lambda part: (part.day, part.name))

    def lineage_of(self, table: str, *, day: str, partition: str = "all") -> dict[str, Any]:
        """What was noted with the partition: settings, seed, code version, upstream."""
        return self.note_of(table_path(table, day=day, partition=partition))

    def note_of(self, place: str) -> dict[str, Any]:
        """What was noted with an output. Raises MissingUpstreamError when there is none."""
        return dict(self._record(place).note)

    def committed_at(self, place: str) -> datetime | None:
        """When an output was committed; None when there is none, or its record cannot be read."""
        with suppress(DamagedError):
            record = self._outputs.record(place)
            return None if record is None else datetime.fromisoformat(record.committed_at)
        return None

    def problem(self, place: str, *, is_thorough: bool = False) -> str | None:
        """What is wrong with an output, in words, or NOTHING_THERE; None when it is what was committed.

        Files on S3 are not fetched for it, unless it `is_thorough`: their sizes tell.
        """
        check = Check.DIGEST_ANEW if is_thorough else Check.SIZE if self.is_remote else Check.DIGEST

        def look() -> None:
            record = self._record(place)
            for path in record.files:
                self._outputs.check(path, record, check)

        try:
            self._settled(look)
        except MissingUpstreamError:
            return NOTHING_THERE
        except DamagedError as error:
            return str(error)
        return None

    def unrecorded(self) -> list[str]:
        """Files that lie where outputs lie and were not committed, sorted."""
        records = (self._outputs.record(place) for place in self.places(""))
        known = {path for record in records if record is not None for path in record.files}
        return [path for path in self.list_files("") if place_of(path) is not None and path not in known]

    def read_bytes(self, path: str) -> bytes:
        """A file's content. Raises DamagedError when it belongs to an output and is not what was committed."""
        place = place_of(path)
        if place is None:
            return self._files.read(path)

        def read() -> bytes:
            record = self._record(place, path)
            try:
                content = self._files.read(path)
            except MissingUpstreamError as error:
                raise DamagedError(f"{self.address_of(path)} is missing") from error
            self._outputs.check_content(path, content, record)
            return content

        return self._settled(read)

    def size_of(self, path: str) -> int:
        """Bytes of a file; 0 when there is none."""
        stamp = self._files.stamp(path)
        return 0 if stamp is None else stamp.size

    def list_files(self, folder: str) -> list[str]:
        """Paths under a folder, relative to the root; unfinished files are left out."""
        return list(self._files.stamps(folder))

    def local_folder(self, path: str, *, cache: Path) -> Path:
        """A local copy of an output that is a folder, or of a folder in it; under a local root, the folder itself.

        Raises MissingUpstreamError, or DamagedError when it is not what was committed.
        """
        place = place_of(path) or path

        def read() -> Path:
            record = self._record(place)
            names = [name for name in record.files if name.startswith(f"{path}/")]
            if not names:
                raise MissingUpstreamError(f"there is no {self.address_of(path)}; materialize it first")
            if not self.is_remote:
                for name in names:
                    self._outputs.check(name, record)
                return self._files.local_path(path)
            with suppress(DamagedError):
                self._check_copies(names, cache, record)  # fetched before
                return cache / path
            with self.writing_to(path):
                self._files.fetch(path, cache / path)
            self._check_copies(names, cache, record)
            return cache / path

        return self._settled(read)

    def local_file(self, path: str, *, cache: Path) -> Path:
        """A local copy of a file of an output; under a local root, the file itself. Raises as `read_bytes`."""
        if not self.is_remote:
            self._settled(partial(self._check, path, self._of_work))
            return self._files.local_path(path)
        local = cache / path
        with self.writing_to(path):
            local.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(local, self.read_bytes(path))
        return local

    def _check_copies(self, names: Sequence[str], cache: Path, record: Record) -> None:
        for name in names:
            self._outputs.check_copy(name, cache / name, record)

    def _check(self, path: str, check: Check) -> None:
        place = place_of(path)
        assert place is not None, f"{path!r} belongs to no output"
        self._outputs.check(path, self._record(place, path), check)

    def _record(self, place: str, path: str | None = None) -> Record:
        """The record of an output, which names a file of it. Raises MissingUpstreamError or DamagedError."""
        found, wanted = self._outputs.record(place), self.address_of(path or place)
        if found is None or (path is not None and path not in found.files):
            if self._files.stamp(path or place) is None:
                raise MissingUpstreamError(f"there is no {wanted}; materialize it first")
            raise DamagedError(
                f"{wanted} has no record of what was committed: an earlier release wrote it, or somebody by hand; "
                "use the release that wrote it, or move it away and make it again"
            )
        version = found.note.get("format_version")
        if not is_version(version, FORMAT_VERSION):
            raise FormatVersionError(
                f"{wanted} has format version {version}, this code reads {FORMAT_VERSION}; "
                "use the release that wrote it, or point WM_DATA to a new folder"
            )
        return found

    def _settled(self, read: Callable[[], T]) -> T:
        """Read what may just be replaced: what looks damaged is looked at again once no commit is under way."""
        deadline = time.monotonic() + _COMMIT_LIMIT_S
        while time.monotonic() < deadline:
            with suppress(DamagedError, MissingUpstreamError):
                return read()
            if not self._outputs.settle():
                break
            time.sleep(0.02)
        return read()

    def _unreadable(self, path: str, error: Exception) -> TableError:
        return TableError(
            f"{self.address_of(path)} is not a readable wm_pipeline table ({error}); delete it, then run its asset"
        )


def memory_in(state_folder: str) -> Path:
    """Where a deployment remembers which files were checked."""
    return Path(state_folder, "cache", "checked.jsonl")


def place_of(path: str) -> str | None:
    """The output that a path belongs to; None for a file of its own."""
    found = _PLACE.match(path)
    return None if found is None else found[0]


def day_of(place: str) -> str:
    """The day of an output."""
    found = _DAY.findall(place)
    assert found, f"{place!r} is no output of a day"
    return str(found[0])


NOTHING_THERE = "there is none"
_COMMIT_LIMIT_S = 60.0
"""How long a reader waits for another process that is just carrying out a commit."""
_ALL = "all"
"""Partition of a table with one file a day."""


def _of_sites(
    schema: type[dy.Schema], frame: pl.LazyFrame, sites: Sequence[str] | None, paths: Sequence[str]
) -> pl.LazyFrame:
    """Rows of the sites, when a file holds a whole day; partitions of one site, or of the generated sites, are taken
    whole."""
    has_all = any(path.endswith(f"/{_ALL}.parquet") for path in paths)
    if sites is None or not has_all or "site" not in schema.column_names():
        return frame
    return frame.filter(pl.col("site").is_in(list(sites)))
