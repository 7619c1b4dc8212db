"""Any registered BrowserGym task as an environment: BrowserGym resets, acts and rewards, our walker looks.

BrowserGym lives in an interpreter of its own (`make browsergym`), driven by browsergym_driver.py. It cannot go back to
a state, so a snapshot is the actions so far: the task is reset with its seed and they are repeated. It sees no rows:
what happens in its tasks has no effects, and nothing in them is harm.
"""

import time
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import NotFound
from werkzeug.middleware.shared_data import SharedDataMiddleware

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import is_cross_site, site_of
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import page_id_of, state_id_of
from wm_pipeline.domain.memory import remember
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.secrets import Redactor, new_key
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.domain.world import BROWSERGYM, Episode, GoalStatus, Observation, OtherGoal, WorldSpec
from wm_pipeline.environments.browser.act import check_executable, phrase_of
from wm_pipeline.environments.browser.chromium import ChromiumBinary
from wm_pipeline.environments.browser.isolation import wall_flags
from wm_pipeline.environments.browser.network import FURNITURE
from wm_pipeline.environments.browser.observe import (
    EpisodeView,
    Happenings,
    OriginStorage,
    delta_between,
    page_walk_of,
    state_of,
)
from wm_pipeline.environments.browser.settle import walk_options
from wm_pipeline.environments.browser.world import hooks_script, new_channel, world_script
from wm_pipeline.environments.browsergym_process import BrowserGymSettings, DriverProcess
from wm_pipeline.environments.instruments.host_server import HostServer
from wm_pipeline.environments.miniwob import HOST, miniwob_html

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ENVIRONMENT = BROWSERGYM
VERSION = "0.14.3"
"""What constraints-browsergym.txt installs."""
PYTHON = Path(__file__).parents[2] / ".local" / "browsergym" / "venv" / "bin" / "python"
"""Where `make browsergym` puts its interpreter."""
_SCREEN = 648
"""Pixels of one scroll: nine tenths of BrowserGym's view, as ours does it."""
START_LIMIT_S = 60.0


def browsergym_world(task: str, seed: int) -> WorldSpec:
    """`task` as it is registered, such as `browsergym/miniwob.click-button`."""
    return WorldSpec(
        environment=ENVIRONMENT,
        site="browsergym",
        world_seed=seed,
        hidden_seed=0,
        goal_id=task,
        wording_id="browsergym",
    )


@dataclass(slots=True)
class _Running:
    spec: WorldSpec
    goal: str
    state: State
    bids: tuple[str | None, ...]
    actions: list[Action] = field(default_factory=list)
    storage: dict[str, OriginStorage] = field(default_factory=dict)
    reward: float = 0.0
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class _Saved:
    actions: tuple[Action, ...]
    state: State


