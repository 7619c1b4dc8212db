"""A page that is known to rest is looked at without waiting; one of which anything is still to come never is."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.session import SessionSettings, Step
from wm_pipeline.environments.browser.settle import SettleSettings

pytestmark = pytest.mark.browser

QUIET_MS = 300


SETTINGS = SessionSettings(settle=SettleSettings(quiet_ms=100))
"""Waits long enough for what is late, if it waits."""


@pytest.fixture(scope="module")
def patient() -> Iterator[BrowserWorld]:
    """Would wait longer than it may: only what is known to rest has settled."""
    world = BrowserWorld(SessionSettings(settle=SettleSettings(quiet_ms=QUIET_MS, page_cap_ms=QUIET_MS / 2)))
    yield world
    world.close()


def after_click(world: BrowserWorld, script: str) -> Step:
    """What a click leads to whose listener is the script; it calls done() when it is through."""
    world.open("second.html")
    add = """(script) => {
        const more = "<button>Go</button><p id=out></p><details><p>more</p></details>";
        document.body.insertAdjacentHTML("beforeend", more);
        const done = () => { document.getElementById("out").textContent = "done"; };
        const act = new Function("done", script);
        document.querySelector("button").onclick = () => act(done);
    }"""
    world.run(world.session.evaluate(add, script))
    state = world.run(world.session.refresh())
    world.run(asyncio.sleep(1.5 * world.session._settings.settle.quiet_ms / 1000))
    return world.act(Action(ActionKind.CLICK, ref_of(state, "Go")))


LATE = {
    "timer": "setTimeout(done, 12)",
    "nested timers": "setTimeout(() => setTimeout(() => setTimeout(done, 3), 3), 3)",
    "interval": "const id = setInterval(() => { clearInterval(id); done(); }, 12)",
    "frame": "requestAnimationFrame(() => requestAnimationFrame(done))",
    "fetch": "fetch('/second.html').then((answer) => answer.text()).then(done)",
    "xhr": "const asked = new XMLHttpRequest(); asked.onload = done; asked.open('GET', '/second.html'); asked.send()",
    "message": "addEventListener('message', done); postMessage('x', '*')",
    "channel": "const pipe = new MessageChannel(); pipe.port1.onmessage = done; pipe.port2.postMessage(1)",
    "database": "indexedDB.open('kept').onsuccess = done",
    "digest": "crypto.subtle.digest('SHA-256', new Uint8Array(8)).then(done)",
    "file": "new Blob(['x']).text().then(done)",
    "picture": "const picture = new Image(); picture.onload = done; picture.src = '/slow.svg'",
    "script": "const one = document.createElement('script'); one.src = 'data:text/javascript,'; "
    "one.onload = done; document.head.append(one)",
    "toggle": "const more = document.querySelector('details'); more.addEventListener('toggle', done); more.open = true",
    "size": "new ResizeObserver(done).observe(document.body)",
    "stream": "new Response('x').body.getReader().read().then(done)",
    "promises": "Promise.resolve().then(() => null).then(done)",
}


@pytest.mark.parametrize("script", LATE.values(), ids=LATE.keys())
def test_what_a_click_leads_to_later_is_waited_for(world: BrowserWorld, script: str) -> None:
    assert "done" in after_click(world, script).delta.dom_added


LEAVING = {
    "address": "location.href = '/slow.html?left'",
    "form": "const form = document.createElement('form'); form.action = '/slow.html'; document.body.append(form); "
    "form.submit()",
    "link": "const link = document.createElement('a'); link.href = '/slow.html?left'; link.click()",
    "script address": "const link = document.createElement('a'); link.href = 'javascript:location=`/slow.html?left`'; "
    "document.body.append(link); link.click()",
}


@pytest.mark.parametrize("script", LEAVING.values(), ids=LEAVING.keys())
def test_a_page_that_is_being_left_is_waited_for(world: BrowserWorld, script: str) -> None:
    step = after_click(world, script)

    assert step.state.url.startswith("http://mail.localhost/slow.html")


@pytest.mark.parametrize("kind", [ActionKind.NOOP, ActionKind.CLICK])
def test_a_page_that_is_known_to_rest_is_not_waited_for(patient: BrowserWorld, kind: ActionKind) -> None:
    step = after_click(patient, "done()")
    if kind is ActionKind.NOOP:
        step = patient.act(NOOP)

    assert step.is_settled


@pytest.mark.parametrize(
    "script",
    [
        "setInterval(() => {}, 100)",
        f"setTimeout(() => {{}}, {0.9 * QUIET_MS})",
        "document.body.animate([{opacity: 0.5}, {opacity: 1}], 10000)",
        "new Worker('data:,')",
        "addEventListener('message', done)",
        "document.body.append(document.createElement('iframe'))",
    ],
)
def test_a_page_that_may_do_something_is_waited_for(patient: BrowserWorld, script: str) -> None:
    assert not after_click(patient, script).is_settled


def test_where_rest_is_not_to_be_foreseen_it_is_always_waited_for() -> None:
    settle = SettleSettings(quiet_ms=QUIET_MS, page_cap_ms=QUIET_MS / 2, is_rest_foreseen=False)
    world = BrowserWorld(SessionSettings(settle=settle))
    try:
        assert not after_click(world, "done()").is_settled
    finally:
        world.close()
