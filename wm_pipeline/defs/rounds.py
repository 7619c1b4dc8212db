"""A whole round from one command: what is unchanged is left alone, the rest is two Dagster runs in this process."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from wm_pipeline.defs.automation import BY_SITE, experience_job, model_job, range_tags
from wm_pipeline.defs.instance import open_instance, process_tags
from wm_pipeline.defs.orphans import heed_no_interrupt
from wm_pipeline.domain.errors import CheckFailedError, StoppedError
from wm_pipeline.domain.machine import machine_error
from wm_pipeline.domain.panics import panics_as_errors
from wm_pipeline.rounds.graph import ASSETS, ROUND_ASSETS
from wm_pipeline.rounds.workspace import Workspace

_LOOKED_BACK = 100
"""Results of a check, over all days, among which the newest of one day is looked for."""
_CONSOLE: dict[str, Any] = {"loggers": {"console": {"config": {}}}}


def run_round(
    definitions: dg.Definitions, workspace: Workspace, day: str, assets: Sequence[str], *, sites: tuple[str, ...]
) -> None:
    """Materialize the assets of a day. Raises the WmError a stage raised."""
    heed_no_interrupt()
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
            evaluation = record.evaluation
            # A run that goes on, or that died before it came so far, has only planned it.
            if not isinstance(evaluation, dg.AssetCheckEvaluation) or day not in (
                tags.get("wm/day"),
                tags.get("dagster/partition"),
            ):
                continue
            if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
                return CheckFailedError(
                    f"{name} of {day} failed its check {key.name} when it was made, so nothing is made from it; its "
                    f"numbers are in the UI (`make ui`). Mend the cause and make it again "
                    f"(`wm run --day {day} --redo-from {name}`)"
                )
            break
    return None
