"""Reports that are stored: found, read, summarized."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.numbers import flat_numbers
from wm_pipeline.domain.records import NESTED_TOO_DEEP, is_version
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.rounds.graph import ASSET, days_of
from wm_pipeline.rounds.names import REPORT_JSON
from wm_pipeline.rounds.workspace import Workspace

REPORT_FORMAT = 1
"""Version of report.json and of version.json, raised when a reader of before would misread one."""


def headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers that a person asks for first."""
    test, gullible = report["splits"]["test"], report["loop"]["gullible"]
    return {
        "test_risk_auroc": test["risk_auroc"],
        "test_macro_f1": test["macro_f1"],
        "test_ece": test["ece"],
        "ood_site_risk_auroc": report["splits"]["ood_site"]["risk_auroc"],
        "ood_attack_risk_auroc": report["splits"]["ood_attack"]["risk_auroc"],
        "asr_guard_off": gullible["guard_off"]["asr"],
        "asr_guard_on": gullible["guard_on"]["asr"],
        "benign_utility_guard_off": gullible["guard_off"]["benign_utility"],
        "benign_utility_guard_on": gullible["guard_on"]["benign_utility"],
        "counterfactual_valid": test["counterfactual_valid"],
    }


_LOGGED = ("splits", "loop", "on_test")
"""Sections whose defined numbers MLflow draws; report.json beside them has all, those of single rows too."""


def logged_numbers(report: Mapping[str, Any]) -> dict[str, float]:
    """What a round's run in MLflow is compared by: the headline, and what is defined of splits, loop and models."""
    from wm_pipeline.evaluate.definitions import DEFINITIONS

    sections = flat_numbers({name: report[name] for name in _LOGGED})
    defined = {name: value for name, value in sections.items() if name.rpartition(".")[2] in DEFINITIONS}
    return {**flat_numbers(headline(report)), **defined}


def numbers_table(report: Mapping[str, Any]) -> pl.DataFrame:
    """Every number of a report."""
    numbers = flat_numbers(report)
    return pl.DataFrame({"number": list(numbers), "value": list(numbers.values())})


def read_report(workspace: Workspace, day: str | None = None) -> dict[str, Any]:
    """The report of a day, or the newest one. Raises FormatVersionError for one of another release."""
    days = days_of(workspace.store, ASSET["eval_report"], file=REPORT_JSON)
    if not days:
        raise MissingUpstreamError(f"no eval report in {workspace.store.root}; run `wm run` first")
    if day is not None and day not in days:
        raise MissingUpstreamError(f"no eval report for {day}; there are {', '.join(days)}")
    chosen = day or days[-1]
    path = f"{ASSET['eval_report'].folder(chosen)}/{REPORT_JSON}"
    text = workspace.store.read_bytes(path).decode()
    remedy = f"`wm run --day {chosen} --redo-from eval_report` makes it again"
    return parse_versioned(text, what=workspace.store.address_of(path), remedy=remedy)


def parse_versioned(text: str, *, what: str, remedy: str) -> dict[str, Any]:
    """An object that carries `format_version`: a report, or the note of a registered version.

    Raises FormatVersionError when it is of another version or none, InvalidInputError when it is no such object.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise InvalidInputError(f"{what}: {NESTED_TOO_DEEP}") from error
    except ValueError as error:
        raise InvalidInputError(f"{what} is no JSON: {error}; {remedy}") from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if not is_version(version, REPORT_FORMAT):
        shown = "none" if version is None else repr(version)
        raise FormatVersionError(
            f"{what} is of another version (expected `format_version` {REPORT_FORMAT}, found {shown}); {remedy}"
        )
    return dict(found)


def find_report(workspace: Workspace, name: str) -> dict[str, Any]:
    """The report that a person means: a day's (YYYY-MM-DD), a registered version's by its number, or a report.json."""
    if name.isdigit():
        return _report_of_version(workspace, name)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name):
        return read_report(workspace, name)
    if not Path(name).exists():
        raise MissingUpstreamError(
            f"expected a day, a version's number or a report.json, found {name!r}: No such file or directory"
        )
    found = parse_versioned(
        read_text_file(Path(name)), what=name, remedy="`wm report --json` writes one of this version"
    )
    if "splits" not in found:
        raise InvalidInputError(
            f"{name} is no eval report: expected an object with 'splits'; `wm report --json` writes one"
        )
    return found


def _report_of_version(workspace: Workspace, version: str) -> dict[str, Any]:
    registered = workspace.registry.version(version)
    if registered is None:
        there_are = ", ".join(workspace.registry.versions()) or "none"
        raise MissingUpstreamError(f"no version {version!r} is registered; there are {there_are}")
    text = workspace.registry.read_bytes(registered.run_id, REPORT_JSON).decode()
    report = parse_versioned(text, what=f"the report of version {version}", remedy="register a new version (`wm run`)")
    if report["model_version"] != registered.model_version:
        raise MissingUpstreamError(
            f"the round of version {version} was made again: its report is about {report['model_version']} now, "
            f"not about {registered.model_version}"
        )
    return report
