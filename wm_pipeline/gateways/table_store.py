"""Where tables, checkpoints and reports live: a local folder or `s3://bucket/prefix`, behind one URL.

Layout under the root: `tables/<table>/round_day=<day>/<partition>.parquet`, and folders of artifacts under any other
name. `tables/` holds only parquet files, and no table has a column `round_day`: pandas, pyarrow, Polars and
DuckDB read a table's folder as it is.
A table file is written whole or not at all (temporary name and rename; on S3 an object appears when its upload ends),
in one go or in pieces, and never held in memory as bytes.
"""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

import dataframely as dy
import polars as pl
import pyarrow.fs as pafs

from wm_pipeline.domain.atomic import commit_file, replacing_folder, unfinished_file
from wm_pipeline.domain.errors import FormatVersionError, MissingUpstreamError, SettingsError, TableError
from wm_pipeline.domain.records import is_version
from wm_pipeline.domain.tables import TABLE_NAMES, TABLES, SchemaT
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.gateways.table_file import METADATA_KEY, TableFile, validated, write_whole

ROUND_DAY = "round_day"
"""Key of a table's folders: the day of the round that made a file; rows of a dataset may be of other days."""


def table_path(table: str, *, day: str, partition: str = "all") -> str:
    """Where a partition lies, relative to the store's root."""
    return f"tables/{table}/{ROUND_DAY}={day}/{partition}.parquet"


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach S3; None leaves the choice to the usual AWS environment variables and instance role."""

    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    region: str | None = None

    @property
    def _endpoint(self) -> str | None:
        """Arrow and Polars read credentials and region from AWS's variables, but not the endpoint, as boto3 does."""
        return self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")

    def for_polars(self) -> dict[str, Any]:
        endpoint = self._endpoint
        options = {
            "aws_endpoint_url": endpoint,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_region": self.region,
        }
        if endpoint is not None and endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
        return {key: value for key, value in options.items() if value is not None}

    def filesystem(self) -> Any:
        parts = urlsplit(self._endpoint) if self._endpoint is not None else None
        return pafs.S3FileSystem(
            access_key=self.access_key_id,
            secret_key=self.secret_access_key,
            region=self.region,
            endpoint_override=parts.netloc if parts is not None else None,
            scheme=parts.scheme if parts is not None else "https",
            # Otherwise the parts of an upload would fill memory when the network is slow.
            background_writes=False,
        )


@dataclass(frozen=True, slots=True)
class Partition:
    table: str
    day: str
    name: str
    """The site, or `all` for a table with one file a day."""


