"""Files and folders that a process makes for itself and removes again: their names say whose they are.

A process that is killed removes nothing. Whoever finds what one has left (`is_left_over`) may delete it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from wm_pipeline.domain.processes import is_alive, process_mark

TEMPORARY = "wm-"
"""What our names in the system's temporary folder begin with."""
_TOKEN_LENGTH = 8


def scratch_name(purpose: str = "") -> str:
    """A new name that ends in the mark of this process; it may get a suffix after a dot."""
    return f"{purpose}{'-' if purpose else ''}{process_mark()}-{uuid4().hex[:_TOKEN_LENGTH]}"


def owner_of(name: str) -> str | None:
    """The mark of the process that made a name; None for a name of another kind."""
    parts = name.removesuffix(".part").rsplit("-", 4)[-4:]
    if len(parts) < 4 or not (parts[1].isdigit() and parts[2].isdigit() and len(parts[3]) == _TOKEN_LENGTH):
        return None
    return "-".join(parts[:3]).lstrip(".")


def is_left_over(name: str) -> bool:
    """Whether a name is of a process that is gone."""
    owner = owner_of(name)
    return owner is not None and not is_alive(owner)


def left_overs_in(folder: Path) -> list[Path]:
    """What processes that are gone have left anywhere under a folder, sorted; links are not followed."""
    found = []
    for place, folders, files in os.walk(folder):
        left = [name for name in (*folders, *files) if is_left_over(name)]
        found += [Path(place, name) for name in left]
        folders[:] = [name for name in folders if name not in left]
    return sorted(found)


def temporary_left_overs() -> list[Path]:
    """What processes of ours that are gone have left in the system's temporary folder, but for other users' of it."""
    return sorted(
        path for path in system_folder().glob(f"{TEMPORARY}*") if is_left_over(path.name) and _may_delete(path)
    )


def _may_delete(path: Path) -> bool:
    """In a folder that all users share, one deletes one's own."""
    with suppress(FileNotFoundError):
        return os.geteuid() in (0, path.lstat().st_uid)
    return False


def system_folder() -> Path:
    """The system's folder for temporary files."""
    return Path(tempfile.gettempdir())


@contextmanager
def scratch_folder(purpose: str, *, parent: Path | None = None) -> Iterator[Path]:
    """An empty folder that is gone when the block ends; in the system's temporary folder where no parent is given."""
    name = scratch_name(purpose if parent is not None else f"{TEMPORARY}{purpose}")
    folder = (parent or system_folder()) / name
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Temporary files that libraries make while the block runs, in this process and in those it starts, lie there.

    For the whole process, so another thread's lie there, too. Of blocks that overlap, the one that began last decides.
    """
    if not _REDIRECTED:
        _REDIRECTED.append((os.environ.get("TMPDIR"), str(system_folder())))
    mine = str(folder), str(folder)
    _REDIRECTED.append(mine)
    _look_in_newest()
    try:
        yield
    finally:
        _REDIRECTED.remove(mine)
        _look_in_newest()
        if len(_REDIRECTED) == 1:
            _REDIRECTED.clear()


_REDIRECTED: list[tuple[str | None, str]] = []
"""TMPDIR and Python's own choice: as they were, then those of each block that runs."""


def _look_in_newest() -> None:
    variable, tempfile.tempdir = _REDIRECTED[-1]
    if variable is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = variable
