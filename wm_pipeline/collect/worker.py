"""A collection worker: it collects one world after another in its environment and commits each finished world."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from wm_pipeline.collect.hindsight import in_hindsight
from wm_pipeline.collect.parts import pack_part
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, frames_of
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ports import Environment, PartStore, Policy
from wm_pipeline.domain.world import WorldSpec


@dataclass(frozen=True, slots=True)
class OpenEnvironment:
    """A started environment and the versions that its rows carry."""

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
    """Ids of goals that hindsight may use in place of its own."""
    is_trained_on: bool = True


class Task(NamedTuple):
    """One world to collect, and where its part is committed."""

    world: Assignment
    day: str
    site: str
    settings: CollectSettings
    part: str
    """Path in the store of parts."""


class CollectWorker:
    """A `domain.ports.Worker`. Its result is why a world was not collected; None when its part is committed."""

    def __init__(self, make_environment: EnvironmentFactory, make_policy: PolicyFactory, parts: PartStore) -> None:
        self._make_environment = make_environment
        self._make_policy = make_policy
        self._parts = parts
        self._open: OpenEnvironment | None = None
        self._policies: dict[str, Policy] = {}

    async def run(self, task: Task) -> str | None:
        """Collect one world; when the present environment cannot reset it, try again in a new one."""
        problem = ""
        for _ in range(2):
            try:
                await self._collect(task)
            except WorldError as error:
                problem = str(error)
                await self.close()
            else:
                return None
        return problem

    async def _collect(self, task: Task) -> None:
        world = task.world
        if self._open is None:
            self._open = await self._make_environment()
        if world.policy not in self._policies:
            # A policy lives as long as its worker: an explorer's coverage spans the worlds it has seen.
            self._policies[world.policy] = self._make_policy(world.policy)
        opened = self._open
        records = await collect_trajectory(
            opened.environment,
            self._policies[world.policy],
            world.spec,
            day=task.day,
            settings=task.settings if world.is_trained_on else task.settings.of_held_out(),
            other_goals=world.other_goals,
        )
        frames = frames_of(
            [records, *in_hindsight(records)], Versions(opened.environment_version, opened.browser_version)
        )
        self._parts.write_bytes(task.part, pack_part(records, frames))

    async def close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.environment.close()
