"""One disturbed round after another: what is drawn for each, how it is played, what is told of it."""

import contextlib
import math
import multiprocessing
import random
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.expected import Expectation, Proof, redone_by
from benchmarks.chaos.faults import FAULT, Damage, Fault, Place, Tools
from benchmarks.chaos.scene import (
    END,
    START,
    Ended,
    NothingToHitError,
    Run,
    Scene,
    Watch,
    copy_state,
    environment_of,
    make_cache,
    seconds_of_steps,
)
from benchmarks.chaos.store import Store
from wm_pipeline.rounds.days import today
from wm_pipeline.rounds.graph import ROUND_ASSETS

_TRIES = 3
"""How often `wm run` is called again until it has to end well."""
_START_S = 12.0
"""How long a run takes until its first step, about: the time in which START is drawn."""
_ENDS_WITHIN_S = 30.0
"""What a killed process has started ends within seconds."""
_ROLL_OUT_ANEW = "--redo-from raw_trajectories"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn for a round: the same seed draws the same."""

    seed: int
    fault: str
    begins: str
    """`fresh`: an empty state folder; `next_day`: the day after a finished one; `finished`: a finished one; else the
    asset that the round is made again from."""
    stage: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a played round."""

    plan: Plan
    did: str
    """What the fault did; empty when it found nothing to hit."""
    runs: tuple[Ended, ...]
    problems: tuple[str, ...]
    seen: Mapping[str, int] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        told = {**asdict(self.plan), "did": self.did, "ok": not self.problems, "problems": list(self.problems)}
        return {**told, "runs": [asdict(run) for run in self.runs], "seen": dict(self.seen)}


@dataclass(frozen=True, slots=True)
class Base:
    """A finished round that others begin from."""

    state: Path
    day: str
    seconds: Mapping[str, float]
    """Of each asset."""


def make_base(folder: Path, *, limit_s: float) -> Base:
    """The undisturbed round; one that is there already is taken. Raises RuntimeError when it does not end well."""
    marker = folder / "day.txt"
    if not marker.exists():
        state, day = folder / "state", (date.fromisoformat(today()) - timedelta(days=1)).isoformat()
        make_cache(state)
        ended = Run(["--profile", "brief", "--day", day], environment_of(folder), folder / "run.err").end(limit_s)
        if ended.status != 0:
            raise RuntimeError(f"the undisturbed round ended with {ended.status}: {ended.last_line}")
        marker.write_text(day)
    return Base(folder / "state", marker.read_text(), seconds_of_steps(folder / "state"))


def draw(seed: int, faults: Sequence[str], base: Base, *, first: str = ROUND_ASSETS[0]) -> Plan:
    """What the seed says. As many seeds in a row as there are faults hold each of them once.

    `first`: only this stage and later ones are disturbed, where the fault has any of them.
    """
    turn, at = divmod(seed, len(faults))
    fault = FAULT[random.Random(f"turn {turn}").sample(sorted(faults), len(faults))[at]]
    rng = random.Random(seed)
    late = [stage for stage in fault.stages if stage == END or stage in ROUND_ASSETS[ROUND_ASSETS.index(first) :]]
    stage = rng.choice(late if late and first != ROUND_ASSETS[0] else fault.stages)
    if fault.damage is not None:
        return Plan(seed, fault.name, "finished", START, 0.0)
    at = ROUND_ASSETS.index(stage) if stage in ROUND_ASSETS else rng.randrange(len(ROUND_ASSETS))
    # Most begin where they are disturbed: a round then takes a minute rather than five.
    ways = (ROUND_ASSETS[at], rng.choice(ROUND_ASSETS[: at + 1]), "next_day", "fresh")
    chosen = rng.choices(ways, (0.8, 0.1, 0.05, 0.05))[0]
    delay_s = rng.uniform(0, _START_S if stage == START else 0.7 * base.seconds.get(stage, 2.0))
    return Plan(seed, fault.name, chosen, stage, round(delay_s, 2))


def play(plan: Plan, base: Base, folder: Path, *, store: Store | None, limit_s: float) -> Told:
    """One round from its start to its proof; the folder is deleted unless something was wrong."""
    fault = FAULT[plan.fault]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    watch = Watch()
    day = base.day
    if plan.begins == "next_day":
        day = (date.fromisoformat(base.day) + timedelta(days=1)).isoformat()
    environment = environment_of(folder)
    prefix = folder.name
    scene = Scene(
        folder, environment, day, fault.profile, random.Random(f"{plan.seed} of {plan.fault}"), watch, plan.stage
    )
    with ExitStack() as places:
        tools = Tools(store=store if fault.place is Place.S3 else None)
        if fault.place is Place.SMALL_DISK:
            tools = Tools(disk=places.enter_context(small_disk(scene.state)))
        if plan.begins == "fresh":
            make_cache(scene.state)
        else:
            copy_state(base.state, scene.state)
        if tools.store is not None:
            environment |= tools.store.variables(prefix)
            scene.is_local = False
            if plan.begins != "fresh":
                tools.store.upload(base.state / "data", prefix)
            shutil.rmtree(scene.state / "data", ignore_errors=True)
            places.callback(tools.store.delete, prefix)
        if tools.disk is not None:
            tools.disk.sync()
        scene.remember_histories()
        told = _play(plan, fault, scene, tools, base, limit_s=limit_s)
    if not told.problems:
        shutil.rmtree(folder)
    return told


