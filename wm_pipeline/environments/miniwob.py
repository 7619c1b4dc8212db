"""MiniWoB++: 130 small tasks on pages that we did not write, from the `miniwob` package's HTML (MIT).

A world is a task and a seed. The pages live in their scripts, so a snapshot is gone back to by starting the same seed
again and repeating the actions. They have no rows and nobody's data: nothing that happens in them is harm.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from werkzeug.exceptions import NotFound
from werkzeug.middleware.shared_data import SharedDataMiddleware

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.errors import SettingsError, WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.secrets import MADE_UP, MARK
from wm_pipeline.domain.state import Element, State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.domain.world import MINIWOB, Episode, GoalStatus, Observation, OtherGoal, WorldSpec
from wm_pipeline.environments.browser.chromium import ChromiumBinary
from wm_pipeline.environments.browser.session import BrowserSession, SessionSettings
from wm_pipeline.environments.browser.settle import SettleSettings
from wm_pipeline.environments.instruments.episode_state import observation_of
from wm_pipeline.environments.instruments.host_server import HostServer

HOST = "miniwob.localhost"
GOAL_PREFIX = "miniwob/"
HIDDEN_SELECTORS = ("#sync-task-cover", "#reward-display", "#click-canvas")
"""The pages' own instruments: they show the reward and the time."""

DEFAULT_TASKS = (
    "click-button",
    "click-link",
    "click-dialog",
    "click-tab",
    "click-test-2",
    "click-option",
    "click-checkboxes",
    "choose-list",
    "enter-text",
    "enter-password",
    "login-user",
    "focus-text",
)
"""Tasks that need only clicks and typing, and whose goals name the target: they come first in the rotation."""

OUT_OF_REACH: dict[str, tuple[str, ...]] = {
    "its goal is reached by dragging or by marking text": (
        "daily-calendar",
        "drag-box",
        "drag-circle",
        "drag-cube",
        "drag-items",
        "drag-items-grid",
        "drag-shapes",
        "drag-shapes-2",
        "drag-single-shape",
        "drag-sort-numbers",
        "draw-circle",
        "draw-line",
        "highlight-text",
        "highlight-text-2",
        "resize-textarea",
        "text-editor",
    ),
    "its goal is a place on a picture, and elements are clicked in their middle": (
        "bisect-angle",
        "circle-center",
        "find-midpoint",
        "right-angle",
    ),
    "the pointer has to follow what moves": ("chase-circle", "hover-shape", "moving-items"),
    "it changes by itself, so that no state of it can be gone back to": ("click-pie", "simon-says", "stock-market"),
    "it ends with the right answer alone, which trying does not find": (
        "book-flight",
        "book-flight-nodelay",
        "guess-number",
        "terminal",
    ),
}
"""Why a task is not rolled out in; it can be opened all the same."""

_START_JS = """async (seed) => {
    // Pictures of styles that wait for the pointer: one that arrives under it moves what is being clicked.
    const pictures = [...document.styleSheets].flatMap((sheet) =>
        [...sheet.cssRules].flatMap((rule) => [...rule.cssText.matchAll(/url\\("([^"]+)"\\)/g)])
            .map((found) => Object.assign(new Image(), {src: new URL(found[1], sheet.href ?? location.href)})));
    window[Symbol.for("wm.pictures")] = pictures;
    await Promise.allSettled(pictures.map((picture) => picture.decode()));
    Math.seedrandom(String(seed));
    core.EPISODE_MAX_TIME = 1e9;
    core.EP_TIMER = null;
    core.startEpisodeReal();
    // The page stays as it is when the task ends; its own cover would start another one with the next click.
    core.startEpisode = () => {};
    const utterance = core.getUtterance();
    return typeof utterance === "string" ? utterance : utterance.utterance;
}"""
_REWARD_JS = "() => [WOB_RAW_REWARD_GLOBAL, WOB_DONE_GLOBAL]"


def miniwob_html() -> Path:
    """The folder of the package's pages, found without importing it (it imports gymnasium)."""
    spec = find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("the miniwob pages are not installed; run `pip install --no-deps miniwob`")
    return Path(spec.submodule_search_locations[0]) / "html"


