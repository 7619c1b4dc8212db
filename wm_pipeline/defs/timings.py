"""Seconds each asset took, from Dagster's own event log."""

import dagster as dg

from wm_pipeline.rounds.graph import ROUND_ASSETS


def seconds_of_assets(instance: dg.DagsterInstance, day: str) -> dict[str, float]:
    """Seconds of the step that made each asset's newest materialization of a day; assets without one are left out."""
    found = {}
    for asset in ROUND_ASSETS:
        records = instance.fetch_materializations(dg.AssetKey(asset), limit=20).records
        of_day = [r for r in records if r.partition_key is not None and day in r.partition_key.split("|")]
        if not of_day:
            continue
        stats = instance.get_run_step_stats(of_day[0].run_id, step_keys=[asset])
        if stats and stats[0].start_time is not None and stats[0].end_time is not None:
            found[asset] = stats[0].end_time - stats[0].start_time
    return found
