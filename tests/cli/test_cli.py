"""The command line: JSON on stdout, words on stderr; one sentence and status 1 for a user's error, 2 for bad usage."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from tests.builders import SUBMIT_WIRE, payment_state
from tests.command_line import Done, Wm
from wm_pipeline.cli.main import app
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.graph import ROUND_ASSETS

ROOT = Path(__file__).resolve().parents[2]

# Dagster announces at import which of its parameters may still change or go; `wm` keeps that from its users, too.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `.*` of function")


def files_of(folder: Path, *, state: str | None = None, action: str | None = None) -> list[str]:
    """Arguments that name a state file and an action file."""
    texts = {"state": state or to_json(payment_state()), "action": action or to_json(SUBMIT_WIRE)}
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text)
    return ["--state", str(folder / "state.json"), "--action", str(folder / "action.json")]


def changed(record: State | Action, **changes: object) -> str:
    return json.dumps({**json.loads(to_json(record)), **changes})


# --- a round ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_plans_the_whole_round_and_makes_nothing(wm: Wm, tmp_path: Path) -> None:
    done = wm("run", "--dry-run", "--day", "2026-11-20", "--json")
    shown = wm("run", "--dry-run", "--day", "2026-11-20")

    assert done.status == 0
    plan = json.loads(done.out)
    assert (plan["day"], plan["profile"], plan["to_make"]) == ("2026-11-20", "tiny", list(ROUND_ASSETS))
    assert plan["why"] == dict.fromkeys(ROUND_ASSETS, "there is none") | dict.fromkeys(
        ("raw_trajectories", "questions", "socratic_annotations"),
        "there is none of payroll, webmail, identity, miniwob",
    )
    assert done.err == f"round 2026-11-20, profile tiny: {len(ROUND_ASSETS)} assets to make\n"
    table = [line.strip().split(maxsplit=1) for line in shown.out.splitlines() if "there is none" in line]
    assert table == [list(one) for one in plan["why"].items()]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "huge"], "unknown profile 'huge'; there are tiny, laptop, release, gpu"),
        (["--day", "monday"], "unknown day 'monday'; write it as YYYY-MM-DD"),
        (
            ["--day", "2023-12-31"],
            "day 2023-12-31 is before 2024-01-01, the first day of rounds; set WM_FIRST_DAY to an earlier one",
        ),
        (["--redo-from", "dataset"], f"unknown asset 'dataset'; there are {', '.join(ROUND_ASSETS)}"),
    ],
    ids=["profile", "day", "day before the first", "asset"],
)
def test_an_unknown_name_is_told_with_those_there_are(wm: Wm, arguments: list[str], told: str) -> None:
    assert wm("run", "--dry-run", *arguments) == Done(1, "", f"wm: {told}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["report", "show"],
        ["report", "attack"],
        ["data", "render"],
        ["data", "import", "mine.jsonl", "--site", "acme"],
        ["data", "export", "mine.jsonl", "--site", "payroll"],
    ],
    ids=" ".join,
)
def test_what_is_no_day_is_told_by_every_command_that_takes_one(wm: Wm, arguments: list[str]) -> None:
    assert wm(*arguments, "--day", "monday") == Done(1, "", "wm: unknown day 'monday'; write it as YYYY-MM-DD\n")


def test_a_round_without_a_browser_is_told_before_anything_is_made(
    wm: Wm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WM_CHROMIUM", "/nowhere/chromium")

    done = wm("run", "--day", "2026-11-20")

    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[1:] == [
        "wm: WM_CHROMIUM names '/nowhere/chromium', which is not a file; correct it or unset it"
    ]
    assert not (tmp_path / "state" / "data").exists()


def test_set_up_without_a_browser_is_told_in_one_sentence(wm: Wm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_CHROMIUM", "/nowhere/chromium")

    assert wm("setup") == Done(
        1, "", "wm: WM_CHROMIUM names '/nowhere/chromium', which is not a file; correct it or unset it\n"
    )


def test_a_storage_of_an_unknown_kind_is_told_in_one_sentence(wm: Wm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_DATA", "gs://lake/data")

    assert wm("run", "--dry-run") == Done(
        1, "", "wm: cannot store tables in 'gs://lake/data'; give a folder or s3://bucket/prefix\n"
    )


@pytest.mark.slow
def test_a_process_of_its_own_ends_the_same_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "wm"), "report"],
        env={**os.environ, "WM_STATE": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    told = f"wm: no eval report in {tmp_path}/data; run `wm run` first\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


# --- a report ---------------------------------------------------------------------------------------------------------


def test_a_missing_report_says_how_to_make_one(wm: Wm, tmp_path: Path) -> None:
    told = f"wm: no eval report in {tmp_path}/state/data; run `wm run` first\n"
    assert wm("report", "--json") == Done(1, "", told)
    assert wm("attack", "--json") == Done(1, "", told)
    assert wm("report", "--sealed", "1", "--json") == Done(1, "", told)


SMALLEST = {
    "format_version": 1,
    "model_version": "m",
    "splits": {},
    "day": "2026-11-20",
    "profile": "tiny",
    "gate": {"promoted": False, "reason": "not promoted: no better"},
}


def put_report(tmp_path: Path, text: str) -> str:
    """Commit a report of 2026-11-20; return the address of its report.json."""
    store = TableStore(str(tmp_path / "state" / "data"))
    return store.write_folder("reports/2026-11-20", {"report.json": text.encode()}, note={}) + "/report.json"


def test_a_report_of_another_day_names_the_days_there_are(wm: Wm, tmp_path: Path) -> None:
    put_report(tmp_path, json.dumps(SMALLEST))

    assert SMALLEST.items() <= json.loads(wm("report", "show", "--json").out).items()
    assert wm("report", "--day", "2026-11-21") == Done(
        1, "", "wm: no eval report for 2026-11-21; there are 2026-11-20\n"
    )


def test_a_report_is_shown_to_people_too(wm: Wm, tmp_path: Path) -> None:
    numbers = {"rows": 3, "risk_auroc": 0.9, "macro_f1": 0.5, "ece": 0.1, "counterfactuals_executed": 2}
    counterfactuals = {"counterfactual_executable": 1.0, "counterfactual_valid": None}
    report = {
        **SMALLEST,
        "splits": {"test": {**numbers, **counterfactuals}},
        "loop": {"gullible": {guard: {"asr": 1.0, "benign_utility": None} for guard in ("guard_off", "guard_on")}},
    }
    put_report(tmp_path, json.dumps(report))

    shown = wm("report")

    assert (shown.status, shown.err) == (0, "")
    cells = [line.split() for line in shown.out.splitlines()]
    assert ["test", "3", "0.90", "0.50", "0.100", *["no", "data"] * 3] in cells
    assert ["gullible", "guard", "on", "1.00", *["no", "data"] * 3] in cells
    assert shown.out.startswith("No attack was proposed under the guard")
    assert shown.out.splitlines()[-1] == "gate: not promoted: no better"


@pytest.mark.parametrize("version", ["", '"format_version": 2', '"format_version": true', '"format_version": "1"'])
def test_a_report_of_another_version_is_told_with_the_way_to_make_it_again(
    wm: Wm, tmp_path: Path, version: str
) -> None:
    path = put_report(tmp_path, f"{{{version}}}")

    found = repr(json.loads(f"{{{version}}}").get("format_version")) if version else "none"
    assert wm("report") == Done(
        1,
        "",
        f"wm: {path} is of another version (expected `format_version` 1, found {found}); "
        "`wm run --day 2026-11-20 --redo-from eval_report` makes it again\n",
    )


# --- a prediction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "action", "told"),
    [
        (None, "{", "action: invalid json: eof while parsing an object at line 1 column 1, found "),
        (None, changed(SUBMIT_WIRE, kind="explode"), "action.kind: input should be 'click', 'fill', 'select', "),
        (None, changed(SUBMIT_WIRE, colour="red"), "action.colour: unexpected keyword argument, found 'red'"),
        (None, changed(SUBMIT_WIRE, target_ref="f9"), "action.target_ref: the state has no form 'f9'"),
        (None, to_json(Action(ActionKind.GOTO, value="file:///etc/passwd")), "action.value: 'file:///etc/passwd' is "),
        (changed(payment_state(), url=7), None, "state.url: input should be a valid string, found 7"),
        (
            changed(payment_state(), elements=[{"role": "link", "name": "x"}]),
            None,
            "state.elements.0.element_ref: field required, found ",
        ),
    ],
    ids=["no JSON", "unknown word", "unknown key", "no such form", "forbidden address", "wrong type", "missing field"],
)
def test_a_malformed_question_names_the_field(
    wm: Wm, tmp_path: Path, state: str | None, action: str | None, told: str
) -> None:
    done = wm("predict", *files_of(tmp_path, state=state, action=action))

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"wm: {told}")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [("\ufeff{}", "state.url: field required, found {}"), ("[" * 100_000, "state: nested too deep")],
    ids=["a byte-order mark", "deep"],
)
def test_a_state_is_read_whatever_editor_wrote_it(wm: Wm, tmp_path: Path, text: str, told: str) -> None:
    assert wm("predict", *files_of(tmp_path, state=text)).err == f"wm: {told}\n"


def test_a_file_that_is_not_there_is_named(wm: Wm, tmp_path: Path) -> None:
    arguments = files_of(tmp_path)
    Path(arguments[1]).unlink()

    assert wm("predict", *arguments) == Done(1, "", f"wm: cannot read {arguments[1]}: No such file or directory\n")


@pytest.mark.parametrize(
    ("transition", "told"),
    [
        (
            "abc",
            "transition: expected trajectory_id/step_index/branch_index, found 'abc'; the transitions table has them",
        ),
        ("abc/0/0", "no transitions in {root}; materialize it first (`wm run`)"),
    ],
    ids=["malformed", "nothing collected"],
)
def test_a_transition_that_cannot_be_found_is_told(wm: Wm, tmp_path: Path, transition: str, told: str) -> None:
    expected = told.format(root=tmp_path / "state" / "data")

    assert wm("predict", "--transition", transition) == Done(1, "", f"wm: {expected}\n")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own queries; pinned
def test_without_a_model_there_is_no_prediction_and_the_way_to_one(wm: Wm, tmp_path: Path) -> None:
    done = wm("predict", *files_of(tmp_path))

    told = f"wm: no model in {tmp_path}/state/data; run `wm run`, or give --checkpoint"
    assert (done.status, done.out, done.err.splitlines()[-1]) == (1, "", told)


@pytest.mark.slow
def test_an_unknown_head_is_told_with_those_there_are(wm: Wm, tmp_path: Path) -> None:
    done = wm("predict", *files_of(tmp_path), "--heads", "risk,mood")

    heads = "risk, tags, counterfactual, rationale, consequence, state_delta, next_state"
    assert done == Done(1, "", f"wm: heads: unknown head 'mood'; there are {heads}\n")


# --- servers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--port"], ["ui", "--dagster-port"], ["ui", "--dagster-port", "0", "--mlflow-port"]],
    ids=["service", "Dagster UI", "MLflow UI"],
)
def test_a_port_in_use_is_told_in_one_sentence(wm: Wm, arguments: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = wm(*arguments, str(port))

    told = f"wm: port {port} is in use; stop what listens there or choose another port\n"
    assert done == Done(1, "", told)


# --- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["run", "--fast"], ["report", "--day"], ["predict"], ["serve", "--port", "high"], ["schema"]],
    ids=["verb", "option", "value missing", "no question", "no number", "no folder"],
)
def test_bad_usage_has_a_status_of_its_own_and_says_nothing_on_stdout(wm: Wm, arguments: list[str]) -> None:
    done = wm(*arguments)

    assert (done.status, done.out) == (2, "")
    assert "Traceback" not in done.err


def test_help_names_every_verb(wm: Wm) -> None:
    done = wm("--help")

    assert done.status == 0
    for name in ("run", "report", "data", "model", "worlds", "env", "predict", "serve", "schema", "ui", "setup"):
        assert f" {name} " in done.out


@pytest.mark.parametrize(
    ("noun", "verbs"),
    [
        ("report", ["show", "compare", "attack"]),
        ("data", ["import", "export", "browse", "render"]),
        ("model", ["list", "promote", "rollback", "champion"]),
        ("worlds", ["list", "check"]),
        ("env", ["check"]),
    ],
)
def test_help_of_a_noun_names_its_verbs(wm: Wm, noun: str, verbs: list[str]) -> None:
    done = wm(noun, "--help")

    assert done.status == 0
    for verb in verbs:
        assert f" {verb} " in done.out


WITHOUT_JSON = {
    "predict": "its answer is an Outcome as JSON in any case",
    "serve": "a server",
    "ui": "servers",
    "setup": "it reads nothing that is stored",
}


def test_every_command_that_tells_something_tells_it_as_json_too() -> None:
    def leaves(name: str, command: Any) -> list[tuple[str, Any]]:
        if isinstance(command, TyperGroup):
            own = [(name, command)] if command.invoke_without_command else []
            return own + [leaf for inner, one in command.commands.items() for leaf in leaves(f"{name} {inner}", one)]
        return [(name, command)]

    found = dict(leaves("", typer.main.get_command(app)))

    assert len(found) > 20
    without = {name.strip() for name, one in found.items() if "--json" not in {o for p in one.params for o in p.opts}}
    assert without == set(WITHOUT_JSON)


@pytest.mark.parametrize("name", ["import", "export", "browse", "promote", "rollback", "champion", "attack"])
def test_commands_are_still_known_by_the_names_they_had(wm: Wm, name: str) -> None:
    assert wm(name, "--help").status == 0
    assert f" {name} " not in wm("--help").out


@pytest.mark.slow
@pytest.mark.parametrize("module", ["wm_pipeline", "wm_pipeline.cli"])
def test_the_package_and_its_module_run_as_the_command_does(module: str, tmp_path: Path) -> None:
    wm = str(Path(sys.executable).parent / "wm")
    for arguments, status in (["--help"], 0), (["nonsense"], 2):
        done = [
            subprocess.run(
                [*command, *arguments],
                env={**os.environ, "WM_STATE": str(tmp_path)},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            for command in ([wm], [sys.executable, "-m", module])
        ]
        first, second = ((one.returncode, one.stdout, one.stderr) for one in done)
        assert first == second
        assert first[0] == status


def test_every_module_with_a_main_does_something_when_it_is_run() -> None:
    with_main = [path for path in (ROOT / "wm_pipeline").rglob("*.py") if "\ndef main(" in path.read_text()]
    with_main += list((ROOT / "scripts").glob("*.py"))

    assert len(with_main) > 4
    assert [str(path) for path in with_main if 'if __name__ == "__main__":' not in path.read_text()] == []


# --- worlds -----------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_worlds_are_counted_for_people_and_as_json(wm: Wm) -> None:
    told = wm("worlds")
    found = json.loads(wm("worlds", "--json").out)

    assert told.status == 0
    for site in found["sites"]:
        assert site["name"] in told.out
    assert len(found["families"]) == found["counts"]["families"]
    assert len(found["miniwob_tasks"]) == 130
    assert found["counts"]["applications"] == 4
    assert {one["name"] for one in found["applications"]} == {"expenses", "office", "rentals", "tickets"}
    assert all(one["goals"] and one["attacks"] for one in found["applications"])


def test_checking_an_unknown_site_is_refused_before_a_browser_starts(wm: Wm) -> None:
    done = wm("worlds", "check", "--site", "casino")

    assert done.status == 1
    assert done.err.startswith("wm: site: there is no site 'casino'; registered are ")


# --- what is written --------------------------------------------------------------------------------------------------

RECORDED = str(ROOT / "docs" / "examples" / "trajectories.jsonl")
WHERE = ("--day", "2026-11-20", "--site", "crm")


def test_what_is_asked_for_is_written_into_folders_that_are_made(wm: Wm, tmp_path: Path) -> None:
    wm("import", RECORDED, *WHERE)

    out = wm("export", str(tmp_path / "not" / "there.jsonl"), *WHERE)
    schemas = wm("schema", str(tmp_path / "no" / "schemas"))

    assert (out.status, schemas.status) == (0, 0)
    assert len((tmp_path / "not" / "there.jsonl").read_text().splitlines()) == 3
    assert len(list((tmp_path / "no" / "schemas").iterdir())) == 3


@pytest.mark.slow
def test_where_nothing_can_be_written_that_is_one_sentence(
    wm: Wm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wm("import", RECORDED, *WHERE)
    file = tmp_path / "afile"
    file.write_text("whole")
    there_is = f"wm: cannot make the folder {file}: there is a file of that name\n"

    assert wm("schema", str(file)) == Done(1, "", there_is)
    assert wm("export", str(file / "out.jsonl"), *WHERE) == Done(1, "", there_is)
    told = f"wm: cannot write {tmp_path}: it is a folder; name a file\n"
    assert wm("export", str(tmp_path), *WHERE) == Done(1, "", told)
    monkeypatch.setenv("WM_STATE", str(file))
    assert wm("champion") == Done(1, "", there_is)
    assert wm("import", RECORDED, *WHERE).status == 1
    assert file.read_text() == "whole"


# --- folders of any name ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own queries; pinned
def test_a_state_folder_of_any_name_is_like_any_other(wm: Wm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "run[1] a%20b what? {x} données 50% #1 * ~"
    monkeypatch.setenv("WM_STATE", str(tmp_path / name))

    assert wm("import", RECORDED, *WHERE).status == 0
    assert len(json.loads(wm("browse", "--json").out)) == 3
    assert wm("champion").out == "no champion yet\n"
    assert wm("predict", "--transition", "x/0/0").err.endswith(f"no transition 'x/0/0' in {tmp_path}/{name}/data\n")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "mlflow.db").exists()


# --- schemas ----------------------------------------------------------------------------------------------------------


def test_the_contracts_schemas_are_valid_and_hold_what_they_describe(wm: Wm, tmp_path: Path) -> None:
    import jsonschema

    done = wm("schema", str(tmp_path / "schemas"))

    paths = [Path(line) for line in done.out.splitlines()]
    assert (done.status, [path.name for path in paths]) == (
        0,
        ["state.schema.json", "action.schema.json", "outcome.schema.json"],
    )
    schemas = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in paths}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(to_json(payment_state())), schemas["state"])
    jsonschema.validate(json.loads(to_json(SUBMIT_WIRE)), schemas["action"])
    with pytest.raises(jsonschema.ValidationError, match="Additional properties are not allowed"):
        jsonschema.validate({**json.loads(to_json(SUBMIT_WIRE)), "colour": "red"}, schemas["action"])
