"""Group training: each stage a process group of its own, started through Dagster Pipes, as it can be by hand."""

from collections.abc import Sequence

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.datasets import midtrain_dataset, sft_dataset
from wm_pipeline.defs.metadata import shown
from wm_pipeline.defs.partitions import days
from wm_pipeline.defs.resources import progress_to
from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.fingerprints import fingerprints
from wm_pipeline.gateways.process import training_environment
from wm_pipeline.stages import Workspace
from wm_pipeline.training import ABLATION, TrainingJob, finish_training, prepare_distillation, prepare_training


def _specs(asset: str, first: str, description: str) -> list[dg.AssetCheckSpec]:
    return [
        checks.spec(asset, first, description, blocking=True),
        checks.spec(
            asset, "reload_is_exact", "The published checkpoint answers as the trained model did.", blocking=True
        ),
    ]


def _run(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, jobs: Sequence[TrainingJob]) -> None:
    for job in jobs:
        if (job.output / "result.json").exists():
            context.log.info(f"{job.stage} is already trained in {job.output}")
            continue
        try:
            pipes.run(
                context=context.op_execution_context,
                command=list(job.command),
                env=dict(training_environment(processes=job.processes)),
            )
        except dg.DagsterExecutionInterruptedError:
            raise
        except Exception as error:
            raise TrainingError(f"{job.stage} failed: {error}; its own last lines say why") from error


def _finish(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace], jobs: Sequence[TrainingJob], asset: str
) -> dg.MaterializeResult:
    profile = workspace.profile
    output = finish_training(
        workspace,
        profile,
        context.partition_key,
        jobs,
        asset=asset,
        fingerprint=fingerprints(profile)[asset],
        dagster_run_id=context.run_id,
    )
    learned = checks.never_worse if asset == "distilled_checkpoint" else checks.loss_fell
    return dg.MaterializeResult(
        metadata=shown(output), check_results=[learned(output.numbers), checks.reload_is_exact(output.numbers)]
    )


@dg.asset(
    partitions_def=days,
    group_name="training",
    kinds={"deepspeed", "pytorch"},
    pool="gpu",
    deps=[midtrain_dataset],
    check_specs=_specs("midtrain_checkpoint", "loss_fell", "Loss is finite and fell."),
)
def midtrain_checkpoint(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace], pipes: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    """The backbone after learning what actions do to pages (next state), before any judgement."""
    jobs = [prepare_training(workspace, workspace.profile, context.partition_key, "midtrain")]
    _run(context, pipes, jobs)
    return _finish(context, workspace, jobs, "midtrain_checkpoint")


@dg.asset(
    partitions_def=days,
    group_name="training",
    kinds={"deepspeed", "pytorch"},
    pool="gpu",
    deps=[sft_dataset, midtrain_checkpoint],
    check_specs=_specs("sft_checkpoint", "loss_fell", "Loss is finite and fell."),
)
def sft_checkpoint(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace], pipes: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    """All heads trained on teacher labels and calibrated on validation; beside it the ablation without mid-training."""
    profile = workspace.profile
    stages = ["sft", ABLATION] if profile.has_ablation else ["sft"]
    jobs = [prepare_training(workspace, profile, context.partition_key, stage) for stage in stages]
    _run(context, pipes, jobs)
    return _finish(context, workspace, jobs, "sft_checkpoint")


@dg.asset(
    partitions_def=days,
    group_name="training",
    kinds={"deepspeed", "pytorch", "chromium"},
    pool="gpu",
    deps=[sft_dataset, sft_checkpoint],
    check_specs=_specs("distilled_checkpoint", "never_worse", "Distilled weights are published only if not worse."),
)
def distilled_checkpoint(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace], pipes: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    """On-policy distillation (GKD) on states that the student visits under its own guard; kept only if not worse."""
    job = prepare_distillation(
        workspace, workspace.profile, context.partition_key, progress=progress_to(context.log.info)
    )
    _run(context, pipes, [job])
    return _finish(context, workspace, [job], "distilled_checkpoint")