class TableStore:
    """Tables and artifact folders under one root URL."""

    def __init__(self, root: str, s3: S3Options | None = None) -> None:
        self.root = root.rstrip("/")
        self._s3 = s3 or S3Options()
        self.is_remote = self.root.startswith("s3://")
        if "://" in self.root and not self.is_remote:
            raise SettingsError(f"cannot store tables in {root!r}; give a folder or s3://bucket/prefix")
        if self.is_remote:
            self._fs = self._s3.filesystem()
            self._base = self.root.removeprefix("s3://")
        else:
            self._fs = pafs.LocalFileSystem()
            self._base = str(Path(self.root).absolute())

    def write(
        self, table: str, frame: pl.DataFrame, *, day: str, partition: str = "all", lineage: Mapping[str, Any]
    ) -> str:
        """Validate and replace one partition; return its address. The frame has no type yet: the schema of `table`
        decides here.

        Raises TableError when the frame does not fit the table's schema.
        """
        path = self._partition_path(Partition(table, day, partition))
        valid = validated(TABLES[table], frame, place=f"for {day}/{partition}")
        with self._unfinished(path) as unfinished, self._writing_to(path):
            write_whole(unfinished, table, valid, lineage)
            self._commit(unfinished, path)
        return self.address_of(path)

    @contextmanager
    def writing(self, table: str, *, day: str, partition: str = "all") -> Iterator[TableFile]:
        """Replace one partition by pieces that are never in memory together.

        The old one stands until the block is left with the file finished. Raises TableError when a piece does not fit
        the table's schema or its keys do not follow those before it.
        """
        path = self._partition_path(Partition(table, day, partition))
        with self._unfinished(path) as unfinished:
            file = TableFile(unfinished, table, place=f"for {day}/{partition}")
            try:
                yield file
            finally:
                file.abandon()
            if file.is_finished:
                with self._writing_to(path):
                    self._commit(unfinished, path)

    def read(
        self, schema: type[SchemaT], *, days: Sequence[str] | None = None, sites: Sequence[str] | None = None
    ) -> dy.DataFrame[SchemaT]:
        """All rows of the chosen partitions, validated again: a stored stamp is not proof.

        Each file is opened once, so a partition that is replaced meanwhile is read as it was or as it is.
        """
        frames = []
        table = TABLE_NAMES[schema]
        paths = self._chosen_paths(table, days, sites)
        for path in paths:
            content = io.BytesIO(self.read_bytes(path))
            self._check_version(path, self._note_in(path, content))
            content.seek(0)
            try:
                frames.append(pl.read_parquet(content))
            except pl.exceptions.PolarsError as error:
                raise self._unreadable(path, error) from error
        frame = _of_sites(schema, pl.concat(frames).lazy(), sites, paths).collect()
        return validated(schema, frame, place=f"in {self.root}")

    def scan(
        self, schema: type[SchemaT], *, days: Sequence[str] | None = None, sites: Sequence[str] | None = None
    ) -> dy.LazyFrame[SchemaT]:
        """One LazyFrame over the chosen partitions; other files are not opened.

        It reads when it is collected; do not collect while a partition is being replaced. Rows are not validated.
        Raises MissingUpstreamError when there are none, FormatVersionError when one is of another version.
        """
        paths = self._chosen_paths(TABLE_NAMES[schema], days, sites)
        for path in paths:
            self._check_version(path, self._note(path))
        sources = [f"s3://{self._base}/{path}" if self.is_remote else f"{self._base}/{path}" for path in paths]
        # Without glob a folder called `run[1]` is a folder.
        frame = pl.scan_parquet(sources, glob=False, storage_options=self._s3.for_polars() if self.is_remote else None)
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
        return [self._partition_path(part) for part in chosen]

    def partitions(self, table: str) -> list[Partition]:
        """The partitions there are, oldest day first."""
        found = []
        for path in self.list_files(f"tables/{table}"):
            folder, name = path.split("/")[-2:]
            key, _, day = folder.partition("=")
            if key == "day":
                raise FormatVersionError(
                    f"{self.address_of(path)} lies where an earlier release put tables; "
                    "use the release that wrote it, or point WM_DATA to a new folder"
                )
            if key == ROUND_DAY and name.endswith(".parquet"):
                found.append(Partition(table, day, name.removesuffix(".parquet")))
        return sorted(found, key=lambda part: (part.day, part.name))

    def lineage_of(self, table: str, *, day: str, partition: str = "all") -> dict[str, Any]:
        """The metadata that was written with the partition: settings, seed, code version, upstream."""
        return self._note(self._partition_path(Partition(table, day, partition)))

    def address_of(self, path: str) -> str:
        """The full address of a path under the root."""
        return f"{self.root}/{path}" if self.is_remote else f"{self._base}/{path}"

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write one file so that a reader sees the old content or the new, never a part."""
        with self._unfinished(path) as unfinished, self._writing_to(path):
            unfinished.write_bytes(content)
            self._commit(unfinished, path)

    def read_bytes(self, path: str) -> bytes:
        try:
            with self._fs.open_input_stream(f"{self._base}/{path}") as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise MissingUpstreamError(f"there is no {self.address_of(path)}; materialize it first") from error
        except OSError as error:
            raise TableError(f"cannot read {self.address_of(path)}: {error}") from error

    def list_files(self, folder: str) -> list[str]:
        """Paths under a folder, relative to the root; unfinished files are left out."""
        selector = pafs.FileSelector(f"{self._base}/{folder}", allow_not_found=True, recursive=True)
        try:
            files = [info.path for info in self._fs.get_file_info(selector) if info.type == pafs.FileType.File]
        except OSError as error:
            raise TableError(f"cannot list {self.address_of(folder)}: {error}") from error
        relative = [str(path).removeprefix(self._base).lstrip("/") for path in files]
        return sorted(path for path in relative if not any(part.startswith(".") for part in Path(path).parts))

    def publish_folder(self, local_folder: Path, path: str) -> str:
        """Put a finished local folder under the root, replacing what was there; return its address."""
        target = f"{self._base}/{path}"
        is_there = self.is_remote and bool(self.list_files(path))
        with self._writing_to(path):
            if self.is_remote:
                if is_there:
                    self._fs.delete_dir_contents(target)
                pafs.copy_files(str(local_folder), target, destination_filesystem=self._fs)
            elif local_folder.absolute() != Path(target):
                with replacing_folder(Path(target)) as incoming:
                    shutil.copytree(local_folder, incoming, dirs_exist_ok=True)
        return self.address_of(path)

    def delete_folder(self, folder: str) -> None:
        """Delete all files under a folder; nothing happens when there is none."""
        with self._writing_to(folder):
            if self.is_remote:
                self._fs.delete_dir_contents(f"{self._base}/{folder}", missing_dir_ok=True)
            elif Path(self._base, folder).exists():
                shutil.rmtree(f"{self._base}/{folder}")

    def local_folder(self, path: str, *, cache: Path) -> Path:
        """Return a local copy of an artifact folder; under a local root, the folder itself."""
        if not self.list_files(path):
            raise MissingUpstreamError(f"there is no {self.address_of(path)}; materialize it first")
        if not self.is_remote:
            return Path(self._base) / path
        target = cache / path
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        pafs.copy_files(f"{self._base}/{path}", str(target), source_filesystem=self._fs)
        return target

    @contextmanager
    def _unfinished(self, path: str) -> Iterator[Path]:
        """A local file to fill and commit as `path`, deleted afterwards: hidden beside its target, where a rename
        is cheap; for S3 in the system's scratch folder."""
        place = Path(tempfile.gettempdir(), Path(path).name) if self.is_remote else Path(self._base, path)
        with self._writing_to(path):
            place.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_file(place) as unfinished:
            yield unfinished

    def _commit(self, unfinished: Path, path: str) -> None:
        """Move a finished local file to its place: a reader sees the old content or the new, never a part."""
        if self.is_remote:
            # One call: an interrupt before its end leaves an upload that was never completed, and so no object.
            pafs.copy_files(str(unfinished), f"{self._base}/{path}", destination_filesystem=self._fs)
            return
        commit_file(unfinished, Path(self._base, path))

    @contextmanager
    def _writing_to(self, path: str) -> Iterator[None]:
        """Raises TableError when the disk, the bucket or the encoder fails."""
        try:
            yield
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TableError(
                f"cannot write {self.address_of(path)}: {error}; check the disk or the bucket, then run again"
            ) from error

    def _partition_path(self, part: Partition) -> str:
        return table_path(part.table, day=part.day, partition=part.name)

    def _note(self, path: str) -> dict[str, Any]:
        try:
            stream = self._fs.open_input_file(f"{self._base}/{path}")
        except FileNotFoundError as error:
            raise MissingUpstreamError(f"there is no {self.address_of(path)}; materialize it first") from error
        except OSError as error:
            raise TableError(f"cannot read {self.address_of(path)}: {error}") from error
        with stream:
            return self._note_in(path, stream)

    def _note_in(self, path: str, stream: IO[bytes]) -> dict[str, Any]:
        try:
            return dict(json.loads(pl.read_parquet_metadata(stream)[METADATA_KEY]))
        except (OSError, pl.exceptions.PolarsError, KeyError, ValueError) as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: Exception) -> TableError:
        return TableError(
            f"{self.address_of(path)} is not a readable wm_pipeline table ({error}); delete it, then run its asset"
        )

    def _check_version(self, path: str, note: Mapping[str, Any]) -> None:
        found = note.get("format_version")
        if not is_version(found, FORMAT_VERSION):
            raise FormatVersionError(
                f"{self.address_of(path)} has format version {found}, this code reads {FORMAT_VERSION}; "
                "use the release that wrote it, or point WM_DATA to a new folder"
            )


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
