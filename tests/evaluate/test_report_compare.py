"""Two reports beside each other: what differs by more than its intervals, and what one of them lacks."""

import json
from typing import Any

import pytest

from tests.builders_registry import registered
from tests.command_line import Wm
from wm_pipeline.domain.errors import WmError
from wm_pipeline.evaluate.catalogue import compare_reports
from wm_pipeline.evaluate.eval_report import EvalReport, report_text
from wm_pipeline.evaluate.registry import Direction
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.names import REPORT_JSON
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.reports import find_report
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace


def told(value: float, low: float, high: float, *, model_version: str = "m", **sections: Any) -> EvalReport:
    test = {"risk_auroc": value, "risk_auroc_interval": (low, high)}
    return EvalReport.model_validate(
        {
            "model_version": model_version,
            "splits": {"test": test},
            "day": "2026-11-20",
            "profile": "tiny",
            "gate": {"promoted": False, "reason": "refused"},
            **sections,
        }
    )


@pytest.mark.parametrize(
    ("second", "is_apart"),
    [(told(0.95, 0.91, 1.0), True), (told(0.95, 0.89, 1.0), False), (told(0.6, 0.5, 0.69), True)],
    ids=["above", "touching", "below"],
)
def test_two_reports_are_compared_by_their_intervals(second: EvalReport, is_apart: bool) -> None:
    found = compare_reports(told(0.8, 0.7, 0.9), second)

    assert [(one.name, one.first, one.is_apart) for one in found] == [("splits.test.risk_auroc", 0.8, is_apart)]


def test_a_report_from_before_a_number_was_measured_is_compared_without_it() -> None:
    sensitivity = {"sensitivity": 0.5, "sensitivity_interval": (0.3, 0.7)}
    newer = told(0.8, 0.7, 0.9, causal={"intervention": {"world_model": sensitivity}})

    _, found = compare_reports(told(0.8, 0.7, 0.9), newer)

    assert (found.first, found.second, found.is_apart, found.direction) == (None, 0.5, None, Direction.HIGHER)


# --- which reports ----------------------------------------------------------------------------------------------------

pytestmark = [
    # All from MLflow's own code, whose version is pinned: its queries, its own types at import, its use of pandas.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
    # Dagster announces at import which of its parameters may still change or go.
    pytest.mark.filterwarnings("ignore:Parameter `.*` of function"),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A day's report; two versions, the report of the first replaced by that of the second; one in a file."""
    import mlflow

    place = tmp_path_factory.mktemp("reports")
    store = TableStore(str(place / "data"))
    registry = ModelRegistry(f"sqlite:///{place}/mlflow.db", artifact_root=str(place / "artifacts"))
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    for word in ("first", "second"):
        registered(registry, round_run, place, word)
    of_version = told(0.8, 0.7, 0.9, model_version="second")
    store.write_folder("reports/2026-11-20", {REPORT_JSON: report_text(told(0.7, 0.6, 0.8)).encode()}, note={})
    registry.log_bytes(round_run, REPORT_JSON, report_text(of_version).encode())
    (place / REPORT_JSON).write_text(report_text(told(0.95, 0.91, 1.0)))
    (place / "note.json").write_text('{"format_version": 1, "registered_version": "3"}')
    (place / "else.json").write_text("[1]")
    (place / "deep.json").write_text("[" * 100_000)
    (place / "cut.json").write_text("{")
    (place / "marked.json").write_text(report_text(told(0.95, 0.91, 1.0)), encoding="utf-8-sig")
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type] # forgets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type] # forgets it
    return Workspace(StorageSettings(str(place / "data"), str(place), str(place)), store, registry, tiny())


@pytest.mark.slow
def test_a_report_is_found_by_its_day_its_version_or_its_file(
    workspace: Workspace, wm: Wm, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = workspace.work
    monkeypatch.setenv("WM_DATA", str(place / "data"))
    monkeypatch.setenv("WM_MLFLOW_URI", f"sqlite:///{place}/mlflow.db")

    by_day = wm("report", "compare", "2026-11-20", str(place / REPORT_JSON), "--json")
    by_version = wm("report", "compare", "2", str(place / REPORT_JSON), "--json")

    (day,), (version,) = json.loads(by_day.out), json.loads(by_version.out)
    assert (day["first"], day["second"], day["is_apart"]) == (0.7, 0.95, True)
    assert find_report(workspace, str(place / "marked.json")) == told(0.95, 0.91, 1.0)
    assert (version["first"], version["second"], version["is_apart"]) == (0.8, 0.95, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("1", "the round of version 1 was made again: its report is about second now, not about first"),
        ("9", "no version '9' is registered; there are 1, 2"),
        ("2026-11-19", "no eval report for 2026-11-19; there are 2026-11-20"),
        (
            "nowhere.json",
            "expected a day, a version's number or a report.json, found 'nowhere.json': No such file or directory",
        ),
        ("deep.json", "deep.json: nested too deep"),
        (
            "cut.json",
            "cut.json is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); "
            "`wm report --json` writes one of this version",
        ),
        (
            "else.json",
            "else.json is of another version (expected `format_version` 1, found none); "
            "`wm report --json` writes one of this version",
        ),
        (
            "note.json",
            "note.json.model_version: field required, found {'format_version': 1, 'registered_version': '3'}; "
            "`wm report --json` writes one of this version",
        ),
    ],
    ids=["replaced", "no version", "no day", "no file", "deep", "cut", "another file", "no report"],
)
def test_a_report_that_is_not_there_is_told_with_what_there_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.chdir(workspace.work)

    with pytest.raises(WmError) as refused:
        find_report(workspace, name)

    assert str(refused.value) == problem
