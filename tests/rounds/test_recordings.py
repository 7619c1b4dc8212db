"""Playwright's traces and HAR files become trajectories, made here by the Playwright that is installed."""

import asyncio
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from tests.command_line import Wm
from tests.fakes.page_site import PageSite
from tests.fakes.sink import Sink
from wm_pipeline.collect.import_checks import first_problem
from wm_pipeline.collect.imported import ImportedTrajectory
from wm_pipeline.collect.recorded_steps import Recording
from wm_pipeline.collect.recording_files import PackedFile
from wm_pipeline.collect.trace_dom import FrameHistory
from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.vocabulary import Visibility
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.instruments.host_server import HostServer
from wm_pipeline.rounds.recordings import left_out_words, read_recordings

# Dagster announces at import which of its parameters may still change or go.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `.*` of function")

PASSWORD = "correct-horse-battery"
WIRE = "http://pay.localhost/recorded/wire.html"
SENT = "http://pay.localhost/recorded/sent.html"
WHERE = ("--day", "2026-11-20", "--site", "acme")


class Recorded(NamedTuple):
    trace: Path
    har: Path
    bare_har: Path
    """Without what was answered."""


def send_a_wire(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(WIRE)
    page.get_by_label("Payee").fill("Northwind")
    page.get_by_label("Bank").select_option("b")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Sure").check()
    page.get_by_label("Contract").set_input_files(
        {"name": "contract.txt", "mimeType": "text/plain", "buffer": b"We agree."}
    )
    page.get_by_role("button", name="Rates").click()
    page.frame_locator("iframe").get_by_role("button", name="Ask").click()
    page.get_by_role("heading").hover()
    page.get_by_label("Payee").press("End")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="Another").text_content()
    page.evaluate("document.title = 'Made by script'")
    page.get_by_role("link", name="Another").click()
    page.get_by_text("Words in", exact=False).count()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    files = Recorded(folder / "trace.zip", folder / "wire.har", folder / "bare.har")
    server = HostServer({}, PageSite())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(None).path,
                chromium_sandbox=False,
                args=[f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{server.port}, MAP * ~NOTFOUND"],
            )
            context = browser.new_context(record_har_path=files.har, record_har_content="embed")
            context.tracing.start(snapshots=True, screenshots=False, title="Pay Northwind")
            send_a_wire(context)
            context.tracing.stop(path=files.trace)
            context.close()
            browser.close()
    finally:
        server.close()
    har = json.loads(files.har.read_text())
    for entry in har["log"]["entries"]:
        entry["response"]["content"].pop("text", None)
    files.bare_har.write_text(json.dumps(har))
    return files


def read(*files: Path, goal: str | None = None) -> Recording:
    return asyncio.run(read_recordings(files, chromium=None, goal=goal, redaction_key=b"k" * 32))


@pytest.fixture(scope="module")
def traced(recorded: Recorded) -> Recording:
    return read(recorded.trace)


def told(one: ImportedTrajectory) -> list[tuple[str, str, str | None]]:
    """Kind, target's name and value of each action."""
    return [
        (
            step.action.kind.value,
            getattr(step.state.element(step.action.target_ref or ""), "name", ""),
            step.action.value,
        )
        for step in one.steps
    ]


# --- traces -----------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_trace_becomes_its_actions_in_the_states_they_were_done_in(recorded: Recorded, traced: Recording) -> None:
    first, second = traced.trajectories

    assert told(first)[:2] == [("fill", "Payee", "Northwind"), ("select", "Bank", "Bank B")]
    assert [(kind, name) for kind, name, _ in told(first)[2:]] == [
        ("fill", "Password"),
        ("check", "Sure"),
        ("upload", "Contract"),
        ("click", "Rates"),
        ("click", "Ask"),
        ("press", "Payee"),
        ("click", "Send"),
    ]
    assert told(second) == [("click", "Another", None)]
    assert dict(traced.left_out) == {"hover": 1, "evaluateExpression": 1}
    assert left_out_words(traced.left_out, traced.steps) == (
        "2 of 12 steps were left out: evaluateExpression (1), hover (1)"
    )
    assert [first_problem(one, site="acme") for one in traced.trajectories] == [None, None]
    assert {one.group for one in traced.trajectories} == {f"{recorded.trace}:trace.trace"}


