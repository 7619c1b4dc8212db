"""model_version: an MLflow version with lineage and report; champion only if the gate said so."""

import json
from importlib.metadata import version
from pathlib import Path

from wm_pipeline import plugins
from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.state import State
from wm_pipeline.evaluate.catalogue import headline, logged_numbers
from wm_pipeline.evaluate.eval_report import REPORT_FORMAT, EvalReport, report_text
from wm_pipeline.evaluate.report import show_number
from wm_pipeline.gateways.mlflow_registry import RegisteredModel
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.graph import ASSET
from wm_pipeline.rounds.models import local_checkpoint
from wm_pipeline.rounds.names import REPORT_HTML, REPORT_JSON, VERSION_JSON
from wm_pipeline.rounds.reports import read_report
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of

PACKAGE = Path(__file__).parents[1]
MODEL_CODE = PACKAGE / "serve" / "pyfunc_model.py"
MODEL_NEEDS = (
    *("torch", "transformers", "safetensors", "llguidance", "pydantic", "polars", "dataframely", "numpy", "scipy"),
    *("pandas", "mlflow"),
)
"""Packages that a registered model needs wherever it is loaded."""


def register_day(workspace: Workspace, day: str, *, dagster_run_id: str) -> StageOutput:
    """model_version of a day: an MLflow version with lineage and report; champion only if the gate said so."""
    store, registry = workspace.store, workspace.registry
    report = read_report(workspace, day)
    folder = ASSET["eval_report"].folder(day)
    round_run = registry.round_run(day, profile=workspace.profile.name, dagster_run_id=dagster_run_id)
    known = registry.find(report.model_version)
    if known is None:
        known = _register(workspace, day, report, round_run)
    elif not store.is_remote:  # a day that is made again to the same weights has written them again
        registry.share_weights(known.version, local_checkpoint(workspace, ASSET["distilled_checkpoint"].folder(day)))
    registry.make_challenger(known.version, description=_description(report))
    registry.log_numbers(round_run, logged_numbers(report))
    registry.log_datasets(
        round_run,
        {table: (ASSET[table].file(day), data_version_of(store, table, day)) for table in RECIPES},
    )
    html = store.read_bytes(f"{folder}/{REPORT_HTML}")
    registry.log_bytes(round_run, REPORT_HTML, html)
    registry.log_bytes(round_run, REPORT_JSON, report_text(report).encode())
    registry.record_gate(known.version, promoted=report.gate.promoted, reason=report.gate.reason)
    registry.end_round(round_run)
    address = registry.run_url(round_run)
    numbers = {
        "format_version": REPORT_FORMAT,
        "registered_version": known.version,
        "promoted": report.gate.promoted,
        "reason": report.gate.reason,
        "mlflow_run": address,
        **headline(report),
    }
    lineage = lineage_of(
        workspace,
        "model_version",
        day,
        content=f"version {known.version}",
        registered_version=known.version,
        model_version=report.model_version,
    )
    written = store.write_folder(
        ASSET["model_version"].folder(day), {VERSION_JSON: json.dumps(numbers, indent=1).encode()}, note=lineage
    )
    links = {"report": store.address_of(f"{folder}/{REPORT_HTML}"), "mlflow_run": address}
    return StageOutput(f"{written}/{VERSION_JSON}", 1, numbers, links=links)


def _description(report: EvalReport) -> str:
    numbers = ", ".join(f"{name} {show_number(value)}" for name, value in headline(report).items())
    return f"Round of {report.day}, profile {report.profile}: {numbers}. Gate: {report.gate.reason}"


def model_requirements() -> list[str]:
    """MODEL_NEEDS with the versions installed here, without torch's build tag of this machine (`+cpu`)."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in MODEL_NEEDS]


def _register(workspace: Workspace, day: str, report: EvalReport, round_run: str) -> RegisteredModel:
    path = ASSET["distilled_checkpoint"].folder(day)
    example = State(url="http://payroll.localhost/", title="Home", goal="Look at the open invoices.")
    return workspace.registry.register(
        round_run_id=round_run,
        checkpoint_folder=local_checkpoint(workspace, path),
        checkpoint_place=path,
        model_version=report.model_version,
        report_place=f"{ASSET['eval_report'].folder(day)}/{REPORT_HTML}",
        model_code=MODEL_CODE,
        package=PACKAGE,
        input_example={"state": [to_json(example)], "action": [to_json(NOOP)]},
        output_example={"outcome": ["{}"]},
        requirements=[*model_requirements(), *plugins.requirements()],
        plugin_files=plugins.plugin_files(),
    )
