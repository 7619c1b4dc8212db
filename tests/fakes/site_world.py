"""Our own sites without a browser (a WSGI client on one world) and with one (driven from plain tests)."""

import asyncio
import re
import weakref
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from werkzeug.test import Client, TestResponse

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.world import AttackPlan, Episode, Observation, WorldSpec
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.episodes import Demonstration, demonstrate
from wm_pipeline.environments.instruments.recorder import OutsideRecorder
from wm_pipeline.environments.sites.check import MAX_STEPS
from wm_pipeline.environments.sites.database import Change, WorldDatabase
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.engine import SiteApp
from wm_pipeline.environments.sites.environment import SiteEnvironment, open_site_environment
from wm_pipeline.environments.sites.sending import sent_names
from wm_pipeline.environments.sites.served import ServedWorld
from wm_pipeline.environments.sites.worlds import World, build_world

T = TypeVar("T")


def world_spec(
    goal_id: str, *, seed: int = 7, hidden_seed: int = 0, wording_id: str = "w0", **changes: Any
) -> WorldSpec:
    attack: AttackPlan | None = changes.get("attack")
    return WorldSpec("sites", goal_id.partition("/")[0], seed, hidden_seed, goal_id, wording_id, attack)


class SiteWorld:
    """One world behind werkzeug's client; cookies are kept as a browser would."""

    def __init__(self, drawn: WorldSpec | World, *, engine: PageEngine | None = None) -> None:
        self.world = drawn if isinstance(drawn, World) else build_world(drawn, engine=engine)
        self.database = WorldDatabase(list(self.world.sites.values()), self.world.rows)
        weakref.finalize(self, self.database.close)  # Python 3.13 warns of a connection that nobody closed
        self.recorder = OutsideRecorder()
        served = ServedWorld(
            self.world.draw, self.database, self.recorder.record, self.world.is_forwarding, self.world.broker_host
        )
        self.apps = {name: SiteApp(schema, served) for name, schema in self.world.sites.items()}
        self.clients = {name: Client(app) for name, app in self.apps.items()}

    def get(self, path: str, *, site: str | None = None) -> TestResponse:
        name = site or self.world.site.name
        return self.clients[name].get(path, base_url=f"http://{name}.localhost")

    def post(self, path: str, fields: Mapping[str, Any], *, site: str | None = None) -> TestResponse:
        name = site or self.world.site.name
        return self.clients[name].post(path, data=fields, base_url=f"http://{name}.localhost")

    @property
    def token_name(self) -> str:
        return self.world.draw.layout.token_name

    def token(self, page: TestResponse) -> str:
        """In a form's field, or where a script finds it."""
        found = re.search(rf'name="(?:{self.token_name}" value|csrf-token" content)="([^"]+)"', page.text)
        assert found is not None
        return found.group(1)

    def do(self, operation: str, page: str, fields: Mapping[str, Any]) -> tuple[str, tuple[Change, ...]]:
        """Send an operation's form with its token: the address it leads to, and what changed."""
        token = self.token(self.get(page))
        before = self.database.position
        site, engine = self.world.site, self.world.draw.layout.engine
        own = site.operation(operation)
        assert own is not None
        names = sent_names(site, own, engine)
        sent = {names.get(name, name): value for name, value in fields.items()}
        answer = self.post(f"/do/{operation}", {**sent, self.token_name: token})
        return answer.headers["Location"], self.database.changes_since(before)


class BrowserSites:
    """A SiteEnvironment in a real browser, driven from plain test functions."""

    def __init__(self, *, engine: PageEngine | None = None) -> None:
        self.runner = asyncio.Runner()
        self.environment: SiteEnvironment = self.run(open_site_environment(find_chromium(None), engine=engine))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def reset(self, spec: WorldSpec) -> Episode:
        return self.run(self.environment.reset(spec))

    def act(self, action: Action) -> Observation:
        return self.run(self.environment.act(action))

    def snapshot(self) -> None:
        self.run(self.environment.snapshot())

    def restore(self) -> bool:
        return self.run(self.environment.restore())

    def play(self, spec: WorldSpec, *, obeys: bool, max_steps: int = MAX_STEPS) -> Demonstration:
        run = self.run(demonstrate(self.environment, spec, obeys=obeys, max_steps=max_steps))
        assert run.play.failure is None
        return run

    def close(self) -> None:
        self.run(self.environment.close())
        self.runner.close()


def path_of(url: str) -> str:
    return urlsplit(url).path
