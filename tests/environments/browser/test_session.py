"""A browser session begins, acts, sees what an action led to, and survives what pages do to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action, FieldValue
from wm_pipeline.domain.delta import Dialog, StateDelta
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import Cookie
from wm_pipeline.domain.vocabulary import ActionKind, ChangeOperation, SecretKind, StopReason, StorageArea
from wm_pipeline.environments.browser.session import SessionSettings
from wm_pipeline.environments.browser.settle import SettleSettings, look_now

pytestmark = pytest.mark.browser
KEY = b"of this test"
PIN_77 = Redactor(KEY).mark(SecretKind.PASSWORD, "77")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserWorld]:
    uploads = tmp_path_factory.mktemp("uploads")
    (uploads / "invoice.txt").write_text("an invoice")
    world = BrowserWorld(SessionSettings(step_limit_ms=4000, upload_folder=uploads, redaction_key=KEY))
    yield world
    world.close()


def click(state: object, name: str) -> Action:
    return Action(ActionKind.CLICK, ref_of(state, name))  # type: ignore[arg-type]


def test_a_click_on_a_link_is_followed_and_its_request_recorded(world: BrowserWorld) -> None:
    state = world.open("mail.html")

    step = world.act(click(state, "the notice"))

    assert step.state.url == "http://mail.localhost/second.html?from=mail"
    assert (step.delta.url, step.delta.title) == (step.state.url, "Second")
    assert step.delta.notices == ("You are on the second page.",)
    assert [(event.method, event.status, event.is_cross_site) for event in step.delta.network] == [("GET", 200, False)]
    assert step.state.prior_steps == ('click link "the notice"',)
    assert step.is_settled


def test_a_submit_types_sends_and_records_the_cross_site_request_with_its_redirect(world: BrowserWorld) -> None:
    world.open("mail.html")

    step = world.act(
        Action(
            ActionKind.SUBMIT,
            "f1",
            fields=(
                FieldValue("amount", "70"),
                FieldValue("payee", "Bob"),
                FieldValue("urgent", "yes"),
                FieldValue("speed", "fast"),
                FieldValue("pin", "9999"),
            ),
        )
    )

    sent = next(request for request in world.site.requests if request.startswith("POST"))
    assert sent == (
        "POST evil.localhost /take csrf_token=abc123&amount=70&payee=2&urgent=yes&speed=fast&pin=9999&memo="
    )
    assert [(event.method, event.status, event.is_cross_site) for event in step.delta.network] == [
        ("POST", 302, True),
        ("GET", 200, True),
    ]
    assert step.delta.network[0].body_bytes == len(sent.rpartition(" ")[2])
    assert step.state.prior_steps == ('submit form "Payment"',)


@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        (ActionKind.FILL, "Amount", "12", 'textbox "Amount" = 12'),
        (ActionKind.FILL, "Memo", "thanks", 'textbox "Memo" = thanks'),
        (ActionKind.FILL, "PIN", "77", f'textbox "PIN" = {PIN_77}'),
        (ActionKind.SELECT, "Payee", "Bob", 'combobox "Payee" = Bob'),
        (ActionKind.CHECK, "Urgent", None, 'checkbox "Urgent" checked'),
        (ActionKind.CHECK, "Fast", None, 'radio "Fast" checked'),
    ],
)
def test_filling_selecting_and_checking_change_what_the_page_shows(
    world: BrowserWorld, kind: ActionKind, name: str, value: str | None, expected: str
) -> None:
    state = world.open("mail.html")

    step = world.act(Action(kind, ref_of(state, name), value))

    assert expected in step.delta.dom_added
    assert step.delta.network == ()


def test_an_element_found_by_its_listener_alone_can_be_clicked(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Tile"))

    assert step.delta.notices == ("tile clicked",)


def test_a_click_lands_on_what_covers_the_element(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Covered"))

    assert step.delta.notices == ("cover clicked",)
    assert step.delta.url is None


def test_a_key_press_submits_a_form_that_has_no_button(world: BrowserWorld) -> None:
    state = world.open("scripts.html")
    state = world.act(Action(ActionKind.FILL, ref_of(state, "Search"), "acme")).state

    step = world.act(Action(ActionKind.PRESS, ref_of(state, "Search"), "Enter"))

    assert step.delta.notices == ("searched acme",)


def test_a_form_without_a_button_can_be_submitted(world: BrowserWorld) -> None:
    world.open("scripts.html")

    step = world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("q", "acme"),)))

    assert step.delta.notices == ("searched acme",)


def test_a_change_that_comes_late_is_waited_for(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Late"))

    assert "arrived" in step.delta.dom_added


def test_a_page_that_loads_slowly_is_waited_for(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Slow"))

    assert step.state.title == "Second"


def test_a_picture_on_its_way_is_waited_for_in_the_page_itself(world: BrowserWorld) -> None:
    world.open("second.html")
    add = """() => { document.body.innerHTML += '<img src="/slow.svg" onload="document.title = `Drawn`">'; }"""
    world.run(world.session.evaluate(add))

    # Not the session's look, which waits for requests too: one that ends while the page is walked is seen by neither.
    walk = world.run(look_now(world.session._present_tab(), SettleSettings()))

    assert walk is not None
    assert walk.title == "Drawn"


def test_going_back_leads_through_the_episode_and_no_further(world: BrowserWorld) -> None:
    state = world.open("mail.html")
    world.act(click(state, "the notice"))

    back = world.act(Action(ActionKind.BACK))
    further = world.act(Action(ActionKind.BACK))

    assert back.state.title == "Mail"
    assert further.delta == StateDelta()


@pytest.mark.parametrize("action", [NOOP, ASK_HUMAN], ids=["noop", "ask_human"])
def test_waiting_changes_nothing(world: BrowserWorld, action: Action) -> None:
    world.open("mail.html")

    step = world.act(action)

    assert step.delta == StateDelta()


def test_an_alert_is_dismissed_and_a_confirmation_accepted(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    alert = world.act(click(state, "Alert"))
    confirm = world.act(click(alert.state, "Confirm"))

    assert alert.delta.dialogs == (Dialog("alert", "look out"),)
    assert confirm.delta.dialogs == (Dialog("confirm", "really?"),)
    assert confirm.delta.notices == ("confirmed",)


@pytest.mark.parametrize(
    ("page", "name"), [("mail.html", "Window"), ("scripts.html", "Open")], ids=["target", "script"]
)
def test_a_popup_is_recorded_and_seen(world: BrowserWorld, page: str, name: str) -> None:
    state = world.open(page)

    step = world.act(click(state, name))

    assert step.delta.dialogs == (Dialog("popup", "http://mail.localhost/second.html"),)
    assert step.state.title == "Second"
    assert step.state.other_tabs == (state.url,)


@pytest.mark.parametrize(
    "action",
    [Action(ActionKind.GOTO, value="/report.csv"), None],
    ids=["goto", "link"],
)
def test_a_download_is_named_and_not_kept(world: BrowserWorld, action: Action | None) -> None:
    state = world.open("mail.html")

    step = world.act(action or click(state, "Report"))

    assert step.delta.downloads == ("report.csv",)
    assert step.delta.url is None


@pytest.mark.parametrize(
    ("name", "saved"),
    [("Link", "mine.csv"), ("Script", "slow.csv"), ("Blob", "made.csv"), ("Framed", "slow.csv")],
)
def test_a_link_that_saves_what_it_leads_to_is_waited_for(world: BrowserWorld, name: str, saved: str) -> None:
    """The browser tells of no request for it, and of the download only when its answer comes."""
    step = world.act(click(world.open("saving.html"), name))

    assert step.delta.downloads == (saved,)
    assert step.is_settled


@pytest.mark.parametrize("name", ["Clicked", "Navigated"])
def test_a_download_that_a_script_prevents_is_not_waited_for(world: BrowserWorld, name: str) -> None:
    step = world.act(click(world.open("saving.html"), name))

    assert step.delta.downloads == ()
    assert step.is_settled


def test_what_a_page_stores_is_seen_and_its_cookies_show_their_flags(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    stored = world.act(click(state, "Store"))
    cookie = world.act(click(stored.state, "Cookie"))

    assert [(one.area, one.key, one.operation) for one in stored.delta.storage] == [
        (StorageArea.LOCAL, "sync", ChangeOperation.INSERTED)
    ]
    assert [(item.key, item.value) for item in stored.state.storage] == [("sync", "http://evil.localhost/")]
    assert [(one.area, one.key) for one in cookie.delta.storage] == [(StorageArea.COOKIE, "seen")]
    assert cookie.state.cookies == (Cookie("seen", "mail.localhost", False, False, "Lax"),)


@pytest.mark.parametrize("name", ["Worker", "Slow worker"])
def test_a_service_worker_is_waited_for_seen_as_storage_and_gone_in_the_next_episode(
    world: BrowserWorld, name: str
) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, name))
    following = world.open("scripts.html")

    assert [(one.area, one.key) for one in step.delta.storage] == [
        (StorageArea.SERVICE_WORKER, "http://mail.localhost/")
    ]
    assert [item.value.partition("?")[0] for item in step.state.storage] == ["http://mail.localhost/worker.js"]
    assert step.state.title == "worked"
    assert following.storage == ()


def test_an_episode_starts_without_anything_of_the_one_before(world: BrowserWorld) -> None:
    first = world.open("scripts.html")
    for name in ("Store", "Draft", "Cookie"):
        world.act(click(world.session.state, name))

    second = world.open("scripts.html")

    assert second == first


def test_a_request_by_script_to_another_site_is_recorded(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Fetch"))

    event = step.delta.network[0]
    assert (event.method, event.url, event.is_cross_site, event.body_bytes) == (
        "POST",
        "http://evil.localhost/take",
        True,
        8,
    )
    assert "POST evil.localhost /take secret=1" in world.site.requests


def test_a_page_that_hangs_times_out_and_the_next_episode_works(world: BrowserWorld) -> None:
    state = world.open("scripts.html")

    step = world.act(click(state, "Hang"))

    assert step.failure is StopReason.TIMED_OUT
    assert step.state == state
    assert step.elapsed_ms < 6000
    with pytest.raises(WorldError, match=r"^the last step failed; begin a new episode or restore a snapshot first$"):
        world.act(NOOP)
    assert world.open("mail.html").title == "Mail"


def test_a_tab_that_crashes_is_data_and_the_next_episode_works(world: BrowserWorld) -> None:
    world.open("scripts.html")
    tab = world.session._present_tab()

    async def crash() -> None:
        cdp = await tab.context.new_cdp_session(tab.page)
        crashed = world.runner.get_loop().create_future()
        tab.page.once("crash", lambda _: crashed.set_result(None))
        sending = world.runner.get_loop().create_task(cdp.send("Page.crash"))
        await crashed
        sending.cancel()

    world.run(crash())
    step = world.act(NOOP)

    assert step.failure is StopReason.BROWSER_CRASHED
    assert world.open("mail.html").title == "Mail"


def test_a_browser_that_is_killed_is_data_and_the_next_episode_works(world: BrowserWorld) -> None:
    world.open("scripts.html")

    world.run(world.session._browser.close())
    step = world.act(NOOP)

    assert step.failure is StopReason.BROWSER_CRASHED
    assert world.open("mail.html").title == "Mail"


def test_only_a_file_of_the_upload_folder_can_be_uploaded(world: BrowserWorld, tmp_path: Path) -> None:
    state = world.open("upload.html")
    (tmp_path / "secret.txt").write_text("secret")

    step = world.act(Action(ActionKind.UPLOAD, ref_of(state, "Attachment"), "invoice.txt"))

    assert 'file "Attachment" = invoice.txt' in step.delta.dom_added
    with pytest.raises(InvalidInputError) as refused:
        world.act(Action(ActionKind.UPLOAD, ref_of(state, "Attachment"), str(tmp_path / "secret.txt")))
    assert str(refused.value) == (
        f"action.value: {str(tmp_path / 'secret.txt')!r} is not one of the files to upload (invoice.txt)"
    )


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Action(ActionKind.CLICK, "e99"), "action.target_ref: the state has no element 'e99'"),
        (
            Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("csrf_token", "x"),)),
            "action.fields: 'csrf_token' is a hidden input, which nobody can type into",
        ),
        (
            Action(ActionKind.GOTO, value="http://evil.localhost/"),
            "action.value: 'http://evil.localhost/' leaves the hosts of this world (mail.localhost, pay.localhost)",
        ),
        (
            Action(ActionKind.GOTO, value="http://127.0.0.1:8000/"),
            "action.value: 'http://127.0.0.1:8000/' leaves the hosts of this world (mail.localhost, pay.localhost)",
        ),
        (Action(ActionKind.GOTO, value="file:///etc/passwd"), None),
        (Action(ActionKind.GOTO, value="java\nscript:alert(1)"), None),
        (Action(ActionKind.GOTO, value="ftp://mail.localhost/"), None),
        (Action(ActionKind.GOTO, value="http://mail.localhost@evil.localhost/"), None),
    ],
    ids=["element", "hidden", "host", "literal", "file", "javascript", "ftp", "credentials"],
)
def test_an_action_the_state_does_not_offer_is_refused(
    world: BrowserWorld, action: Action, message: str | None
) -> None:
    world.open("mail.html")
    before = list(world.site.requests)

    with pytest.raises(InvalidInputError) as refused:
        world.act(action)

    assert message is None or str(refused.value) == message
    assert world.site.requests == before


def test_a_script_of_the_agent_runs_and_one_that_throws_is_shrugged_at(world: BrowserWorld) -> None:
    world.open("mail.html")

    step = world.act(Action(ActionKind.RUN_SCRIPT, value="document.title = 'by script'"))
    thrown = world.act(Action(ActionKind.RUN_SCRIPT, value="throw new Error('no')"))

    assert step.delta.title == "by script"
    assert thrown.failure is None


def test_a_name_that_does_not_exist_is_an_error_page_and_not_an_error(world: BrowserWorld) -> None:
    world.open("mail.html")

    step = world.act(Action(ActionKind.RUN_SCRIPT, value="location.href = 'http://nowhere.example/'"))

    assert step.failure is None
    assert step.state.url == "chrome-error://chromewebdata/"


def test_a_screenshot_is_a_picture(world: BrowserWorld) -> None:
    world.open("mail.html")

    assert world.run(world.session.screenshot()).startswith(b"\x89PNG")


def test_before_an_episode_there_is_no_state(world: BrowserWorld) -> None:
    other = BrowserWorld()
    try:
        with pytest.raises(WorldError, match=r"^the browser session has no state before begin\(\)$"):
            _ = other.session.state
        assert other.session.browser_version.split()[1].partition(".")[0].isdigit()
    finally:
        other.close()
