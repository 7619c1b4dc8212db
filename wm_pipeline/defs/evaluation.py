"""Groups evaluation, registry, curriculum and serving: what the model is worth, and what follows from it."""

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.assets import Made, round_asset
from wm_pipeline.defs.checks import Check
from wm_pipeline.defs.timings import seconds_of_assets
from wm_pipeline.gateways.progress import PrintedProgress
from wm_pipeline.rounds.attack_curriculum import make_curriculum
from wm_pipeline.rounds.eval_report import evaluate_day
from wm_pipeline.rounds.model_version import register_day
from wm_pipeline.rounds.reviewed_decisions import ingest_decisions
from wm_pipeline.rounds.workspace import Workspace


@round_asset(
    kinds={"chromium", "html"},
    pool="gpu",
    checks=(
        Check(checks.is_calibrated, "Calibration error on test is at most 0.10.", is_blocking=False),
        Check(
            checks.distillation_holds,
            "Distilled weights rank test rows no worse than those they began with, beyond chance.",
            is_blocking=False,
        ),
        Check(checks.guard_cuts_attacks, "The guard cuts attack success by at least four fifths.", is_blocking=False),
    ),
)
def eval_report(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """One report over checkpoints and baselines: risk, calibration, executed counterfactuals, attacks in the loop."""
    output, plots = evaluate_day(
        workspace,
        context.partition_key,
        timings=seconds_of_assets(context.instance, context.partition_key),
        progress=PrintedProgress(context.log.info),
    )
    return Made(output, plots)


@round_asset(kinds={"mlflow"})
def model_version(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """An MLflow version with data lineage and report; champion only when the gate found it better."""
    return Made(register_day(workspace, context.partition_key, dagster_run_id=context.run_id))


@round_asset(kinds={"polars"})
def attack_curriculum(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """Where the model is wrong, by site, attack family, channel, disguise and goal: it draws tomorrow's worlds."""
    output, plots = make_curriculum(workspace, context.partition_key)
    return Made(output, plots)


@round_asset(kinds={"parquet"})
def reviewed_decisions(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """Guard decisions of the day that a person has judged, back as experience; none is a valid day."""
    return Made(ingest_decisions(workspace, context.partition_key))
