"""Files under one root: a local folder or `s3://bucket/prefix`. Each appears whole or not at all.

Paths are relative to the root and have slashes. A name that begins with a dot is hidden: unfinished, or a commit's own.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow.fs as pafs
from filelock import FileLock

from wm_pipeline.domain.atomic import commit_file, replacing_folder, unfinished_file
from wm_pipeline.domain.errors import MissingUpstreamError, SettingsError, TableError
from wm_pipeline.domain.machine import in_words
from wm_pipeline.domain.scratch import scratch_folder

_ATTEMPTS = 6
"""Of a request that S3 refuses for now or does not answer; the waits between them double, a quarter minute in all."""
_REFUSED = ("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ACCESS_DENIED", "HTTP status 403")
_NOT_NOW = ("SLOW_DOWN", "SERVICE_UNAVAILABLE", "HTTP status 503", "NETWORK_CONNECTION", "REQUEST_TIMEOUT")


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
            "max_retries": _ATTEMPTS,
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
            retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        )


class Stamp(NamedTuple):
    """What tells without reading whether a file is still the one that was read."""

    size: int
    changed_ns: int


class Files:
    """One root and what lies below it."""

    def __init__(self, root: str, s3: S3Options | None = None) -> None:
        self.root = root.rstrip("/")
        self.s3 = s3 or S3Options()
        self.is_remote = self.root.startswith("s3://")
        if "://" in self.root and not self.is_remote:
            raise SettingsError(f"cannot store tables in {root!r}; give a folder or s3://bucket/prefix")
        self._fs = self.s3.filesystem() if self.is_remote else pafs.LocalFileSystem()
        self._base = self.root.removeprefix("s3://") if self.is_remote else str(Path(self.root).absolute())

    def address_of(self, path: str) -> str:
        """The full address of something under the root."""
        return f"{self.root}/{path}" if self.is_remote else f"{self._base}/{path}"

    def local_path(self, path: str) -> Path:
        assert not self.is_remote, f"{self.root} is not on this machine"
        return Path(self._base, path)

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """A binary stream that can seek. Raises MissingUpstreamError or TableError."""
        try:
            with self._fs.open_input_file(f"{self._base}/{path}") as stream:
                yield stream
        except FileNotFoundError as error:
            raise MissingUpstreamError(f"there is no {self.address_of(path)}; materialize it first") from error
        except OSError as error:
            raise self._error("read", path, error) from error

    def read(self, path: str) -> bytes:
        with self.opened(path) as stream:
            return bytes(stream.read())

    def stamps(self, folder: str, *, hidden: bool = False) -> dict[str, Stamp]:
        """The files under a folder, in the order of their paths; without hidden ones unless they are asked for."""
        selector = pafs.FileSelector(f"{self._base}/{folder}", allow_not_found=True, recursive=True)
        try:
            infos = [info for info in self._fs.get_file_info(selector) if info.type == pafs.FileType.File]
        except OSError as error:
            raise self._error("list", folder, error) from error
        found = {
            str(info.path).removeprefix(self._base).lstrip("/"): Stamp(info.size, info.mtime_ns or 0) for info in infos
        }
        shown = found if hidden else [path for path in found if not any(part[:1] == "." for part in path.split("/"))]
        return {path: found[path] for path in sorted(shown)}

    def folders(self, folder: str) -> list[str]:
        """The names of the folders right under one, those without a file, too; S3 has none of these."""
        selector = pafs.FileSelector(f"{self._base}/{folder}", allow_not_found=True)
        try:
            infos = self._fs.get_file_info(selector)
        except OSError as error:
            raise self._error("list", folder, error) from error
        return sorted(info.base_name for info in infos if info.type == pafs.FileType.Directory)

    def stamp(self, path: str) -> Stamp | None:
        """None when there is no such file."""
        try:
            (info,) = self._fs.get_file_info([f"{self._base}/{path}"])
        except OSError as error:
            raise self._error("read", path, error) from error
        return Stamp(info.size, info.mtime_ns or 0) if info.type == pafs.FileType.File else None

    def write(self, path: str, content: bytes) -> None:
        """Write one file so that a reader sees the old content or the new, never a part. Raises TableError."""
        with self.unfinished(path) as unfinished:
            with self.writing_to(path):
                unfinished.write_bytes(content)
            self.take(unfinished, path)

    @contextmanager
    def unfinished(self, path: str) -> Iterator[Path]:
        """A local file to be filled and taken as `path`, gone afterwards.

        It is hidden beside its target, where a rename costs nothing; for S3 in the system's scratch folder.
        """
        with ExitStack() as stack:
            with self.writing_to(path):
                if self.is_remote:
                    place = stack.enter_context(scratch_folder("file")) / Path(path).name
                else:
                    place = self.local_path(path)
                    place.parent.mkdir(parents=True, exist_ok=True)
            yield stack.enter_context(unfinished_file(place))

    def take(self, local: Path, path: str) -> None:
        """Give a finished local file its place under the root; it may be gone afterwards."""
        with self.writing_to(path):
            if self.is_remote:
                # One call: an interrupt before its end leaves an upload that was never completed, and so no object.
                pafs.copy_files(str(local), f"{self._base}/{path}", destination_filesystem=self._fs)
            else:
                self.local_path(path).parent.mkdir(parents=True, exist_ok=True)
                commit_file(local, self.local_path(path))

    def move(self, source: str, target: str) -> bool:
        """Move a file within the root, replacing what is there; False when there is none to move."""
        with self.writing_to(target):
            if self.stamp(source) is None:
                return False
            if self.is_remote:
                self._fs.copy_file(f"{self._base}/{source}", f"{self._base}/{target}")
                self._fs.delete_file(f"{self._base}/{source}")
            else:
                self.local_path(target).parent.mkdir(parents=True, exist_ok=True)
                self.local_path(source).replace(self.local_path(target))
        return True

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when there is none. Folders that it leaves empty go, too."""
        with self.writing_to(path):
            try:
                self._fs.delete_file(f"{self._base}/{path}")
            except FileNotFoundError:
                return
            if not self.is_remote:
                for parent in self.local_path(path).parents:
                    if parent == Path(self._base) or any(parent.iterdir()):
                        return
                    parent.rmdir()

    def delete_folder(self, folder: str) -> None:
        """Delete all files under a folder; nothing happens when there is none."""
        with self.writing_to(folder):
            if self.is_remote:
                self._fs.delete_dir_contents(f"{self._base}/{folder}", missing_dir_ok=True)
            elif self.local_path(folder).exists():
                shutil.rmtree(self.local_path(folder))

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        """One process at a time, on this machine; the system frees the lock of a process that ends. Not on S3."""
        if self.is_remote:
            yield
            return
        lock = self.local_path(path)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            yield

    def fetch(self, folder: str, target: Path) -> None:
        """A copy of a folder of S3 on this machine."""
        with replacing_folder(target) as incoming:
            pafs.copy_files(f"{self._base}/{folder}", str(incoming), source_filesystem=self._fs)

    def source_of(self, path: str) -> str:
        """What Polars opens."""
        return f"s3://{self._base}/{path}" if self.is_remote else f"{self._base}/{path}"

    @contextmanager
    def writing_to(self, path: str) -> Iterator[None]:
        """Raises TableError when the disk or the bucket fails."""
        try:
            yield
        except OSError as error:
            if isinstance(error, TableError):
                raise
            raise self._error("write", path, error) from error

    def _error(self, verb: str, path: str, error: OSError) -> TableError:
        told = None if self.is_remote else in_words(error, self.local_path(path))
        if told is not None:
            return TableError(f"{told}, then run again")
        advice = "check the disk or the bucket"
        if any(word in str(error) for word in _REFUSED):
            advice = "S3 refuses the credentials: renew them (AWS_ACCESS_KEY_ID and those beside it)"
        elif any(word in str(error) for word in _NOT_NOW):
            advice = "S3 does not answer as it should: wait until it does"
        return TableError(f"cannot {verb} {self.address_of(path)}: {error}; {advice}, then run again")
