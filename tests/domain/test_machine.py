"""A full disk, a read-only one and others of the kind, told in one sentence whichever library met them."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow.fs as pafs
import pytest

from wm_pipeline.domain.errors import MachineError, TableError
from wm_pipeline.domain.machine import free_bytes, full_disk, in_words, machine_error, short_of_space
from wm_pipeline.gateways.files import Files

MIB = 2**20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder with a disk of its own, 100 MiB large."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, *, free: int = 0) -> None:
    size = (free_bytes(folder) or 0) - free
    with (folder / "filler").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, size)


def write_rows(folder: Path) -> None:
    pl.DataFrame({"value": range(10**6)}).write_parquet(folder / "rows.parquet")


def write_by_arrow(folder: Path) -> None:
    with pafs.LocalFileSystem().open_output_stream(str(folder / "bytes")) as stream:
        stream.write(os.urandom(MIB))


def write_database(folder: Path) -> None:
    database = sqlite3.connect(folder / "rows.db")
    try:
        with database:
            database.execute("create table rows (value blob)")
            database.execute("insert into rows values (?)", (os.urandom(MIB),))
    finally:
        database.close()


def write_file(folder: Path) -> None:
    (folder / "bytes").write_bytes(os.urandom(MIB))


WRITERS = [write_rows, write_by_arrow, write_database, write_file]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_told_with_what_is_free_and_what_a_round_needs(
    write: Callable[[Path], None], small: Path
) -> None:
    fill(small, free=4096)

    with pytest.raises(Exception) as caught:  # noqa: PT011 each library has its own
        write(small)
    told = str(machine_error(caught.value, folder=small))

    assert told.startswith("the disk of ")
    assert " is full, 0.0 GiB free, a round needs 4; free some, `wm gc --dry-run` says what can go; " in told
    assert told.endswith("then run the same command again: what was committed is kept")


@pytest.mark.parametrize("write", WRITERS)
def test_a_read_only_disk_is_told(write: Callable[[Path], None], small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)

    with pytest.raises(Exception) as caught:  # noqa: PT011 each library has its own
        write(small)

    assert isinstance(machine_error(caught.value, folder=small), MachineError)


def test_a_database_that_a_read_only_disk_refuses_to_open_is_told_in_one_line(small: Path) -> None:
    error = sqlite3.OperationalError("unable to open database file\n[SQL: PRAGMA main.table_xinfo]\n(Background)")

    before = str(in_words(error, small))
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    after = str(in_words(error, small))

    assert before == f"{small} cannot be read or written (unable to open database file); check the disk (`wm doctor`)"
    assert after.startswith(f"{small} cannot be written: its disk is read-only; ")


def test_a_store_on_a_full_disk_keeps_what_it_had_and_goes_on_when_there_is_space(small: Path) -> None:
    files = Files(str(small / "data"))
    files.write("notes/a.txt", b"one")
    fill(small)

    with pytest.raises(TableError, match=r"^the disk of .* is full, 0\.0 GiB free, a round needs 4"):
        files.write("notes/a.txt", b"x" * MIB)
    assert files.read("notes/a.txt") == b"one"
    assert list(files.stamps("", hidden=True)) == ["notes/a.txt"]

    (small / "filler").unlink()
    files.write("notes/a.txt", b"two")
    assert files.read("notes/a.txt") == b"two"


def test_what_fails_on_a_full_disk_in_its_own_words_fails_for_the_disk(small: Path) -> None:
    fill(small, free=MIB)

    assert "is full" in str(in_words(ConnectionResetError("the browser has gone"), small))
    assert full_disk(small) is not None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/some/file"), "/some/file may not be read or written"),
        (OSError(errno.EMFILE, "Too many open files"), "this process may not open more files"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/some/file"), "/some/file is full, or this user's share of it"),
        (OSError(errno.ENOSPC, "No space left on device"), "a disk is full, though not that of "),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", f"{__file__}/a"), f"{__file__} is a file where a "),
        (FileExistsError(errno.EEXIST, "File exists", __file__), f"{__file__} is a file where a folder is expected"),
        (MemoryError(), "memory ran out"),
        (sqlite3.OperationalError("database is locked"), "keeps a database in"),
        (sqlite3.OperationalError("unable to open database file"), "cannot be read or written"),
    ],
)
def test_what_the_machine_refuses_is_told_at_any_depth(error: Exception, told: str, tmp_path: Path) -> None:
    def raised() -> Exception:
        try:
            try:
                raise error
            except Exception as cause:
                raise RuntimeError("a framework's own words") from cause
        except RuntimeError as outer:
            return outer

    assert told in str(machine_error(raised(), folder=tmp_path))
    assert told in str(machine_error(ExceptionGroup("several", [raised()]), folder=tmp_path))


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError("a bug"), KeyError("a"), OSError("of no kind"), TimeoutError()),
        FileExistsError(errno.EEXIST, "File exists", "/tmp"),  # a race that somebody else handles
    ],
)
def test_other_errors_are_not_the_machines(error: Exception, tmp_path: Path) -> None:
    assert machine_error(error, folder=tmp_path) is None


def wm(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "wm_pipeline.cli", *arguments]
    environment = {**os.environ, "WM_STATE": str(state)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_command_tells_a_full_disk_and_works_when_there_is_space(small: Path) -> None:
    fill(small, free=200 * 2**10)  # in the middle of making MLflow's tables

    refused = wm(small, "champion")
    (small / "filler").unlink()
    answered = wm(small, "champion")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert f"wm: the disk of {small} is full" in refused.stderr.splitlines()[-1]
    assert answered.returncode == 0, answered.stderr


def test_too_little_space_for_a_round_is_told_beforehand(small: Path, tmp_path: Path) -> None:
    assert str(short_of_space(small)).startswith(f"{small} has 0.1 GiB free, a round needs 4; ")
    assert short_of_space(tmp_path / "not" / "there") is None