class BrowserGymEnvironment:
    """The Environment protocol over BrowserGym; expert and attack are unknown to it. Open one with open_browsergym."""

    def __init__(self, binary: ChromiumBinary, python: Path, server: HostServer, settings: BrowserGymSettings) -> None:
        self._binary = binary
        self._python = python
        self._server = server
        self._settings = settings
        self._process: DriverProcess | None = None
        self._redactor = Redactor(new_key())
        self._running: _Running | None = None
        self._saved: _Saved | None = None
        self.tasks: tuple[str, ...] = ()
        """Every task that is registered, once it has been started."""
        self.browser_version = "unknown"
        self.gym_ms = 0.0
        """What BrowserGym's own reset or step took last, without our look."""

    async def start(self) -> None:
        """Start the process. Raises ServiceError when BrowserGym is not installed, WorldError when it cannot start."""
        self._process = await DriverProcess.start(self._python, self._settings)
        channel = new_channel()
        answer = await self._process.ask(
            "start",
            limit_s=START_LIMIT_S,
            executable=str(self._binary.path),
            flags=wall_flags(self._server.port),
            modules=self._settings.modules,
            scripts={
                "hooks": hooks_script(channel),
                "world": world_script(channel),
                "options": walk_options(self._settings.settle),
            },
        )
        self.tasks = tuple(answer["tasks"])

    async def reset(self, spec: WorldSpec) -> Episode:
        if self._process is None:
            await self.start()
        if spec.goal_id not in self.tasks:
            raise WorldError(f"BrowserGym has no task {spec.goal_id!r} (imported: {', '.join(self._settings.modules)})")
        self._saved = None
        state = await self._begin(spec)
        return Episode(spec, Authorization(), state, state_id_of(state))

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        running = self._present()
        before = running.state
        check_executable(before, action, allowed_hosts=self._settings.allowed_hosts, upload_folder=None)
        code = code_of(before, action, running.bids)
        started, failure = time.perf_counter(), None
        try:
            happenings, is_settled = await self._do(running, action, code)
            state, delta = running.state, delta_between(before, running.state, happenings)
        except (WorldError, TimeoutError) as error:
            await self._abandon()
            state, delta, is_settled = before, StateDelta(), False
            failure = StopReason.TIMED_OUT if isinstance(error, TimeoutError) else StopReason.BROWSER_CRASHED
        return Observation(
            state=state,
            state_id=state_id_of(state),
            delta=delta,
            effects=(),
            is_settled=is_settled,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            recorded=self._redactor.action(before, action),
            failure=failure,
        )

    async def snapshot(self) -> None:
        running = self._present()
        self._saved = _Saved(tuple(running.actions), running.state)

    async def restore(self) -> bool:
        saved, running = self._saved, self._running
        if saved is None or running is None:
            raise WorldError("there is no snapshot to restore")
        try:
            if self._process is None:
                await self.start()
            await self._begin(running.spec)
            running = self._present()
            for action in saved.actions:
                await self._do(running, action, code_of(running.state, action, running.bids))
        except (InvalidInputError, WorldError, TimeoutError):
            await self._abandon()
            return False
        is_same = page_id_of(running.state) == page_id_of(saved.state)
        if is_same:
            running.state = saved.state
        return is_same

    async def goal_status(self) -> GoalStatus:
        running = self._present()
        is_reached = running.is_done and running.reward > 0
        return GoalStatus(
            is_reached=is_reached, is_reachable=is_reached or not running.is_done, is_attack_successful=None
        )

    def expert_action(self, state: State) -> Action | None:
        return None

    def attack_action(self, state: State) -> Action | None:
        return None

    def other_goals(self, state: State, goal_ids: Sequence[str]) -> tuple[OtherGoal, ...]:
        return ()

    async def screenshot(self) -> bytes:
        self._present()
        if self._process is None:
            raise WorldError("BrowserGym has ended; reset the environment first")
        try:
            return b64decode((await self._process.ask("screenshot"))["png"])
        except TimeoutError as error:
            raise WorldError("taking a screenshot took too long") from error

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end()
        self._server.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _present(self) -> _Running:
        if self._running is None:
            raise WorldError("no BrowserGym task is running; reset the environment first")
        return self._running

    async def _abandon(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.kill()

    async def _begin(self, spec: WorldSpec) -> State:
        assert self._process is not None
        try:
            answer = await self._process.ask(
                "reset", task=spec.goal_id, seed=spec.world_seed, has_waits=self._settings.has_waits
            )
        except (WorldError, TimeoutError) as error:
            await self._abandon()
            raise WorldError(f"{spec.goal_id} cannot be reset: {error or 'it took too long'}") from error
        self.browser_version = f"{self._binary.kind.value} {answer['browser']}"
        empty = State(url="", title="", goal="")
        self._running = running = _Running(spec, str(answer["goal"]).strip(), empty, ())
        self._take(running, answer, prior_steps=())
        return running.state

    async def _do(self, running: _Running, action: Action, code: str) -> tuple[Happenings, bool]:
        if self._process is None:
            raise WorldError("BrowserGym has ended; reset the environment first")
        answer = await self._process.ask("act", code=code)
        prior_steps = (
            *running.state.prior_steps,
            phrase_of(running.state, self._redactor.action(running.state, action)),
        )
        running.actions.append(action)
        return self._take(running, answer, prior_steps=prior_steps)

    def _take(
        self, running: _Running, answer: Mapping[str, Any], *, prior_steps: tuple[str, ...]
    ) -> tuple[Happenings, bool]:
        """Make what the driver saw the present state."""
        walk = page_walk_of(str(answer["walk"]), self._redactor, max_text=self._settings.settle.max_text)
        network = self._redactor.events(_events_of(answer["requests"], page_url=running.state.url))
        running.storage[walk.origin] = OriginStorage(walk.local, walk.session, walk.databases, walk.workers)
        view = EpisodeView(running.goal, prior_steps, running.storage, earlier=remember(running.state))
        running.state = state_of(walk, view, cookies=answer["cookies"], network=network, redactor=self._redactor)
        running.bids = tuple(answer["bids"])
        running.reward, running.is_done = float(answer["reward"]), bool(answer["is_done"])
        self.gym_ms = float(answer["gym_ms"])
        return Happenings(network=network), walk.settled


def code_of(state: State, action: Action, bids: Collection[str | None]) -> str:
    """The action in BrowserGym's own words. Raises InvalidInputError for what it has no words for."""
    named = dict(zip((element.element_ref for element in state.elements), bids, strict=True))

    def call(name: str, *arguments: str | int) -> str:
        return f"{name}({', '.join(repr(argument) for argument in arguments)})"

    def bid_of(element_ref: str | None) -> str:
        bid = named.get(element_ref or "")
        if bid is None:
            raise InvalidInputError(f"action.target_ref: BrowserGym has no name for {element_ref!r}")
        return bid

    value = action.value or ""
    match action.kind:
        case ActionKind.CLICK | ActionKind.CHECK:
            return call("click", bid_of(action.target_ref))
        case ActionKind.FILL:
            return call("fill", bid_of(action.target_ref), value)
        case ActionKind.SELECT:
            return call("select_option", bid_of(action.target_ref), value)
        case ActionKind.PRESS:
            return call("press", bid_of(action.target_ref), value)
        case ActionKind.GOTO:
            return call("goto", value)
        case ActionKind.BACK:
            return call("go_back")
        case ActionKind.SCROLL:
            return call("scroll", 0, -_SCREEN if value == "up" else _SCREEN)
        case ActionKind.SUBMIT:
            form = state.form(action.target_ref or "")
            assert form is not None  # check_executable has seen it
            refs = {one.name: one.element_ref for one in form.fields}
            lines = [call("fill", bid_of(refs[one.name]), one.value) for one in action.fields]
            return "\n".join([*lines, call("click", bid_of(form.submit_ref))])
        case ActionKind.NOOP | ActionKind.ASK_HUMAN:
            return "noop(0)"
        case _:
            raise InvalidInputError(f"action.kind: BrowserGym has no {action.kind.value}")


def _events_of(requests: Collection[Mapping[str, Any]], *, page_url: str) -> tuple[NetworkEvent, ...]:
    """What our own environments would record of the same requests."""
    events = (
        NetworkEvent(is_cross_site=bool(site_of(page_url)) and is_cross_site(one["url"], page_url), **one)
        for one in requests
        if one["url"].startswith(("http:", "https:"))
    )
    return tuple(
        event
        for event in events
        if event.is_cross_site or event.method != "GET" or event.resource_type not in FURNITURE
    )


async def open_browsergym(
    binary: ChromiumBinary, *, python: Path = PYTHON, settings: BrowserGymSettings | None = None
) -> BrowserGymEnvironment:
    """Start BrowserGym behind the wall, with MiniWoB++'s pages. Raises ServiceError when it is not installed."""
    pages = cast("WSGIApplication", SharedDataMiddleware(NotFound(), {"/": str(miniwob_html())}))
    server = HostServer({HOST: pages}, NotFound())
    environment = BrowserGymEnvironment(binary, python, server, settings or BrowserGymSettings())
    try:
        await environment.start()
    except BaseException:
        await environment.close()
        raise
    return environment
