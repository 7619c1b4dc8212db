"""A partition survives whatever kills it: what is committed stays, and a rerun redoes only what is missing."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.fakes.memory_store import MemoryStore
from tests.fakes.open_miniwob import open_miniwob
from tests.fakes.s3_server import BUCKET, s3_server
from tests.fakes.toy_environment import ATTACK, open_toy, toy_world
from wm_pipeline.collect.parts import committed_parts
from wm_pipeline.collect.run import CollectPlan, CollectReport, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, EnvironmentFactory
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import SettingsError, TableError, WorldError
from wm_pipeline.domain.ids import state_id_of, trajectory_id_of
from wm_pipeline.domain.ports import PartStore, Progress
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.state import State
from wm_pipeline.environments.miniwob import miniwob_world
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy

DAY = "2030-01-15"
SETTINGS = CollectSettings(max_steps=5, branches=2)


def plan_of(worlds: list[Assignment], *, settings: CollectSettings = SETTINGS) -> CollectPlan:
    return CollectPlan(DAY, worlds[0].spec.site, tuple(worlds), settings)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def toy_worlds(count: int) -> list[Assignment]:
    return [Assignment(toy_world(seed, attack=ATTACK if seed % 2 else None), "gullible") for seed in range(count)]


def run(
    plan: CollectPlan,
    folder: Path,
    *,
    parts: PartStore | None = None,
    store: MemoryStore | None = None,
    make_environment: EnvironmentFactory = open_toy,
    workers: int = 1,
    progress: Progress | None = None,
) -> CollectReport:
    return collect_partitions(
        [plan],
        make_environment=make_environment,
        make_policy=make_policy,
        pool=ProcessPool(workers),
        parts=parts or TableStore(str(folder)),
        store=store or MemoryStore(),
        lineage={"seed": 0},
        progress=progress,
    )[0]


@pytest.mark.slow
def test_a_partition_is_three_tables_that_fit_together(tmp_path: Path) -> None:
    store = MemoryStore()
    said: list[tuple[int, int]] = []

    report = run(plan_of(toy_worlds(4)), tmp_path, store=store, workers=2, progress=lambda n, m, _: said.append((n, m)))

    trajectories, states, transitions = (store.tables[name] for name in ("trajectories", "states", "transitions"))
    assert (report.trajectories, report.failed, report.reused) == (4, (), 0)
    assert report.addresses == tuple(f"memory:{name}/{DAY}/toy" for name in ("states", "transitions", "trajectories"))
    assert report.stop_reasons == {"goal_reached": 4}
    assert trajectories["attack_success"].to_list().count(True) == 2
    assert trajectories["environment_version"].unique().to_list() == ["toy 1"]
    known = set(states["state_id"])
    assert set(transitions["state_id"]) | set(transitions["next_state_id"]) == known
    assert set(transitions["trajectory_id"]) == set(trajectories["trajectory_id"])
    assert sorted(said) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert files_in(tmp_path) == []


@pytest.mark.slow
def test_rows_hold_the_records_they_came_from(tmp_path: Path) -> None:
    store = MemoryStore()

    run(plan_of(toy_worlds(2)), tmp_path, store=store)

    for row in store.tables["states"].iter_rows(named=True):
        state = from_row(State, row["state"])
        assert state_id_of(state) == row["state_id"]
    leak = store.tables["transitions"].filter(pl.col("effects").list.len() > 0).row(0, named=True)
    assert from_row(Effect, leak["effects"][0]).site == "evil.localhost"
    assert from_row(Action, leak["action"]).target_ref == "e4"


@pytest.mark.slow
def test_the_pictures_of_steps_that_failed_are_stored_with_their_trajectory(tmp_path: Path) -> None:
    store = MemoryStore()
    settings = CollectSettings(max_steps=1, branches=7)

    run(plan_of(toy_worlds(1), settings=settings), tmp_path, store=store)

    failed = store.tables["transitions"].filter(pl.col("failure") == "timed_out").row(0, named=True)
    path = f"pictures/{failed['trajectory_id']}/{failed['step_index']}-{failed['branch_index']}.png"
    assert store.files == {path: b"what hangs"}
    assert files_in(tmp_path) == []


@pytest.mark.slow
def test_a_world_that_cannot_be_reset_is_counted_and_the_others_are_kept(tmp_path: Path) -> None:
    worlds = [*toy_worlds(1), Assignment(toy_world(9, goal_id="toy/unresettable"), "scripted")]

    report = run(plan_of(worlds), tmp_path)

    lost = trajectory_id_of(DAY, worlds[1].spec, "scripted")
    assert (report.trajectories, report.failed) == (1, (f"{lost}: the toy cannot be reset",))


@pytest.mark.slow
def test_a_partition_without_any_world_is_an_error(tmp_path: Path) -> None:
    worlds = [Assignment(toy_world(9, goal_id="toy/unresettable"), "scripted")]
    lost = trajectory_id_of(DAY, worlds[0].spec, "scripted")

    with pytest.raises(WorldError) as refused:
        run(plan_of(worlds), tmp_path)

    assert str(refused.value) == (
        f"none of 1 worlds of toy could be collected; the first: {lost}: the toy cannot be reset"
    )


@pytest.mark.slow
def test_an_unknown_policy_stops_the_run_with_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^unknown policy 'oracle'; there are scripted, gullible, explorer, llm$"):
        run(plan_of([Assignment(toy_world(1), "oracle")]), tmp_path)


@pytest.mark.slow
def test_a_bug_of_ours_stops_the_run_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)^a worker failed:\n.*TypeError"):
        run(plan_of(toy_worlds(1)), tmp_path, make_environment=partial(open_toy, 1))  # type: ignore[call-arg]


def test_a_plan_without_worlds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^no worlds to collect for 2030-01-15/toy$"):
        run(CollectPlan(DAY, "toy", (), SETTINGS), tmp_path)


@pytest.mark.slow
def test_a_part_that_cannot_be_committed_stops_the_run_with_the_stores_error(tmp_path: Path) -> None:
    (tmp_path / "staging").touch()

    with pytest.raises(
        TableError, match=r"/staging is a file where a folder is expected; move it away, then run again$"
    ):
        run(plan_of(toy_worlds(1)), tmp_path)


@pytest.mark.slow
def test_workers_commit_to_a_bucket_and_a_rerun_finds_what_they_committed(tmp_path: Path) -> None:
    lost = Assignment(toy_world(9, goal_id="toy/unresettable"), "scripted")
    plan, alone = plan_of([*toy_worlds(3), lost]), plan_of([lost])
    with s3_server() as options:
        bucket = TableStore(f"s3://{BUCKET}/scratch", options)

        def stop(done: int, total: int, text: str) -> None:
            if done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(plan, tmp_path, parts=bucket, workers=2, progress=stop)
        committed = committed_parts(bucket, plan.parts_folder)
        report = run(plan, tmp_path, parts=bucket)

        assert report.reused == len(committed) >= 2
        assert (report.trajectories, len(report.failed)) == (3, 1)
        assert bucket.list_files("") == []
        with pytest.raises(WorldError):
            run(alone, tmp_path, parts=bucket)
    assert files_in(tmp_path) == []


SLOW_RUN = """
import sys
from pathlib import Path
from tests.collect.test_run import plan_of, run, slow_worlds
run(plan_of(slow_worlds()), Path(sys.argv[1]))
"""


def slow_worlds() -> list[Assignment]:
    """Explorers press the slow button now and then, so that a run takes seconds."""
    return [Assignment(toy_world(seed), "explorer") for seed in range(30)]


def start_in_a_process(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(folder)], start_new_session=True)


def wait_for_parts(folder: Path, plan: CollectPlan, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(committed_parts(TableStore(str(folder)), plan.parts_folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_loses_no_committed_world_and_a_rerun_does_the_rest(tmp_path: Path) -> None:
    plan = plan_of(slow_worlds())
    process = start_in_a_process(tmp_path)
    wait_for_parts(tmp_path, plan, 3)

    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = committed_parts(TableStore(str(tmp_path)), plan.parts_folder)
    report = run(plan, tmp_path, workers=2)

    assert 3 <= len(kept) < 30
    assert report.reused == len(kept)
    assert report.worlds == 30


def living_in_group(group: int) -> list[str]:
    """Names and states of the processes of a process group, those left out that only wait to be reaped."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = status.read_text().rpartition(")")
            state, _, process_group = rest.split()[:3]
            if int(process_group) == group and state != "Z":
                found.append(f"{name}) {state}")
    return found


