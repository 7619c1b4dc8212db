"""One partition (day x site) of early experience: worlds shared out to worker processes, resumed where it was left.

What a finished world left behind is committed as a part under a staging folder before the next one starts. A run that
is killed loses the worlds it was in; the next run does those and no others, then merges all parts into the partition.
"""

import contextlib
import multiprocessing
import shutil
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import (
    Answer,
    Assignment,
    EnvironmentFactory,
    PolicyFactory,
    Task,
    WorkerJob,
    worker_main,
)
from wm_pipeline.collect.writer import committed_parts, merge_parts, pictures_folder
from wm_pipeline.domain.errors import SettingsError, WorldError
from wm_pipeline.domain.ids import digest, trajectory_id_of
from wm_pipeline.domain.ports import Progress

MAX_ATTEMPTS = 2
"""A world whose worker dies twice is given up for this run."""
WORLD_LIMIT_S = 900.0
"""Every step has a time limit of its own; a worker that is busy for so long with one world hangs."""
STOP_LIMIT_S = 10.0
"""What a worker gets to close its browser before it is killed."""


class TableWriter(Protocol):
    """The part of the table store that collection needs."""

    def write(
        self, table: str, frame: pl.DataFrame, *, day: str, partition: str = "all", lineage: Mapping[str, Any]
    ) -> str: ...

    def write_bytes(self, path: str, content: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class CollectPlan:
    """What one partition is made of."""

    day: str
    site: str
    worlds: tuple[Assignment, ...]
    settings: CollectSettings

    def staging_folder(self, root: Path) -> Path:
        """Parts made with other settings are never mixed in."""
        return root / f"day={self.day}" / self.site / digest(repr(sorted(asdict(self.settings).items())), size=6)


@dataclass(frozen=True, slots=True)
class CollectReport:
    trajectories: int
    transitions: int
    states: int
    reused: int
    """Worlds that an earlier, interrupted run had committed."""
    failed: tuple[str, ...]
    """Worlds that could not be collected, each with its reason."""
    branches_executed: int
    branches_dropped: int
    stop_reasons: dict[str, int]
    addresses: tuple[str, ...]


def collect_partitions(
    plans: Sequence[CollectPlan],
    *,
    make_environment: EnvironmentFactory,
    make_policy: PolicyFactory,
    store: TableWriter,
    staging: Path,
    lineage: Mapping[str, Any],
    workers: int = 2,
    progress: Progress | None = None,
) -> list[CollectReport]:
    """Collect every world of the plans with one crew of workers, and write the three tables of each as a partition.

    Workers are started once: one takes seconds to start, and all share the worlds that are left at the end. Two suit
    two cores: a page load keeps one busy. Raises WorldError when no world of a plan could be collected.
    """
    for plan in plans:
        if not plan.worlds:
            raise SettingsError(f"no worlds to collect for {plan.day}/{plan.site}")
    if workers < 1:
        raise SettingsError(f"workers must be at least 1, found {workers!r}")
    shares = [_Share.of(plan, staging) for plan in plans]
    crew = _Crew(
        WorkerJob(make_environment, make_policy),
        progress,
        done=sum(len(share.before) for share in shares),
        total=sum(len(share.tasks) for share in shares),
    )
    missing = [task for share in shares for key, task in share.tasks.items() if key not in share.before]
    problems = crew.collect(missing, workers=workers)
    return [_write_partition(share, problems, store=store, staging=staging, lineage=lineage) for share in shares]


@dataclass(frozen=True, slots=True)
class _Share:
    """One plan's part of a run."""

    plan: CollectPlan
    folder: Path
    tasks: dict[str, Task]
    """By trajectory."""
    before: frozenset[str]
    """What an earlier, interrupted run had committed."""

    @classmethod
    def of(cls, plan: CollectPlan, staging: Path) -> "_Share":
        folder = plan.staging_folder(staging)
        folder.mkdir(parents=True, exist_ok=True)
        keys = {trajectory_id_of(plan.day, world.spec, world.policy): world for world in plan.worlds}
        tasks = {key: Task(key, world, plan.day, plan.site, plan.settings, folder) for key, world in keys.items()}
        return cls(plan, folder, tasks, committed_parts(folder) & keys.keys())


def _write_partition(
    share: _Share, problems: Mapping[str, str], *, store: TableWriter, staging: Path, lineage: Mapping[str, Any]
) -> CollectReport:
    plan, folder = share.plan, share.folder
    failed = tuple(f"{key}: {problems[key]}" for key in share.tasks if key in problems)
    committed = committed_parts(folder)
    done = [key for key in share.tasks if key in committed]
    if not done:
        raise WorldError(f"none of {len(share.tasks)} worlds of {plan.site} could be collected; the first: {failed[0]}")
    frames = merge_parts(folder, done)
    addresses = tuple(
        # Trajectories last: a reader that sees one finds its states and transitions.
        store.write(name, frames._asdict()[name], day=plan.day, partition=plan.site, lineage=lineage)
        for name in ("states", "transitions", "trajectories")
    )
    for key in done:
        for picture in (folder / key).glob("*.png"):
            store.write_bytes(f"{pictures_folder(key)}/{picture.name}", picture.read_bytes())
    shutil.rmtree(staging / f"day={plan.day}" / plan.site)
    return CollectReport(
        trajectories=frames.trajectories.height,
        transitions=frames.transitions.height,
        states=frames.states.height,
        reused=len(share.before),
        failed=failed,
        branches_executed=int(frames.trajectories["branches_executed"].sum()),
        branches_dropped=int(frames.trajectories["branches_dropped"].sum()),
        stop_reasons=dict(Counter(frames.trajectories["stop_reason"].cast(pl.String).to_list())),
        addresses=addresses,
    )


@dataclass(slots=True)
class _Member:
    process: ForkServerProcess
    connection: Connection
    task: Task | None = None
    """The world in hand."""
    busy_since: float = 0.0


class _Crew:
    """The worker processes of one run, and who has which world."""

    def __init__(self, job: WorkerJob, progress: Progress | None, *, done: int, total: int) -> None:
        self._job = job
        self._progress = progress
        self._done = done
        self._total = total
        self._members: list[_Member] = []
        self._problems: dict[str, str] = {}

    def collect(self, missing: Sequence[Task], *, workers: int) -> Mapping[str, str]:
        """Collect the worlds; returns why those are missing that are. Ctrl-C and bugs end the workers first."""
        tasks = {task.trajectory_id: task for task in missing}
        pending = deque(tasks)
        attempts: Counter[str] = Counter()
        try:
            while pending or any(member.task for member in self._members):
                while pending and len(self._members) < workers:
                    self._members.append(_start(self._job))
                self._share_out(pending, tasks, attempts)
                for member in self._waiting():
                    self._hear(member, pending, attempts)
        except BaseException:
            self._stop(is_patient=False)
            raise
        self._stop(is_patient=True)
        return self._problems

    def _share_out(self, pending: deque[str], tasks: Mapping[str, Task], attempts: Counter[str]) -> None:
        for member in self._members:
            if pending and member.task is None:
                task = member.task = tasks[pending.popleft()]
                attempts[task.trajectory_id] += 1
                member.busy_since = time.perf_counter()
                # One that died meanwhile has a readable pipe: _hear deals with it.
                with contextlib.suppress(BrokenPipeError):
                    member.connection.send(task)

    def _waiting(self) -> list[_Member]:
        """Members that have something to say, or have died; one that is busy for too long is killed, and so has."""
        ready = wait([member.connection for member in self._members], timeout=5)
        for member in self._members:
            if member.task is not None and time.perf_counter() - member.busy_since > WORLD_LIMIT_S:
                member.process.kill()
        return [member for member in self._members if member.connection in ready]

    def _hear(self, member: _Member, pending: deque[str], attempts: Counter[str]) -> None:
        try:
            answer = member.connection.recv()
        except (EOFError, OSError):
            self._bury(member, pending, attempts)
            return
        assert isinstance(answer, Answer)
        if answer.error is not None:
            raise answer.error
        if answer.bug is not None:
            raise RuntimeError(f"a collection worker failed:\n{answer.bug}")
        task, member.task = member.task, None
        assert task is not None
        self._done += 1
        if answer.problem is not None:
            self._problems[task.trajectory_id] = answer.problem
        if self._progress is not None:
            self._progress(self._done, self._total, f"{task.site}: {answer.problem or 'world collected'}")

    def _bury(self, member: _Member, pending: deque[str], attempts: Counter[str]) -> None:
        member.process.join(STOP_LIMIT_S)
        member.connection.close()
        self._members.remove(member)
        if member.task is None:
            return
        lost = member.task.trajectory_id
        if attempts[lost] < MAX_ATTEMPTS:
            pending.append(lost)
        else:
            self._problems[lost] = f"its worker died {MAX_ATTEMPTS} times"

    def _stop(self, *, is_patient: bool) -> None:
        for member in self._members:
            member.connection.close()
            if not is_patient:
                member.process.terminate()
        for member in self._members:
            member.process.join(STOP_LIMIT_S)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
        self._members.clear()


def _start(job: WorkerJob) -> _Member:
    # Forked from a process that has only imported what a worker needs, which takes seconds for each that starts anew.
    context = multiprocessing.get_context("forkserver")
    makers = (make.func if isinstance(make, partial) else make for make in (job.make_environment, job.make_policy))
    context.set_forkserver_preload([worker_main.__module__, *(make.__module__ for make in makers)])
    ours, theirs = context.Pipe()
    process = context.Process(target=worker_main, args=(theirs, job), name="collect-worker", daemon=True)
    process.start()
    theirs.close()
    return _Member(process, ours)
