"""A whole round from one command: what is unchanged is left alone, the rest is two Dagster runs in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from wm_pipeline.defs.automation import BY_SITE, experience_job, model_job, range_tags
from wm_pipeline.defs.instance import end_dead_runs, open_instance, process_tags
from wm_pipeline.defs.partitions import days
from wm_pipeline.domain.errors import CheckFailedError, SettingsError, StoppedError
from wm_pipeline.domain.machine import machine_error
from wm_pipeline.domain.panics import panics_as_errors
from wm_pipeline.rounds.days import check_day
from wm_pipeline.rounds.graph import ASSET, ASSETS, ROUND_ASSETS, Notes, stale_assets
from wm_pipeline.rounds.workspace import Workspace

_LOOKED_BACK = 100
"""Results of a check, over all days, among which the newest of one day is looked for."""
_CONSOLE: dict[str, Any] = {"loggers": {"console": {"config": {}}}}


def check_round_day(day: str) -> str:
    """The day, if a round may be made for it. Raises SettingsError."""
    found = check_day(day)
    first = days.get_first_partition_key()
    if first is None or found < first:
        raise SettingsError(
            f"day {found} is before {first}, the first day of rounds; set WM_FIRST_DAY to an earlier one"
        )
    return found


def plan_round(workspace: Workspace, day: str, *, redo_from: str | None) -> dict[str, str]:
    """The assets a round has to make, upstream first, each with the reason in words.

    `redo_from` makes that asset and all that is made from it again. Raises SettingsError for an unknown one.
    """
    if redo_from is None:
        stale = stale_assets(workspace.store, workspace.profile, day)
        return stale or _unregistered(workspace, day)
    if redo_from not in ROUND_ASSETS:
        raise SettingsError(f"unknown asset {redo_from!r}; there are {', '.join(ROUND_ASSETS)}")
    later = {redo_from}
    for name in ROUND_ASSETS:
        if later & set(ASSET[name].upstream):
            later.add(name)
    stale = stale_assets(workspace.store, workspace.profile, day, redone=later)
    return {
        name: stale.get(name, f"asked for from {redo_from} on")
        for name in ROUND_ASSETS
        if name in stale or name in later
    }


def _unregistered(workspace: Workspace, day: str) -> dict[str, str]:
    """model_version, where the registry does not hold what the day's record says: it was lost, or is an older one."""
    note = Notes(workspace.store).of(ASSET["model_version"], day) or {}
    found = workspace.registry.version(str(note.get("registered_version")))
    if found is not None and found.model_version == note.get("model_version"):
        return {}
    return {"model_version": "the registry holds no version of this day"}


def end_leftovers(workspace: Workspace) -> None:
    """Clear away what processes that were killed have left: half commits, runs that seem to go on, taken slots.

    Whoever calls it holds the lock of a round: where Dagster's history lies beside it, nobody else makes one with it.
    """
    workspace.store.settle()
    instance = open_instance()
    beside = Path(instance.root_directory).resolve().parent == workspace.work.resolve().parent
    end_dead_runs(instance, is_alone=beside)
    workspace.registry.end_dead_runs()


def run_round(
    definitions: dg.Definitions, workspace: Workspace, day: str, assets: Sequence[str], *, sites: tuple[str, ...]
) -> None:
    """Materialize the assets of a day. Raises the WmError a stage raised."""
    instance = open_instance()
    kept = [name for name in ROUND_ASSETS if name not in assets]
    failed = failed_check(instance, definitions, day, of=kept)
    if failed is not None:
        raise failed
    experience = [dg.AssetKey(name) for name in assets if name in BY_SITE]
    model = [dg.AssetKey(name) for name in assets if name not in BY_SITE]
    try:
        with panics_as_errors("a round"):
            if experience:
                definitions.resolve_job_def(experience_job.name).execute_in_process(
                    run_config=_CONSOLE,
                    instance=instance,
                    asset_selection=experience,
                    tags={**range_tags(day, sites), "wm/day": day, **process_tags()},
                )
            if model:
                model += [dg.AssetKey(row.name) for row in ASSETS if not row.is_planned]
                definitions.resolve_job_def(model_job.name).execute_in_process(
                    run_config=_CONSOLE,
                    instance=instance,
                    asset_selection=model,
                    partition_key=day,
                    tags=process_tags(),
                )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        raise StoppedError("stopped; what was finished is kept, and the same command goes on from there") from error
    except dg.DagsterError as error:
        cause = machine_error(error, folder=workspace.work) or failed_check(instance, definitions, day, of=assets)
        if cause is None:
            raise
        raise cause from error


def failed_check(
    instance: dg.DagsterInstance, definitions: dg.Definitions, day: str, *, of: Sequence[str]
) -> CheckFailedError | None:
    """The blocking check that one of these assets of a day failed when it was made last; None when all passed."""
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys):
        name = key.asset_key.to_user_string()
        if name not in of or not graph.get(key).blocking:
            continue
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=_LOOKED_BACK):
            made_by = instance.get_run_by_id(record.run_id)
            tags = {} if made_by is None else made_by.tags
            evaluation = record.evaluation  # None while the run that plans it goes on
            if evaluation is None or day not in (tags.get("wm/day"), tags.get("dagster/partition")):
                continue
            if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
                return CheckFailedError(
                    f"{name} of {day} failed its check {key.name} when it was made, so nothing is made from it; its "
                    f"numbers are in the UI (`make ui`). Mend the cause and make it again "
                    f"(`wm run --day {day} --redo-from {name}`)"
                )
            break
    return None
