"""What is done to a round: one function a fault, and the table of all of them.

A fault of a running round is a context manager: entering it does the harm and says what it did, leaving it takes the
cause away. It raises NothingToHitError when there was nothing to harm. A fault of a round's files changes a copy of a
finished state folder, and says which assets may be made again for it.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import psutil

from benchmarks.chaos.brief import BRIEF, BRIEF_RANKS
from benchmarks.chaos.disk import SmallDisk
from benchmarks.chaos.scene import END, START, Scene
from benchmarks.chaos.store import Mood, Store
from wm_pipeline.rounds.graph import ASSETS, ROUND_ASSETS

WITH_WORKERS = ("raw_trajectories", "distilled_checkpoint")
WITH_BROWSERS = (*WITH_WORKERS, "eval_report")
TRAININGS = ("midtrain_checkpoint", "sft_checkpoint", "distilled_checkpoint")
ANY = (START, *ROUND_ASSETS, END)
_DAY_S = 86400


class Place(StrEnum):
    """What a round's outputs lie on."""

    FOLDER = "folder"
    SMALL_DISK = "small disk"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a fault works with besides the scene; None where its place has no such thing."""

    disk: SmallDisk | None = None
    store: Store | None = None


Act = Callable[[Scene, Tools], AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done to a finished round's files."""

    told: str
    redone: frozenset[str]
    """Assets that are to be made again for it."""
    lost: frozenset[str] = frozenset()
    """`mlflow` or `dagster`: what is known of the past only there is gone."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    act: Act | None = None
    damage: Callable[[Scene], Damage] | None = None
    """Instead of `act`: what happens between two runs."""
    stages: tuple[str, ...] = ANY
    place: Place = Place.FOLDER
    holds_s: tuple[float, float] = (0.0, 0.0)
    """How long the cause lasts, at least and at most; it ends with the run."""
    cause: str = ""
    """What the last words of a run that it ends must say, as a regular expression; empty: it may not fail."""
    ends_by: frozenset[int] = frozenset()
    """Statuses besides 0 and 1 with which the run may end."""
    drops_branches: bool = False
    """A branch that it breaks is counted as dropped, and hindsight may lack it."""
    profile: str = BRIEF
    is_repeated: bool = False
    """The command is given again as it was, and disturbed again."""


# --- processes --------------------------------------------------------------------------------------------------------


def command_of(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def is_browser(process: psutil.Process) -> bool:
    command = command_of(process)
    return "--remote-debugging-pipe" in command and "--type=" not in command


def is_zygote(process: psutil.Process) -> bool:
    return "--type=zygote" in command_of(process)


def is_training(process: psutil.Process) -> bool:
    command = command_of(process)
    is_stage = "wm_pipeline.train.run" in command or "wm_pipeline.distill.run" in command
    return is_stage and "torch.distributed.run" not in command


def is_rank(number: int, process: psutil.Process) -> bool:
    return is_training(process) and process.environ().get("RANK") == str(number)


def is_worker(scene: Scene, process: psutil.Process) -> bool:
    """What workers are forked from is a child of the run, and none of them."""
    return "forkserver" in command_of(process) and process.ppid() != scene.run.process.pid


@contextmanager
def signal_run(number: signal.Signals, scene: Scene, tools: Tools) -> Iterator[str]:
    """To the process alone, as `kill` does; Ctrl-C goes to the whole group."""
    send = os.killpg if number is signal.SIGINT else os.kill
    send(scene.run.process.pid, number)
    yield f"{number.name} to {scene.run.process.pid}"


@contextmanager
def kill_group(scene: Scene, tools: Tools) -> Iterator[str]:
    """As when a machine is switched off: the run and all that it has started, at once."""
    victims = [psutil.Process(scene.run.process.pid), *scene.run.descendants()]
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    yield f"SIGKILL to {len(victims)} processes"


@contextmanager
def kill_one(is_one: Callable[[psutil.Process], bool], scene: Scene, tools: Tools) -> Iterator[str]:
    process = scene.victim(is_one)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
    yield f"SIGKILL to {process.pid}"


@contextmanager
def kill_worker(scene: Scene, tools: Tools) -> Iterator[str]:
    with kill_one(partial(is_worker, scene), scene, tools) as told:
        yield told


@contextmanager
def stop_browser(scene: Scene, tools: Tools) -> Iterator[str]:
    process = scene.victim(is_browser)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
    yield f"SIGSTOP to {process.pid}"
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


@contextmanager
def second_run(scene: Scene, tools: Tools) -> Iterator[str]:
    beside = scene.start()
    yield f"process {beside.process.pid} beside it"


# --- the disk and the store -------------------------------------------------------------------------------------------


@contextmanager
def full_disk(scene: Scene, tools: Tools) -> Iterator[str]:
    assert tools.disk is not None
    leave = scene.rng.choice([0, 64 * 2**10, 2**20, 8 * 2**20])
    filler = tools.disk.fill(leave)
    yield f"{leave // 1024} KiB left"
    filler.unlink(missing_ok=True)


@contextmanager
def read_only_disk(scene: Scene, tools: Tools) -> Iterator[str]:
    assert tools.disk is not None
    tools.disk.make_read_only()
    yield "read-only"
    tools.disk.mend()


@contextmanager
def power_cut(scene: Scene, tools: Tools) -> Iterator[str]:
    assert tools.disk is not None
    tools.disk.cut_off()
    with kill_group(scene, tools) as told:
        yield f"cut off, {told}"
    scene.run.wait(60)
    tools.disk.mend()


@contextmanager
def moody(mood: Mood, scene: Scene, tools: Tools) -> Iterator[str]:
    assert tools.store is not None
    tools.store.mood = mood
    yield f"the store is {mood}"
    tools.store.mood = Mood.GOOD


# --- files between two runs -------------------------------------------------------------------------------------------


def asset_of(place: str) -> str:
    """The asset that commits a place of the store."""
    for asset in ASSETS:
        roots = (*(f"tables/{table}/" for table in asset.tables), *(f"{asset.root}/",) * bool(asset.root))
        beside = tuple(f"tables/{name}/" if "/" not in name else f"{name}/" for name in asset.beside)
        if place.startswith((*roots, *beside)):
            return asset.name
    raise AssertionError(f"no asset commits {place}")


def records_in(data: Path) -> dict[str, Path]:
    """Records of outputs by their places."""
    folder = data / "records"
    return {str(file.relative_to(folder))[: -len(".json")]: file for file in sorted(folder.rglob("*.json"))}


def drawn_file(scene: Scene) -> tuple[str, Path]:
    """A file of an output, and the output's place: outputs are drawn evenly, then their files."""
    place, record = scene.rng.choice(list(records_in(scene.data).items()))
    return place, scene.data / scene.rng.choice(sorted(json.loads(record.read_text())["files"]))