@pytest.mark.slow
def test_ctrl_c_ends_the_workers(tmp_path: Path) -> None:
    process = start_in_a_process(tmp_path)
    wait_for_parts(tmp_path, plan_of(slow_worlds()), 1)

    os.killpg(process.pid, signal.SIGINT)
    returned = process.wait(timeout=20)

    assert returned != 0
    deadline = time.monotonic() + 5
    while living_in_group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living_in_group(process.pid) == []


def worker_of_this_process() -> int:
    """The one worker: forked by a child of the main thread, whichever thread asks."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()
    server = next(pid for pid in children if "forkserver" in Path(f"/proc/{pid}/cmdline").read_text())
    return int(Path(f"/proc/{server}/task/{server}/children").read_text().split()[0])


@pytest.mark.slow
@pytest.mark.browser
def test_a_killed_browser_worker_loses_nothing_and_its_world_is_done_again(tmp_path: Path) -> None:
    worlds = [Assignment(miniwob_world("click-checkboxes", seed), "scripted") for seed in range(4)]
    plan = plan_of(worlds, settings=CollectSettings(max_steps=6, branches=1))
    killed: list[int] = []

    def kill_in_the_middle() -> None:
        wait_for_parts(tmp_path, plan, 1)
        killed.append(worker_of_this_process())
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_in_the_middle)
    thread.start()
    store = MemoryStore()

    report = run(plan, tmp_path, store=store, make_environment=open_miniwob)
    thread.join()

    assert len(killed) == 1
    assert (report.trajectories, report.failed) == (4, ())
    assert store.tables["trajectories"]["benign_success"].all()
    assert store.tables["trajectories"]["browser_version"][0].startswith("headless_shell ")
    with contextlib.suppress(ProcessLookupError):
        os.kill(killed[0], 0)
        pytest.fail("the killed worker is still there")
