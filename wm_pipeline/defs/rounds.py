"""A whole round from one command: what is unchanged is left alone, the rest is two Dagster runs in this process."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterMaxRetriesExceededError
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from wm_pipeline.defs.automation import EXPERIENCE, experience_job, model_job, range_tags
from wm_pipeline.defs.partitions import FIRST_DAY
from wm_pipeline.domain.errors import CheckFailedError, SettingsError, StoppedError, WmError
from wm_pipeline.rounds.graph import ROUND_ASSETS, stale_assets
from wm_pipeline.rounds.workspace import Workspace

EXPERIENCE_NAMES = tuple(asset.key.to_user_string() for asset in EXPERIENCE)


_LOOKED_BACK = 100
"""Results of a check, over all days, among which the newest of one day is looked for."""
_CONSOLE: dict[str, Any] = {"loggers": {"console": {"config": {}}}}


def check_day(day: str) -> str:
    """The day, if a round may be made for it. Raises SettingsError."""
    try:
        found = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise SettingsError(f"unknown day {day!r}; write it as YYYY-MM-DD") from error
    if found.isoformat() < FIRST_DAY or found > datetime.now(UTC).date():
        raise SettingsError(f"day {day} is out of range; rounds go from {FIRST_DAY} to today")
    return found.isoformat()


def plan_round(workspace: Workspace, day: str, *, redo_from: str | None) -> list[str]:
    """The assets a round has to make, upstream first; `redo_from` makes that asset and all after it again."""
    stale = stale_assets(workspace.store, workspace.profile, day)
    if redo_from is None:
        return stale
    if redo_from not in ROUND_ASSETS:
        raise SettingsError(f"unknown asset {redo_from!r}; there are {', '.join(ROUND_ASSETS)}")
    return [a for a in ROUND_ASSETS if a in stale or ROUND_ASSETS.index(a) >= ROUND_ASSETS.index(redo_from)]


def run_round(definitions: dg.Definitions, day: str, assets: Sequence[str], *, sites: tuple[str, ...]) -> None:
    """Materialize the assets of a day. Raises the WmError a stage raised."""
    instance = dg.DagsterInstance.get()
    _check_kept(instance, definitions, day, kept=[name for name in ROUND_ASSETS if name not in assets])
    experience = [dg.AssetKey(name) for name in assets if name in EXPERIENCE_NAMES]
    model = [dg.AssetKey(name) for name in assets if name not in EXPERIENCE_NAMES]
    try:
        if experience:
            definitions.resolve_job_def(experience_job.name).execute_in_process(
                run_config=_CONSOLE,
                instance=instance,
                asset_selection=experience,
                tags={**range_tags(day, sites), "wm/day": day},
            )
        if model:
            model = [*model, dg.AssetKey("reviewed_decisions")]
            definitions.resolve_job_def(model_job.name).execute_in_process(
                run_config=_CONSOLE, instance=instance, asset_selection=model, partition_key=day
            )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        raise StoppedError("stopped; what was finished is kept, and the same command goes on from there") from error
    except DagsterAssetCheckFailedError as error:
        # Dagster's message names asset and check on its last line.
        failed = str(error).strip().splitlines()[-1]
        raise CheckFailedError(
            f"a blocking check failed ({failed}); its numbers are in the UI (`make ui`), nothing after it was made"
        ) from error
    except (dg.DagsterExecutionStepExecutionError, DagsterMaxRetriesExceededError) as error:
        cause = _cause(error)
        if cause is not None:
            raise cause from error
        raise


def _check_kept(instance: dg.DagsterInstance, definitions: dg.Definitions, day: str, *, kept: Sequence[str]) -> None:
    """Raise CheckFailedError when what would be kept failed a blocking check as it was made."""
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys):
        name = key.asset_key.to_user_string()
        if name not in kept or not graph.get(key).blocking:
            continue
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=_LOOKED_BACK):
            made_by = instance.get_run_by_id(record.run_id)
            tags = {} if made_by is None else made_by.tags
            if day not in (tags.get("wm/day"), tags.get("dagster/partition")):
                continue
            if record.status is AssetCheckExecutionRecordStatus.PLANNED:
                continue
            found = record.evaluation
            if found is not None and not found.passed and found.severity is dg.AssetCheckSeverity.ERROR:
                raise CheckFailedError(
                    f"{name} of {day} failed its check {key.name} when it was made, so nothing is made from it; "
                    f"mend the cause and make it again (`wm run --day {day} --redo-from {name}`)"
                )
            break


def _cause(error: BaseException) -> WmError | None:
    """The error of ours behind a framework's error."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, WmError):
            return found
        found = found.__cause__ or found.__context__
    return None
