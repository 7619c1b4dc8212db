"""The ten lines of the README, as they stand there, on django-helpdesk: an application that is not ours, over CDP.

It runs when `make third-party` has installed it.
"""

import os
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import wm_pipeline.guarded
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.state import State
from wm_pipeline.domain.unknown_effects import why_effect_unknown
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.environments.browser.chromium import find_chromium

ROOT = Path(__file__).resolve().parents[2]
THIRD_PARTY = ROOT / ".local" / "third-party"
PYTHON = THIRD_PARTY / "venv" / "bin" / "python"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.is_file(), reason="the application is not installed: run `make third-party`"),
]


class LettingGuard:
    """Lets everything through and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def decide(self, state: State, action: Action) -> Decision:
        self.asked.append(question_of(read_state(state), action).text)
        return Decision(Verdict.EXECUTE, action, "", None, 1.0, hold=why_effect_unknown(state, action))


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def helpdesk(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its address and its database."""
    database, port = tmp_path / "helpdesk.sqlite3", free_port()
    database.write_bytes((THIRD_PARTY / "helpdesk.sqlite3").read_bytes())
    command = [str(PYTHON), "manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]
    environment = {**os.environ, "DATABASE": str(database)}
    server = subprocess.Popen(
        command, cwd=ROOT / "applications" / "helpdesk", env=environment, stderr=subprocess.DEVNULL
    )
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login/").close()
            break
        except OSError:
            time.sleep(0.25)
    yield f"http://localhost:{port}", database
    server.kill()
    server.wait()


def readme_lines() -> str:
    """The README's code block."""
    section = (ROOT / "README.md").read_text().partition("## In front of your own agent")[2]
    return section.partition("```python\n")[2].partition("```")[0]


def test_the_lines_of_the_readme_answer_a_ticket(helpdesk: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (origin, database), guard, port = helpdesk, LettingGuard(), free_port()
    monkeypatch.setattr(wm_pipeline.guarded, "champion_guard", lambda: guard)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(find_chromium(None).path), args=["--no-sandbox", f"--remote-debugging-port={port}"]
        )
        page = browser.new_context().new_page()
        page.goto(f"{origin}/login/")
        page.fill("[name=username]", "dana")
        page.fill("[name=password]", "quiet-river")
        page.click("[type=submit]")
        page.goto(f"{origin}/dashboard/")
        lines = readme_lines().replace("9222", str(port))
        inner = lines.partition("with sync_playwright() as playwright:\n")[2]
        code = "\n".join(line.removeprefix("    ") for line in inner.splitlines())
        names = {
            "playwright": playwright,
            "GuardedPage": wm_pipeline.guarded.GuardedPage,
            "champion_guard": wm_pipeline.guarded.champion_guard,
        }
        exec(code, names)
        page.wait_for_load_state()
        browser.close()

    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT comment FROM helpdesk_followup WHERE ticket_id = 3").fetchall()
    assert found == [("Cancelled by phone.",)]
    assert "POST to same site /tickets/3/update/" in guard.asked[-1]
    assert "Comment / Resolution = Cancelled by phone. (in goal" not in guard.asked[0]
    assert any("Cancelled by phone." in text for text in guard.asked)