def _play(plan: Plan, fault: Fault, scene: Scene, tools: Tools, base: Base, *, limit_s: float) -> Told:
    did, damage, ended = "", None, list[Ended]()
    problems: list[str] = []
    if fault.damage is not None:
        damage = fault.damage(scene)
        did = damage.told
    else:
        arguments = () if plan.begins in ("fresh", "next_day") else ("--redo-from", plan.begins)
        for _ in range(2 if fault.is_repeated else 1):
            if scene.runs:
                scene.runs.clear()
                scene.remember_histories()
            scene.start(*arguments)
            did = _disturb(plan, fault, scene, tools, limit_s=limit_s)
            ended += [run.end(limit_s) for run in scene.runs]
            problems += [problem for one in ended for problem in _wrong_words(one, fault, hit=bool(did))]
    redone = _redone(plan, damage, base, scene.day)
    for _ in range(_TRIES):
        more, followed = _what_it_asks(ended[-1]) if ended else ((), False)
        redone |= redone_by("raw_trajectories") if followed else frozenset()
        ended.append(scene.start(*more).end(limit_s))
        problems += _wrong_words(ended[-1], fault, hit=damage is not None)
        if ended[-1].status in (0, None):
            break
    if ended[-1].status != 0:
        problems.append("no `wm run` ended well")
    if plan.fault == "two_runs":
        problems += _made_twice(scene)
    scene.watch.stop()
    problems += [f"still running: {one}" for one in scene.watch.left(str(scene.folder), patience_s=_ENDS_WITHIN_S)]
    expected = Expectation(
        base.state,
        scene.day,
        base.day,
        redone,
        is_fresh=plan.begins == "fresh",
        is_registry_lost=damage is not None and "mlflow" in damage.lost,
        may_drop_branches=fault.drops_branches,
        profile=fault.profile,
    )
    proof = proved(scene.environment, expected)
    return Told(plan, did, tuple(ended), (*dict.fromkeys([*problems, *proof.problems]),), proof.seen)


def _disturb(plan: Plan, fault: Fault, scene: Scene, tools: Tools, *, limit_s: float) -> str:
    """Do it at its moment and for its time; what it did, or nothing when there was nothing to hit."""
    assert fault.act is not None
    least, most = fault.holds_s
    hold_s = least if math.isinf(least) else scene.rng.uniform(least, most)
    with contextlib.suppress(NothingToHitError):
        scene.reach(plan.delay_s)
        with fault.act(scene, tools) as did:
            scene.run.wait(min(hold_s, limit_s))
        return did
    return ""


def _wrong_words(ended: Ended, fault: Fault, *, hit: bool) -> Iterator[str]:
    words = " ".join(ended.arguments[4:]) or "plain"
    if ended.traceback:
        yield f"a traceback from `wm run` ({words}): {ended.traceback[:4000]}"
    if ended.status is None:
        yield f"`wm run` ({words}) was stuck for {ended.seconds:.0f} s"
    elif ended.status == 1:
        if not ended.last_line.startswith("wm: "):
            yield f"`wm run` ({words}) failed without a sentence: {ended.last_line[:300]}"
        elif hit and fault.damage is None and not re.search(fault.cause or "$^", ended.last_line):
            yield f"`wm run` ({words}) does not name the cause: {ended.last_line[:300]}"
        elif not hit:
            yield f"`wm run` ({words}) failed undisturbed: {ended.last_line[:300]}"
    elif ended.status != 0 and not (hit and ended.status in fault.ends_by):
        yield f"`wm run` ({words}) ended with {ended.status}: {ended.last_line[:300]}"


def _what_it_asks(ended: Ended) -> tuple[tuple[str, ...], bool]:
    """The arguments that the last words ask for, and whether they ask for new rollouts."""
    if ended.status == 1 and _ROLL_OUT_ANEW in ended.last_line:
        return ("--redo-from", "raw_trajectories"), True
    return (), False


def _redone(plan: Plan, damage: Damage | None, base: Base, day: str) -> frozenset[str]:
    """Assets of the base's day that the round may make again."""
    if damage is not None:
        return redone_by(*damage.redone)
    if day != base.day:
        return frozenset({"reviewed_decisions"})
    first = "raw_trajectories" if plan.begins == "fresh" else plan.begins
    ranks = ("midtrain_checkpoint",) if "rank" in plan.fault else ()
    return redone_by(first, *ranks)


def _made_twice(scene: Scene) -> Iterator[str]:
    steps = [step for step in scene.steps("STEP_SUCCESS") if step in ROUND_ASSETS]
    for step in sorted({step for step in steps if steps.count(step) > 1}):
        yield f"{step} was made {steps.count(step)} times"


# --- the proof's process ----------------------------------------------------------------------------------------------


def proved(environment: Mapping[str, str], expected: Expectation) -> Proof:
    """From a process that has imported what the proof needs, and nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.chaos.proof"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return pool.submit(_prove, dict(environment), expected).result()


def _prove(environment: Mapping[str, str], expected: Expectation) -> Proof:
    # Only there: Dagster and torch take seconds to import.
    from benchmarks.chaos.proof import prove

    return prove(environment, expected)
