"""Collects a partition (day x site) of early experience with a pool of workers; an interrupted run can be resumed.

A worker commits the records of a finished world as a part before it takes the next world. A run that is killed loses
only its unfinished worlds; the next run collects the missing worlds, then merges all parts into the partition.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol

import dataframely as dy
import polars as pl

from wm_pipeline.collect.parts import committed_parts, merge_frames, part_path, pictures_folder, read_part
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, CollectWorker, EnvironmentFactory, PolicyFactory, Task
from wm_pipeline.domain.errors import SettingsError, WorldError
from wm_pipeline.domain.experience import check_experience
from wm_pipeline.domain.ids import digest, trajectory_id_of
from wm_pipeline.domain.ports import PartStore, Progress, WorkerDied, WorkerPool

STAGING = "staging"
"""In the store of parts: worlds of unfinished runs, by day and site."""
WORLD_LIMIT_S = 900.0
"""Seconds. Every step has its own time limit, so a worker that is busy with one world for longer hangs."""


class TableWriter(Protocol):
    """The part of the table store that collection needs."""

    def write_tables(
        self, frames: Mapping[str, dy.DataFrame[Any]], *, day: str, partition: str, lineage: Mapping[str, Any]
    ) -> list[str]:
        """Replace a partition of several tables at once; return their addresses."""
        ...

    def write_bytes(self, path: str, content: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class CollectPlan:
    """The worlds of one partition and how they are collected."""

    day: str
    site: str
    worlds: tuple[Assignment, ...]
    settings: CollectSettings

    @property
    def staging_folder(self) -> str:
        """Folder in the store of parts for unfinished runs with any settings."""
        return f"{STAGING}/day={self.day}/{self.site}"

    @property
    def parts_folder(self) -> str:
        """Folder for parts with these settings; parts with other settings are never mixed in."""
        return f"{self.staging_folder}/{digest(repr(sorted(asdict(self.settings).items())), size=6)}"


@dataclass(frozen=True, slots=True)
class CollectReport:
    worlds: int
    trajectories: int
    """With those that hindsight judged."""
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
    pool: WorkerPool,
    parts: PartStore,
    store: TableWriter,
    lineage: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[CollectReport]:
    """Collect every world of the plans in one run of the pool, and write the three tables of each as a partition.

    All workers share the remaining worlds. `parts` keeps finished worlds until their partition is written.
    Raises WorldError when no world of a plan could be collected.
    """
    for plan in plans:
        if not plan.worlds:
            raise SettingsError(f"no worlds to collect for {plan.day}/{plan.site}")
    shares = [_Share.of(plan, parts) for plan in plans]
    total = sum(len(share.tasks) for share in shares)
    missing = {key: task for share in shares for key, task in share.tasks.items() if key not in share.before}
    make_worker = partial(CollectWorker, make_environment, make_policy, parts)
    problems: dict[str, str] = {}
    with closing(pool.run(make_worker, missing, task_limit_s=WORLD_LIMIT_S)) as results:
        for done, (key, result) in enumerate(results, start=total - len(missing) + 1):
            problem = f"its worker died {result.times} times" if isinstance(result, WorkerDied) else result
            if problem is not None:
                problems[key] = problem
            if progress is not None:
                progress(done, total, f"{missing[key].site}: {problem or 'world collected'}")
    return [_write_partition(share, problems, parts=parts, store=store, lineage=lineage) for share in shares]


@dataclass(frozen=True, slots=True)
class _Share:
    """One plan's part of a run."""

    plan: CollectPlan
    tasks: dict[str, Task]
    """Tasks by trajectory id."""
    before: frozenset[str]
    """Ids of trajectories that an earlier, interrupted run had committed."""

    @classmethod
    def of(cls, plan: CollectPlan, parts: PartStore) -> "_Share":
        folder = plan.parts_folder
        keys = {trajectory_id_of(plan.day, world.spec, world.policy): world for world in plan.worlds}
        tasks = {
            key: Task(world, plan.day, plan.site, plan.settings, part_path(folder, key)) for key, world in keys.items()
        }
        return cls(plan, tasks, committed_parts(parts, folder) & keys.keys())


def _write_partition(
    share: _Share, problems: Mapping[str, str], *, parts: PartStore, store: TableWriter, lineage: Mapping[str, Any]
) -> CollectReport:
    plan = share.plan
    failed = tuple(f"{key}: {problems[key]}" for key in share.tasks if key in problems)
    committed = committed_parts(parts, plan.parts_folder)
    done = [key for key in share.tasks if key in committed]
    if not done:
        raise WorldError(f"none of {len(share.tasks)} worlds of {plan.site} could be collected; the first: {failed[0]}")
    collected = []
    for key in done:
        part = read_part(parts, plan.parts_folder, key)
        collected.append(part.frames)
        for name, picture in part.pictures.items():
            store.write_bytes(f"{pictures_folder(key)}/{name}", picture)
    frames = merge_frames(collected)
    check_experience(frames._asdict(), place=f"of {plan.day}/{plan.site}")
    tables = {name: frames._asdict()[name] for name in ("states", "transitions", "trajectories")}
    addresses = store.write_tables(tables, day=plan.day, partition=plan.site, lineage=lineage)
    parts.delete_folder(plan.staging_folder)
    return CollectReport(
        worlds=len(done),
        trajectories=frames.trajectories.height,
        transitions=frames.transitions.height,
        states=frames.states.height,
        reused=len(share.before),
        failed=failed,
        branches_executed=int(frames.trajectories["branches_executed"].sum()),
        branches_dropped=int(frames.trajectories["branches_dropped"].sum()),
        stop_reasons=dict(Counter(frames.trajectories["stop_reason"].cast(pl.String).to_list())),
        addresses=tuple(addresses),
    )
