"""A small file system of its own, on a file: it can be full, read-only or cut off while everything else goes on.

Needs root and loop devices; `why_not` says where there are none.
"""

import contextlib
import fcntl
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIZE_GIB = 6
"""A round asks for four free; the file is sparse."""
_SHUTDOWN, _WITHOUT_FLUSH = 0x8004587D, 2
"""EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH (Linux, fs/ext4/ext4.h): the disk is gone, and what it had not got."""
_LET_GO_S = 60.0


class SmallDisk:
    """An ext4 in a file beside its mount point."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        self._image = mount.with_name(f"{mount.name}.img")

    def make(self) -> None:
        with self._image.open("wb") as stream:
            stream.truncate(SIZE_GIB * 2**30)
        _command("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self.mount.mkdir(parents=True, exist_ok=True)
        self.attach()

    def attach(self) -> None:
        _command("mount", "-o", "loop", str(self._image), str(self.mount))

    def detach(self) -> None:
        """Waits for processes that still have files open there. Raises OSError when they do not let go."""
        deadline = time.monotonic() + _LET_GO_S
        while True:
            try:
                _command("umount", str(self.mount))
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self.detach()
        self._image.unlink(missing_ok=True)

    def sync(self) -> None:
        """What was put there before the round is on the disk: only what the round writes may be lost."""
        _command("sync", "--file-system", str(self.mount))

    def fill(self, leave: int) -> Path:
        """A file that takes all free space but `leave` bytes; nothing of it is written."""
        filler = self.mount / "filler"
        with filler.open("wb") as stream:
            wanted = os.statvfs(self.mount).f_bavail * os.statvfs(self.mount).f_bsize - leave
            while wanted > 2**20:
                try:
                    os.posix_fallocate(stream.fileno(), 0, wanted)
                except OSError:
                    wanted -= 2**20  # for what the file system needs itself
                else:
                    break
        return filler

    def make_read_only(self) -> None:
        """As the kernel does it after an error of the device, also while files are open for writing."""
        _command("mount", "-o", "remount,abort", str(self.mount))

    def cut_off(self) -> None:
        """As when the power fails: what was not yet written is lost, and nothing can be read or written any more."""
        descriptor = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(descriptor)

    def mend(self) -> None:
        """Attach it anew, with its journal played back, when all processes have let go of it."""
        self.detach()
        with contextlib.suppress(OSError):  # 1: it mended something
            _command("e2fsck", "-p", str(self._image))
        self.attach()


def _command(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(mount: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(mount)
    disk.make()
    try:
        yield disk
    finally:
        disk.remove()


def why_not() -> str | None:
    """Why there can be no small disk here, in words; None when there can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder, "disk")):
                return None
        except OSError as error:
            return str(error)
