"""Jobs and the nightly schedule: two jobs, since a run's assets share one partition (docs/decisions/0002)."""

import os

import dagster as dg

from wm_pipeline.defs import datasets, evaluation, experience, training
from wm_pipeline.defs.partitions import sites
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.rounds.graph import ASSETS

GROUPS = (experience, datasets, training, evaluation)
"""The modules that define an asset for each row of the table; a test compares them."""
MADE = [asset for asset in dg.load_assets_from_modules(GROUPS) if isinstance(asset, dg.AssetsDefinition)]
BY_SITE = frozenset(row.name for row in ASSETS if row.is_by_site)
EXPERIENCE = [made for made in MADE if made.key.to_user_string() in BY_SITE]
MODEL = [made for made in MADE if made.key.to_user_string() not in BY_SITE]

experience_job = dg.define_asset_job(
    "nightly_experience",
    selection=dg.AssetSelection.assets(*EXPERIENCE),
    description="Rolls out and annotates every site of a day.",
)
model_job = dg.define_asset_job(
    "nightly_model",
    selection=dg.AssetSelection.assets(*MODEL),
    description="From the day's experience to a registered model version, promoted only by the gate.",
)


TRIED_AGAIN = {"dagster/max_retries": "1"}
"""Tags of a run of the night. A run by hand is not: there Dagster would take Ctrl-C for a failure to retry."""


def range_tags(day: str, sites: tuple[str, ...]) -> dict[str, str]:
    """Tags of one run over the sites of a day; `sites` in the partition's own order, without gaps."""
    return {
        "dagster/asset_partition_range_start": str(dg.MultiPartitionKey({"day": day, "site": sites[0]})),
        "dagster/asset_partition_range_end": str(dg.MultiPartitionKey({"day": day, "site": sites[-1]})),
    }


def _status() -> dg.DefaultScheduleStatus:
    """Off on a laptop; a deployment turns the nightly schedule on with WM_NIGHTLY=on."""
    return dg.DefaultScheduleStatus.RUNNING if _is_nightly() else dg.DefaultScheduleStatus.STOPPED


def _is_nightly() -> bool:
    wanted = os.environ.get("WM_NIGHTLY") or "off"
    if wanted not in {"on", "off"}:
        raise SettingsError(f"WM_NIGHTLY: expected on or off, found {wanted!r}")
    return wanted == "on"


@dg.schedule(job=experience_job, cron_schedule="0 2 * * *", default_status=_status())
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every night at two: the day's experience; `after_experience` starts the model when it is there."""
    day = context.scheduled_execution_time.date().isoformat()
    return dg.RunRequest(
        run_key=f"experience-{day}",
        tags={**range_tags(day, tuple(sites.get_partition_keys())), **TRIED_AGAIN, "wm/day": day},
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[experience_job],
    request_job=model_job,
    default_status=dg.DefaultSensorStatus.RUNNING if _is_nightly() else dg.DefaultSensorStatus.STOPPED,
)
def after_experience(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Starts the model's half of a round once a night's experience is complete."""
    day = context.dagster_run.tags.get("wm/day")
    if day is None:
        return dg.SkipReason("the run was started by hand, for some partitions only")
    return dg.RunRequest(run_key=f"model-{day}", partition_key=day, tags=TRIED_AGAIN)
