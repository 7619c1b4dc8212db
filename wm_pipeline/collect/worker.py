"""A worker process: one environment with its browser, one world after another, each committed when it is finished.

The parent sends worlds over a pipe and reads answers from it. A pipe that closes (the parent ended, whatever the
reason) ends the worker after the world in hand; SIGTERM ends it at once. Nothing is shared between workers, so one that
is killed takes nothing along but the world it was in.
"""

import asyncio
import contextlib
import signal
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from wm_pipeline import plugins
from wm_pipeline.collect.hindsight import in_hindsight
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, commit_part, frames_of
from wm_pipeline.domain.errors import WmError, WorldError
from wm_pipeline.domain.ports import Environment, Policy
from wm_pipeline.domain.world import WorldSpec


@dataclass(frozen=True, slots=True)
class OpenEnvironment:
    """A started environment and what its rows are stamped with."""

    environment: Environment
    environment_version: str
    browser_version: str


EnvironmentFactory = Callable[[], Awaitable[OpenEnvironment]]
"""Starts an environment in the worker; must be picklable: a function of a module, or a partial of one."""

PolicyFactory = Callable[[str], Policy]
"""Makes a policy by name; picklable too."""


class Assignment(NamedTuple):
    spec: WorldSpec
    policy: str
    other_goals: tuple[str, ...] = ()
    """Goals that hindsight may put in the place of its own."""


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """What a worker is started with."""

    make_environment: EnvironmentFactory
    make_policy: PolicyFactory


class Task(NamedTuple):
    """One world to collect, and where its part is committed."""

    trajectory_id: str
    world: Assignment
    day: str
    site: str
    settings: CollectSettings
    staging: Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the world in hand."""

    problem: str | None = None
    """Why the world could not be collected; None when its part is committed."""
    error: WmError | None = None
    """What a person must put right, such as a missing browser: it stops the run."""
    bug: str | None = None
    """The traceback of an error that is ours: it stops the run too."""


def worker_main(connection: Connection, job: WorkerJob) -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    plugins.load()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(connection, job))


async def _serve(connection: Connection, job: WorkerJob) -> None:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    worker = _Worker(job)
    try:
        while True:
            await _readable(connection)
            try:
                task: Task = connection.recv()
            except EOFError:
                return
            answer = await worker.collect(task)
            try:
                connection.send(answer)
            except BrokenPipeError:
                return
    finally:
        await worker.close()


async def _readable(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())


class _Worker:
    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._open: OpenEnvironment | None = None
        self._policies: dict[str, Policy] = {}

    async def collect(self, task: Task) -> Answer:
        """One world, tried again in a new environment when it cannot be reset in the present one."""
        problem = ""
        for _ in range(2):
            try:
                await self._collect_once(task)
            except WorldError as error:
                problem = str(error)
                await self.close()
            except WmError as error:
                return Answer(error=error)
            except Exception:  # noqa: BLE001 the outermost edge of the process: the parent reports it and stops
                return Answer(bug=traceback.format_exc())
            else:
                return Answer()
        return Answer(problem=problem)

    async def _collect_once(self, task: Task) -> None:
        job, world = self._job, task.world
        if self._open is None:
            self._open = await job.make_environment()
        if world.policy not in self._policies:
            # A policy lives as long as its worker: an explorer's coverage spans the worlds it has seen.
            self._policies[world.policy] = job.make_policy(world.policy)
        opened = self._open
        records = await collect_trajectory(
            opened.environment,
            self._policies[world.policy],
            world.spec,
            day=task.day,
            settings=task.settings,
            other_goals=world.other_goals,
        )
        frames = frames_of(
            [records, *in_hindsight(records)], Versions(opened.environment_version, opened.browser_version)
        )
        commit_part(task.staging, records, frames)

    async def close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.environment.close()
