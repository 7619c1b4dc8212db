"""Errors of the machine told as such: a full disk, a folder without permission, a locked database.

They come out of every library in a form of its own, and none of them is a bug.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wm_pipeline.domain.errors import MachineError, WmError

LEAST_FREE_GIB = 4
"""Free space of a round: it leaves 1 GiB, and has optimizer states and copies on their way to MLflow meanwhile."""
_TIGHT_MIB = 64
"""With less free space than this, whatever fails fails for want of it: a browser's profile or a database's journal."""
_FREE_SOME = "free some, `wm gc --dry-run` says what can go"

_FULL = (
    (errno.ENOSPC, errno.EDQUOT),
    ("No space left on device", "Disk quota exceeded", "database or disk is full", "disk I/O error"),
)
_READ_ONLY = ((errno.EROFS,), ("Read-only file system", "attempt to write a readonly database"))
_FORBIDDEN = ((errno.EACCES, errno.EPERM), ("Permission denied", "Operation not permitted"))
_UNREADABLE = ((errno.EIO,), ("Input/output error", "unable to open database file"))
_NO_FOLDER = ((errno.ENOTDIR, errno.EEXIST), ("Not a directory",))
_EXHAUSTED = ((errno.EMFILE, errno.ENFILE), ("Too many open files",))
_NO_MEMORY = ((errno.ENOMEM,), ("Cannot allocate memory",))
_LOCKED = ((), ("database is locked",))


def machine_error(error: BaseException, *, folder: Path) -> WmError | None:
    """The error of ours for what the machine refused, at whatever depth of `error` it lies; None when it did not.

    `folder`: where this deployment writes; its disk is looked at.
    """
    for found in _chain(error):
        if isinstance(found, WmError):
            return found
        told = in_words(found, folder)
        if told is not None:
            return MachineError(f"{told}; then run the same command again: what was committed is kept")
    return None


def in_words(error: BaseException, folder: Path) -> str | None:
    """What the machine refused and what to do, as half a sentence; None when it is another error."""
    place = Path(error.filename) if isinstance(error, OSError) and isinstance(error.filename, str) else folder
    if isinstance(error, MemoryError) or _is(error, _NO_MEMORY):
        return "memory ran out; end what else runs on this machine, or choose a smaller profile"
    if _is(error, _FULL):
        if place == folder and full_disk(folder) is None:
            return f"a disk is full, though not that of {folder}; look where output goes"
        return _full(place)
    if isinstance(error, OSError) and (full := full_disk(folder)) is not None:
        return full
    if _is(error, _READ_ONLY) or (_is(error, _UNREADABLE) and _is_read_only(folder)):
        return f"{place} cannot be written: its disk is read-only; make it writable, or set WM_STATE to another folder"
    if _is(error, _FORBIDDEN):
        return f"{place} may not be read or written by this user; change its permissions"
    if _is(error, _NO_FOLDER) and (file := _file_in_the_way(place)) is not None:
        return f"{file} is a file where a folder is expected; move it away"
    if _is(error, _UNREADABLE):
        (first_line, *_) = str(error).splitlines()
        return f"{place} cannot be read or written ({first_line}); check the disk (`wm doctor`)"
    if _is(error, _EXHAUSTED):
        return "this process may not open more files; raise the limit (`ulimit -n`)"
    if _is(error, _LOCKED):
        return f"another process keeps a database in {folder} locked; end it, or wait for it"
    return None


def _file_in_the_way(place: Path) -> Path | None:
    return next((one for one in (place, *place.absolute().parents) if one.exists() and not one.is_dir()), None)


def full_disk(folder: Path) -> str | None:
    """In words, that the disk of a folder is as good as full; None when it is not."""
    free = free_bytes(folder)
    return _full(folder) if free is not None and free < _TIGHT_MIB * 2**20 else None


def short_of_space(folder: Path) -> str | None:
    """In words, that a round does not find enough space there; None when it does."""
    free = free_bytes(folder)
    return None if free is None or free >= LEAST_FREE_GIB * 2**30 else f"{folder} has {_left(free)}; {_FREE_SOME}"


def free_bytes(folder: Path) -> int | None:
    """On the disk of a folder, which need not exist; None when it cannot be told."""
    try:
        place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        return shutil.disk_usage(place).free
    except (OSError, StopIteration):
        return None


def _is_read_only(folder: Path) -> bool:
    """A database says of such a disk only that it cannot be opened, and a disk that the kernel has taken away after an
    error of the device does not call itself read-only: so it is tried."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError as error:
        return error.errno == errno.EROFS


def _full(place: Path) -> str:
    free = free_bytes(place)
    if free is None or free < _TIGHT_MIB * 2**20:
        return f"the disk of {place} is full{'' if free is None else f', {_left(free)}'}; {_FREE_SOME}"
    return f"the disk of {place} is full, or this user's share of it; {_FREE_SOME}"


def _left(free: int) -> str:
    return f"{free / 2**30:.1f} GiB free, a round needs {LEAST_FREE_GIB}"


def _is(error: BaseException, kind: tuple[tuple[int, ...], tuple[str, ...]]) -> bool:
    numbers, phrases = kind
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in numbers
    return any(phrase in str(error) for phrase in phrases)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and the errors of a group."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        for part in found.exceptions if isinstance(found, BaseExceptionGroup) else ():
            yield from _chain(part)
        found = found.__cause__ or found.__context__