@pytest.mark.browser
def test_a_state_of_a_trace_is_the_page_as_it_was(traced: Recording) -> None:
    first, second = traced.trajectories

    start, sent = first.steps[0].state, first.steps[-1].next_state
    assert (start.url, start.title, start.goal) == (WIRE, "New wire", "Pay Northwind")
    texts = {block.text: block.visibility for block in start.texts}
    assert texts["New wire by script"] is Visibility.VISIBLE
    assert texts["Words in the frame"] is Visibility.VISIBLE
    assert texts["Words that the style sheet hides"] is Visibility.HIDDEN
    (form,) = first.steps[-1].state.forms
    assert (form.method, form.action_url) == ("POST", SENT)
    values = {field.name: (field.value, field.is_as_loaded) for field in form.fields if field.name != "password"}
    assert values == {
        "payee": ("Northwind", False),
        "bank": ("b", False),
        "sure": ("on", False),
        "contract": ("", True),
    }
    assert (sent.url, sent.title) == (SENT, "Wire sent")
    assert [(event.method, event.url, event.status) for event in sent.network] == [("POST", SENT, 200)]
    assert sent.prior_steps[0] == 'fill textbox "Payee" with Northwind'
    assert second.steps[0].state.title == "Made by script"
    assert all(step.effects is None for one in (first, second) for step in one.steps)


@pytest.mark.browser
def test_what_was_done_to_a_page_that_changed_without_an_action_of_ours_begins_a_new_trajectory(
    traced: Recording,
) -> None:
    first, second = traced.trajectories

    assert (first.steps[-1].next_state.title, second.steps[0].state.title) == ("Wire sent", "Made by script")


# --- HAR files --------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_har_with_answers_becomes_navigations_between_pages(recorded: Recorded) -> None:
    recording = read(recorded.har, goal="Pay Northwind")

    (one,) = recording.trajectories
    sent, again = one.steps
    assert (sent.state.url, sent.next_state.url, again.next_state.url) == (WIRE, SENT, WIRE)
    assert (sent.action.kind.value, sent.action.target_ref) == ("submit", sent.state.forms[0].form_ref)
    assert [field.name for field in sent.action.fields] == ["payee", "bank", "password", "sure"]
    assert sent.state.forms[0].submit_ref is not None
    assert "Words in the frame" in {block.text for block in sent.state.texts}
    assert (again.action.kind.value, again.action.value) == ("goto", WIRE)
    assert first_problem(one, site="acme") is None


@pytest.mark.browser
def test_a_har_without_answers_gives_addresses_titles_and_what_was_posted(recorded: Recorded) -> None:
    (one,) = read(recorded.bare_har, goal="Pay Northwind").trajectories

    sent = one.steps[0]
    assert (sent.state.elements, sent.state.texts) == ((), ())
    assert sent.state.goal == "Pay Northwind"
    (form,) = sent.state.forms
    assert (form.method, form.action_url) == ("POST", SENT)
    assert [field.name for field in form.fields] == ["payee", "bank", "password", "sure", "contract"]
    assert [(event.method, event.url) for event in sent.next_state.network if event.method == "POST"] == [
        ("POST", SENT)
    ]
    assert first_problem(one, site="acme") is None


@pytest.mark.browser
def test_nothing_of_a_recorded_page_runs_or_is_fetched(tmp_path: Path) -> None:
    with Sink() as sink:
        out = f"http://127.0.0.1:{sink.port}"
        html = (
            f"<title>Shown</title><meta http-equiv=refresh content='0; url={out}/refresh'>"
            f"<link rel=stylesheet href='{out}/style.css'><script src='{out}/script.js'></script>"
            f"<script>document.title = 'Run'; fetch('{out}/fetch')</script><img src='{out}/image' onerror='x()'>"
            f"<iframe src='{out}/frame'></iframe><iframe srcdoc=\"<img src='{out}/inner'>\"></iframe>"
            f"<link rel=preconnect href='{out}'><object data='{out}/object'></object><p>Words</p>"
        )
        file = har_file(tmp_path, html, f"{out}/a", f"{out}/b")

        (one,) = read(file, goal="Look").trajectories

        assert (one.steps[0].state.title, one.steps[0].state.url) == ("Shown", f"{out}/a")
        assert "Words" in {block.text for block in one.steps[0].state.texts}
        assert sink.seen == []


@pytest.mark.browser
def test_a_document_that_cannot_be_shown_ends_a_trajectory(tmp_path: Path) -> None:
    too_long = "x" * 2_200_000  # for the browser
    pages = [f"http://pay.localhost/{place}" for place in ("a", "b", too_long, "c", "d")]

    recording = read(har_file(tmp_path, "<p>Words</p>", *pages), goal="Look")

    assert [[step.next_state.url for step in one.steps] for one in recording.trajectories] == [[pages[1]], [pages[4]]]
    assert dict(recording.left_out) == {"goto that led to nothing that can be shown": 1}


