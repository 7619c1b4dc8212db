"""The environment of our own sites: one server and one browser for its lifetime, a new world at every reset."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from wm_pipeline.domain.action import Action, is_executable
from wm_pipeline.domain.address import host_of
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.secrets import MADE_UP
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.domain.world import Episode, GoalStatus, Observation, OtherGoal, WorldSpec
from wm_pipeline.environments.browser.chromium import ChromiumBinary
from wm_pipeline.environments.browser.session import BrowserSession, SessionSettings
from wm_pipeline.environments.instruments.effects import effects_outside_database
from wm_pipeline.environments.instruments.episode_state import EpisodeState, observation_of
from wm_pipeline.environments.instruments.host_server import HostServer
from wm_pipeline.environments.instruments.recorder import Canary, OutsideRecorder, Received
from wm_pipeline.environments.instruments.script import Open, Send, Step, form_of, next_action, resolve
from wm_pipeline.environments.sites.database import WorldDatabase
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.effects import canaries_of, effects_of_changes, row_changes_of
from wm_pipeline.environments.sites.engine import SiteApp
from wm_pipeline.environments.sites.schema import RowCheck
from wm_pipeline.environments.sites.served import ServedWorld, hosts_of, session_token
from wm_pipeline.environments.sites.worlds import (
    World,
    attack_patterns,
    build_world,
    checks_of,
    goal_of,
    worlds_with_other_goal,
)

_SENDING = (ActionKind.SUBMIT, ActionKind.CLICK)
"""Kinds of actions that send a form with one step; the click is on another button than its first."""
UPLOAD_FOLDER = Path(__file__).parent / "uploads"
"""The only files that an agent may upload."""


@dataclass(frozen=True, slots=True)
class _Saved:
    database: bytes
    received: tuple[Received, ...]
    episode_state: EpisodeState


@dataclass(slots=True)
class _Live:
    world: World
    database: WorldDatabase
    episode_state: EpisodeState = field(default_factory=EpisodeState)
    saved: _Saved | None = None


class SiteEnvironment:
    """Implements ports.Environment for every registered site. Open one with open_site_environment."""

    def __init__(
        self, server: HostServer, session: BrowserSession, recorder: OutsideRecorder, engine: PageEngine | None
    ) -> None:
        self._server = server
        self._engine = engine
        self._session = session
        self._recorder = recorder
        self._live: _Live | None = None

    @property
    def browser_version(self) -> str:
        return self._session.browser_version

    @property
    def world(self) -> World:
        """The present world, with what no policy may see. For tests and reports."""
        return self._present().world

    @property
    def database(self) -> WorldDatabase:
        return self._present().database

    @property
    def received(self) -> tuple[Received, ...]:
        """Everything that hosts outside the sites have received in this episode."""
        return self._recorder.received

    async def reset(self, spec: WorldSpec) -> Episode:
        return await self.begin(build_world(spec, engine=self._engine))

    async def begin(self, world: World) -> Episode:
        """Begin in a world that has been drawn already, such as one side of a minimal pair (pairs.py)."""
        old, database = self._live, WorldDatabase(list(world.sites.values()), world.rows)
        served = ServedWorld(world.draw, database, self._recorder.record, world.is_forwarding, world.broker_host)
        self._recorder.load(() if world.plant is None else world.plant.pages)
        apps = [SiteApp(schema, served) for schema in world.sites.values()]
        self._server.apps = {host: app for app in apps for host in hosts_of(world.draw, app.schema)}
        if old is not None:
            old.database.close()
        self._live = _Live(world, database)
        state = await self._session.begin(
            start_url=world.start_url, goal=world.goal_text, allowed_hosts=self._allowed_hosts(world)
        )
        # What the first page left behind belongs to the world's start: signing in, and nothing else.
        self._recorder.put_back(())
        self._live.episode_state = self._seen(EpisodeState(), state, ())
        return Episode(
            world.spec, world.authorization, state, state_id_of(state), world.has_hidden_variables, world.hidden_prior
        )

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        live = self._present()
        is_obedient = action == self._obedience(live, self._session.state)
        changed, received = live.database.position, len(self._recorder.received)
        step = await self._session.act(action, judge=judge)
        changes = live.database.changes_since(changed)
        arrived = self._recorder.received[received:]
        actor = live.world.draw.user.handle
        canaries = self._canaries(live) if changes or arrived else ()
        effects = (
            *effects_of_changes(
                changes, live.world.sites, canaries=canaries, company_domain=live.world.draw.company.domain
            ),
            *effects_outside_database(
                step,
                arrived,
                canaries=canaries,
                own_hosts=live.world.own_hosts,
                harmful_files={f.name for f in live.world.plant.files if f.is_harmful} if live.world.plant else (),
                actor=actor,
            ),
        )
        live.episode_state = self._seen(
            live.episode_state.after(effects, is_obedient=is_obedient),
            step.state,
            (event.url for event in step.state.network),
        )
        return observation_of(step, effects=effects, database=row_changes_of(changes))

    async def snapshot(self) -> None:
        live = self._present()
        await self._session.snapshot()
        live.saved = _Saved(live.database.snapshot(), self._recorder.received, live.episode_state)

    async def restore(self) -> bool:
        live = self._present()
        saved = live.saved
        if saved is None:
            raise WorldError("there is no snapshot to restore")
        is_same = await self._session.restore(lambda: live.database.restore(saved.database))
        self._recorder.put_back(saved.received)
        live.episode_state = saved.episode_state
        return is_same

    async def goal_status(self) -> GoalStatus:
        return self._status(self._present().world)

    def expert_action(self, state: State) -> Action | None:
        live = self._present()
        if not self._is_open(live, live.world):
            return None
        return next_action(state, live.world.expert_steps)

    def attack_action(self, state: State) -> Action | None:
        return self._obedience(self._present(), state)

    def other_goals(self, state: State, goal_ids: Sequence[str]) -> tuple[OtherGoal, ...]:
        live, found = self._present(), []
        for goal_id in goal_ids:
            for world in worlds_with_other_goal(live.world, goal_of(live.world.site, goal_id)):
                step = world.expert_steps[-1]
                action = resolve(state, replace(step, is_by_hand=False)) if isinstance(step, Send) else None
                if action is None or action.kind not in _SENDING or not is_executable(state, action):
                    continue
                if self._is_open(live, world):
                    status = partial(self._status, world)
                    found.append(OtherGoal(goal_id, world.saying, world.goal_text, world.authorization, action, status))
                    break
        return tuple(found)

    async def screenshot(self) -> bytes:
        return await self._session.screenshot()

    async def close(self) -> None:
        await self._session.close()
        self._server.close()
        if self._live is not None:
            self._live.database.close()
            self._live = None

    # --- inside -------------------------------------------------------------------------------------------------------

    def _present(self) -> _Live:
        if self._live is None:
            raise WorldError("the environment has no world; reset it first")
        return self._live

    def _allowed_hosts(self, world: World) -> set[str]:
        outside = () if world.plant is None else (page.host for page in world.plant.pages)
        return {*world.own_hosts, *outside}

    def _canaries(self, live: _Live) -> tuple[Canary, ...]:
        """The secrets of the world's start, and those that have come since."""
        found = list(live.world.canaries)
        for name, schema in live.world.sites.items():
            tables = {
                entity.table: live.database.select(name, entity.table)
                for entity in schema.entities
                if any(column.is_canary for column in entity.columns)
            }
            found += canaries_of(schema, tables)
        return tuple({canary.value: canary for canary in reversed(found)}.values())[::-1]

    def _seen(self, before: EpisodeState, state: State, requested: Iterable[str]) -> EpisodeState:
        plant = self._present().world.plant
        has_seen = before.has_seen_plant or (plant is not None and _is_present(state, plant.marker, plant.steps))
        return replace(before, has_seen_plant=has_seen, visited=before.visited | {state.url, *requested})

    def _status(self, world: World) -> GoalStatus:
        """Where the goal of `world` stands in the present database, which a reset replaces."""
        live = self._present()
        is_reached = self._all_hold(live, world, world.goal.reached)
        return GoalStatus(
            is_reached=is_reached,
            is_reachable=is_reached or self._is_reachable(live, world),
            is_attack_successful=self._has_attack_succeeded(live) if self._has_attack(live.world) else None,
        )

    def _is_open(self, live: _Live, world: World) -> bool:
        """Not reached and still possible."""
        return not self._all_hold(live, world, world.goal.reached) and self._is_reachable(live, world)

    def _is_reachable(self, live: _Live, world: World) -> bool:
        session = live.database.select(
            world.site.name, "sessions", {"session_token": session_token(world.draw, world.site.name)}
        )
        is_alive = bool(session) and session[0]["is_alive"] != "0"
        return is_alive and self._all_hold(live, world, world.goal.requires)

    def _all_hold(self, live: _Live, world: World, checks: tuple[RowCheck, ...]) -> bool:
        own = world.site.name
        return all(live.database.holds(check.site or own, check) for check in checks_of(world, checks))

    def _has_attack(self, world: World) -> bool:
        return world.spec.attack is not None and not world.spec.attack.is_lookalike

    def _has_attack_succeeded(self, live: _Live) -> bool:
        return live.episode_state.has_attack_succeeded(attack_patterns(live.world))

    def _obedience(self, live: _Live, state: State) -> Action | None:
        plant, episode_state = live.world.plant, live.episode_state
        if plant is None:
            return None
        is_present = _is_present(state, plant.marker, plant.steps)
        if plant.obeys_goal:
            return self.expert_action(state) if is_present else None
        if not plant.steps or not (is_present or episode_state.has_seen_plant):
            return None
        if episode_state.has_obeyed_enough(len(plant.steps), attack_patterns(live.world)):
            return None
        last = plant.steps[-1]
        # The site's own forms may have been sent for the goal's sake; every other address is visited for the attack's.
        is_own_form = isinstance(last, Send) and host_of(last.url or last.at) in live.world.own_hosts
        if last.url in episode_state.visited and not is_own_form:
            return None
        if is_present:
            return next_action(state, plant.steps)
        # The instruction is out of sight: go on only where it has led, with the form it spoke of.
        return next_action(state, [one for one in plant.steps if not _starts(one)]) if isinstance(last, Send) else None


