"""Work that one process does at a time: a lock that the system frees when its owner ends, however it ended.

Beside the lock lies who holds it, so that whoever waits can say for whom.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import BusyError, MachineError
from wm_pipeline.domain.machine import in_words

TOLD_EVERY_S = 30.0
_POLLED_EVERY_S = 0.5
_HELD: set[Path] = set()
"""Locks of this process: what it does while it holds one takes it again."""


@contextmanager
def alone(path: Path, doing: str, *, say: Callable[[str], None] | None) -> Iterator[None]:
    """Do something while no other process of this machine holds the lock.

    `doing`: what is done, for those who wait. `say`: told whom is waited for, at once and then twice a minute; Ctrl-C
    ends the wait. Raises BusyError instead of waiting where `say` is None, MachineError where no lock can be kept.
    """
    path = path.absolute()
    if path in _HELD:
        yield
        return
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, path, say)
    except OSError as error:
        told = in_words(error, path.parent) or f"{error}; check the disk and its permissions"
        raise MachineError(f"cannot keep a lock in {path.parent}: {told}") from error
    _HELD.add(path)
    try:
        with suppress(OSError):
            replace_text(_owner_file(path), json.dumps({"pid": os.getpid(), "doing": doing, "since": _now()}))
        yield
    finally:
        _HELD.discard(path)
        with suppress(OSError):
            _owner_file(path).unlink()
        lock.release()


def _acquire(lock: FileLock, path: Path, say: Callable[[str], None] | None) -> None:
    told = float("-inf")
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if say is None:
                raise BusyError(f"{_owner(path)} is at work here; try again when it has ended") from error
            if time.monotonic() - told >= TOLD_EVERY_S:
                say(f"waiting for {_owner(path)}; Ctrl-C ends the wait")
                told = time.monotonic()
            time.sleep(_POLLED_EVERY_S)
        else:
            return


def _owner(path: Path) -> str:
    try:
        found = json.loads(_owner_file(path).read_text())
        return f"process {found['pid']} ({found['doing']}, since {found['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner.json")


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M")
