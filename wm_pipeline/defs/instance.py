"""Dagster's history: opened by one process at a time, and cleared of what processes that were killed have left in it.

They leave runs that seem to go on, and the pool slots that these hold.
"""

import os
import sqlite3
from pathlib import Path

import dagster as dg

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.processes import is_alive, is_elsewhere, process_mark
from wm_pipeline.gateways.locks import alone
from wm_pipeline.gateways.places import open_sqlite
from wm_pipeline.rounds.gc import delete_finished_parts, delete_left_overs
from wm_pipeline.rounds.workspace import Workspace

PROCESS_TAG = "wm/process"
"""Marks of the processes that a run lives in, with spaces between them."""
_HISTORY_TAG = "wm/history"
"""The history that a run was begun in: in a copy of it the run does not go on, even while the process lives."""
_IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags(*, with_parent: bool = False) -> dict[str, str]:
    """Tags of a run of this process; `with_parent` where steps have processes of their own, which end before it."""
    pids = [os.getpid(), *([os.getppid()] if with_parent else [])]
    return {PROCESS_TAG: " ".join(process_mark(pid) for pid in pids), _HISTORY_TAG: str(_home())}


def _home() -> Path:
    return Path(os.environ.get("DAGSTER_HOME", "")).resolve()


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME. Its databases are made by one process at a time; two would leave broken ones.

    Raises SettingsError when there is no such folder.
    """
    home = Path(os.environ.get("DAGSTER_HOME", ""))
    if not home.is_absolute() or not home.is_dir():
        raise SettingsError(
            f"DAGSTER_HOME: expected the full path of a folder, found {str(home)!r}; unset it or make it"
        )
    with alone(home / "start.lock", "opening Dagster's history", say=lambda told: None):
        instance = dg.DagsterInstance.get()
        instance.get_runs_count()
    return instance


def dead_runs(instance: dg.DagsterInstance, *, is_alone: bool = False) -> list[dg.DagsterRun]:
    """Runs that seem to go on, whose processes are gone.

    `is_alone`: no other process makes a round with this history. Then those of other hosts are gone, too: the folder
    was copied from there, or this host has another name now. Those without the tag, which have not begun a step yet,
    are left to Dagster's own monitoring.
    """
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        marks = run.tags.get(PROCESS_TAG, "").split()
        is_copied = run.tags.get(_HISTORY_TAG, str(_home())) != str(_home())
        is_gone = not any(is_alive(mark) and not (is_alone and is_elsewhere(mark)) for mark in marks)
        if marks and (is_copied or is_gone):
            found.append(run)
    return found


def end_dead_runs(instance: dg.DagsterInstance, *, is_alone: bool = False) -> list[str]:
    """Mark runs whose processes are gone (`dead_runs`) as failed and free their slots; return their ids.

    A killed run says nothing, and every later one would wait for its slot.
    """
    dead = dead_runs(instance, is_alone=is_alone)
    for run in dead:
        instance.report_run_failed(run, "its process is gone: it was killed, or the machine ran out of memory")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in dead]


def end_leftovers(workspace: Workspace) -> None:
    """Clear away what processes that were killed have left: files, half commits, runs that seem to go on, taken slots.

    Whoever calls it holds the lock of a round: where Dagster's history lies beside it, nobody else makes one with it.
    """
    delete_left_overs(workspace)
    workspace.store.settle()
    delete_finished_parts(workspace)
    workspace.registry.end_dead_runs()
    if _may_have_runs_in_progress(_home()):
        is_beside = _home().parent == workspace.work.resolve().parent
        end_dead_runs(open_instance(), is_alone=is_beside)


def _may_have_runs_in_progress(home: Path) -> bool:
    """A look into a history on this disk: to open it costs a second of every command that has nothing to make."""
    database = home / "history" / "runs.db"
    if not database.is_file():
        return True
    statuses = [status.value for status in _IN_PROGRESS]
    query = f"SELECT 1 FROM runs WHERE status IN ({', '.join('?' * len(statuses))}) LIMIT 1"  # noqa: S608 marks alone
    try:
        with open_sqlite(database) as connection:
            return connection.execute(query, statuses).fetchone() is not None
    except sqlite3.Error:
        return True
