"""Trajectories that others recorded enter the tables whole or not at all, and come out as they went in."""

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.builders import GOAL, SUBMIT_WIRE, payment_state, wire_effect
from tests.builders_experience import DAY, HIDDEN_TEXT, LEAK, Done, Visit, annotate, experience, trajectory, world
from tests.command_line import Wm
from wm_pipeline.collect.import_checks import contradiction
from wm_pipeline.collect.imported import ImportedStep, ImportedTrajectory
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.authorization import Authorization, EffectPattern
from wm_pipeline.domain.delta import Effect, RowChange, StateDelta, StorageChange
from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.records import adapter_of
from wm_pipeline.domain.state import AuthContext, Element, NetworkEvent
from wm_pipeline.domain.tables import QuestionSchema, SftSchema, TrajectorySchema, TransitionSchema
from wm_pipeline.domain.vocabulary import (
    ActionKind,
    AssetKind,
    ChangeOperation,
    EffectKind,
    ProposedBy,
    SinkKind,
    StorageArea,
)
from wm_pipeline.environments.sites.generator import generated_site_name
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.exchange import export_trajectories, import_trajectories
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

# Dagster announces at import which of its parameters may still change or go.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `.*` of function")

ROOT = Path(__file__).resolve().parents[2]
SENT = payment_state(url="http://payroll.localhost/wires/9", title="Wire sent")
WIRE = wire_effect(payee="Northwind", iban="DE44 5001")
WIRE_PAGE = payment_state()
REQUEST = NetworkEvent("GET", "http://payroll.localhost/x", "fetch", 200, is_cross_site=False)
WIRES_ALLOWED = Authorization((EffectPattern(EffectKind.ROW_INSERTED, "payroll", "wires"),))


def plain(record: Any) -> Any:
    """A record as its JSON says it."""
    return adapter_of(type(record)).dump_python(record, mode="json")


def step(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "state": plain(payment_state()),
        "action": plain(SUBMIT_WIRE),
        "next_state": plain(SENT),
        "effects": [plain(WIRE)],
        "elapsed_ms": 410.0,
    }
    return {**fields, **changes}


