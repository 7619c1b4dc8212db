"""Locks of compilations: torch takes a file for one, and waits for it for ever where its owner was killed.

The owner keeps the file open (torch.utils.file_baton), so a lock that no process has open is left over.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch.utils.cpp_extension

from wm_pipeline.domain.errors import TrainingError

LONGEST_BUILD_S = 600.0
"""Compiling DeepSpeed's operator takes half a minute."""
_LOOKED_EVERY_S = 1.0
_RELEASED_WITHIN_S = 0.5
"""An owner closes its lock and then deletes it: one that is closed for longer is left over."""


@contextmanager
def no_stale_builds(*, limit_s: float = LONGEST_BUILD_S) -> Iterator[None]:
    """A block that may compile, during which locks that processes have left are removed.

    It begins when no other process compiles, and says for whom it waits. Raises TrainingError when one does for longer
    than `limit_s`.
    """
    _wait_for_others(limit_s)
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOKED_EVERY_S):
            free_stale_builds()

    watching = threading.Thread(target=watch, name="stale builds", daemon=True)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()


def free_stale_builds() -> dict[Path, int]:
    """Remove locks that no process holds; return the others with the ids of the processes that hold them."""
    default = torch.utils.cpp_extension.get_default_build_root()
    locks = sorted(Path(os.environ.get("TORCH_EXTENSIONS_DIR") or default).glob("**/lock"))
    held = {lock: owner for lock in locks if (owner := _owner_of(lock)) is not None}
    if len(held) < len(locks):
        time.sleep(_RELEASED_WITHIN_S)
    for lock in locks:
        if lock not in held and lock.exists() and _owner_of(lock) is None:
            lock.unlink(missing_ok=True)
            print(f"removed {str(lock)!r}: the process that compiled there is gone", file=sys.stderr)
    return held


def _owner_of(lock: Path) -> int | None:
    for process in psutil.process_iter():
        try:
            if any(file.path == str(lock.resolve()) for file in process.open_files()):
                return int(process.pid)
        except psutil.Error:
            continue  # it has ended, or belongs to another user
    return None


def _wait_for_others(limit_s: float) -> None:
    started, told = time.monotonic(), False
    while held := {lock: owner for lock, owner in free_stale_builds().items() if owner != os.getpid()}:
        lock, owner = next(iter(held.items()))
        if time.monotonic() - started > limit_s:
            raise TrainingError(
                f"process {owner} has been compiling in {lock.parent} for {limit_s:.0f} s; end it, then run again"
            )
        if not told:
            print(
                f"waiting for process {owner}, which compiles in {lock.parent}; Ctrl-C ends the wait", file=sys.stderr
            )
            told = True
        time.sleep(_LOOKED_EVERY_S)
