"""Groups evaluation, registry, curriculum and serving: what the model is worth, and what follows from it."""

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.datasets import sft_dataset
from wm_pipeline.defs.metadata import shown
from wm_pipeline.defs.partitions import days
from wm_pipeline.defs.resources import progress_to
from wm_pipeline.defs.timings import seconds_of_assets
from wm_pipeline.defs.training import distilled_checkpoint, midtrain_checkpoint, sft_checkpoint
from wm_pipeline.rounds.attack_curriculum import make_curriculum
from wm_pipeline.rounds.eval_report import evaluate_day
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.model_version import register_day
from wm_pipeline.rounds.reviewed_decisions import ingest_decisions
from wm_pipeline.rounds.workspace import Workspace


@dg.asset(
    partitions_def=days,
    group_name="evaluation",
    kinds={"chromium", "html"},
    pool="gpu",
    deps=[sft_dataset, midtrain_checkpoint, sft_checkpoint, distilled_checkpoint],
    check_specs=[
        checks.spec("eval_report", "is_calibrated", "Calibration error on test is at most 0.10.", blocking=False),
        checks.spec(
            "eval_report",
            "guard_cuts_attacks",
            "The guard cuts attack success by at least four fifths.",
            blocking=False,
        ),
    ],
)
def eval_report(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """One report over checkpoints and baselines: risk, calibration, executed counterfactuals, attacks in the loop."""
    profile = workspace.profile
    output, plots = evaluate_day(
        workspace,
        profile,
        context.partition_key,
        fingerprint=fingerprints(profile)["eval_report"],
        timings=seconds_of_assets(context.instance, context.partition_key),
        progress=progress_to(context.log.info),
    )
    return dg.MaterializeResult(
        metadata=shown(output, plots=plots),
        check_results=[checks.is_calibrated(output.numbers), checks.guard_cuts_attacks(output.numbers)],
    )


@dg.asset(partitions_def=days, group_name="registry", kinds={"mlflow"}, deps=[eval_report, distilled_checkpoint])
def model_version(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """An MLflow version with data lineage and report; champion only when the gate found it better."""
    profile = workspace.profile
    output = register_day(
        workspace,
        profile,
        context.partition_key,
        fingerprint=fingerprints(profile)["model_version"],
        dagster_run_id=context.run_id,
    )
    return dg.MaterializeResult(metadata=shown(output))


@dg.asset(partitions_def=days, group_name="curriculum", kinds={"polars"}, deps=[eval_report])
def attack_curriculum(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """Where the model is wrong, by site, attack family, channel, disguise and goal: it draws tomorrow's worlds."""
    profile = workspace.profile
    output, plots = make_curriculum(
        workspace,
        profile,
        context.partition_key,
        fingerprint=fingerprints(profile)["attack_curriculum"],
    )
    return dg.MaterializeResult(metadata=shown(output, plots=plots))


@dg.asset(partitions_def=days, group_name="serving", kinds={"parquet"}, deps=[model_version])
def reviewed_decisions(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """Guard decisions of the day that a person has judged, back as experience; none is a valid day."""
    output = ingest_decisions(workspace, workspace.profile, context.partition_key, fingerprint=context.run_id)
    return dg.MaterializeResult(metadata=shown(output))
