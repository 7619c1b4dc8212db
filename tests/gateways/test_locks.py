"""Locks: one process at a time, who waits knows for whom, and who is killed holds nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wm_pipeline.domain.errors import BusyError, ServiceError
from wm_pipeline.gateways import locks
from wm_pipeline.gateways.locks import alone

HOLDER = """
import sys, time
from pathlib import Path
from wm_pipeline.gateways.locks import alone
with alone(Path(sys.argv[1]), "wm run of 2026-11-20", say=None):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
WAITER = """
import sys
from pathlib import Path
from wm_pipeline.gateways.locks import alone
with alone(Path(sys.argv[1]), "wm run of 2026-11-20", say=lambda told: print(told, flush=True)):
    print("held", flush=True)
"""


def started(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "work" / "round.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator["subprocess.Popen[str]"]:
    with started(HOLDER, str(lock), "60") as process:
        assert line_of(process) == "held"
        yield process
        process.kill()


def test_who_does_not_wait_is_told_who_is_at_work(lock: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(BusyError) as refused, alone(lock, "mine", say=None):
        pass

    told = str(refused.value)
    assert told.startswith(f"process {holder.pid} (wm run of 2026-11-20, since ")
    assert told.endswith(") is at work here; try again when it has ended")


def test_who_waits_goes_on_when_the_holder_is_killed(
    lock: Path, holder: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_POLLED_EVERY_S", 0.05)
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        holder.kill()

    started_at = time.monotonic()
    with alone(lock, "mine", say=say):
        assert time.monotonic() - started_at < 10

    assert len(told) == 1
    assert told[0].startswith(f"waiting for process {holder.pid} (wm run of 2026-11-20, since ")
    assert told[0].endswith("); Ctrl-C ends the wait")


def test_an_interrupt_ends_a_wait_at_once(lock: Path, holder: "subprocess.Popen[str]") -> None:
    with started(WAITER, str(lock)) as waiter:
        assert line_of(waiter).startswith("waiting for process ")
        sent = time.monotonic()
        waiter.send_signal(signal.SIGINT)
        waiter.wait(timeout=10)

    assert time.monotonic() - sent < 5
    assert waiter.returncode != 0


def test_what_holds_a_lock_may_take_it_again(lock: Path) -> None:
    with alone(lock, "outer", say=None), alone(lock, "inner", say=None):
        pass

    with alone(lock, "later", say=None):
        assert sorted(path.name for path in lock.parent.iterdir()) == ["round.lock", "round.lock.owner.json"]


def test_a_lock_is_freed_by_an_error(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone(lock, "mine", say=None):
        raise ZeroDivisionError

    with alone(lock, "again", say=None):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_an_owner_file_that_was_cut_is_no_reason_to_stop(
    lock: Path, holder: "subprocess.Popen[str]", content: str
) -> None:
    lock.with_name("round.lock.owner.json").write_text(content)

    with pytest.raises(BusyError, match=r"^another process is at work here"), alone(lock, "mine", say=None):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_lock_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(ServiceError, match=r"^cannot keep a lock in "), alone(tmp_path / "a" / "lock", "x", say=None):
        pass