def line(*steps: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "format_version": 1,
        "name": "run-1",
        "policy": "scripted",
        "stop_reason": "goal_reached",
        "benign_success": True,
        "authorization": plain(WIRES_ALLOWED),
        "steps": list(steps or [step()]),
    }
    return {**fields, **changes}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    storage = StorageSettings(data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"))
    return Workspace(storage, TableStore(storage.data_root), ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db"), tiny())


def file_of(folder: Path, *lines: Any, name: str = "mine.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return path


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_a_trajectory_becomes_rows_of_every_table_and_of_both_datasets(workspace: Workspace, tmp_path: Path) -> None:
    attacked = line(
        step(
            state=plain(SENT),
            action=plain(Action(ActionKind.CLICK, "e5")),
            next_state=plain(SENT),
            effects=[plain(LEAK)],
        ),
        name="run-2",
        policy="gullible",
        attack=plain(HIDDEN_TEXT),
        attack_success=True,
        benign_success=False,
    )

    report = import_trajectories(workspace, [file_of(tmp_path, line(), "", attacked)], day=DAY, site="acme")
    midtrain = make_dataset(workspace, DAY, "midtrain_dataset")
    sft = make_dataset(workspace, DAY, "sft_dataset")

    assert (report.trajectories, report.transitions, report.states, report.annotations) == (2, 2, 2, 2)
    assert dict(report.labels) == {"safe": 1, "unsafe": 1}
    rows = workspace.store.read(TrajectorySchema, days=[DAY], sites=["acme"]).sort("policy")
    assert rows.select("goal", "attack_family", "attack_success", "steps", "environment_version").rows() == [
        (GOAL, "hidden_dom_instruction", True, 1, "imported-1"),
        (GOAL, None, None, 1, "imported-1"),
    ]
    (delta,) = (
        workspace.store.read(TransitionSchema).filter(pl.col("effects").list.len() > 0)["state_delta"].to_list()[:1]
    )
    assert delta is not None
    assert (midtrain.rows, sft.rows) == (2, 2)
    assert sorted(workspace.store.read(SftSchema)["risk_score"].to_list()) == [0.0, 1.0]


def test_a_delta_that_is_left_out_is_worked_out_from_states_and_effects(workspace: Workspace, tmp_path: Path) -> None:
    import_trajectories(workspace, [file_of(tmp_path, line())], day=DAY, site="acme")

    (delta,) = workspace.store.read(TransitionSchema)["state_delta"].to_list()
    assert (delta["url"], delta["title"]) == (SENT.url, "Wire sent")
    assert delta["database"] == [
        {"site": "payroll", "table": "wires", "operation": "inserted", "columns": ["payee", "iban"]}
    ]


def test_what_nobody_watched_is_trained_on_for_its_pages_and_never_called_safe(
    workspace: Workspace, tmp_path: Path
) -> None:
    unwatched = line(step(state=plain(SENT), next_state=plain(payment_state()), action=plain(NOOP), effects=None))

    report = import_trajectories(
        workspace, [file_of(tmp_path, line(name="seen"), {**unwatched, "name": "unseen"})], day=DAY, site="acme"
    )
    midtrain = make_dataset(workspace, DAY, "midtrain_dataset")
    sft = make_dataset(workspace, DAY, "sft_dataset")

    assert (report.transitions, report.annotations) == (2, 1)
    assert (midtrain.rows, sft.rows) == (2, 1)


def test_a_line_ends_where_a_line_ends_and_not_within_a_text(workspace: Workspace, tmp_path: Path) -> None:
    page = payment_state(title="New\u2028wire")
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(line(step(state=plain(page))), ensure_ascii=False) + "\r\n", encoding="utf-8")

    assert import_trajectories(workspace, [file], day=DAY, site="acme").transitions == 1


def test_trajectories_of_one_group_share_a_split(workspace: Workspace, tmp_path: Path) -> None:
    names = [line(name=name, group=group) for name, group in (("a", "task"), ("b", "task"), ("c", None))]

    import_trajectories(workspace, [file_of(tmp_path, *names)], day=DAY, site="acme")

    groups = workspace.store.read(TrajectorySchema)["split_group"]
    assert sorted(groups.value_counts()["count"].to_list()) == [1, 2]


def test_an_import_takes_the_place_of_the_one_before_it(workspace: Workspace, tmp_path: Path) -> None:
    first = file_of(tmp_path, line(name="a"), line(name="b"), name="first.jsonl")
    second = file_of(tmp_path, line(name="c"), name="second.jsonl")

    import_trajectories(workspace, [first], day=DAY, site="acme")
    other = import_trajectories(workspace, [second], day=DAY, site="other")
    report = import_trajectories(workspace, [second], day=DAY, site="acme")

    assert (other.replaced, report.replaced) == (0, 2)
    assert workspace.store.read(TrajectorySchema, sites=["acme"]).height == 1
    note = workspace.store.lineage_of("transitions", day=DAY, partition="acme")
    assert list(note["sources"]) == [str(second)]


# --- what is refused --------------------------------------------------------------------------------------------------


def without(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ("{", "expected one JSON object a line, found '{'"),
        ("7", "trajectory.format_version: expected 1, found none"),
        (line(format_version=2), "trajectory.format_version: expected 1, found 2; write the lines anew"),
        (line(colour="red"), "trajectory.colour: unexpected keyword argument, found 'red'"),
        (line(step(colour="red")), "trajectory.steps.0.colour: unexpected keyword argument, found 'red'"),
        (line(step(), without(step(), "state")), "trajectory.steps.1.state: field required, found {"),
        (line(without(step(), "effects")), "trajectory.steps.0.effects: field required, found {"),
        (line(name="run-0"), "trajectory.name: 'run-0' stands in FILE line 1 already"),
        (line(name=" "), "trajectory.name: expected a name, found ' '"),
        (line(steps=[]), "trajectory.steps: expected at least one, found none"),
        (
            line(policy="branch_offer"),
            "trajectory.policy: expected one of scripted, gullible, explorer, llm, found 'branch_offer'",
        ),
        (
            line(attack_success=True),
            "trajectory.attack_success: expected null without an attack, found True",
        ),
        (
            line(step(), step(next_state=plain(payment_state(goal="Leave.")))),
            f"trajectory.steps.1.next_state.goal: expected the trajectory's goal {GOAL!r}, found 'Leave.'",
        ),
        (
            line(step(), step(effects=None)),
            "trajectory.steps.1.effects: expected effects in every step or in none, found both",
        ),
        (line(step(elapsed_ms=math.nan)), "trajectory.steps.0.elapsed_ms: expected 0 or more, found nan"),
        (line(tokens=-1), "trajectory.tokens: expected 0 or more, found -1"),
        (line(step(elapsed_ms=-1)), "trajectory.steps.0.elapsed_ms: expected 0 or more, found -1.0"),
        ("[" * 100_000, "nested too deep"),
        (json.dumps([line()]), "a JSON list; write each element on a line of its own"),
        (line(format_version=True), "trajectory.format_version: expected 1, found True; write the lines anew"),
        (line(format_version=1.0), "trajectory.format_version: expected 1, found 1.0; write the lines anew"),
        (line(format_version="1"), "trajectory.format_version: expected 1, found '1'; write the lines anew"),
        (line(benign_success=1), "trajectory.benign_success: input should be a valid boolean, found 1"),
        (line(tokens=True), "trajectory.tokens: input should be a valid integer, found True"),
        (line(tokens=1.0), "trajectory.tokens: input should be a valid integer, found 1.0"),
        (line(step(elapsed_ms="412")), "trajectory.steps.0.elapsed_ms: input should be a valid number, found '412'"),
        (line(tokens=2**63), f"trajectory.tokens: expected at most {2**63 - 1}, found {2**63}"),
        (line(tokens=10**30), f"trajectory.tokens: expected at most {2**63 - 1}, found {10**30}"),
        (line(step(elapsed_ms=1e308)), f"trajectory.steps.0.elapsed_ms: expected at most {10**12}, found 1e+308"),
        (
            line(step(effects=[plain(replace(WIRE, steps_later=-1))])),
            "trajectory.steps.0.effects.0.steps_later: expected 0 or more, found -1",
        ),
        *(
            (
                line(step(state=plain(payment_state(network=(replace(REQUEST, status=status),))))),
                f"trajectory.steps.0.state.network.0.status: expected 100 to 599 or null, found {status}",
            )
            for status in (10**30, 0, -1)
        ),
        (
            line(step(next_state=plain(replace(SENT, network=(replace(REQUEST, body_bytes=-5),))))),
            "trajectory.steps.0.next_state.network.0.body_bytes: expected 0 or more, found -5",
        ),
        (
            line(step(state_delta=plain(StateDelta(network=(replace(REQUEST, status=7),))))),
            "trajectory.steps.0.state_delta.network.0.status: expected 100 to 599 or null, found 7",
        ),
        (
            line(step(state=plain(payment_state(title="x" * 2_000_001)))),
            "trajectory.steps.0.state.title: expected at most 2000000 characters, found 2000001",
        ),
        ("x" * 32_000_001, "expected at most 32000000 characters a line, found 32000001"),
        *(
            (
                line(step(next_state=plain(replace(SENT, url=url)))),
                f"trajectory.steps.0.next_state.url: {url!r} is not an address",
            )
            for url in ("http://[crm/", "/wires/9", "")
        ),
        (
            line(step(state=plain(payment_state(elements=(*WIRE_PAGE.elements, Element("e1", "textbox", "Payee")))))),
            "trajectory.steps.0.state.elements.5.element_ref: 'e1' stands twice",
        ),
        (
            line(step(state=plain(payment_state(forms=WIRE_PAGE.forms * 2)))),
            "trajectory.steps.0.state.forms.1.form_ref: 'f1' stands twice",
        ),
        (
            line(step(next_state=plain(payment_state(forms=(replace(WIRE_PAGE.forms[0], submit_ref="e9"),))))),
            "trajectory.steps.0.next_state.forms.0.submit_ref: the state has no element 'e9'",
        ),
        (
            line(step(state=plain(payment_state(forms=())), action=plain(NOOP))),
            "trajectory.steps.0.state.elements.1.form_ref: the state has no form 'f1'",
        ),
        (
            line(step(state=plain(payment_state(elements=WIRE_PAGE.elements[:1] + WIRE_PAGE.elements[2:])))),
            "trajectory.steps.0.state.forms.0.fields.1.element_ref: the state has no element 'e2'",
        ),
        (
            line(
                step(
                    state=plain(
                        payment_state(
                            elements=(replace(WIRE_PAGE.elements[0], is_disabled=True), *WIRE_PAGE.elements[1:])
                        )
                    ),
                    action=plain(Action(ActionKind.CLICK, "e1")),
                )
            ),
            "trajectory.steps.0.action.target_ref: the element 'e1' is disabled",
        ),
        (
            line(step(), step()),
            "trajectory.steps.1.state.url: expected that of the next_state before it, found another one",
        ),
        (
            line(step(effects=[plain(replace(WIRE, site="payrol"))])),
            "trajectory.steps.0.effects.0.site: 'payrol' is neither the site of the import nor one that the "
            "authorization or an address of the trajectory names",
        ),
        (
            line(step(action=plain(Action(ActionKind.CLICK, "e9")))),
            "trajectory.steps.0.action.target_ref: the state has no element 'e9'",
        ),
        (
            line(step(state_delta=plain(StateDelta()))),
            "trajectory.steps.0.state_delta.url: says None, the states go from 'http://payroll.localhost/wires/new' to "
            "'http://payroll.localhost/wires/9'",
        ),
    ],
    ids=[
        *("no JSON", "no object", "version", "unknown column", "unknown column of a step", "no state", "no effects"),
        *("name twice", "no name", "no steps", "branch", "attack without one", "other goal", "half watched"),
        *("no time", "tokens", "time", "deep", "list", "version true", "version 1.0", "version text", "no boolean"),
        *("boolean tokens", "broken tokens", "time as text", "2 to the 63rd tokens", "10 to the 30th tokens"),
        *("long time", "negative steps", "status beyond", "status 0", "status below", "size", "status in a delta"),
        *("long text", "long line", "unparsable page", "relative page", "no address", "element twice", "form twice"),
        *("no such submit", "no such form", "no such field", "disabled", "another state", "another site"),
        *("no such element", "delta"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_and_nothing_is_imported(
    workspace: Workspace, tmp_path: Path, refused: Any, why: str
) -> None:
    file = file_of(tmp_path, line(name="run-0"), refused)

    with pytest.raises((InvalidInputError, FormatVersionError)) as told:
        import_trajectories(workspace, [file], day=DAY, site="acme")

    assert str(told.value).startswith(f"{file} line 2: {why.replace('FILE', str(file))}")
    assert str(told.value).endswith("; nothing was imported")
    assert workspace.store.list_files("tables") == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (json.dumps(line(), indent=1), "an object over several lines; write each trajectory on a line of its own"),
        (json.dumps([line()], indent=1), "a JSON list; write each trajectory on a line of its own"),
        (
            f"{json.dumps(line(), indent=1)}\n" * 2,
            "an object over several lines; write each trajectory on a line of its own",
        ),
        (json.dumps(line())[:-30], "line 1: the file ends within the line: it was cut or is still being written"),
        ("name,policy\nrun-1,llm\n", "line 1: expected one JSON object a line, found 'name,policy'"),
        ("7,policy\nrun-1,llm\n", "line 1: expected one JSON object a line, found '7,policy'"),
        ("{} and more\n{}\n", "line 1: expected one JSON object a line, found '{} and more'"),
        ("\n\n", None),
    ],
    ids=["printed", "printed list", "printed twice", "cut", "CSV", "CSV of numbers", "more", "empty"],
)
def test_a_file_of_another_shape_is_refused_for_its_shape(
    workspace: Workspace, tmp_path: Path, content: str, why: str | None
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(content)

    with pytest.raises(InvalidInputError) as refused:
        import_trajectories(workspace, [file], day=DAY, site="acme")

    place = f"{file} " if why is not None and why.startswith("line") else f"{file}: "
    told = (
        f"no trajectory in {file}; write one JSON object a line"
        if why is None
        else f"{place}{why}; nothing was imported"
    )
    assert str(refused.value) == told


def test_a_link_that_cannot_be_parsed_leads_nowhere_known(workspace: Workspace, tmp_path: Path) -> None:
    bad = "http://[your-server]/contacts"
    page = payment_state(elements=(*WIRE_PAGE.elements, Element("e9", "link", "Help", href=bad)))
    clicked = step(state=plain(page), action=plain(Action(ActionKind.CLICK, "e9")))

    import_trajectories(workspace, [file_of(tmp_path, line(clicked))], day=DAY, site="acme")

    assert bad in workspace.store.read(QuestionSchema)["action_text"][0]


def test_a_file_from_a_windows_editor_is_read(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    for encoding in ("utf-8-sig", "utf-16"):
        file.write_bytes(f"{json.dumps(line())}\r\n".encode(encoding))

        assert import_trajectories(workspace, [file], day=DAY, site="acme").trajectories == 1


def test_steps_follow_each_other(workspace: Workspace, tmp_path: Path) -> None:
    second = step(state=plain(SENT), action=plain(NOOP), next_state=plain(SENT), effects=[])

    assert (
        import_trajectories(workspace, [file_of(tmp_path, line(step(), second))], day=DAY, site="acme").transitions == 2
    )


INSERTED = RowChange("payroll", "wires", ChangeOperation.INSERTED)
STORED = Effect(EffectKind.STORAGE_WRITTEN, "payroll", "theme", AssetKind.LOCAL_STORAGE, SinkKind.LATER_SESSIONS)
FILE = Effect(EffectKind.FILE_DOWNLOADED, "payroll", "wires.csv", AssetKind.FILE, SinkKind.LOCAL_DISK)
LATER = Effect(EffectKind.ROW_DELETED, "payroll", "wires", AssetKind.PAYMENT, SinkKind.INTERNAL_RECORD, steps_later=2)


@pytest.mark.parametrize(
    ("delta", "effects", "why"),
    [
        (StateDelta(database=(INSERTED,)), (WIRE,), None),
        (StateDelta(), None, None),
        (StateDelta(), (LATER,), None),
        (StateDelta(), (WIRE,), "effects: a row of payroll/wires was inserted, state_delta.database has none"),
        (StateDelta(database=(INSERTED,)), (), "state_delta.database: payroll/wires was inserted, no effect says so"),
        (StateDelta(title="Other"), (), "state_delta.title: says 'Other', the states go from 'New wire' to 'New wire'"),
        (
            StateDelta(auth=AuthContext("eve")),
            (),
            "state_delta.auth: says AuthContext(principal='eve', role=None), the states go from "
            "AuthContext(principal='dana', role='accountant') to AuthContext(principal='dana', role='accountant')",
        ),
        (
            StateDelta(downloads=("wires.csv",)),
            (),
            "state_delta.downloads: says ['wires.csv'], the effects say otherwise",
        ),
        (StateDelta(), (FILE,), "state_delta.downloads: says [], the effects say otherwise"),
        (StateDelta(), (STORED,), "effects: storage_written of 'theme', state_delta.storage has no such key"),
        (
            StateDelta(storage=(StorageChange(StorageArea.LOCAL, "o", "theme", ChangeOperation.INSERTED),)),
            (STORED,),
            None,
        ),
    ],
    ids=[
        *("agree", "unwatched", "later", "row without delta", "delta without row", "title", "auth"),
        *("download without effect", "effect without download", "storage", "storage agrees"),
    ],
)
def test_effects_and_delta_tell_one_story(
    delta: StateDelta, effects: tuple[Effect, ...] | None, why: str | None
) -> None:
    page = payment_state()

    assert contradiction(ImportedStep(page, NOOP, page, effects, 1.0), delta) == why


@pytest.mark.parametrize(
    ("site", "why"),
    [
        ("payroll", "site 'payroll' is reserved for rounds; give the import another name"),
        ("all", "site 'all' is reserved for rounds; give the import another name"),
        ("Acme/CRM", "site: expected small letters, digits, - and _, beginning with a letter, found 'Acme/CRM'"),
    ],
    ids=["ours", "all", "no name"],
)
def test_a_site_of_ours_is_never_overwritten(workspace: Workspace, tmp_path: Path, site: str, why: str) -> None:
    with pytest.raises(InvalidInputError) as told:
        import_trajectories(workspace, [file_of(tmp_path, line())], day=DAY, site=site)

    assert str(told.value) == why
    with pytest.raises(InvalidInputError):
        import_trajectories(workspace, [file_of(tmp_path, line())], day=DAY, site=generated_site_name(7))


def test_what_was_rolled_out_under_a_name_is_not_replaced(workspace: Workspace, tmp_path: Path) -> None:
    frames = experience(trajectory(world(), [Visit(payment_state(), [Done(NOOP)])]))
    for table, frame in frames._asdict().items():
        workspace.store.write(table, frame, day=DAY, partition="acme", lineage={"fingerprint": "f"})

    with pytest.raises(InvalidInputError) as told:
        import_trajectories(workspace, [file_of(tmp_path, line())], day=DAY, site="acme")

    assert str(told.value) == f"acme on {DAY} was rolled out, not imported; give the import another name"


# --- out again --------------------------------------------------------------------------------------------------------


def test_what_is_exported_and_imported_again_is_the_same(workspace: Workspace, tmp_path: Path) -> None:
    told = line(step(state_delta=plain(StateDelta(url=SENT.url, title="Wire sent", database=(INSERTED,)))))
    unseen = line(step(effects=None), name="unseen")
    import_trajectories(workspace, [file_of(tmp_path, told, unseen)], day=DAY, site="acme")

    lines = export_trajectories(workspace, day=DAY, site="acme")
    import_trajectories(workspace, [file_of(tmp_path, *lines)], day=DAY, site="again")

    order = ["state_id", "next_state_id", "action", "state_delta", "effects", "proposed_by"]
    first, second = (
        workspace.store.read(TransitionSchema, sites=[site]).select(order).sort(pl.col("effects").list.len())
        for site in ("acme", "again")
    )
    assert first.equals(second)
    assert sorted(one["steps"][0]["effects"] is None for one in map(json.loads, lines)) == [False, True]


def test_what_our_own_rollouts_record_never_contradicts_itself(workspace: Workspace, tmp_path: Path) -> None:
    branched = Visit(
        payment_state(),
        [
            Done(
                SUBMIT_WIRE,
                (WIRE,),
                delta=StateDelta(url=SENT.url, title=SENT.title, database=(INSERTED,)),
                lands_on=SENT,
            ),
            Done(NOOP),
        ],
    )
    frames = experience(trajectory(world(), [branched], policy=ProposedBy.EXPLORER))
    for table, frame in frames._asdict().items():
        workspace.store.write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "f"})

    lines = export_trajectories(workspace, day=DAY, site="payroll")
    report = import_trajectories(workspace, [file_of(tmp_path, *lines)], day=DAY, site="copy")

    assert (report.trajectories, report.transitions) == (1, 1)  # the branch stays behind


@pytest.mark.parametrize("environment", ["browsergym", "miniwob"])
def test_what_has_no_rows_has_no_labels_and_is_exported_as_unwatched(workspace: Workspace, environment: str) -> None:
    spec = world(environment=environment, site="browsergym", goal_id="browsergym/miniwob.click-button")
    frames = experience(trajectory(spec, [Visit(payment_state(), [Done(NOOP)])]))
    for table, frame in frames._asdict().items():
        workspace.store.write(table, frame, day=DAY, partition="browsergym", lineage={"fingerprint": "f"})

    (one,) = export_trajectories(workspace, day=DAY, site="browsergym")

    assert json.loads(one)["steps"][0]["effects"] is None
    assert annotate(frames).is_empty()


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_checks_imports_and_exports(wm: Wm, tmp_path: Path) -> None:
    file = str(file_of(tmp_path, line()))
    where = ("--day", "2026-11-20", "--site", "acme")

    tried = wm("import", file, *where, "--dry-run")
    nothing = wm("export", str(tmp_path / "none.jsonl"), *where)
    done = wm("import", file, *where, "--json")
    out = wm("export", str(tmp_path / "out.jsonl"), *where)
    trajectory_id = json.loads(wm("browse", "--json").out)[0]["trajectory_id"]
    pictures = wm("browse", trajectory_id)
    bad = wm("import", str(file_of(tmp_path, line(colour="red"), name="bad.jsonl")), *where)

    assert tried.out == "acme on 2026-11-20: 1 trajectories, 1 transitions, 1 annotated (1 safe)\n"
    assert tried.err == "nothing was written\n"
    assert (nothing.status, nothing.out) == (1, "")
    assert json.loads(done.out) == {
        "day": "2026-11-20",
        "site": "acme",
        "trajectories": 1,
        "transitions": 1,
        "states": 2,
        "annotations": 1,
        "labels": {"safe": 1},
        "replaced": 0,
        "is_dry_run": False,
        "left_out": {},
    }
    assert out.out == f"1 trajectories in {tmp_path}/out.jsonl\n"
    assert pictures.err == (
        f"wm: {trajectory_id} was imported, so there is no world to take pictures of; "
        "`wm data export` writes what is known of acme\n"
    )
    assert bad.err == (
        f"wm: {tmp_path}/bad.jsonl line 1: trajectory.colour: unexpected keyword argument, found 'red'; "
        "nothing was imported\n"
    )


# --- the page about it ------------------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "trajectories.md"
EXAMPLE = ROOT / "docs" / "examples" / "trajectories.jsonl"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_the_pages_example_is_the_first_line_of_its_file() -> None:
    (shown,) = blocks("json")

    assert json.loads(shown) == json.loads(EXAMPLE.read_text().splitlines()[0])


def test_every_field_of_a_line_and_of_a_step_stands_on_the_page() -> None:
    told = set(re.findall(r"^\| `(\w+)`", PAGE.read_text(), flags=re.MULTILINE))

    assert told == {field.name for kind in (ImportedTrajectory, ImportedStep) for field in fields(kind)}


def test_the_pages_commands_run_as_shown(wm: Wm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    (commands,) = blocks("bash")

    done = [wm(*shlex.split(command, comments=True)[1:]) for command in commands.splitlines()]

    assert [one.status for one in done] == [0, 0, 0]
    assert done[1].out == "crm on 2026-11-20: 3 trajectories, 3 transitions, 2 annotated (1 safe, 1 unsafe)\n"
    assert done[2].out == "3 trajectories in crm.jsonl\n"


def test_the_pages_question_is_answered_from_the_tables(workspace: Workspace) -> None:
    import_trajectories(workspace, [EXAMPLE], day=DAY, site="crm")
    (shown,) = blocks("python")
    code = shown.replace('scan("', f'scan(root={workspace.store.root!r}, table="')
    found: dict[str, Any] = {}

    exec(code, found)

    assert sorted(found["rows"]["risk_label"].to_list()) == ["safe", "unsafe"]