def miniwob_tasks() -> tuple[str, ...]:
    """The names of all tasks whose pages are installed."""
    return tuple(sorted(path.stem for path in (miniwob_html() / "miniwob").glob("*.html")))


def rotation() -> tuple[str, ...]:
    """The tasks that are rolled out in, one world each before any has two: every one that is not out of reach."""
    left_out = {task for tasks in OUT_OF_REACH.values() for task in tasks} | set(DEFAULT_TASKS)
    return (*DEFAULT_TASKS, *(task for task in miniwob_tasks() if task not in left_out))


def miniwob_version() -> str:
    """What `environment_version` says for these worlds."""
    try:
        return f"miniwob {version('miniwob')}"
    except PackageNotFoundError:
        return "miniwob unknown"


def miniwob_world(task: str, seed: int) -> WorldSpec:
    return WorldSpec(
        environment=MINIWOB,
        site="miniwob",
        world_seed=seed,
        hidden_seed=0,
        goal_id=f"{GOAL_PREFIX}{task}",
        wording_id="miniwob",
    )


@dataclass(slots=True)
class _Running:
    spec: WorldSpec
    actions: list[Action]
    raw_reward: float = 0.0
    is_done: bool = False


class MiniWobEnvironment:
    """The Environment protocol over one browser and one server of the package's pages."""

    def __init__(self, server: HostServer, session: BrowserSession) -> None:
        self._server = server
        self._session = session
        self._running: _Running | None = None
        self._saved_actions: tuple[Action, ...] = ()

    @classmethod
    async def launch(cls, binary: ChromiumBinary) -> Self:
        pages = SharedDataMiddleware(NotFound(), {"/": str(miniwob_html())})
        server = HostServer({HOST: pages}, NotFound())
        settle = SettleSettings(hidden_selectors=HIDDEN_SELECTORS)
        try:
            settings = SessionSettings(
                settle=settle, is_server_static=True, is_back_asked_for=True, redaction_key=MADE_UP
            )
            session = await BrowserSession.launch(binary, server.port, settings=settings)
        except BaseException:
            server.close()
            raise
        return cls(server, session)

    @property
    def browser_version(self) -> str:
        return self._session.browser_version

    async def reset(self, spec: WorldSpec) -> Episode:
        task = spec.goal_id.removeprefix(GOAL_PREFIX)
        if not re.fullmatch(r"[a-z0-9-]+", task) or not (miniwob_html() / "miniwob" / f"{task}.html").is_file():
            raise WorldError(f"MiniWoB++ has no task {task!r}")
        self._running = _Running(spec, [])
        state = await self._session.prepare(
            _START_JS, spec.world_seed, start_url=f"http://{HOST}/miniwob/{task}.html", allowed_hosts={HOST}
        )
        return Episode(spec, Authorization(), state, state_id_of(state))

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        running = self._present()
        step = await self._session.act(action, judge=judge)
        if step.failure is None:
            running.actions.append(action)
            await self._read_reward(running)
        return observation_of(step)

    async def snapshot(self) -> None:
        self._saved_actions = tuple(self._present().actions)
        await self._session.snapshot()

    async def restore(self) -> bool:
        running = self._present()
        running.actions = list(self._saved_actions)

        async def replay() -> None:
            await self._session.evaluate(_START_JS, running.spec.world_seed)
            await self._session.refresh()
            for action in self._saved_actions:
                await self._session.repeat(action)

        if not await self._session.rewind(replay):
            return False
        await self._read_reward(running)
        return True

    async def goal_status(self) -> GoalStatus:
        running = self._present()
        is_reached = running.is_done and running.raw_reward > 0
        return GoalStatus(
            is_reached=is_reached, is_reachable=is_reached or not running.is_done, is_attack_successful=None
        )

    def expert_action(self, state: State) -> Action | None:
        running = self._present()
        return None if running.is_done else expert_action_for(running.spec.goal_id.removeprefix(GOAL_PREFIX), state)

    def attack_action(self, state: State) -> Action | None:
        return None

    def other_goals(self, state: State, goal_ids: Sequence[str]) -> tuple[OtherGoal, ...]:
        return ()

    async def screenshot(self) -> bytes:
        return await self._session.screenshot()

    async def close(self) -> None:
        await self._session.close()
        self._server.close()

    async def _read_reward(self, running: _Running) -> None:
        raw_reward, is_done = await self._session.evaluate(_REWARD_JS)
        running.raw_reward, running.is_done = float(raw_reward), bool(is_done)

    def _present(self) -> _Running:
        if self._running is None:
            raise WorldError("no MiniWoB++ world is running; reset the environment first")
        return self._running


