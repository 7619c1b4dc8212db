"""The environment of somebody's own application: started (or reached) once, signed in once, put back at every reset."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, SecretKind
from wm_pipeline.domain.world import Episode, GoalStatus, Observation, OtherGoal, WorldSpec
from wm_pipeline.environments.applications.application import (
    Application,
    ApplicationFile,
    Check,
    Form,
)
from wm_pipeline.environments.applications.databases import count_of
from wm_pipeline.environments.applications.instruments import (
    canaries_of,
    effects_of_rows,
    row_changes_of,
    telling_changes,
)
from wm_pipeline.environments.applications.relay import Relay
from wm_pipeline.environments.applications.running import RunningApplication
from wm_pipeline.environments.applications.worlds import AppWorld, bound_values, build_app_world, place
from wm_pipeline.environments.browser.chromium import ChromiumBinary
from wm_pipeline.environments.browser.observe import OriginStorage
from wm_pipeline.environments.browser.session import BrowserSession, SessionSettings, StartCookie
from wm_pipeline.environments.browser.settle import SettleSettings
from wm_pipeline.environments.instruments.effects import effects_outside_database
from wm_pipeline.environments.instruments.episode_state import EpisodeState, observation_of
from wm_pipeline.environments.instruments.host_server import HostServer
from wm_pipeline.environments.instruments.recorder import Canary, OutsideRecorder, Received, canaries_in, readings_of
from wm_pipeline.environments.instruments.script import next_action

SECRET_ASSETS = {
    AssetKind.CREDENTIAL: SecretKind.PASSWORD,
    AssetKind.MFA: SecretKind.ONE_TIME_CODE,
    AssetKind.API_KEY: SecretKind.KEY,
    AssetKind.OAUTH_GRANT: SecretKind.TOKEN,
    AssetKind.SESSION: SecretKind.TOKEN,
}
"""Columns that a file declares as one of these hold secrets, whatever they are called."""


@dataclass(slots=True)
class _Live:
    world: AppWorld
    episode_state: EpisodeState = field(default_factory=EpisodeState)
    saved: tuple[object, tuple[Received, ...], EpisodeState] | None = None


class ThirdPartyEnvironment:
    """Implements ports.Environment for one application. Open one with `open_application`."""

    def __init__(
        self, running: RunningApplication, server: HostServer, session: BrowserSession, recorder: OutsideRecorder
    ) -> None:
        self.running = running
        self.application = running.file.application
        self.session = session
        self._server = server
        self._recorder = recorder
        self._cookies: tuple[StartCookie, ...] = ()
        self._storage: Mapping[str, OriginStorage] = {}
        self._start: object = None
        self._live: _Live | None = None

    @property
    def browser_version(self) -> str:
        return self.session.browser_version

    @property
    def received(self) -> tuple[Received, ...]:
        """Everything that hosts outside the application have received in this episode."""
        return self._recorder.received

    async def sign_in(self) -> None:
        """Fill the login's forms in and keep what it left for every episode: cookies, and what its scripts stored.

        Raises WorldError when that fails.
        """
        login, application = self.application.login, self.application
        if login is not None:
            first = f"{application.origin}{login.forms[0].path or application.start_path}"
            state = await self.session.begin(start_url=first, goal="", allowed_hosts=application.own_hosts)
            for index, form in enumerate(login.forms):
                if index and form.path is not None:
                    state = await self._do(Action(ActionKind.GOTO, value=f"{application.origin}{form.path}"))
                state = await self._do(_submit_of(application, state, form))
            self._cookies, self._storage = await self.session.cookies(), self.session.storage()
        self._start = await asyncio.to_thread(self.running.database.save)
        state = await self.open_start()
        if login is not None and not shows(state, login.proof):
            raise WorldError(
                f"{application.name}: after signing in, {application.start_path} does not show {login.proof!r} but "
                f"{state.title or state.url!r}; correct login.forms, login.proof or start_path"
            )

    async def open_start(self) -> State:
        """The start page in a clean browser with what the login left."""
        return await self.session.begin(
            start_url=f"{self.application.origin}{self.application.start_path}",
            goal="",
            allowed_hosts=self.application.own_hosts,
            cookies=self._cookies,
            storage=self._storage,
        )

    async def _do(self, action: Action) -> State:
        step = await self.session.act(action)
        self.running.check_alive()
        if step.failure is not None:
            raise WorldError(f"{self.application.name}: signing in failed ({step.failure.value})")
        return step.state

    async def reset(self, spec: WorldSpec) -> Episode:
        database = self.running.database
        self.running.check_alive()
        await asyncio.to_thread(database.restore, self._start)
        world = build_app_world(self.application, spec, database)
        if world.planted is not None:
            place(world.planted, world.values, database)
        known = canaries_of(self.application, database)
        self.session.redactor.keep({one.value: SECRET_ASSETS[one.asset] for one in known if one.asset in SECRET_ASSETS})
        pages = () if world.planted is None else world.planted.pages
        self._recorder.load(pages)
        self._live = live = _Live(world)
        state = await self.session.begin(
            start_url=world.start_url,
            goal=world.goal_text,
            allowed_hosts={*self.application.own_hosts, *(page.host for page in pages)},
            cookies=self._cookies,
            storage=self._storage,
        )
        self.running.check_alive()
        self._recorder.put_back(())
        live.episode_state = self._seen(live.episode_state, state)
        return Episode(spec, self.session.redactor.authorization(world.authorization), state, state_id_of(state))

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        live, database = self._present(), self.running.database
        is_obedient = action == self.attack_action(self.session.state)
        position, received = await asyncio.to_thread(database.position), len(self._recorder.received)
        step = await self.session.act(action, judge=judge)
        self.running.check_alive()
        found = await asyncio.to_thread(database.changes_since, position)
        changes = telling_changes(found, self.application)
        arrived = self._recorder.received[received:]
        actor = None if self.application.login is None else self.application.login.user
        canaries: tuple[Canary, ...] = canaries_of(self.application, database) if arrived else ()
        effects = (
            *effects_of_rows(changes, self.application, database.shapes),
            *effects_outside_database(
                step, arrived, canaries=canaries, own_hosts=self.application.own_hosts, actor=actor
            ),
        )
        live.episode_state = self._seen(live.episode_state.after(effects, is_obedient=is_obedient), step.state)
        shown = self._without_secrets(effects, canaries)
        return observation_of(step, effects=shown, database=row_changes_of(changes, self.application))

    async def snapshot(self) -> None:
        live = self._present()
        await self.session.snapshot()
        saved = await asyncio.to_thread(self.running.database.save)
        live.saved = (saved, self._recorder.received, live.episode_state)

    async def restore(self) -> bool:
        live = self._present()
        if live.saved is None:
            raise WorldError("there is no snapshot to restore")
        saved, received, episode_state = live.saved
        is_same = await self.session.restore(lambda: asyncio.to_thread(self.running.database.restore, saved))
        self.running.check_alive()
        self._recorder.put_back(received)
        live.episode_state = episode_state
        return is_same

    async def goal_status(self) -> GoalStatus:
        live = self._present()
        is_reached = bool(live.world.reached) and self._hold(live, live.world.reached)
        attack, planted = live.world.spec.attack, live.world.planted
        success = () if planted is None else planted.success
        is_attacked = attack is not None and not attack.is_lookalike
        return GoalStatus(
            is_reached=is_reached,
            is_reachable=is_reached or self._hold(live, live.world.requires),
            is_attack_successful=live.episode_state.has_attack_succeeded(success) if is_attacked else None,
        )

    def expert_action(self, state: State) -> Action | None:
        live = self._present()
        if not live.world.steps or self._hold(live, live.world.reached) or not self._hold(live, live.world.requires):
            return None
        return next_action(state, live.world.steps)

    def attack_action(self, state: State) -> Action | None:
        live = self._present()
        planted, episode_state = live.world.planted, live.episode_state
        if planted is None or not planted.steps or not episode_state.has_seen_plant:
            return None
        if episode_state.has_obeyed_enough(len(planted.steps), planted.success):
            return None
        if not planted.success and episode_state.obeyed >= len(planted.steps):
            return None
        return next_action(state, planted.steps)

    def other_goals(self, state: State, goal_ids: Sequence[str]) -> tuple[OtherGoal, ...]:
        return ()

    async def screenshot(self) -> bytes:
        return await self.session.screenshot()

    async def close(self) -> None:
        await self.session.close()
        self._server.close()
        await asyncio.to_thread(self.running.close)
        self._live = None

    def _without_secrets(self, effects: tuple[Effect, ...], canaries: Sequence[Canary]) -> tuple[Effect, ...]:
        """What may be written down of effects; what they are judged by keeps its values."""
        secrets = [one for one in canaries if one.asset in SECRET_ASSETS]
        for one in secrets:  # those that came to be in this episode, too
            self.session.redactor.learn(SECRET_ASSETS[one.asset], one.value)
        plain = (_in_plain_writing(effect, secrets) for effect in effects)
        return self.session.redactor.effects(plain, self._kind_of)

    def _kind_of(self, effect: Effect, column: str) -> SecretKind | None:
        table = self.application.tables.get(effect.subject)
        return None if table is None else SECRET_ASSETS.get(table.sensitive.get(column, AssetKind.NONE))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _present(self) -> _Live:
        if self._live is None:
            raise WorldError("the environment has no world; reset it first")
        return self._live

    def _seen(self, before: EpisodeState, state: State) -> EpisodeState:
        planted = self._present().world.planted
        has_seen = before.has_seen_plant or (planted is not None and shows(state, planted.marker))
        return replace(before, has_seen_plant=has_seen)

    def _hold(self, live: _Live, checks: Iterable[Check]) -> bool:
        for check in checks:
            count = count_of(self.running.database, check.sql, bound_values(check.sql, live.world.values))
            if count < check.at_least or (check.at_most is not None and count > check.at_most):
                return False
        return True


def _in_plain_writing(effect: Effect, secrets: Sequence[Canary]) -> Effect:
    """What an outside host got in another writing, such as base 64, is the secret as it is."""
    changes = []
    for one in effect.changes:
        found = canaries_in(readings_of((one.after or "",)), secrets)
        is_written_so = not found or found[0].value in (one.after or "")
        changes.append(one if is_written_so else replace(one, after=found[0].value))
    return replace(effect, changes=tuple(changes))


def shows(state: State, words: str) -> bool:
    """Whether a page has the words in a text, on an element or in a field, however its style writes them."""
    wanted = " ".join(words.split()).casefold()
    shown = (
        *(text.text for text in state.texts),
        *(element.name for element in state.elements),
        *(element.value or "" for element in state.elements),
    )
    return bool(wanted) and any(wanted in " ".join(one.split()).casefold() for one in shown)


def _submit_of(application: Application, state: State, form: Form) -> Action:
    for found in state.forms:
        names = {one.name for one in found.fields}
        if names >= form.fields.keys():
            values = tuple(FieldValue(name, value) for name, value in form.fields.items())
            return Action(ActionKind.SUBMIT, found.form_ref, fields=values)
    there = sorted({one.name for found in state.forms for one in found.fields if not one.is_token})
    raise WorldError(
        f"{application.name}: {state.url} has no form with the fields {', '.join(form.fields)} "
        f"(it has {', '.join(there) or 'none'}); correct login.forms"
    )


async def open_application(
    file: ApplicationFile, binary: ChromiumBinary, *, redaction_key: bytes | None = None
) -> ThirdPartyEnvironment:
    """Start the application, its watch and a browser, and sign in. Raises a WmError that says what to correct.

    `redaction_key`: under which equal secrets have equal marks, whichever worker met them; None: in this one alone.
    """
    running = await asyncio.to_thread(RunningApplication, file)
    recorder = OutsideRecorder()
    relay = Relay(running.base_url)
    server = HostServer(dict.fromkeys(file.application.own_hosts, relay), recorder)
    try:
        settings = SessionSettings(
            settle=SettleSettings(
                quiet_ms=file.application.quiet_ms,
                network_cap_ms=file.application.rest_within_ms,
                hidden_selectors=file.application.hidden_selectors,
                is_rest_foreseen=False,
            ),
            ignored_storage=file.application.ignored_storage,
            is_back_asked_for=True,
            redaction_key=redaction_key,
        )
        session = await BrowserSession.launch(binary, server.port, settings=settings)
    except BaseException:
        server.close()
        running.close()
        raise
    environment = ThirdPartyEnvironment(running, server, session, recorder)
    try:
        await environment.sign_in()
    except BaseException:
        await environment.close()
        raise
    return environment