def flip(file: Path, byte: int, bit: int) -> None:
    """In place, as a disk would do it: one bit, no other file under the same name."""
    with file.open("r+b") as stream:
        stream.seek(byte)
        old = stream.read(1)[0]
        stream.seek(byte)
        stream.write(bytes([old ^ (1 << bit)]))


def flip_bit(scene: Scene) -> Damage:
    place, file = drawn_file(scene)
    byte, bit = scene.rng.randrange(file.stat().st_size), scene.rng.randrange(8)
    flip(file, byte, bit)
    return Damage(f"bit {bit} of byte {byte} of {file.relative_to(scene.data)}", frozenset({asset_of(place)}))


def cut_file(scene: Scene) -> Damage:
    place, file = drawn_file(scene)
    size = scene.rng.randrange(file.stat().st_size)
    os.truncate(file, size)
    return Damage(f"{file.relative_to(scene.data)} cut to {size} bytes", frozenset({asset_of(place)}))


def delete_file(scene: Scene) -> Damage:
    place, file = drawn_file(scene)
    file.unlink()
    return Damage(f"{file.relative_to(scene.data)} deleted", frozenset({asset_of(place)}))


def cut_report(scene: Scene) -> Damage:
    file = scene.data / "reports" / scene.day / "report.json"
    size = scene.rng.randrange(file.stat().st_size)
    os.truncate(file, size)
    return Damage(f"report.json cut to {size} bytes", frozenset({"eval_report"}))


def foreign_weights(scene: Scene) -> Damage:
    """Weights, or a whole checkpoint, of another training."""
    target, source = scene.rng.sample(["midtrain", "sft", "distilled"], 2)
    name = scene.rng.choice(["backbone/model.safetensors", "judge.safetensors", ""])
    ours, theirs = (scene.data / "checkpoints" / one / scene.day / "checkpoint" / name for one in (target, source))
    shutil.copytree(theirs, ours, dirs_exist_ok=True) if not name else shutil.copyfile(theirs, ours)
    return Damage(f"{name or 'checkpoint'} of {source} in place of {target}'s", frozenset({f"{target}_checkpoint"}))


def delete_records(scene: Scene) -> Damage:
    """Some of them, or all: then nothing is known of any output."""
    records = records_in(scene.data)
    count = scene.rng.choice([1, 1, 2, 3, len(records)])
    chosen = scene.rng.sample(sorted(records), count)
    for place in chosen:
        records[place].unlink()
    told = ", ".join(chosen) if count <= 3 else "all"
    return Damage(f"records deleted: {told}", frozenset(asset_of(place) for place in chosen))


