"""Reports that are stored: found, read, summarized."""

import re
from pathlib import Path

import polars as pl

from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.numbers import flat_numbers
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.evaluate.eval_report import EvalReport, parse_report
from wm_pipeline.rounds.days import check_day
from wm_pipeline.rounds.graph import ASSET, Notes, days_of
from wm_pipeline.rounds.names import REPORT_JSON
from wm_pipeline.rounds.workspace import Workspace


def numbers_table(report: EvalReport) -> pl.DataFrame:
    """Every number of a report."""
    numbers = flat_numbers(report.model_dump())
    return pl.DataFrame({"number": list(numbers), "value": list(numbers.values())})


def read_report(workspace: Workspace, day: str | None = None) -> EvalReport:
    """The report of a day, or the newest one.

    Raises FormatVersionError when another release wrote it, SettingsError when `day` is no day.
    """
    if day is not None:
        check_day(day)
    days = days_of(workspace.store, ASSET["eval_report"])
    if not days:
        raise MissingUpstreamError(f"no eval report in {workspace.store.root}; run `wm run` first")
    if day is not None and day not in days:
        raise MissingUpstreamError(f"no eval report for {day}; there are {', '.join(days)}")
    chosen = day or days[-1]
    path = f"{ASSET['eval_report'].folder(chosen)}/{REPORT_JSON}"
    text = workspace.store.read_bytes(path).decode()
    remedy = f"`wm run --day {chosen} --redo-from eval_report` makes it again"
    report = parse_report(text, what=workspace.store.address_of(path), remedy=remedy)
    registered = Notes(workspace.store).of(ASSET["model_version"], chosen)
    if registered is None or registered["model_version"] != report.model_version:
        return report
    return report.model_copy(update={"registered_version": registered["registered_version"]})


def find_report(workspace: Workspace, name: str) -> EvalReport:
    """The report that a person means: a day's (YYYY-MM-DD), a registered version's by its number, or a report.json."""
    if name.isdigit():
        return _report_of_version(workspace, name)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name):
        return read_report(workspace, name)
    if not Path(name).exists():
        raise MissingUpstreamError(
            f"expected a day, a version's number or a report.json, found {name!r}: No such file or directory"
        )
    return parse_report(read_text_file(Path(name)), what=name, remedy="`wm report --json` writes one of this version")


def _report_of_version(workspace: Workspace, version: str) -> EvalReport:
    registered = workspace.registry.version(version)
    if registered is None:
        there_are = ", ".join(workspace.registry.versions()) or "none"
        raise MissingUpstreamError(f"no version {version!r} is registered; there are {there_are}")
    text = workspace.registry.read_bytes(registered.run_id, REPORT_JSON).decode()
    report = parse_report(text, what=f"the report of version {version}", remedy="register a new version (`wm run`)")
    if report.model_version != registered.model_version:
        raise MissingUpstreamError(
            f"the round of version {version} was made again: its report is about {report.model_version} now, "
            f"not about {registered.model_version}"
        )
    return report