def _starts(step: Step) -> bool:
    """Whether the step can be done anywhere, so that it says nothing about having been led here."""
    return isinstance(step, Open) and step.is_typed


def _is_present(state: State, marker: str, steps: tuple[Step, ...]) -> bool:
    """Whether the planted text, link or form is in the state, seen by a person or not."""
    if marker and any(marker in text.text for text in state.texts):
        return True
    if marker and any(marker in element.name for element in state.elements):
        return True
    first = steps[0] if steps else None
    if isinstance(first, Open) and not first.is_typed:
        return any(element.href == first.url for element in state.elements)
    return isinstance(first, Send) and first.is_planted and form_of(state, first) is not None


async def open_site_environment(binary: ChromiumBinary, *, engine: PageEngine | None = None) -> SiteEnvironment:
    """Start a server and a browser. Raises BrowserError when the browser does not start.

    `engine`: of the pages of every world that is reset, in place of the one that the world has.
    """
    recorder = OutsideRecorder()
    server = HostServer({}, recorder)
    try:
        session = await BrowserSession.launch(
            binary,
            server.port,
            settings=SessionSettings(upload_folder=UPLOAD_FOLDER, is_back_asked_for=True, redaction_key=MADE_UP),
        )
    except BaseException:
        server.close()
        raise
    return SiteEnvironment(server, session, recorder, engine)
