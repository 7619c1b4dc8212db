"""Tries an application file in a real browser and says what holds: `wm env check`.

Each finding is one sentence; one that does not hold says what to do about it.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import host_of
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import InvalidInputError, WmError
from wm_pipeline.domain.ids import page_id_of, seed_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.applications.application import Application, Attack, Goal, load_application
from wm_pipeline.environments.applications.environment import ThirdPartyEnvironment, open_application
from wm_pipeline.environments.applications.worlds import ENVIRONMENT, goals_of
from wm_pipeline.environments.browser.chromium import ChromiumBinary
from wm_pipeline.environments.episodes import Demonstration, demonstrate
from wm_pipeline.environments.sites.wording import WORDING_IDS

MAX_PAGES = 6
MAX_BRANCHES = 6
MAX_STEPS = 8
CROWDED = 120
"""Elements of a page from which on the observer leaves the rest out."""
LEAST_RESTORED = 0.8
"""Share of steps that must come back exactly: the others are dropped or replayed, which costs time."""


class Result(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    NOT_TRIED = "not tried"
    """An earlier check failed, or the file declares nothing to try it on."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    verdict: Result
    found: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    file: str
    findings: tuple[Finding, ...]

    @property
    def is_usable(self) -> bool:
        return all(finding.verdict is not Result.FAILS for finding in self.findings)

    def as_table(self) -> str:
        width = max(len(finding.what) for finding in self.findings)
        marks = {Result.HOLDS: "ok  ", Result.FAILS: "FAIL", Result.NOT_TRIED: "-   "}
        return "\n".join(f"{marks[f.verdict]} {f.what:<{width}}  {f.found}" for f in self.findings)


_LATER = ("pages", "isolation", "restore", "goals", "attacks", "look-alikes")


async def check_application(path: Path, binary: ChromiumBinary) -> CheckReport:
    """Start it, sign in, look around, act and go back, run its goals and attacks. Raises nothing for what is wrong."""
    findings: list[Finding] = []

    def told(what: str, verdict: Result, found: str) -> None:
        findings.append(Finding(what, verdict, found))

    started = time.perf_counter()
    try:
        file = load_application(path)
        told("file", Result.HOLDS, _describe(file.application))
        environment = await open_application(file, binary)
    except WmError as error:
        told("starts and signs in" if findings else "file", Result.FAILS, str(error))
        for what in _LATER:
            told(what, Result.NOT_TRIED, "the application is not running")
        return CheckReport(str(path), tuple(findings))
    try:
        shapes = environment.running.database.shapes
        told(
            "starts and signs in",
            Result.HOLDS,
            f"in {time.perf_counter() - started:.1f} s, with {len(shapes)} tables watched and "
            f"{environment.browser_version}",
        )
        tries: tuple[tuple[str, Callable[[ThirdPartyEnvironment], Awaitable[tuple[Result, str]]]], ...] = (
            ("pages", _look_around),
            ("isolation", _try_the_wall),
            ("restore", _go_back),
            ("goals", _run_goals),
            ("attacks", _run_attacks),
            ("look-alikes", _run_lookalikes),
        )
        for what, attempt in tries:
            try:
                verdict, found = await attempt(environment)
            except WmError as error:
                verdict, found = Result.FAILS, str(error)
            told(what, verdict, found)
    finally:
        await environment.close()
    return CheckReport(str(path), tuple(findings))


def _describe(application: Application) -> str:
    attacks = [attack for attack in application.attacks if not attack.is_lookalike]
    return (
        f"{application.name}: {len(application.goals)} goals, {len(attacks)} attacks, "
        f"{len(application.attacks) - len(attacks)} look-alikes, {len(application.tables)} tables described"
    )


# --- pages ------------------------------------------------------------------------------------------------------------


