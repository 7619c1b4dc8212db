"""What an action was not said to ask for does not leave the browser while it is done, where that is asked for."""

import asyncio

import pytest

from tests.environments.browser.test_observer import plain_page
from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.state import Element, Form, FormField, NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.hold import Announced, Hold, announced_by
from wm_pipeline.environments.browser.session import SessionSettings, Step
from wm_pipeline.environments.browser.settle import SettleSettings

pytestmark = pytest.mark.browser
TAKE = "http://evil.localhost/take"


# A worker of a busy machine takes its time to begin.
SETTINGS = SessionSettings(settle=SettleSettings(quiet_ms=150), step_limit_ms=5000)


def click(world: BrowserWorld, name: str) -> Step:
    """Held, but for what the state says."""
    action = Action(ActionKind.CLICK, ref_of(world.session.state, name))
    return world.run(world.session.act(action, announced=announced_by(world.session.state, action)))


def held(step: Step) -> list[tuple[str, str]]:
    return [(event.method, event.url) for event in step.held]


def arrived(world: BrowserWorld) -> list[str]:
    return [one for one in world.site.requests if "evil" in one or one.startswith("POST")]


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("Fetch", ("GET", f"{TAKE}?iban=DE00%205001")),
        ("Beacon", ("POST", TAKE)),
        ("Image", ("GET", f"{TAKE}?iban")),
        ("Move", ("GET", f"{TAKE}?iban")),
        ("Post here", ("POST", "http://mail.localhost/approve")),
        ("Send by script", ("POST", TAKE)),
        ("Work", ("POST", TAKE)),
        ("Open", ("GET", f"{TAKE}?iban")),
        ("Frame", ("GET", f"{TAKE}?iban")),
    ],
)
def test_what_was_not_announced_does_not_leave_and_is_told(
    world: BrowserWorld, name: str, request_: tuple[str, str]
) -> None:
    world.open("held/handlers.html")

    step = click(world, name)

    assert held(step) == [request_]
    assert arrived(world) == []
    assert (step.failure, step.state.network) == (None, ())


def test_the_page_stays_where_it_was_and_its_script_hears_of_it(world: BrowserWorld) -> None:
    world.open("held/handlers.html")

    moved, fetched = click(world, "Move"), click(world, "Fetch")

    assert moved.state.title == "Bill"
    assert fetched.delta.notices == ("stopped",)


def test_nothing_is_held_where_nobody_asks_for_it_nor_after_the_act(world: BrowserWorld) -> None:
    world.open("held/handlers.html")
    click(world, "Fetch")

    free = world.act(Action(ActionKind.CLICK, ref_of(world.session.state, "Post here")))

    assert (free.held, free.delta.notices) == ((), ("arrived",))
    assert arrived(world) == ["POST mail.localhost /approve"]


def test_what_was_announced_and_what_only_reads_the_site_does_leave(world: BrowserWorld) -> None:
    world.open("held/handlers.html")
    read = click(world, "Read here")
    paid = click(world, "Pay")
    world.open("held/handlers.html")
    opened = click(world, "Details")

    assert (read.held, read.delta.notices) == ((), ("read",))
    assert (paid.held, [(one.method, one.url) for one in paid.delta.network][:1]) == (
        (),
        [("POST", "http://mail.localhost/pay")],
    )
    assert (opened.held, opened.state.title) == ((), "Second")


@pytest.mark.parametrize(
    ("how", "held_", "sent"),
    [
        ("copy", [("POST", TAKE)], ["POST mail.localhost /pay iban=DE00+5001"]),
        ("script", [("POST", TAKE)], []),
    ],
)
def test_what_listens_to_a_form_sends_it_nowhere_else(
    world: BrowserWorld, how: str, held_: list[tuple[str, str]], sent: list[str]
) -> None:
    world.open(f"held/handlers.html?{how}")

    step = click(world, "Pay")

    assert held(step) == held_
    assert arrived(world) == sent


@pytest.mark.parametrize("lets_it", [True, False])
def test_the_time_of_a_judge_is_not_the_pages(*, lets_it: bool) -> None:
    """The judge thinks longer than a step may take, and than the network is waited for."""
    settings = SessionSettings(settle=SettleSettings(quiet_ms=20, network_cap_ms=2000), step_limit_ms=6000)
    world = BrowserWorld(settings)

    async def judge(event: NetworkEvent, body: bytes) -> bool:
        await asyncio.sleep(7)
        return lets_it

    try:
        state = world.open("held/handlers.html")
        step = world.run(world.session.act(Action(ActionKind.CLICK, ref_of(state, "Post here")), judge=judge))
    finally:
        world.close()

    assert step.failure is None
    assert step.delta.notices == (("arrived",) if lets_it else ("stopped",))
    assert len(step.held) == (not lets_it)


def test_what_cannot_be_held_is_told(world: BrowserWorld) -> None:
    world.open("held/handlers.html")
    socket = click(world, "Socket")
    led = world.run(
        world.session.act(
            Action(ActionKind.GOTO, value=f"/redirect?{TAKE}"),
            announced=(Announced("GET", "http://mail.localhost/redirect"),),
        )
    )

    assert socket.unheld == ("socket to ws://evil.localhost/take",)
    assert led.unheld[0] == f"answer that leads to GET {TAKE}"


def test_pages_of_others_are_held_as_ours_are() -> None:
    async def ask() -> tuple[list[str], str | None]:
        async with plain_page() as page:
            await page.goto("http://mail.localhost/held/handlers.html")
            cdp = await page.context.new_cdp_session(page)
            await cdp.send("Page.enable")
            hold = Hold(page.context)
            async with hold.during(page, cdp, (), None):
                await page.click("#fetched")
                await page.wait_for_function("out.textContent")
            await page.click("#posted")
            await page.wait_for_function("out.textContent === 'arrived'")
            return [event.url for event in hold.held], await page.text_content("#out")

    assert asyncio.run(ask()) == ([f"{TAKE}?iban=DE00%205001"], "arrived")


def test_a_state_says_what_an_action_asks_for() -> None:
    form = Form("f1", "Pay", "POST", "http://a.localhost/pay?x=1", (FormField("n", "N", "text", "1", "e2"),), "e3")
    state = State(
        "http://a.localhost/in/",
        "",
        "",
        elements=(
            Element("e1", "link", "L", href="http://b.localhost/"),
            Element("e2", "textbox", "N", form_ref="f1"),
            Element("e3", "button", "Pay", form_ref="f1"),
            Element("e4", "button", "Other"),
        ),
        forms=(form,),
    )

    def said(kind: ActionKind, ref: str | None = None, value: str | None = None) -> tuple[tuple[str, str], ...]:
        return tuple((one.method, one.url) for one in announced_by(state, Action(kind, ref, value)))

    pay = (("POST", "http://a.localhost/pay?x=1"),)
    assert said(ActionKind.CLICK, "e1") == (("GET", "http://b.localhost/"),)
    assert said(ActionKind.CLICK, "e3") == said(ActionKind.SUBMIT, "f1") == said(ActionKind.PRESS, "e2", "Enter") == pay
    assert said(ActionKind.FILL, "e2", "x") == said(ActionKind.PRESS, "e2", "a") == said(ActionKind.CLICK, "e4") == ()
    assert said(ActionKind.GOTO, value="page") == (("GET", "http://a.localhost/in/page"),)
