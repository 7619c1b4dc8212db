"""Files and folders that appear, or go, whole or not at all: filled under a hidden name beside their own, then renamed.

A file may have several names on one disk. So one that has got its place is never written into: another takes its place.
"""

import filecmp
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wm_pipeline.domain.scratch import scratch_name


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """A hidden name beside `path` for its new content; `commit_file` puts it in place, else it is removed."""
    unfinished = path.with_name(f".{scratch_name()}.part")  # not longer where the name is as long as names may be
    try:
        yield unfinished
    finally:
        with suppress(OSError):  # on a disk that cannot be written, the error that it met before is the one to tell
            unfinished.unlink(missing_ok=True)


def commit_file(unfinished: Path, path: Path) -> None:
    """Replace `path`: a reader sees the old content or the new, never a part of it."""
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(path)


def replace_bytes(path: Path, content: bytes) -> None:
    with unfinished_file(path) as unfinished:
        unfinished.write_bytes(content)
        commit_file(unfinished, path)


def replace_text(path: Path, text: str) -> None:
    replace_bytes(path, text.encode())


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` when the block ends without an error; one writer at a time."""
    incoming, outdated = (folder.with_name(f".{folder.name}.{word}") for word in ("part", "old"))
    for leftover in (incoming, outdated):
        shutil.rmtree(leftover, ignore_errors=True)
    incoming.mkdir(parents=True)
    try:
        yield incoming
        if folder.exists():
            folder.rename(outdated)
        incoming.rename(folder)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    shutil.rmtree(outdated, ignore_errors=True)


def discard_folder(folder: Path) -> None:
    """Delete a folder: whoever looks meanwhile, or after a kill, finds it whole or not at all."""
    outdated = folder.with_name(f".{scratch_name(folder.name)}")
    try:
        folder.rename(outdated)
    except FileNotFoundError:
        return
    shutil.rmtree(outdated, ignore_errors=True)


def add_name(file: Path, name: Path) -> None:
    """Give a file that nobody writes into any more a further name; where the disk has no such names, a copy."""
    try:
        os.link(file.resolve(), name)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(file, name)


def share_storage(file: Path, copy: Path) -> None:
    """Make a copy of a file a further name of it. Nothing changes where they differ or lie on two disks."""
    if copy.samefile(file) or not filecmp.cmp(file, copy, shallow=False):
        return
    with unfinished_file(copy) as name, suppress(OSError):
        os.link(file.resolve(), name)
        name.replace(copy)
