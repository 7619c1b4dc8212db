"""A disturbed round: its folders, `wm run` as a real process, what that process has started, which stage it is in.

Nothing here knows a fault or what is proved afterwards.
"""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
START, END = "start", "end"
"""Moments beside the assets': before the first step of a run, and after its last."""
_LAST_STEP = "reviewed_decisions"
_LOOKED_EVERY_S = 0.2
_MARKS = ("WM_STATE", "TMPDIR")


class NothingToHitError(Exception):
    """The run ended, or the stage did, before there was anything to disturb."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one `wm run`."""

    arguments: tuple[str, ...]
    status: int | None
    """None: it was stuck and had to be killed."""
    seconds: float
    last_line: str
    """Of its stderr."""
    traceback: str
    """The lines of its stderr from the first traceback on; empty: there is none."""


class Run:
    """One `wm run` in progress; its stderr goes to a file."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.arguments = tuple(arguments)
        self._log = log
        self._started = time.monotonic()
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.chaos.brief", "run", *arguments],
                env=dict(environment),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,
            )

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def descendants(self) -> list[psutil.Process]:
        """What it has started, directly or not, and still lives."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def wait(self, limit_s: float) -> bool:
        """Whether it ended within the time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(limit_s)
        return self.is_over

    def end(self, limit_s: float) -> Ended:
        """Wait for its end; kill it, and all that it has started, when it does not come."""
        is_stuck = not self.wait(max(0.0, limit_s - (time.monotonic() - self._started)))
        if is_stuck:
            for process in (*self.descendants(), psutil.Process(self.process.pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()
        text = self._log.read_text(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        return Ended(
            self.arguments,
            None if is_stuck else self.process.returncode,
            round(time.monotonic() - self._started, 1),
            lines[-1] if lines else "",
            "".join(text.partition("Traceback (most recent call last)")[1:]),
        )


class Watch:
    """Remembers every process that runs have started, to see afterwards which of them is still there."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._seen: set[psutil.Process] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def add(self, run: Run) -> None:
        self._runs.append(run)

    def _look(self) -> None:
        while not self._is_over.wait(0.5):
            for run in list(self._runs):
                if not run.is_over:
                    self._seen.update(run.descendants())

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def left(self, mark: str, *, patience_s: float) -> list[str]:
        """Command lines of those that still run after so long, and of any that names `mark`; they are killed."""
        deadline = time.monotonic() + patience_s
        while (found := self._living(mark)) and time.monotonic() < deadline:
            time.sleep(0.5)
        told = []
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                told.append(f"{process.pid} {' '.join(process.cmdline())[:160]}")
                process.kill()
        return told

    def _living(self, mark: str) -> list[psutil.Process]:
        known = {process for process in self._seen if _is_running(process)}
        return [*known, *(process for process in processes_of(mark) if process not in known)]


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes_of(mark: str) -> list[psutil.Process]:
    """Processes whose command line or environment names a folder, but for this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            named = [*process.cmdline(), *(process.environ().get(name, "") for name in _MARKS)]
            if process.pid != os.getpid() and any(mark in part for part in named):
                found.append(process)
    return [process for process in found if _is_running(process)]


@dataclass(slots=True)
class Scene:
    """One disturbed round."""

    folder: Path
    environment: dict[str, str]
    day: str
    profile: str
    rng: random.Random
    watch: Watch
    stage: str
    """Where it is disturbed: an asset, START or END."""
    is_local: bool = True
    """Its outputs lie in the state folder."""
    runs: list[Run] = field(default_factory=list)
    known_histories: frozenset[str] = frozenset()
    """Names of Dagster's files of runs from before."""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def data(self) -> Path:
        assert self.is_local
        return self.state / "data"

    @property
    def run(self) -> Run:
        """The run that is disturbed."""
        return self.runs[0]

    def start(self, *arguments: str) -> Run:
        """`wm run` of the round's day."""
        whole = ("--profile", self.profile, "--day", self.day, *arguments)
        run = Run(whole, self.environment, self.folder / f"run-{len(self.runs) + 1}.err")
        self.runs.append(run)
        self.watch.add(run)
        return run

    # --- moments --------------------------------------------------------------------------------------------------

    def reach(self, delay_s: float) -> None:
        """Wait for the moment: so many seconds into the stage, or its end. Raises NothingToHitError after the run's."""
        while not (self.stage == START or self._is_at()):
            self._pause(_LOOKED_EVERY_S)
        moment = time.monotonic() + delay_s
        while time.monotonic() < moment and self.stage not in self.steps("STEP_SUCCESS"):
            self._pause(_LOOKED_EVERY_S)

    def _is_at(self) -> bool:
        if self.stage == END:
            return _LAST_STEP in self.steps("STEP_SUCCESS")
        return self.stage in self.steps("STEP_START")

    def _pause(self, seconds: float) -> None:
        if self.run.wait(seconds):
            raise NothingToHitError(f"the run ended before {self.stage} was reached")

    def steps(self, event: str) -> list[str]:
        """Steps of this round's runs that have had an event of Dagster's, once for each time."""
        return [
            step for file in self._histories() if file.name not in self.known_histories for step in _steps(file, event)
        ]

    def _histories(self) -> Iterable[Path]:
        return (self.state / "dagster" / "history" / "runs").glob("*-*.db")

    def remember_histories(self) -> None:
        """What there is now was not made by this round."""
        self.known_histories = frozenset(file.name for file in self._histories())

    def victim(self, is_one: Callable[[psutil.Process], bool]) -> psutil.Process:
        """A process of the run that fits, drawn. Raises NothingToHitError when the stage ends without one."""
        while True:
            found = []
            for process in self.run.descendants():
                with contextlib.suppress(psutil.Error):
                    if is_one(process):
                        found.append(process)
            if found:
                return self.rng.choice(sorted(found, key=lambda process: process.pid))
            if self.stage not in (START, END) and self.stage in self.steps("STEP_SUCCESS"):
                raise NothingToHitError(f"{self.stage} ended first")
            self._pause(_LOOKED_EVERY_S)