# --- what the goal's words say to do --------------------------------------------------------------------------------


def expert_action_for(task: str, state: State) -> Action | None:
    """Derived from the goal's words for tasks where they name the target; None for the others."""
    script = _EXPERTS.get(task)
    return None if script is None else script(state)


def _quoted(goal: str) -> list[str]:
    return re.findall(r'"([^"]*)"', goal)


def _named(state: State, name: str, *roles: str) -> Element | None:
    wanted = name.strip().casefold()
    return next(
        (one for one in state.elements if one.name.strip().casefold() == wanted and (not roles or one.role in roles)),
        None,
    )


def _click(element: Element | None) -> Action | None:
    return None if element is None else Action(ActionKind.CLICK, element.element_ref)


def _click_quoted(state: State) -> Action | None:
    return next((_click(found) for name in _quoted(state.goal) if (found := _named(state, name))), None)


def _click_tab(state: State) -> Action | None:
    named = re.search(r"Tab #\d+", state.goal)
    return None if named is None else _click(_named(state, named[0]))


def _click_dialog(state: State) -> Action | None:
    return _click(_named(state, "Close", "button"))


def _click_one(state: State) -> Action | None:
    return _click(_named(state, "ONE", "button"))


def _submit(state: State) -> Action | None:
    return _click(next((one for one in state.elements if one.role == "button"), None))


def _chosen(state: State) -> list[str]:
    middle = re.fullmatch(r"Select (.*?)(?: from the list)? and click Submit\.", state.goal)
    return [] if middle is None or middle[1] == "nothing" else middle[1].split(", ")


def _check_all(state: State) -> Action | None:
    for name in _chosen(state):
        element = _named(state, name, "checkbox", "radio")
        if element is not None and not element.is_checked:
            return Action(ActionKind.CHECK, element.element_ref)
    return _submit(state)


def _choose(state: State) -> Action | None:
    element = next((one for one in state.elements if one.role == "combobox"), None)
    wanted = ", ".join(_chosen(state))
    if element is not None and element.value != wanted and wanted in element.options:
        return Action(ActionKind.SELECT, element.element_ref, wanted)
    return _submit(state)


def _type_all(state: State) -> Action | None:
    """The quoted values go into the text fields in order; the last one into those that are left."""
    values = _quoted(state.goal)
    fields = [one for one in state.elements if one.role == "textbox"]
    for position, field in enumerate(fields):
        value = values[min(position, len(values) - 1)]
        # What is typed into a password field is shown as a mark.
        if len(field.value or "") != len(value) and not MARK.fullmatch(field.value or ""):
            return Action(ActionKind.FILL, field.element_ref, value)
    return _submit(state)


def _focus(state: State) -> Action | None:
    return _click(next((one for one in state.elements if one.role == "textbox"), None))


_EXPERTS: dict[str, Callable[[State], Action | None]] = {
    "click-button": _click_quoted,
    "click-link": _click_quoted,
    "click-dialog": _click_dialog,
    "click-tab": _click_tab,
    "click-test": _submit,
    "click-test-2": _click_one,
    "click-option": _check_all,
    "click-checkboxes": _check_all,
    "choose-list": _choose,
    "enter-text": _type_all,
    "enter-password": _type_all,
    "login-user": _type_all,
    "focus-text": _focus,
}