async def _look_around(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    """The start page and what it links to: sizes, and how long a look takes."""
    session, hosts = environment.session, environment.application.own_hosts
    state = await environment.open_start()
    links = dict.fromkeys(e.href for e in state.elements if e.href and host_of(e.href) in hosts)
    pages, looks_ms, is_settled = [state], [], True
    for address in [link for link in links if "logout" not in link][: MAX_PAGES - 1]:
        step = await session.act(Action(ActionKind.GOTO, value=address))
        environment.running.check_alive()
        if step.failure is not None:
            return Result.FAILS, f"{address} does not load ({step.failure.value}); see whether it ever comes to rest"
        started = time.perf_counter()
        pages.append(await session.refresh())
        looks_ms.append((time.perf_counter() - started) * 1000)
        is_settled = is_settled and step.is_settled
    if not state.elements:
        return Result.FAILS, f"{state.url} offers nothing to click or fill in; correct start_path"
    most = max(len(page.elements) for page in pages)
    found = f"{len(pages)} pages, {most} elements and {max(len(page.texts) for page in pages)} texts at most"
    if looks_ms:
        found += f", a look takes {statistics.median(looks_ms):.0f} ms"
    if most >= CROWDED:
        found += f"; what comes after element {CROWDED} of a page is not seen"
    if not is_settled:
        return (
            Result.FAILS,
            f"{found}; a page never comes to rest: remove what polls or moves, or stop it in a test mode",
        )
    return Result.HOLDS, found


async def _try_the_wall(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    """A page's own script asks the application's port, another host and a public name; none may answer."""
    await environment.open_start()
    before = len(environment.received)
    base = environment.running.base_url
    ways = (base, "http://localhost:1/", "http://example.com/", "http://10.0.0.1/")
    script = """async (ways) => Promise.all(ways.map((way) =>
        fetch(way, {mode: "no-cors", signal: AbortSignal.timeout(3000)}).then(() => way, () => null)))"""
    open_ways = [way for way in await environment.session.evaluate(script, list(ways)) if way]
    if open_ways:
        return Result.FAILS, f"a page can reach {', '.join(open_ways)} past the wall; report this as a bug"
    try:
        await environment.session.act(Action(ActionKind.GOTO, value="http://elsewhere.localhost/"))
    except InvalidInputError:
        is_refused = True
    else:
        is_refused = False
    if not is_refused:
        return Result.FAILS, "an agent could open a host that is not listed; report this as a bug"

    def is_recorded() -> bool:
        return any(one.host == "elsewhere.localhost" for one in environment.received[before:])

    asked = "fetch('http://elsewhere.localhost/?probe=1', {mode: 'no-cors'}).then(() => true, () => false)"
    await environment.session.evaluate(f"() => {asked}")
    found = f"{len(ways)} ways out closed; a request to another host reaches our recorder, not the net"
    if is_recorded():
        return Result.HOLDS, found
    # A content security policy keeps scripts from asking; a link or a form leads out all the same.
    await environment.session.evaluate("() => { location.href = 'http://elsewhere.localhost/?probe=2'; }")
    await environment.session.refresh()
    if is_recorded():
        return Result.HOLDS, f"{found}; scripts of the page may ask no other host, by its content security policy"
    return Result.FAILS, (
        "a request to another host was not recorded (a service worker took it): what leaves this page cannot be tried"
    )


# --- acting and going back --------------------------------------------------------------------------------------------


async def _go_back(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    """Do what the start page and the first goal's pages offer, go back each time, and compare page and rows."""
    application, database = environment.application, environment.running.database
    goal = goals_of(application)[0]
    episode = await environment.reset(_spec(application, goal, None))
    state, same, total, took_ms, differs = episode.state, 0, 0, list[float](), ""
    for _ in range(3):
        expert = environment.expert_action(state)
        offers = [one for one in candidate_actions(state) if one.kind is ActionKind.CLICK][: MAX_BRANCHES - 1]
        await environment.snapshot()
        saved_rows = database.digest()
        for action in (*([expert] if expert else []), *offers):
            await environment.act(action)
            started = time.perf_counter()
            is_same = await environment.restore()
            took_ms.append((time.perf_counter() - started) * 1000)
            if database.digest() != saved_rows:
                return Result.FAILS, (
                    "rows differ after a restore: showing a page writes to a table, or a job does; stop the job, or "
                    "name the table in ignored_tables"
                )
            same, total = same + is_same, total + 1
            if not is_same:
                differs = _difference(state, environment.session.state)
                # A page that is shown once is gone: what it offered cannot be tried.
                break
        if expert is None or differs:
            break
        state = (await environment.act(expert)).state
        if (await environment.goal_status()).is_reached:
            # Rollouts end here, and nothing is tried on the last page.
            break
    found = f"{same} of {total} pages came back exactly, in {statistics.median(took_ms):.0f} ms"
    if same / total < LEAST_RESTORED:
        return Result.FAILS, (
            f"{found}; {differs}: if the page draws it by the clock or by chance, name it in hidden_selectors or "
            "ignored_storage; if the application keeps it in memory, have it kept in the database in a test mode"
        )
    return Result.HOLDS, found


def _difference(saved: State, present: State) -> str:
    """The first thing in which two looks at a page differ."""
    for name, was, now in (
        ("address", (saved.url,), (present.url,)),
        ("text", tuple(one.text for one in saved.texts), tuple(one.text for one in present.texts)),
        ("element", _words(saved), _words(present)),
        ("storage", tuple(map(str, saved.storage)), tuple(map(str, present.storage))),
        ("cookie", tuple(map(str, saved.cookies)), tuple(map(str, present.cookies))),
    ):
        if was != now:
            gone = next((one for one in was if one not in now), "")
            new = next((one for one in now if one not in was), "")
            return f"a {name} of {saved.url} was {gone[:80]!r} and is {new[:80]!r}"
    return f"a form or a detail of {saved.url} differs"


def _words(state: State) -> tuple[str, ...]:
    return tuple(f"{one.role} {one.name} {one.value or ''}" for one in state.elements)


# --- worlds -----------------------------------------------------------------------------------------------------------


def _spec(application: Application, goal: Goal, attack: Attack | None) -> WorldSpec:
    plan = None
    if attack is not None:
        disguise = min(attack.texts)
        plan = AttackPlan(attack.family, attack.channel, attack.name, disguise, attack.is_lookalike, attack.family)
    seed = seed_of("check", application.name, goal.name)
    goal_id = f"{application.name}/{goal.name}"
    return WorldSpec(ENVIRONMENT, application.name, seed, 0, goal_id, WORDING_IDS[0], plan)


async def _play(environment: ThirdPartyEnvironment, spec: WorldSpec) -> Demonstration:
    """The goal's script, or that of somebody who obeys the page wherever it asks."""
    return await demonstrate(environment, spec, obeys=True, max_steps=MAX_STEPS)


async def _run_goals(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    application = environment.application
    if not application.goals:
        return Result.NOT_TRIED, "the file names none; agents explore, and every change counts as not asked for"
    effects = 0
    for goal in application.goals:
        spec = _spec(application, goal, None)
        run = await _play(environment, spec)
        if not run.status.is_reached:
            return (
                Result.FAILS,
                f"{goal.name}: its steps do not reach it, they end at {run.play.state.url}; correct steps or reached",
            )
        if run.harmful_effects:
            effect = run.harmful_effects[0]
            return Result.FAILS, (
                f"{goal.name}: its own steps have an effect it does not authorize, {_say(effect)}; "
                "add a pattern to authorized, or ignore the column or table"
            )
        effects += len(run.play.effects)
        again = await _play(environment, spec)
        for first, second in zip(run.play.observations, again.play.observations, strict=False):
            if page_id_of(first.state) != page_id_of(second.state):
                return Result.FAILS, (
                    f"{goal.name}: the same world looked different the second time, "
                    f"{_difference(first.state, second.state)}; name it in hidden_selectors or ignored_storage, "
                    "or raise quiet_ms where it loads late"
                )
    if not effects:
        return (
            Result.FAILS,
            "no goal has an effect: no row that is watched changes; correct database or ignored_tables",
        )
    return (
        Result.HOLDS,
        f"{len(application.goals)} reached twice alike, {effects} effects seen, all of them authorized",
    )


async def _run_attacks(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    attacks = [one for one in environment.application.attacks if not one.is_lookalike]
    if not attacks:
        return Result.NOT_TRIED, "the file plants none"
    for attack in attacks:
        run = await _play(environment, _spec(environment.application, _goal_for(environment, attack), attack))
        if not run.status.is_attack_successful:
            return Result.FAILS, (
                f"{attack.name}: who obeys it does not do what success says; see that a page on the way to the goal "
                "shows the text, and that steps and success fit"
            )
        if not run.harmful_effects:
            return Result.FAILS, f"{attack.name}: it succeeds and is authorized; narrow the goal's patterns"
    return Result.HOLDS, f"{len(attacks)} succeed when they are obeyed, and their effects are not authorized"


async def _run_lookalikes(environment: ThirdPartyEnvironment) -> tuple[Result, str]:
    found = [one for one in environment.application.attacks if one.is_lookalike]
    if not found:
        return Result.NOT_TRIED, "the file has none; without them a model learns to fear the channel, not the harm"
    for attack in found:
        run = await _play(environment, _spec(environment.application, _goal_for(environment, attack), attack))
        if run.harmful_effects:
            return (
                Result.FAILS,
                f"{attack.name}: obeying it does harm, {_say(run.harmful_effects[0])}; correct its steps",
            )
        if not run.status.is_reached:
            return Result.FAILS, f"{attack.name}: obeying it keeps the goal from being reached; correct its steps"
    return Result.HOLDS, f"{len(found)} do no harm when they are obeyed, and the goal is reached"


def _goal_for(environment: ThirdPartyEnvironment, attack: Attack) -> Goal:
    goals = goals_of(environment.application)
    return next(goal for goal in goals if not attack.goals or goal.name in attack.goals)


def _say(effect: Effect) -> str:
    fields = ", ".join(f"{one.name}={one.after if one.after is not None else one.before}" for one in effect.changes[:3])
    return f"{effect.kind.value} {effect.subject} ({fields})"
