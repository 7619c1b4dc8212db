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
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Answer, EnvironmentFactory, PolicyFactory, WorkerJob, World, worker_main
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
    worlds: tuple[World, ...]
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
    elapsed_s: float


def collect_partition(
    plan: CollectPlan,
    *,
    make_environment: EnvironmentFactory,
    make_policy: PolicyFactory,
    store: TableWriter,
    staging: Path,
    lineage: Mapping[str, Any],
    workers: int = 2,
    progress: Progress | None = None,
) -> CollectReport:
    """Collect every world of the plan and write the three tables as one partition.

    Two workers suit two cores: a page load keeps one busy. Raises WorldError when no world could be collected.
    """
    if not plan.worlds:
        raise SettingsError(f"no worlds to collect for {plan.day}/{plan.site}")
    if workers < 1:
        raise SettingsError(f"workers must be at least 1, found {workers!r}")
    started = time.perf_counter()
    folder = plan.staging_folder(staging)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {trajectory_id_of(plan.day, world.spec, world.policy): world for world in plan.worlds}
    before = committed_parts(folder) & wanted.keys()
    job = WorkerJob(plan.day, make_environment, make_policy, plan.settings, folder)
    missing = [(trajectory_id, world) for trajectory_id, world in wanted.items() if trajectory_id not in before]
    failed = _Crew(job, progress, done=len(before), total=len(wanted)).collect(missing, workers=workers)
    done = [trajectory_id for trajectory_id in wanted if trajectory_id in committed_parts(folder)]
    if not done:
        raise WorldError(f"none of {len(wanted)} worlds of {plan.site} could be collected; the first: {failed[0]}")
    frames = merge_parts(folder, done)
    addresses = tuple(
        # Trajectories last: a reader that sees one finds its states and transitions.
        store.write(name, frames._asdict()[name], day=plan.day, partition=plan.site, lineage=lineage)
        for name in ("states", "transitions", "trajectories")
    )
    for trajectory_id in done:
        for picture in (folder / trajectory_id).glob("*.png"):
            store.write_bytes(f"{pictures_folder(trajectory_id)}/{picture.name}", picture.read_bytes())
    shutil.rmtree(staging / f"day={plan.day}" / plan.site)
    return CollectReport(
        trajectories=frames.trajectories.height,
        transitions=frames.transitions.height,
        states=frames.states.height,
        reused=len(before),
        failed=tuple(failed),
        branches_executed=int(frames.trajectories["branches_executed"].sum()),
        branches_dropped=int(frames.trajectories["branches_dropped"].sum()),
        stop_reasons=dict(Counter(frames.trajectories["stop_reason"].cast(pl.String).to_list())),
        addresses=addresses,
        elapsed_s=time.perf_counter() - started,
    )


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    connection: Connection
    trajectory_id: str | None = None
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
        self._failed: list[str] = []

    def collect(self, missing: Sequence[tuple[str, World]], *, workers: int) -> list[str]:
        """Collect the worlds; returns what could not be, with reasons. Ctrl-C and bugs end the workers first."""
        worlds = dict(missing)
        pending = deque(worlds)
        attempts: Counter[str] = Counter()
        try:
            while pending or any(member.trajectory_id for member in self._members):
                while pending and len(self._members) < workers:
                    self._members.append(_start(self._job))
                self._share_out(pending, worlds, attempts)
                for member in self._waiting():
                    self._hear(member, pending, attempts)
        except BaseException:
            self._stop(is_patient=False)
            raise
        self._stop(is_patient=True)
        return self._failed

    def _share_out(self, pending: deque[str], worlds: Mapping[str, World], attempts: Counter[str]) -> None:
        for member in self._members:
            if pending and member.trajectory_id is None:
                trajectory_id = pending.popleft()
                attempts[trajectory_id] += 1
                member.trajectory_id = trajectory_id
                member.busy_since = time.perf_counter()
                # One that died meanwhile has a readable pipe: _hear deals with it.
                with contextlib.suppress(BrokenPipeError):
                    member.connection.send((trajectory_id, worlds[trajectory_id]))

    def _waiting(self) -> list[_Member]:
        """Members that have something to say, or have died; one that is busy for too long is killed, and so has."""
        ready = wait([member.connection for member in self._members], timeout=5)
        for member in self._members:
            if member.trajectory_id is not None and time.perf_counter() - member.busy_since > WORLD_LIMIT_S:
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
        member.trajectory_id = None
        self._done += 1
        if answer.problem is not None:
            self._failed.append(f"{answer.trajectory_id}: {answer.problem}")
        if self._progress is not None:
            self._progress(self._done, self._total, answer.problem or "world collected")

    def _bury(self, member: _Member, pending: deque[str], attempts: Counter[str]) -> None:
        member.process.join(STOP_LIMIT_S)
        member.connection.close()
        self._members.remove(member)
        lost = member.trajectory_id
        if lost is None:
            return
        if attempts[lost] < MAX_ATTEMPTS:
            pending.append(lost)
        else:
            self._failed.append(f"{lost}: its worker died {MAX_ATTEMPTS} times")

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
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=worker_main, args=(theirs, job), name="collect-worker", daemon=True)
    process.start()
    theirs.close()
    return _Member(process, ours)
