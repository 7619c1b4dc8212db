"""raw_trajectories: rollouts in real environments, with executed branches."""

import time
from collections.abc import Sequence
from functools import partial

from wm_pipeline.collect.run import CollectPlan, CollectReport, collect_partitions
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.secrets import key_kept_in
from wm_pipeline.domain.tables import KEY
from wm_pipeline.gateways.table_store import table_path
from wm_pipeline.rounds.agents import policy_of
from wm_pipeline.rounds.attack_curriculum import previous_curriculum
from wm_pipeline.rounds.environments import Opening, open_environment, sharing_workers
from wm_pipeline.rounds.workspace import PartitionOutput, StageOutput, Workspace, lineage_of, sample_of_table
from wm_pipeline.rounds.worlds import draw_round


def collect_sites(workspace: Workspace, day: str, sites: Sequence[str], *, progress: Progress) -> StageOutput:
    """raw_trajectories of some sites for a day: real browsers, K executed branches a state."""
    profile = workspace.profile
    weights = previous_curriculum(workspace, day)
    applications = workspace.storage.applications
    reports: list[CollectReport] = []
    parts: dict[str, PartitionOutput] = {}
    started = time.monotonic()
    opening = Opening("", workspace.storage.chromium, applications, key_kept_in(workspace.work))
    for group in sharing_workers(sites, applications):
        plans = [
            CollectPlan(
                day, site, draw_round(profile, day, site, weights=weights, applications=applications), profile.collect
            )
            for site in group
        ]
        made = collect_partitions(
            plans,
            make_environment=partial(open_environment, opening._replace(site=group[0])),
            make_policy=partial(policy_of, workspace.storage.llm, workspace.storage.llm_key),
            pool=workspace.pool(profile.round.workers),
            parts=workspace.parts,
            store=workspace.store,
            lineage=lineage_of(workspace, "raw_trajectories", day),
            progress=progress,
        )
        reports += made
        parts |= {
            plan.site: PartitionOutput(
                workspace.store.address_of(table_path("transitions", day=day, partition=plan.site)), report.transitions
            )
            for plan, report in zip(plans, made, strict=True)
        }
    rows = sum(report.transitions for report in reports)
    numbers = {
        "transitions": rows,
        "branches_executed": sum(report.branches_executed for report in reports),
        "branches_dropped": sum(report.branches_dropped for report in reports),
        "failed_worlds": sum(len(report.failed) for report in reports),
        "transitions_per_second": rows / (time.monotonic() - started),
    }
    sample = sample_of_table(workspace, "transitions", day, [*KEY, "proposed_by", "failure"])
    return StageOutput(reports[-1].addresses[-1], rows, numbers, sample, partitions={day: parts})