def har_file(folder: Path, html: str, *addresses: str) -> Path:
    """Documents of the same HTML, one after the other."""
    entries = [
        {
            "startedDateTime": f"2026-11-20T10:00:0{second}.000Z",
            "time": 5,
            "request": {"method": "GET", "url": address, "headers": []},
            "response": {"status": 200, "content": {"mimeType": "text/html", "text": html}},
        }
        for second, address in enumerate(addresses)
    ]
    file = folder / "made.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return file


# --- into the tables --------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_the_command_imports_recordings_without_their_secrets(wm: Wm, recorded: Recorded, tmp_path: Path) -> None:
    tried = wm("import", str(recorded.har), *WHERE, "--dry-run", "--json")
    twice = wm("import", str(recorded.bare_har), str(recorded.bare_har), *WHERE)
    done = wm("import", str(recorded.trace), *WHERE, "--goal", "Pay Northwind")
    out = wm("export", str(tmp_path / "out.jsonl"), *WHERE)
    written = (tmp_path / "out.jsonl").read_text()

    report = json.loads(tried.out)
    assert (report["trajectories"], report["transitions"], report["annotations"]) == (1, 2, 0)
    assert (report["left_out"], report["is_dry_run"]) == ({}, True)
    assert twice.err == f"wm: {recorded.bare_har}: the file stands twice in the command; nothing was imported\n"
    assert done.out == "acme on 2026-11-20: 2 trajectories, 10 transitions, 0 annotated (none)\n"
    assert done.err.startswith("2 of 12 steps were left out: evaluateExpression (1), hover (1)\n`wm run --day")
    assert out.status == 0
    assert "<password" in written
    assert PASSWORD not in written


@pytest.mark.browser
def test_no_secret_is_in_what_is_read_even_before_it_is_imported(traced: Recording) -> None:
    states = [to_json(step.state) for one in traced.trajectories for step in one.steps]

    assert PASSWORD not in "".join(states)


# --- bad input --------------------------------------------------------------------------------------------------------

OPTIONS = {"type": "context-options", "version": 10, "options": {}, "title": "t"}


def zip_of(folder: Path, parts: Mapping[str, str], name: str = "trace.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as packed:
        for part, text in parts.items():
            packed.writestr(part, text)
    return folder / name


def lines(*records: Any) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"a.txt": "x"}, "cannot read FILE: it holds no Playwright trace (no trace.trace) and no HAR"),
        ({"trace.trace": "x\n"}, "FILE: trace.trace line 1: it is not JSON"),
        (
            {"trace.trace": lines(OPTIONS)[:-20]},
            "FILE: trace.trace line 1: the trace was cut, or is still being written",
        ),
        ({"trace.trace": ""}, "FILE: trace.trace does not begin as a Playwright trace does"),
        ({"trace.trace": lines([1])}, "FILE: trace.trace line 1: expected a JSON object, found '[1]'"),
        ({"trace.trace": "[" * 100_000 + "\n"}, "FILE: trace.trace line 1: nested too deep"),
        (
            {"trace.trace": lines(OPTIONS, {"type": "before"})},
            "FILE: trace.trace line 2: callId: field required",
        ),
        (
            {"trace.trace": lines(OPTIONS), "trace.network": lines({"type": "resource-snapshot", "snapshot": {}})},
            "FILE: trace.network line 1: request: field required",
        ),
        ({"trace.trace": lines(OPTIONS)}, "FILE: no step can be made of it"),
        ({"a.har": "{}"}, "FILE:a.har: expected an HTTP archive, an object with `log`"),
        ({"a.har": '{"log": {"entries": 7}}'}, "FILE:a.har: log.entries: input should be a valid tuple"),
        ({"a.har": '{"log": {"entries": []}}'}, "FILE: no step can be made of it"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, parts: Mapping[str, str], why: str) -> None:
    file = zip_of(tmp_path, parts)

    with pytest.raises(InvalidInputError) as refused:
        read(file)

    assert str(refused.value) == f"{why.replace('FILE', str(file))}; nothing was imported"


def test_a_trace_of_another_version_is_refused(tmp_path: Path) -> None:
    file = zip_of(tmp_path, {"trace.trace": lines({**OPTIONS, "version": 7})})

    with pytest.raises(FormatVersionError) as refused:
        read(file)

    assert str(refused.value) == (
        f"{file}: expected a trace of version 10, found 7; record it again with the Playwright that is installed here; "
        "nothing was imported"
    )


def test_a_zip_file_that_is_cut_or_none_is_refused(tmp_path: Path) -> None:
    whole = zip_of(tmp_path, {"trace.trace": lines(OPTIONS)})
    cut, none = tmp_path / "cut.zip", tmp_path / "none.zip"
    cut.write_bytes(whole.read_bytes()[:-30])
    none.write_text("hello")

    for file in (cut, none):
        with pytest.raises(InvalidInputError) as refused:
            PackedFile(file)
        assert str(refused.value) == f"cannot read {file}: it is no zip file, or not whole; nothing was imported"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(tmp_path / "none.zip")

    assert str(refused.value) == f"cannot read {tmp_path}/none.zip: No such file or directory"