def lose_mlflow(scene: Scene) -> Damage:
    (scene.state / "mlflow.db").unlink()
    return Damage("mlflow.db deleted", frozenset({"model_version"}), frozenset({"mlflow"}))


def lose_dagster(scene: Scene) -> Damage:
    for name in ("history", "schedules", "storage"):
        shutil.rmtree(scene.state / "dagster" / name, ignore_errors=True)
    return Damage("Dagster's history deleted", frozenset(), frozenset({"dagster"}))


def set_clock(scene: Scene) -> Damage:
    """Files with times of other clocks: some years old, some of a time to come."""
    now = time.time()
    files = [file for file in sorted(scene.state.rglob("*")) if file.is_file()]
    for file in files:
        moment = now + scene.rng.uniform(-400, 400) * _DAY_S
        os.utime(file, (moment, moment))
    return Damage(f"{len(files)} files with times up to 400 days off", frozenset())


# --- the table --------------------------------------------------------------------------------------------------------

_KILLED = frozenset({-signal.SIGKILL})
_WHILE = (5.0, 60.0)
_OF_TRAINING = "was ended by SIGKILL|failed with exit status 1; its own last lines say why"

FAULTS = (
    Fault("kill_run", partial(signal_run, signal.SIGKILL), ends_by=_KILLED),
    Fault("kill_everything", kill_group, ends_by=_KILLED),
    Fault("interrupt_run", partial(signal_run, signal.SIGINT), cause="stopped"),
    Fault("terminate_run", partial(signal_run, signal.SIGTERM), cause="stopped", ends_by=frozenset({-signal.SIGTERM})),
    Fault("kill_worker", kill_worker, stages=WITH_WORKERS),
    Fault("kill_browser", partial(kill_one, is_browser), stages=WITH_BROWSERS, drops_branches=True),
    Fault("kill_zygote", partial(kill_one, is_zygote), stages=WITH_BROWSERS, drops_branches=True),
    Fault("stop_browser", stop_browser, stages=WITH_BROWSERS, holds_s=(10.0, 60.0), drops_branches=True),
    Fault("kill_training", partial(kill_one, is_training), stages=TRAININGS, cause=_OF_TRAINING),
    Fault(
        "kill_first_rank",
        partial(kill_one, partial(is_rank, 0)),
        stages=TRAININGS,
        cause=_OF_TRAINING,
        profile=BRIEF_RANKS,
    ),
    Fault(
        "kill_other_rank",
        partial(kill_one, partial(is_rank, 1)),
        stages=TRAININGS,
        cause=_OF_TRAINING,
        profile=BRIEF_RANKS,
    ),
    Fault("kill_redo", partial(signal_run, signal.SIGKILL), stages=ROUND_ASSETS, ends_by=_KILLED, is_repeated=True),
    Fault("two_runs", second_run),
    Fault("full_disk", full_disk, place=Place.SMALL_DISK, holds_s=_WHILE, cause="full|GiB free|space"),
    Fault(
        "read_only_disk",
        read_only_disk,
        place=Place.SMALL_DISK,
        holds_s=(float("inf"), float("inf")),
        cause="read-only|Read-only|Input/output error|permissions",
    ),
    Fault("power_cut", power_cut, place=Place.SMALL_DISK, ends_by=_KILLED, cause="Input/output error|disk"),
    Fault(
        "s3_unavailable",
        partial(moody, Mood.UNAVAILABLE),
        place=Place.S3,
        holds_s=_WHILE,
        cause="503|SLOW_DOWN|SlowDown|reduce your request rate",
    ),
    Fault("s3_slow", partial(moody, Mood.SLOW), place=Place.S3, holds_s=_WHILE),
    Fault("s3_expired", partial(moody, Mood.EXPIRED), place=Place.S3, holds_s=_WHILE, cause="[Ee]xpired|403|ACCESS"),
    Fault("flip_bit", damage=flip_bit),
    Fault("cut_file", damage=cut_file),
    Fault("delete_file", damage=delete_file),
    Fault("cut_report", damage=cut_report),
    Fault("foreign_weights", damage=foreign_weights),
    Fault("delete_records", damage=delete_records),
    Fault("lose_mlflow", damage=lose_mlflow),
    Fault("lose_dagster", damage=lose_dagster),
    Fault("set_clock", damage=set_clock),
)
FAULT: Mapping[str, Fault] = {fault.name: fault for fault in FAULTS}
