"""Groups early_experience and socratic: a partition each (day, site), one process a stage for all sites of a day."""

import dagster as dg

from wm_pipeline.annotate.agreement import confusion_plot
from wm_pipeline.defs import checks
from wm_pipeline.defs.metadata import shown
from wm_pipeline.defs.partitions import days_and_sites
from wm_pipeline.defs.resources import progress_to
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.models import load_champion
from wm_pipeline.rounds.raw_trajectories import collect_sites
from wm_pipeline.rounds.socratic_annotations import annotate_sites, with_kappa
from wm_pipeline.rounds.workspace import Workspace, merged


def _sites_by_day(context: dg.AssetExecutionContext) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in context.partition_keys:
        assert isinstance(key, dg.MultiPartitionKey)
        found.setdefault(key.keys_by_dimension["day"], []).append(key.keys_by_dimension["site"])
    return found


@dg.asset(
    partitions_def=days_and_sites,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="early_experience",
    kinds={"chromium", "parquet"},
    pool="browser",
    check_specs=[
        checks.spec(
            "raw_trajectories",
            "restores_hold",
            "At most 5 % of restored pages differ from the saved ones.",
            blocking=True,
        ),
        checks.spec("raw_trajectories", "no_world_failed", "Every world could be rolled out.", blocking=False),
    ],
)
def raw_trajectories(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """What agents did in real browsers, and what really happened.

    Policies act in fresh worlds; at each state K alternatives are executed from the restored state. Effects come from
    the server's side: row triggers, canaries, an attacker's origin. Resumable: a rerun redoes only unfinished worlds.
    """
    profile = workspace.profile
    output = merged(
        [
            collect_sites(
                workspace,
                profile,
                day,
                sites,
                fingerprint=fingerprints(profile)["raw_trajectories"],
                progress=progress_to(context.log.info),
            )
            for day, sites in _sites_by_day(context).items()
        ]
    )
    return dg.MaterializeResult(
        metadata=shown(output),
        check_results=[checks.restores_hold(output.numbers), checks.no_world_failed(output.numbers)],
    )


@dg.asset(
    partitions_def=days_and_sites,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="socratic",
    kinds={"parquet"},
    pool="teacher_api",
    deps=[raw_trajectories],
    check_specs=[
        checks.spec(
            "socratic_annotations",
            "teacher_agrees",
            "The teacher's labels agree with instrumentation in at least 90 % of rows.",
            blocking=True,
        ),
        checks.spec(
            "socratic_annotations",
            "teacher_beats_chance",
            "Cohen's kappa of the teacher's labels with instrumentation's is at least 0.6.",
            blocking=False,
        ),
    ],
)
def socratic_annotations(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """A teacher's answers about every executed action: risk, who gets what, why, and what would have been safe.

    Risk is the share of harm among executions that looked the same; a counterfactual was executed and found safe. A
    language model as teacher is checked by instrumentation; when it stops in the middle, what it has annotated is kept
    and the next run goes on.
    """
    profile = workspace.profile
    champion = load_champion(workspace)
    output = with_kappa(
        merged(
            [
                annotate_sites(
                    workspace,
                    profile,
                    day,
                    sites,
                    champion=champion,
                    fingerprint=fingerprints(profile)["socratic_annotations"],
                    progress=progress_to(context.log.info),
                )
                for day, sites in _sites_by_day(context).items()
            ]
        )
    )
    return dg.MaterializeResult(
        metadata=shown(output, plots={"teacher_confusion": confusion_plot(output.numbers)}),
        check_results=[checks.teacher_agrees(output.numbers), checks.teacher_beats_chance(output.numbers)],
    )
