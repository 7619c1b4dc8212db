"""Groups early_experience and socratic: a partition each (day, site), one process a stage for all sites of a day."""

import dagster as dg

from wm_pipeline.annotate.agreement import confusion_plot
from wm_pipeline.defs import checks
from wm_pipeline.defs.assets import Made, round_asset, sites_by_day
from wm_pipeline.defs.checks import Check
from wm_pipeline.gateways.progress import PrintedProgress
from wm_pipeline.rounds.models import load_champion
from wm_pipeline.rounds.questions import render_sites
from wm_pipeline.rounds.raw_trajectories import collect_sites
from wm_pipeline.rounds.socratic_annotations import annotate_sites, with_kappa
from wm_pipeline.rounds.workspace import Workspace, merged


@round_asset(
    kinds={"chromium", "parquet"},
    pool="browser",
    checks=(
        Check(checks.restores_hold, "At most 1 % of restored pages differ from the saved ones."),
        Check(checks.no_world_failed, "Every world could be rolled out.", is_blocking=False),
    ),
)
def raw_trajectories(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """What agents did in real browsers, and what really happened.

    Policies act in fresh worlds; at each state K alternatives are executed from the restored state. Effects come from
    the server's side: row triggers, canaries, an attacker's origin. Resumable: a rerun redoes only unfinished worlds.
    """
    progress = PrintedProgress(context.log.info)
    days = sites_by_day(context).items()
    return Made(merged([collect_sites(workspace, day, sites, progress=progress) for day, sites in days]))


@round_asset(kinds={"polars", "parquet"})
def questions(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """What is read of each executed action: texts, relations, suspicious patterns, facts of what it changed.

    Rendered from stored states without a browser: when a word changes, this is made again, and no rollout is.
    """
    progress = PrintedProgress(context.log.info)
    days = sites_by_day(context).items()
    return Made(merged([render_sites(workspace, day, sites, progress=progress) for day, sites in days]))


@round_asset(
    kinds={"parquet"},
    pool="teacher_api",
    checks=(
        Check(checks.teacher_agrees, "The teacher's labels agree with instrumentation in at least 90 % of rows."),
        Check(
            checks.teacher_beats_chance,
            "Cohen's kappa of the teacher's labels with instrumentation's is at least 0.6.",
            is_blocking=False,
        ),
    ),
)
def socratic_annotations(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """A teacher's answers about every executed action: risk, who gets what, why, and what would have been safe.

    Risk is the share of harm among executions that looked the same; a counterfactual was executed and found safe. A
    language model as teacher is checked by instrumentation; when it stops in the middle, what it has annotated is kept
    and the next run goes on.
    """
    champion, progress = load_champion(workspace), PrintedProgress(context.log.info)
    output = with_kappa(
        merged(
            [
                annotate_sites(workspace, day, sites, champion=champion, progress=progress)
                for day, sites in sites_by_day(context).items()
            ]
        )
    )
    return Made(output, {"teacher_confusion": confusion_plot(output.numbers)})
