"""Locks of compilations: those of processes that are gone are removed, the others are waited for with a word."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.model import builds
from wm_pipeline.model.builds import free_stale_builds, no_stale_builds

HOLDER = "import os, sys, time; os.open(sys.argv[1], os.O_CREAT | os.O_EXCL); print('held', flush=True); time.sleep(60)"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(builds, "_LOOKED_EVERY_S", 0.05)
    monkeypatch.setattr(builds, "_RELEASED_WITHIN_S", 0.05)
    path = tmp_path / "py311_cpu" / "deepspeed_shm_comm" / "lock"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def holder(lock: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that compiles, as far as its lock says."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_of_a_process_that_is_gone_is_removed_whatever_its_age(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.touch()

    assert free_stale_builds() == {}

    assert not lock.exists()
    assert capsys.readouterr().err == f"removed {str(lock)!r}: the process that compiled there is gone\n"


def test_a_lock_of_a_living_process_stays(lock: Path, holder: "subprocess.Popen[str]") -> None:
    os.utime(lock, (time.time() - 3600,) * 2)

    assert free_stale_builds() == {lock: holder.pid}
    assert lock.exists()


def test_a_living_process_is_waited_for_until_it_is_killed(
    lock: Path, holder: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    threading.Timer(1, holder.kill).start()

    with no_stale_builds(limit_s=30):
        assert not lock.exists()

    waited, removed = capsys.readouterr().err.splitlines()
    assert waited == f"waiting for process {holder.pid}, which compiles in {lock.parent}; Ctrl-C ends the wait"
    assert removed.startswith(f"removed {str(lock)!r}")


def test_a_process_that_compiles_for_too_long_is_told(lock: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(TrainingError, match=rf"^process {holder.pid} has been compiling in {lock.parent} for 1 s; "):
        no_stale_builds(limit_s=1).__enter__()


def test_an_owner_that_is_killed_while_this_process_waits_in_torch_is_no_reason_to_wait_for_ever(lock: Path) -> None:
    with no_stale_builds():
        lock.touch()
        deadline = time.monotonic() + 20
        while lock.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

        assert not lock.exists()
