"""Which process a mark belongs to, and whether it is gone."""

import subprocess
import sys
import time

import psutil
import pytest

from wm_pipeline.domain.processes import ended_in_words, is_alive, process_mark


def started(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_process_lives_until_it_ends_also_where_nobody_asked_for_its_status() -> None:
    child = started("input()")
    mark = process_mark(child.pid)

    alive = is_alive(mark)
    child.kill()
    deadline = time.monotonic() + 60
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)

    assert (alive, is_alive(mark)) == (True, False)
    child.communicate()
    assert not is_alive(mark)


def test_every_process_gives_another_the_same_mark() -> None:
    child = started("from wm_pipeline.domain.processes import process_mark; print(process_mark()); input()")
    assert child.stdout is not None
    try:
        assert child.stdout.readline().decode().strip() == process_mark(child.pid)
    finally:
        child.kill()
        child.communicate()


def test_a_process_that_has_the_id_of_one_that_ended_is_another() -> None:
    host, pid, began = process_mark().split("-")

    assert is_alive(f"{host}-{pid}-{began}")
    assert not is_alive(f"{host}-{pid}-{int(began) - 1}")


def test_a_clock_that_is_set_changes_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    before = process_mark()

    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: time.time() - 3600)

    assert process_mark() == before
    assert is_alive(before)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (1, "failed with exit status 1"),
        (-9, "was ended by SIGKILL, by somebody or by a system without memory"),
        (-15, "was ended by SIGTERM"),
    ],
)
def test_how_a_process_ended_is_told(status: int, told: str) -> None:
    assert ended_in_words(status) == told


@pytest.mark.parametrize("mark", ["another_host-1-1", "another_host-1-x"])
def test_of_a_process_on_another_host_nothing_is_known(mark: str) -> None:
    assert is_alive(mark)


@pytest.mark.parametrize("rest", ["", "x-1", "1", "-1-1"])
def test_what_is_no_mark_belongs_to_no_living_process(rest: str) -> None:
    host = process_mark().partition("-")[0]

    assert not is_alive(f"{host}-{rest}")