def _steps(file: Path, event: str) -> list[str]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
            rows = connection.execute("SELECT step_key FROM event_logs WHERE dagster_event_type = ?", (event,))
            return [str(step) for (step,) in rows]
    except sqlite3.Error:
        return []  # it is being made


def seconds_of_steps(state: Path) -> dict[str, float]:
    """How long each asset of a finished round took."""
    found = {}
    query = (
        "SELECT step_key, (julianday(max(timestamp)) - julianday(min(timestamp))) * 86400 FROM event_logs "
        "WHERE dagster_event_type IN ('STEP_START', 'STEP_SUCCESS') GROUP BY step_key"
    )
    for file in (state / "dagster" / "history" / "runs").glob("*-*.db"):
        with contextlib.closing(sqlite3.connect(file)) as connection:
            found.update({str(step): float(seconds) for step, seconds in connection.execute(query)})
    return found


# --- folders ----------------------------------------------------------------------------------------------------------


def make_cache(state: Path) -> None:
    """The folder that `wm setup` leaves: without it nothing is remembered of files that were checked."""
    (state / "cache").mkdir(parents=True, exist_ok=True)


def environment_of(folder: Path) -> dict[str, str]:
    """For processes of a round in `folder`: all that they write lies in it."""
    state = folder / "state"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("WM_", "AWS_", "DAGSTER_", "MLFLOW_"))
    }
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "WM_STATE": str(state),
        "TMPDIR": str(folder / "tmp"),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }


def copy_state(base: Path, state: Path) -> None:
    """What a restored backup would be: the same files with the same times."""
    shutil.copytree(base, state, symlinks=True, dirs_exist_ok=True)
    make_cache(state)