def test_small_parts_that_are_read_without_end_are_refused(tmp_path: Path) -> None:
    file = zip_of(tmp_path, {"style.css": "x" * 1_000})

    with PackedFile(file, most_read=1_500) as packed:
        packed.read("style.css")
        with pytest.raises(InvalidInputError) as refused:
            packed.read("style.css")

    assert (
        str(refused.value)
        == f"cannot read style.css in {file}: it is larger than the 500 bytes that may be read; nothing was imported"
    )


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    file = zip_of(tmp_path, {"trace.trace": lines(OPTIONS)})
    content = bytearray(file.read_bytes())
    content[60] ^= 0xFF
    file.write_bytes(content)

    with PackedFile(file) as packed, pytest.raises(InvalidInputError) as refused:
        packed.read("trace.trace")

    assert str(refused.value) == (
        f"cannot read trace.trace in {file}: the file is damaged or encrypted; nothing was imported"
    )


def test_a_part_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    file = zip_of(tmp_path, {"trace.trace": "0" * 1_000_000})

    with PackedFile(file) as packed, pytest.raises(InvalidInputError) as refused:
        packed.read("trace.trace", most_bytes=999_999)

    assert str(refused.value) == (
        f"cannot read trace.trace in {file}: it is larger than the 999999 bytes that may be read; nothing was imported"
    )


# --- documents --------------------------------------------------------------------------------------------------------


def html_of(*documents: Any) -> str:
    """The last of these snapshots."""
    history = FrameHistory()
    for document in documents:
        last = history.add(document)
    return history.html(last, lambda frame: f' src="{frame}"')


def test_a_document_is_written_with_what_stood_in_earlier_ones() -> None:
    first = ["HTML", {}, ["HEAD", {}], ["BODY", {}, ["P", {"class": "a&b"}, "1 < 2"], ["IMG", {"alt": '"'}]]]
    second = ["HTML", {}, [[1, 0]], ["BODY", {}, [[1, 2]], "new"]]
    third = ["HTML", {}, [[2, 0]], [[1, 1]]]

    assert html_of(first, second) == ('<HTML><HEAD></HEAD><BODY><P class="a&amp;b">1 &lt; 2</P>new</BODY></HTML>')
    assert html_of(first, second, third) == '<HTML><HEAD></HEAD><BODY><P class="a&amp;b">1 &lt; 2</P>new</BODY></HTML>'


@pytest.mark.parametrize(
    ("node", "written"),
    [
        (["SCRIPT", {"src": "/x"}, "run()"], ""),
        (["P", {"onclick": "run()", "id": "p"}], '<P id="p"></P>'),
        (["META", {"http-equiv": "refresh", "content": "0; url=/x"}], ""),
        (["p><script", {}, "run()"], ""),
        (["P", {"a=b><script>": "x"}], "<P></P>"),
        (
            ["STYLE", {}, "p::before {content: '</style><script>'}"],
            "<STYLE>p::before {content: '<\\/style><script>'}</style>",
        ),
        (["template", {"__playwright_shadow_root_": "open"}, "x"], '<template shadowrootmode="open">x</template>'),
        (["template", {"__playwright_style_sheet_": "p {}"}], "<style>p {}</style>"),
        (["IFRAME", {"src": "/snapshot/frame@1", "srcdoc": "x"}, "y"], '<IFRAME src="frame@1"></IFRAME>'),
        (["IFRAME", {}], '<IFRAME src=""></IFRAME>'),
        ([], ""),
        ({"a": 1}, ""),
    ],
)
def test_what_runs_or_leads_elsewhere_is_not_written(node: Any, written: str) -> None:
    assert html_of(node).lower() == written.lower()


@pytest.mark.parametrize("reference", [[1, 0], [0, 0], [-1, 0], ["a", "b"], [5, 1]])
def test_a_reference_to_what_is_not_there_is_refused(reference: list[Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^a document of the trace refers to a part of it that is not there"):
        html_of([reference])


def test_references_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    documents: list[Any] = [["P", {}, "x" * 1000]]
    documents += [["P", {}, [[1, 1 if index == 0 else 0]], [[1, 1 if index == 0 else 0]]] for index in range(40)]

    with pytest.raises(InvalidInputError, match=r"^a document of the trace is longer than 8000000 characters"):
        html_of(*documents)


def test_a_document_of_any_depth_is_written() -> None:
    document: list[Any] = ["P", {}]
    for _ in range(20_000):
        document = ["DIV", {}, document]

    assert html_of(document).count("<DIV>") == 20_000
