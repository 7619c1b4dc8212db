"""Group training: each stage a process group of its own, started through Dagster Pipes, as it can be by hand."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.datasets import midtrain_dataset, sft_dataset
from wm_pipeline.defs.metadata import shown
from wm_pipeline.defs.partitions import days
from wm_pipeline.defs.resources import progress_to
from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.gateways.process import stop_processes, training_environment
from wm_pipeline.rounds.checkpoints import TrainingJob, finish_training, prepare_distillation, prepare_training
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.names import ABLATION
from wm_pipeline.rounds.workspace import Workspace


def _specs(asset: str, first: str, description: str) -> list[dg.AssetCheckSpec]:
    return [
        checks.spec(asset, first, description, blocking=True),
        checks.spec(
            asset, "reload_is_exact", "The published checkpoint answers as the trained model did.", blocking=True
        ),
    ]


def _run(context: dg.AssetExecutionContext, jobs: Sequence[TrainingJob], *, at_once: int = 1) -> None:
    """Run every job that is not finished, `at_once` beside each other. Raises TrainingError for one that fails."""
    waiting = [job for job in jobs if not (job.output / "result.json").exists()]
    for job in jobs:
        if job not in waiting:
            context.log.info(f"{job.stage} is already trained in {job.output}")
    for first in range(0, len(waiting), at_once):
        _run_together(context, waiting[first : first + at_once])


def _run_together(context: dg.AssetExecutionContext, jobs: Sequence[TrainingJob]) -> None:
    running: list[tuple[TrainingJob, subprocess.Popen[bytes]]] = []
    with ExitStack() as sessions:
        try:
            for job in jobs:
                session = sessions.enter_context(
                    dg.open_pipes_session(
                        context.op_execution_context,
                        context_injector=dg.PipesTempFileContextInjector(),
                        message_reader=dg.PipesTempFileMessageReader(),
                    )
                )
                environment = {
                    **training_environment(processes=job.processes * len(jobs)),
                    **session.get_bootstrap_env_vars(),
                }
                process = subprocess.Popen(job.command, env=environment)  # noqa: S603 our own interpreter
                running.append((job, process))
            failed = {job.stage: status for job, process in running if (status := process.wait()) != 0}
        finally:
            # Something runs only after an interruption; it goes on from its last save the next time.
            stop_processes([process for _, process in running])
    if failed:
        said = ", ".join(f"{stage} failed with exit status {status}" for stage, status in failed.items())
        raise TrainingError(f"{said}; its own last lines say why")


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
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """The backbone after learning what actions do to pages (next state), before any judgement."""
    jobs = [prepare_training(workspace, workspace.profile, context.partition_key, "midtrain")]
    _run(context, jobs)
    return _finish(context, workspace, jobs, "midtrain_checkpoint")


@dg.asset(
    partitions_def=days,
    group_name="training",
    kinds={"deepspeed", "pytorch"},
    pool="gpu",
    deps=[sft_dataset, midtrain_checkpoint],
    check_specs=_specs("sft_checkpoint", "loss_fell", "Loss is finite and fell."),
)
def sft_checkpoint(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """All heads trained on teacher labels and calibrated on validation; beside it the ablation without mid-training."""
    profile = workspace.profile
    stages = ["sft", ABLATION] if profile.has_ablation else ["sft"]
    jobs = [prepare_training(workspace, profile, context.partition_key, stage) for stage in stages]
    _run(context, jobs, at_once=2 if profile.is_ablation_parallel else 1)
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
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """On-policy distillation (GKD) on states that the student visits under its own guard; kept only if not worse."""
    job = prepare_distillation(
        workspace, workspace.profile, context.partition_key, progress=progress_to(context.log.info)
    )
    _run(context, [job])
    return _finish(context, workspace, [job], "distilled_checkpoint")
