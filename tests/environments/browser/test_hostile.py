"""Whatever a page does, its step ends within its time with a recorded reason, and the session goes on."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.network import MAX_BURST
from wm_pipeline.environments.browser.session import RECOVERY_LIMIT_S, SessionSettings, Step
from wm_pipeline.environments.browser.tab import PICTURE_LIMIT_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEP_LIMIT_S = 6.0
LIMIT_S = STEP_LIMIT_S + PICTURE_LIMIT_S + 2 * RECOVERY_LIMIT_S + 2
"""The step, its picture, a page and a browser that do not close, and a new one on a busy machine."""


SETTINGS = SessionSettings(step_limit_ms=STEP_LIMIT_S * 1000)


def press(world: BrowserWorld, name: str) -> tuple[Step, float]:
    """Press the button and say how long it took until the session was ready again."""
    state = world.open("hostile.html")
    started = time.monotonic()
    step = world.act(Action(ActionKind.CLICK, ref_of(state, name)))
    return step, time.monotonic() - started


@pytest.mark.parametrize("name", ["Loop", "Alerts", "Promises"])
def test_a_page_that_never_answers_again_times_out(world: BrowserWorld, name: str) -> None:
    step, took_s = press(world, name)

    assert step.failure is StopReason.TIMED_OUT
    # A page that asks somebody something all the time cannot be pictured.
    assert step.picture is not None or name == "Alerts"
    assert step.picture is None or step.picture.startswith(b"\x89PNG")
    assert took_s < LIMIT_S
    assert world.open("mail.html").title == "Mail"


@pytest.mark.parametrize("name", ["Restless", "Fetch", "Endless"])
def test_a_page_that_never_rests_is_looked_at_as_it_is(world: BrowserWorld, name: str) -> None:
    step, took_s = press(world, name)

    assert step.failure is None
    assert not step.is_settled
    assert took_s < STEP_LIMIT_S
    assert world.open("mail.html").title == "Mail"


def test_a_page_that_replaces_itself_for_ever_ends_its_step(world: BrowserWorld) -> None:
    step, took_s = press(world, "Reload")

    assert step.failure is StopReason.TIMED_OUT or not step.is_settled
    assert took_s < LIMIT_S
    assert world.open("mail.html").title == "Mail"


def test_fifty_windows_are_recorded_and_most_of_them_closed(world: BrowserWorld) -> None:
    step, took_s = press(world, "Popups")

    assert took_s < LIMIT_S
    if step.failure is None:
        assert [dialog.dialog_type for dialog in step.delta.dialogs] == ["popup"] * 50
    else:
        assert step.failure is StopReason.TIMED_OUT
    assert world.open("mail.html").title == "Mail"
    assert len(world.session._present_tab().context.pages) == 1


@pytest.mark.parametrize("name", ["Download", "Downloads"])
def test_a_download_without_end_is_named_and_not_kept(world: BrowserWorld, name: str) -> None:
    step, took_s = press(world, name)

    assert step.failure is None
    assert step.delta.downloads == ("endless.bin",) * (1 if name == "Download" else MAX_BURST)
    assert took_s < STEP_LIMIT_S
    assert world.open("mail.html").title == "Mail"


@pytest.mark.parametrize("name", ["Nodes", "History"])
def test_a_page_that_grows_without_measure_ends_its_step(world: BrowserWorld, name: str) -> None:
    step, took_s = press(world, name)

    assert step.failure in {None, StopReason.TIMED_OUT}
    assert len(step.state.elements) <= 120
    assert took_s < LIMIT_S
    assert world.open("mail.html").title == "Mail"


def descendants(root: int) -> dict[int, str]:
    """Processes that this one has started, directly or not, with their command lines."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found: dict[int, str] = {}
    waiting = children.get(root, [])
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
    return found


@pytest.mark.parametrize("kind", ["--type=renderer", "--remote-debugging-pipe"], ids=["renderer", "browser"])
def test_a_process_of_the_browser_that_is_killed_is_data(world: BrowserWorld, kind: str) -> None:
    state = world.open("hostile.html")
    killed = [pid for pid, command in descendants(os.getpid()).items() if kind in command]

    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    step = world.act(NOOP)

    assert killed
    assert step.failure is StopReason.BROWSER_CRASHED
    assert step.picture is None
    assert step.state == state
    assert world.open("mail.html").title == "Mail"
