"""Group training: each stage a process group of its own, started through Dagster Pipes, as it can be by hand."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.assets import Made, round_asset
from wm_pipeline.defs.checks import Check
from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.domain.machine import full_disk
from wm_pipeline.domain.processes import ended_in_words
from wm_pipeline.gateways.process import stop_processes, training_environment
from wm_pipeline.gateways.progress import PrintedProgress
from wm_pipeline.rounds.checkpoints import (
    TrainingJob,
    TrainingRun,
    finish_training,
    prepare_distillation,
    prepare_training,
    read_curve,
)
from wm_pipeline.rounds.graph import MIDTRAIN, SFT, trainings_of
from wm_pipeline.rounds.workspace import Workspace

_FELL = Check(checks.loss_fell, "Loss is finite and fell.")
_EXACT = Check(checks.reload_is_exact, "The published checkpoint answers as the trained model did.")


_FOLLOWED_EVERY_S = 3.0
"""How old a curve in MLflow may be."""


def _run(
    context: dg.AssetExecutionContext, workspace: Workspace, jobs: Sequence[TrainingJob], *, at_once: int = 1
) -> None:
    """Run every job that is not finished, `at_once` beside each other. Raises TrainingError for one that fails."""
    waiting = [job for job in jobs if not (job.output / "result.json").exists()]
    for job in jobs:
        if job not in waiting:
            context.log.info(f"{job.training.name} is already trained in {job.output}")
    for first in range(0, len(waiting), at_once):
        _run_together(context, workspace, waiting[first : first + at_once])


def _run_together(context: dg.AssetExecutionContext, workspace: Workspace, jobs: Sequence[TrainingJob]) -> None:
    running: list[subprocess.Popen[bytes]] = []
    runs: list[TrainingRun] = []
    statuses: dict[int, int] = {}
    with ExitStack() as sessions:
        try:
            for job in jobs:
                messages = job.output / "pipes_messages.jsonl"
                messages.unlink(missing_ok=True)  # of a training that was killed
                session = sessions.enter_context(
                    dg.open_pipes_session(
                        context.op_execution_context,
                        context_injector=dg.PipesFileContextInjector(str(job.output / "pipes_context.json")),
                        message_reader=dg.PipesFileMessageReader(str(messages)),
                    )
                )
                environment = {
                    **training_environment(processes=job.processes * len(jobs)),
                    **session.get_bootstrap_env_vars(),
                }
                running.append(subprocess.Popen(job.command, env=environment))  # noqa: S603 our own interpreter
            # After all have started: MLflow takes seconds to import.
            runs.extend(
                TrainingRun(workspace, context.partition_key, job, dagster_run_id=context.run_id) for job in jobs
            )
            while len(statuses) < len(jobs):
                for at in sorted(set(range(len(jobs))) - set(statuses)):
                    with suppress(subprocess.TimeoutExpired):
                        statuses[at] = running[at].wait(_FOLLOWED_EVERY_S / len(jobs))
                    runs[at].follow()
                    if at in statuses:
                        runs[at].end("FINISHED" if statuses[at] == 0 else "FAILED")
        finally:
            # Something runs only after an interruption; it goes on from its last save the next time.
            stop_processes(running)
            for at, run in enumerate(runs):
                if at not in statuses:
                    run.end("KILLED")
    failed = {jobs[at].training.name: status for at, status in statuses.items() if status != 0}
    if failed:
        said = ", ".join(f"{stage} {ended_in_words(status)}" for stage, status in failed.items())
        has_own_words = any(status > 0 for status in failed.values())
        why = "its own last lines say why" if has_own_words else "the same command goes on from what was saved"
        raise TrainingError(f"{said}; {full_disk(jobs[0].output) or why}")


def _finish(context: dg.AssetExecutionContext, workspace: Workspace, jobs: Sequence[TrainingJob]) -> Made:
    from wm_pipeline.evaluate.plots import loss_curves

    curves = {job.training.name: read_curve(job.output) for job in jobs}
    output = finish_training(workspace, context.partition_key, jobs, dagster_run_id=context.run_id)
    return Made(output, {"loss": loss_curves(curves)})


@round_asset(kinds={"deepspeed", "pytorch"}, pool="gpu", checks=(_FELL, _EXACT))
def midtrain_checkpoint(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """The backbone after learning what actions do to pages (next state), before any judgement."""
    jobs = [prepare_training(workspace, context.partition_key, MIDTRAIN)]
    _run(context, workspace, jobs)
    return _finish(context, workspace, jobs)


@round_asset(kinds={"deepspeed", "pytorch"}, pool="gpu", checks=(_FELL, _EXACT))
def sft_checkpoint(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """All heads trained on teacher labels and calibrated on validation; beside it the ablation without mid-training."""
    profile = workspace.profile
    trainings = [training for training in trainings_of(profile) if training.asset == SFT.asset]
    jobs = [prepare_training(workspace, context.partition_key, training) for training in trainings]
    _run(context, workspace, jobs, at_once=2 if profile.is_ablation_parallel else 1)
    return _finish(context, workspace, jobs)


@round_asset(
    kinds={"deepspeed", "pytorch", "chromium"},
    pool="gpu",
    checks=(_EXACT,),
)
def distilled_checkpoint(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """On-policy distillation (GKD) on states that the student visits under its own guard; kept only if not worse."""
    jobs = [prepare_distillation(workspace, context.partition_key, progress=PrintedProgress(context.log.info))]
    _run(context, workspace, jobs)
    return _finish(context, workspace, jobs)
