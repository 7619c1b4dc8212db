"""A browser that is killed, loses a process or stands still costs its step, not the session."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.scratch import is_left_over
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.chromium import ChromiumBinary, find_chromium
from wm_pipeline.environments.browser.session import SessionSettings

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
LIMIT_S = 40.0
"""A step, a picture, a page and a browser that do not answer, and a new one, on a busy machine."""


@pytest.fixture
def world() -> Iterator[BrowserWorld]:
    world = BrowserWorld(SessionSettings(step_limit_ms=3000))
    yield world
    world.close()


def browser_of(world: BrowserWorld) -> psutil.Process:
    process = world.session._process
    assert process is not None
    assert "--type=" not in " ".join(process.cmdline())
    return process


def zygotes_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "--type=zygote" in child.cmdline()]


@pytest.mark.parametrize("how", ["killed", "stopped", "without its zygotes", "killed later"])
def test_the_step_fails_and_the_session_goes_on_with_another_browser(world: BrowserWorld, how: str) -> None:
    state = world.open("mail.html")
    process = browser_of(world)
    if how == "killed later":
        world.act(Action(ActionKind.NOOP))
    if how == "stopped":
        process.send_signal(signal.SIGSTOP)
    elif how == "without its zygotes":
        for zygote in zygotes_of(process):
            zygote.kill()
    else:
        process.kill()

    started = time.monotonic()
    step = world.act(Action(ActionKind.CLICK, ref_of(state, "Report")))

    if how != "without its zygotes":  # pages that are open go on without them
        assert step.failure in {StopReason.TIMED_OUT, StopReason.BROWSER_CRASHED}
    assert world.open("mail.html").title == "Mail"
    assert world.open("second.html").title
    assert time.monotonic() - started < LIMIT_S
    if how != "without its zygotes":
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_browser_that_ends_while_it_starts_is_started_again(tmp_path: Path) -> None:
    lost, starter, chromium = tmp_path / "lost", tmp_path / "chromium", find_chromium(None)
    starter.write_text(f"""#!/bin/sh
        [ "$(cat {lost} 2>/dev/null)" = xx ] || {{ printf x >> {lost}; kill -9 $$; }}
        exec {chromium.path} "$@"
    """)
    starter.chmod(0o755)

    world = BrowserWorld(binary=ChromiumBinary(starter, chromium.kind))

    assert world.open("mail.html").title == "Mail"
    assert lost.read_text() == "xx"
    world.close()


def test_a_browser_that_stands_still_while_the_session_ends_is_ended() -> None:
    world = BrowserWorld(SessionSettings(step_limit_ms=3000))
    world.open("mail.html")
    process = browser_of(world)
    children = process.children(recursive=True)
    os.kill(process.pid, signal.SIGSTOP)

    world.close()

    for one in (process, *children):
        assert not one.is_running() or one.status() == psutil.STATUS_ZOMBIE


BROWSING = """
import time
from tests.fakes.page_site import BrowserWorld
worlds = [BrowserWorld(), BrowserWorld()]
worlds[0].open("mail.html")
worlds[1].open("mail.html")
worlds[1].close()
print("open", flush=True)
time.sleep(60)
"""


def test_what_browsers_of_a_killed_process_leave_is_recognised(tmp_path: Path) -> None:
    """The driver is killed, too, as when memory runs out: else it deletes the profiles itself."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", BROWSING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        children = psutil.Process(process.pid).children(recursive=True)
        alive = [is_left_over(path.name) for path in tmp_path.iterdir()]
        for one in (*children, psutil.Process(process.pid)):
            one.kill()
        process.wait()
    psutil.wait_procs(children, timeout=10)

    (left,) = tmp_path.iterdir()

    assert alive == [False]
    assert left.name.startswith("wm-browser-")
    assert is_left_over(left.name)
    assert len(list(left.glob("playwright_chromiumdev_profile-*"))) == 1


def test_browsers_that_are_closed_leave_nothing(tmp_path: Path) -> None:
    code = BROWSING.replace("time.sleep(60)", "worlds[0].close()")

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr
    assert list(tmp_path.iterdir()) == []
