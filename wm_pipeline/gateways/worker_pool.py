"""A worker pool of processes on this machine.

The parent sends tasks over a pipe and reads answers from it. A pipe that closes (the parent ended, whatever the reason)
ends the worker after the task in hand; SIGTERM ends it at once. Nothing is shared between workers, so one that is
killed loses only the task it was working on.
"""

import asyncio
import contextlib
import multiprocessing
import signal
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Generic

from wm_pipeline import plugins
from wm_pipeline.domain.errors import SettingsError, WmError
from wm_pipeline.domain.machine import machine_error
from wm_pipeline.domain.ports import Result, Task, Worker, WorkerDied
from wm_pipeline.domain.processes import end_with, process_mark

MAX_ATTEMPTS = 2
"""A task whose worker dies twice is given up for this run."""
STOP_LIMIT_S = 10.0
"""Time for a worker to close what it has opened before it is killed."""


class ProcessPool:
    """Starts workers once for all tasks of a run, because a start takes seconds. Two workers suit two cores."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise SettingsError(f"workers must be at least 1, found {workers!r}")
        self._workers = workers

    def run(
        self, make_worker: Callable[[], Worker[Task, Result]], tasks: Mapping[str, Task], *, task_limit_s: float
    ) -> Generator[tuple[str, Result | WorkerDied], None, None]:
        """As the port says. `make_worker` and the tasks must be picklable; Ctrl-C ends the workers first."""
        run = _Run(make_worker, tasks, self._workers, task_limit_s)
        try:
            yield from run.results()
        except BaseException:
            run.stop(is_patient=False)
            raise
        run.stop(is_patient=True)


@dataclass(slots=True)
class _Member:
    process: ForkServerProcess
    connection: Connection
    key: str | None = None
    """Key of the task in hand; None: it is idle."""
    busy_since: float = 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """The result of the present task."""

    result: Any = None
    error: WmError | None = None
    """An error that a person must correct, such as a missing browser: it stops the run."""
    bug: str | None = None
    """The traceback of an error that is ours: it stops the run too."""


class _Run(Generic[Task, Result]):
    """The processes of one run, and which of them has which task."""

    def __init__(
        self,
        make_worker: Callable[[], Worker[Task, Result]],
        tasks: Mapping[str, Task],
        workers: int,
        task_limit_s: float,
    ) -> None:
        self._make_worker = make_worker
        self._tasks = tasks
        self._workers = workers
        self._task_limit_s = task_limit_s
        self._pending = deque(tasks)
        self._attempts: Counter[str] = Counter()
        self._members: list[_Member] = []

    def results(self) -> Iterator[tuple[str, Result | WorkerDied]]:
        while self._pending or any(member.key is not None for member in self._members):
            while self._pending and len(self._members) < self._workers:
                self._members.append(_start(self._make_worker))
            self._assign()
            for member in self._ready():
                result = self._receive(member)
                if result is not None:
                    yield result

    def _assign(self) -> None:
        for member in self._members:
            if self._pending and member.key is None:
                member.key = self._pending.popleft()
                self._attempts[member.key] += 1
                member.busy_since = time.perf_counter()
                # A worker that died meanwhile has a readable pipe; _receive handles it.
                with contextlib.suppress(BrokenPipeError):
                    member.connection.send(self._tasks[member.key])

    def _ready(self) -> list[_Member]:
        """Members that have answered or died; one that is busy for too long is killed."""
        ready = wait([member.connection for member in self._members], timeout=5)
        for member in self._members:
            if member.key is not None and time.perf_counter() - member.busy_since > self._task_limit_s:
                member.process.kill()
        return [member for member in self._members if member.connection in ready]

    def _receive(self, member: _Member) -> tuple[str, Result | WorkerDied] | None:
        try:
            answer = member.connection.recv()
        except (EOFError, OSError):
            return self._remove_dead(member)
        assert isinstance(answer, _Answer)
        if answer.error is not None:
            raise answer.error
        if answer.bug is not None:
            raise RuntimeError(f"a worker failed:\n{answer.bug}")
        key, member.key = member.key, None
        assert key is not None
        return key, answer.result

    def _remove_dead(self, member: _Member) -> tuple[str, WorkerDied] | None:
        """Put a dead worker's task back; return it with WorkerDied when that was its last attempt."""
        member.process.join(STOP_LIMIT_S)
        member.connection.close()
        self._members.remove(member)
        if member.key is None:
            return None
        if self._attempts[member.key] < MAX_ATTEMPTS:
            self._pending.append(member.key)
            return None
        return member.key, WorkerDied(MAX_ATTEMPTS)

    def stop(self, *, is_patient: bool) -> None:
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


def _start(make_worker: Callable[[], Worker[Any, Any]]) -> _Member:
    # Workers fork from a process that has imported what they need: these imports take seconds in a fresh process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted({__name__, *_modules_of(make_worker)}))
    ours, theirs = context.Pipe()
    arguments = theirs, make_worker, process_mark()
    process = context.Process(target=_worker_main, args=arguments, name="worker", daemon=True)
    process.start()
    theirs.close()
    return _Member(process, ours)


def _modules_of(value: object) -> Iterator[str]:
    """The modules that unpickling a function, or a partial of one with its arguments, imports."""
    if isinstance(value, partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _modules_of(part)
    else:
        yield value.__module__ if callable(value) else type(value).__module__


# --- in the worker ----------------------------------------------------------------------------------------------------


def _worker_main(connection: Connection, make_worker: Callable[[], Worker[Any, Any]], starter: str) -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    end_with(starter)
    plugins.load()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(connection, make_worker()))


async def _serve(connection: Connection, worker: Worker[Any, Any]) -> None:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        while True:
            await _readable(connection)
            try:
                task = connection.recv()
            except EOFError:
                return
            answer = await _answer(worker, task)
            try:
                connection.send(answer)
            except BrokenPipeError:
                return
    finally:
        await worker.close()


async def _answer(worker: Worker[Any, Any], task: object) -> _Answer:
    try:
        return _Answer(await worker.run(task))
    except Exception as error:  # noqa: BLE001 the outermost edge of the process: the parent reports it and stops
        told = machine_error(error, folder=Path(tempfile.gettempdir()))
        return _Answer(error=told) if told is not None else _Answer(bug=traceback.format_exc())


async def _readable(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())
