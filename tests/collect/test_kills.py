"""Twenty times the run, a worker or a browser is killed, at any moment: no half row, none twice, and it completes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tests.fakes.open_miniwob import open_miniwob
from wm_pipeline.collect.run import CollectPlan, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment
from wm_pipeline.domain.ids import trajectory_id_of
from wm_pipeline.domain.tables import TABLES, TrajectorySchema
from wm_pipeline.environments.miniwob import miniwob_world
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy

DAY = "2030-01-15"
KILLS = 20
KINDS = ("worker", "browser", "renderer", "worker", "browser", "renderer", "run")
TASKS = ("click-checkboxes", "login-user", "click-button", "enter-text")
WORLDS = tuple(Assignment(miniwob_world(task, seed), "scripted") for seed in range(4) for task in TASKS)
PLAN = CollectPlan(DAY, "miniwob", WORLDS, CollectSettings(max_steps=6, branches=1))
RUN = "import sys; from tests.collect.test_kills import collect; collect(sys.argv[1])"


def collect(folder: str) -> None:
    collect_partitions(
        [PLAN],
        make_environment=open_miniwob,
        make_policy=make_policy,
        pool=ProcessPool(2),
        parts=TableStore(folder),
        store=TableStore(f"{folder}/tables"),
        lineage={},
    )


def start(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder)], stderr=subprocess.DEVNULL)


def started_by(root: int) -> dict[int, tuple[int, str]]:
    """Processes that `root` has started, directly or not: who started each, and their command lines."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found: dict[int, tuple[int, str]] = {}
    waiting = [(root, pid) for pid in children.get(root, [])]
    while waiting:
        parent, pid = waiting.pop()
        waiting += [(pid, child) for child in children.get(pid, [])]
        with contextlib.suppress(OSError):
            found[pid] = parent, Path(f"/proc/{pid}/cmdline").read_text()
    return found


def victim(run: "subprocess.Popen[bytes]", kind: str, rng: random.Random) -> int | None:
    """The process to kill; None when there is none of the kind at the moment."""
    if kind == "run":
        return run.pid
    sign = {"worker": "forkserver", "browser": "--remote-debugging-pipe", "renderer": "--type=renderer"}[kind]
    # What workers are forked from is a child of the run, and none of them.
    found = sorted(
        pid for pid, (parent, command) in started_by(run.pid).items() if sign in command and parent != run.pid
    )
    return rng.choice(found) if found else None


def check_tables(folder: Path) -> int:
    """Every row is whole, there once, and leads to rows that are there; returns how many worlds there are."""
    store = TableStore(f"{folder}/tables")
    if not store.partitions("trajectories"):
        return 0
    frames = {name: store.scan(TABLES[name]).collect() for name in ("trajectories", "states", "transitions")}
    trajectories, states, transitions = frames["trajectories"], frames["states"], frames["transitions"]
    assert trajectories["trajectory_id"].is_unique().all()
    assert states["state_id"].is_unique().all()
    assert transitions.select("trajectory_id", "step_index", "branch_index").is_unique().all()
    assert set(transitions["trajectory_id"]) <= set(trajectories["trajectory_id"])
    assert set(transitions["state_id"]) | set(transitions["next_state_id"]) <= set(states["state_id"])
    own = transitions.filter(pl.col("branch_index") == 0).group_by("trajectory_id").len()
    counted = trajectories.join(own, on="trajectory_id", how="left")
    assert (counted["steps"] == counted["len"].fill_null(0)).all()
    return trajectories.height


@pytest.mark.slow
@pytest.mark.browser
def test_a_partition_that_is_killed_twenty_times_is_whole_in_the_end(tmp_path: Path) -> None:
    rng = random.Random(7)
    killed: list[str] = []
    run = start(tmp_path)
    deadline = time.monotonic() + 400
    while len(killed) < KILLS and time.monotonic() < deadline:
        time.sleep(rng.uniform(0.1, 1.5))
        if run.poll() is not None:
            check_tables(tmp_path)
            run = start(tmp_path)
            continue
        kind = KINDS[len(killed) % len(KINDS)]
        pid = victim(run, kind, rng)
        if pid is None:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.append(kind)
    run.wait(timeout=400)

    check_tables(tmp_path)
    last = start(tmp_path)
    returned = last.wait(timeout=400)

    assert len(killed) == KILLS
    assert returned == 0
    assert check_tables(tmp_path) == len(WORLDS)
    found = set(TableStore(f"{tmp_path}/tables").scan(TrajectorySchema).collect()["trajectory_id"])
    assert found == {trajectory_id_of(DAY, world.spec, world.policy) for world in WORLDS}
    assert [path for path in (tmp_path / "staging").rglob("*") if path.is_file()] == []
