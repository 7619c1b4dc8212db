"""What processes that were killed have left in Dagster: runs that seem to go on, and the pool slots that they hold."""

import os

import dagster as dg

from wm_pipeline.domain.processes import is_alive, process_mark

PROCESS_TAG = "wm/process"
"""Marks of the processes that a run lives in, with spaces between them."""
_IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags(*, with_parent: bool = False) -> dict[str, str]:
    """Tags of a run of this process; `with_parent` where steps have processes of their own, which end before it."""
    pids = [os.getpid(), *([os.getppid()] if with_parent else [])]
    return {PROCESS_TAG: " ".join(process_mark(pid) for pid in pids)}


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose processes are gone as failed and free their slots; return their ids.

    A killed run says nothing, and every later one would wait for its slot. Runs without the tag, which have not begun a
    step yet, are left to Dagster's own monitoring.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        marks = run.tags.get(PROCESS_TAG, "").split()
        if marks and not any(is_alive(mark) for mark in marks):
            instance.report_run_failed(run, "its process is gone: it was killed, or the machine ran out of memory")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended
