"""How fast experience is rolled out: ours against BrowserGym on the same tasks, then our own sites in detail.

`make benchmark-rollout` runs all of it, `python -m benchmarks.rollout --minutes 10` what collection gives in an hour.
Numbers go to standard output as JSON, a copy and a plot to benchmarks/results.
Everything is taken in one run, contenders in turn, so that what else the machine does meets all of them alike.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl
import polars as pl
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from benchmarks.reporting import machine
from wm_pipeline.collect.parts import committed_parts, merge_frames, read_part
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.run import CollectPlan, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, OpenEnvironment
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.state import State
from wm_pipeline.domain.world import Episode, Observation, WorldSpec
from wm_pipeline.environments.browser.chromium import ChromiumBinary, find_chromium
from wm_pipeline.environments.browser.session import BrowserSession
from wm_pipeline.environments.browser.settle import SettleSettings, look_now
from wm_pipeline.environments.browsergym import VERSION, browsergym_world, open_browsergym
from wm_pipeline.environments.browsergym_process import BrowserGymSettings
from wm_pipeline.environments.instruments.host_server import HostServer
from wm_pipeline.environments.miniwob import MiniWobEnvironment, expert_action_for, miniwob_world
from wm_pipeline.environments.sites.environment import open_site_environment
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.names import MINIWOB
from wm_pipeline.rounds.profiles import gpu
from wm_pipeline.rounds.worlds import draw_round

RESULTS = Path(__file__).parent / "results"
TASKS = ("click-button", "click-dialog", "enter-text", "login-user", "enter-password")
"""Each has one way to its goal, of as many actions whatever the seed."""
STEPS = 4
"""An episode: nothing, then what the goal's words ask for, then nothing until there are so many."""
DAY = "2030-01-15"
PAGE_NODES = (50, 100, 200, 400, 600, 1000, 2000)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one episode."""

    task: str
    actions: tuple[str, ...]
    reset_ms: float
    steps_ms: tuple[float, ...]

    @property
    def steps_per_s(self) -> float:
        return 1000 * len(self.steps_ms) / (self.reset_ms + sum(self.steps_ms))


class Playable(Protocol):
    async def reset(self, spec: WorldSpec) -> Episode: ...

    async def act(self, action: Action) -> Observation: ...


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    environment: Playable
    world: Callable[[str, int], WorldSpec]
    own_ms: Callable[[], float] | None = None
    """BrowserGym's own time of the last call, without the look that our adapter adds; None: the call's whole time."""


async def timed(contender: Contender, work: Awaitable[Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    answer = await work
    elapsed_ms = (time.perf_counter() - started) * 1000
    return answer, elapsed_ms if contender.own_ms is None else contender.own_ms()


async def play(contender: Contender, task: str, seed: int) -> Timing:
    episode, reset_ms = await timed(contender, contender.environment.reset(contender.world(task, seed)))
    state: State = episode.state
    actions, steps_ms = [], []
    is_finished = False
    for step in range(STEPS):
        wanted = None if step == 0 or is_finished else expert_action_for(task, state)
        observation, step_ms = await timed(contender, contender.environment.act(wanted or NOOP))
        # A click ends each of these tasks.
        is_finished = is_finished or (wanted is not None and wanted.kind.value == "click")
        actions.append((wanted or NOOP).kind.value)
        steps_ms.append(step_ms)
        state = observation.state
    return Timing(task, tuple(actions), reset_ms, tuple(steps_ms))


async def against_browsergym(binary: ChromiumBinary, repeats: int) -> dict[str, Any]:
    def gym_world(task: str, seed: int) -> WorldSpec:
        return browsergym_world(f"browsergym/miniwob.{task}", seed)

    ours = await MiniWobEnvironment.launch(binary)
    shipped = await open_browsergym(binary, settings=BrowserGymSettings(has_waits=True))
    hurried = await open_browsergym(binary)
    contenders = (
        Contender("ours", ours, miniwob_world),
        Contender("browsergym_as_shipped", shipped, gym_world, lambda: shipped.gym_ms),
        Contender("browsergym_without_waits", hurried, gym_world, lambda: hurried.gym_ms),
    )
    timings: dict[str, list[list[Timing]]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        await play(contender, TASKS[0], 0)  # the first episode starts what later ones find
    for repeat in range(repeats):
        for contender in contenders:
            timings[contender.name].append([await play(contender, task, 100 + repeat) for task in TASKS])
    await ours.close()
    await shipped.close()
    await hurried.close()
    kinds = {name: [[one.actions for one in round_] for round_ in rounds] for name, rounds in timings.items()}
    if any(one != kinds["ours"] for one in kinds.values()):
        raise SystemExit(f"the contenders did not act alike: {kinds}")
    rates = {name: [rate_of(round_) for round_ in rounds] for name, rounds in timings.items()}
    return {
        "tasks": TASKS,
        "steps_an_episode": STEPS,
        "actions_of_a_round": kinds["ours"][0],
        "rounds": repeats,
        "contenders": {name: describe(rounds, rates[name]) for name, rounds in timings.items()},
        "ratio_steps_per_s": {
            name: spread([one / other for one, other in zip(rates["ours"], rates[name], strict=True)])
            for name in timings
            if name != "ours"
        },
    }


def rate_of(timings: Sequence[Timing]) -> float:
    steps = sum(len(one.steps_ms) for one in timings)
    return 1000 * steps / sum(one.reset_ms + sum(one.steps_ms) for one in timings)


def describe(rounds: Sequence[Sequence[Timing]], rates: Sequence[float]) -> dict[str, Any]:
    episodes = [one for round_ in rounds for one in round_]
    by_kind: dict[str, list[float]] = {}
    for one in episodes:
        for kind, step_ms in zip(one.actions, one.steps_ms, strict=True):
            by_kind.setdefault(kind, []).append(step_ms)
    return {
        "reset_ms": spread([one.reset_ms for one in episodes]),
        "step_ms": spread([step_ms for one in episodes for step_ms in one.steps_ms]),
        "step_ms_by_action": {kind: spread(found) for kind, found in sorted(by_kind.items())},
        "steps_per_s": spread(rates),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 2),
        "p10": round(ordered[int(0.1 * (len(ordered) - 1))], 2),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1) + 0.5)], 2),
        "count": len(ordered),
    }


# --- our own sites ----------------------------------------------------------------------------------------------------


def site_worlds(count: int) -> list[WorldSpec]:
    sites = ("payroll", "webmail", "identity")
    share = count // len(sites)
    return [spec for site in sites for spec in draw_worlds(site=site, day=DAY, count=share, seed=7)]


async def own_sites(binary: ChromiumBinary, worlds: int) -> dict[str, Any]:
    """Trajectories of the scripted policy with K = 4 executed alternatives at each state, one browser."""
    settings = CollectSettings(max_steps=6, branches=4, form_branches=4, noop_share=0.0)
    environment = await open_site_environment(binary)
    policy = make_policy("scripted")
    rates, transitions, dropped = [], 0, 0
    for spec in site_worlds(worlds):
        started = time.perf_counter()
        records = await collect_trajectory(environment, policy, spec, day=DAY, settings=settings)
        rates.append(len(records.transitions) / (time.perf_counter() - started))
        transitions += len(records.transitions)
        dropped += records.branches_dropped
    await environment.close()
    return {
        "branches": 4,
        "worlds": len(rates),
        "transitions": transitions,
        "branches_dropped": dropped,
        "transitions_per_s": spread(rates),
    }


async def restores(binary: ChromiumBinary, worlds: int) -> dict[str, Any]:
    """Going back after each of up to six offers of the first page of a world."""
    environment = await open_site_environment(binary)
    restore_ms, reset_ms, act_ms, failed = [], [], [], 0
    for spec in site_worlds(worlds):
        started = time.perf_counter()
        episode = await environment.reset(spec)
        reset_ms.append((time.perf_counter() - started) * 1000)
        await environment.snapshot()
        for action in candidate_actions(episode.state)[:6]:
            observation = await environment.act(action)
            act_ms.append(observation.elapsed_ms)
            started = time.perf_counter()
            is_same = await environment.restore()
            restore_ms.append((time.perf_counter() - started) * 1000)
            failed += not is_same
    await environment.close()
    return {
        "restore_ms": spread(restore_ms),
        "reset_ms": spread(reset_ms),
        "act_ms": spread(act_ms),
        "not_equal_afterwards": failed,
    }


def page_of(nodes: int) -> str:
    """A list of records as business applications have them: a row of eight nodes, two of them controls."""
    row = (
        '<tr><td>{0}</td><td><a href="/records/{0}">Record {0}</a></td><td>2030-01-15</td>'
        '<td>{0} open items</td><td><b>due</b></td><td><button type="button">Archive {0}</button></td></tr>'
    )
    rows = "".join(row.format(number) for number in range(max(1, (nodes - 8) // 10)))
    return f"<!doctype html><title>Records</title><h1>Records</h1><table><tbody>{rows}</tbody></table>"


async def observer(binary: ChromiumBinary, looks: int) -> list[dict[str, Any]]:
    """One look at a page at rest, from asking the browser to a parsed walk, by the number of the page's nodes."""

    def pages(environ: Any, start_response: Any) -> Any:
        answer = Response(page_of(int(environ["PATH_INFO"].strip("/"))), mimetype="text/html")
        return answer(environ, start_response)

    server = HostServer({"records.localhost": pages}, NotFound())
    session = await BrowserSession.launch(binary, server.port)
    found = []
    for nodes in PAGE_NODES:
        await session.begin(start_url=f"http://records.localhost/{nodes}", goal="", allowed_hosts={"records.localhost"})
        count = await session.evaluate("() => document.querySelectorAll('*').length")
        tab = session._present_tab()
        took = []
        for _ in range(looks):
            started = time.perf_counter()
            await look_now(tab, SettleSettings())
            took.append((time.perf_counter() - started) * 1000)
        found.append({"nodes": count, "look_ms": spread(took)})
    await session.close()
    server.close()
    return found


async def open_sites() -> OpenEnvironment:
    environment = await open_site_environment(find_chromium(os.environ.get("WM_CHROMIUM")))
    return OpenEnvironment(environment, "benchmark", environment.browser_version)


class _Store:
    """Takes what a partition writes; this is about browsers."""

    def write_tables(self, frames: Mapping[str, pl.DataFrame], **_: Any) -> list[str]:
        return list(frames)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Dropped as well."""


def by_workers(worlds: int) -> list[dict[str, Any]]:
    """Transitions a second of whole partitions, starting processes and browsers included."""
    found = []
    settings = CollectSettings(max_steps=4, branches=2, form_branches=2, noop_share=0.0)
    specs = tuple(Assignment(spec, "scripted") for spec in draw_worlds(site="payroll", day=DAY, count=worlds, seed=9))
    for workers in (1, 2, 3, 4):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            report = collect_partitions(
                [CollectPlan(DAY, "payroll", specs, settings)],
                make_environment=open_sites,
                make_policy=make_policy,
                pool=ProcessPool(workers),
                parts=TableStore(folder),
                store=_Store(),
                lineage={},
            )[0]
            elapsed_s = time.perf_counter() - started
        found.append(
            {
                "workers": workers,
                "worlds": report.trajectories,
                "transitions": report.transitions,
                "transitions_per_s": round(report.transitions / elapsed_s, 2),
            }
        )
    return found


class _TimeIsUpError(Exception):
    """Ends a collection from its progress."""


def collection(minutes: float) -> dict[str, Any]:
    """The gpu profile's rollouts on our own sites for so long, starting included: what an hour would give."""
    profile = gpu()
    sites = [site for site in profile.round.sites if site != MINIWOB]
    # More than can be rolled out meanwhile; the real numbers would take minutes to draw.
    enough = replace(
        profile, round=replace(profile.round, worlds_per_site=20 + round(12 * minutes), held_out_worlds=20)
    )
    drawn = [draw_round(enough, DAY, site) for site in sites]
    worlds = [world for turn in itertools.zip_longest(*drawn) for world in turn if world is not None]
    started = time.perf_counter()

    def check_time(done: int, total: int, text: str) -> None:
        if time.perf_counter() - started > 60 * minutes:
            raise _TimeIsUpError

    with tempfile.TemporaryDirectory() as folder:
        parts, plan = TableStore(folder), CollectPlan(DAY, "benchmark", tuple(worlds), profile.collect)
        with contextlib.suppress(_TimeIsUpError):
            collect_partitions(
                [plan],
                make_environment=open_sites,
                make_policy=make_policy,
                pool=ProcessPool(os.cpu_count() or 1),
                parts=parts,
                store=_Store(),
                lineage={},
                progress=check_time,
            )
            raise SystemExit("the worlds came to their end before the time; that is a bug of this benchmark")
        elapsed_s = time.perf_counter() - started
        keys = sorted(committed_parts(parts, plan.parts_folder))
        frames = merge_frames([read_part(parts, plan.parts_folder, key).frames for key in keys])
    executed = frames.trajectories.filter(pl.col("hindsight_of").is_null())
    transitions = frames.transitions.join(executed, on="trajectory_id", how="semi")
    return {
        "minutes": round(elapsed_s / 60, 2),
        "workers": os.cpu_count(),
        "worlds": executed.height,
        "transitions": transitions.height,
        "transitions_per_s": round(transitions.height / elapsed_s, 2),
        "transitions_per_hour": round(3600 * transitions.height / elapsed_s),
        "rows_per_hour_with_hindsight": round(3600 * frames.transitions.height / elapsed_s),
        "branches_dropped": int(executed["branches_dropped"].sum()),
        "stop_reasons": dict(executed["stop_reason"].cast(pl.String).value_counts(sort=True).iter_rows()),
        "load": round(os.getloadavg()[0], 2),
    }


# --- the machine, the plot --------------------------------------------------------------------------------------------


def described(binary: ChromiumBinary) -> dict[str, Any]:
    return {**machine("playwright"), "browser": binary.kind.value, "browsergym": VERSION}


def plot(found: dict[str, Any], file: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (rates, looks, workers) = pyplot.subplots(1, 3, figsize=(13, 3.8))
    names = list(found["against_browsergym"]["contenders"])
    spreads = [found["against_browsergym"]["contenders"][name]["steps_per_s"] for name in names]
    medians = [one["median"] for one in spreads]
    errors = [[one["median"] - one["p10"] for one in spreads], [one["p95"] - one["median"] for one in spreads]]
    bars = rates.bar(
        [name.replace("_", "\n") for name in names], medians, yerr=errors, color=["#2a6f97", "#c9ada7", "#9a8c98"]
    )
    rates.bar_label(bars, fmt="%.1f")
    rates.set_ylabel("steps a second")
    rates.set_title("MiniWoB++, resets included")
    nodes = [one["nodes"] for one in found["observer"]]
    looks.plot(nodes, [one["look_ms"]["median"] for one in found["observer"]], marker="o", label="median")
    looks.plot(nodes, [one["look_ms"]["p95"] for one in found["observer"]], marker=".", linestyle=":", label="p95")
    looks.set_xlabel("nodes of the page")
    looks.set_ylabel("ms a look")
    looks.set_title("Observer")
    looks.legend()
    workers.plot(
        [one["workers"] for one in found["workers"]], [one["transitions_per_s"] for one in found["workers"]], marker="o"
    )
    workers.set_xticks([one["workers"] for one in found["workers"]])
    workers.set_ylim(bottom=0)
    workers.set_xlabel("workers")
    workers.set_ylabel("transitions a second")
    workers.set_title("payroll, K = 2, whole partitions")
    for axes in (rates, looks, workers):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of five episodes a contender")
    parser.add_argument("--worlds", type=int, default=12, help="of our own sites")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--minutes", type=float, help="only the gpu profile's collection, for so long")
    given = parser.parse_args()
    binary = find_chromium(os.environ.get("WM_CHROMIUM"))

    def say(text: str) -> None:
        print(f"benchmark: {text}", file=sys.stderr, flush=True)

    given.output.mkdir(parents=True, exist_ok=True)
    results = given.output / "rollout.json"
    if given.minutes is not None:
        say(f"collection of the gpu profile for {given.minutes:g} minutes")
        command = f"python -m benchmarks.rollout --minutes {given.minutes:g}"
        measured = {"collection": {"command": command, "machine": described(binary), **collection(given.minutes)}}
        kept = json.loads(results.read_text()) if results.exists() else {}
        results.write_text(json.dumps(kept | measured, indent=1) + "\n")
        print(json.dumps(measured, indent=1))
        return
    parts: tuple[tuple[str, str, Callable[[], Any]], ...] = (
        (
            "against_browsergym",
            "BrowserGym and ours, in turn",
            lambda: asyncio.run(against_browsergym(binary, given.rounds)),
        ),
        ("going_back", "going back", lambda: asyncio.run(restores(binary, given.worlds))),
        ("observer", "looking at pages of many sizes", lambda: asyncio.run(observer(binary, 20))),
        ("own_sites", "our own sites, four branches a state", lambda: asyncio.run(own_sites(binary, given.worlds))),
        ("workers", "one to four workers", lambda: by_workers(given.worlds)),
    )
    command = " ".join(["python -m benchmarks.rollout", *sys.argv[1:]])
    found: dict[str, Any] = {"command": command, "machine": described(binary), "load": {}}
    before = json.loads(results.read_text()) if results.exists() else {}
    if "collection" in before:
        # Measured by a run of its own.
        found["collection"] = before["collection"]
    for name, title, measure in parts:
        say(title)
        found[name] = measure()
        found["load"][name] = round(os.getloadavg()[0], 2)
        # What is measured is kept, whatever becomes of the rest.
        results.write_text(json.dumps(found, indent=1) + "\n")
    plot(found, given.output / "rollout.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
