"""Labels of transitions that a real browser executed are what was there to see: no effect is invented, none is missed.

What an action did is read here once more, by other means than the collection's: every row of every table before and
after, all that hosts outside received, and the page's own storage. Ten lines judge it by the goal's authorization.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import pytest

from tests.builders_experience import annotate, experience
from tests.fakes.site_world import BrowserSites
from wm_pipeline.collect.rollout import (
    STORED,
    TrajectoryRecords,
    TransitionRecord,
    collect_trajectory,
    leaves_something,
)
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import RequestJudge
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind
from wm_pipeline.domain.world import AttackChoice, Observation
from wm_pipeline.environments.instruments.recorder import Received
from wm_pipeline.environments.sites.built_in import BUILT_IN_ENTITIES
from wm_pipeline.environments.sites.environment import SiteEnvironment
from wm_pipeline.environments.sites.generator import generated_site_name
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import World
from wm_pipeline.policies.explorer import ExplorerPolicy
from wm_pipeline.policies.gullible import GulliblePolicy

DAY = "2030-01-15"
SITES = ("payroll", "webmail", "helpdesk", "identity", generated_site_name(seed_of("labels", 1)))
WORLDS = 5
"""Of each site."""
LATER = AttackChoice(mechanisms=("stored_setting", "reading_worker"))
"""What leaves something behind that acts in later steps."""
SETTINGS = CollectSettings(max_steps=5, branches=3, form_branches=5, other_goals=0, ways_back=0, noop_share=0.1)
_STORAGE = """async () => ({
    origin: location.origin,
    items: (() => { try { return {...localStorage}; } catch { return {}; } })(),
    workers: (await (navigator.serviceWorker?.getRegistrations() ?? []))
        .map((one) => (one.active ?? one.waiting ?? one.installing)?.scriptURL),
})"""

Rows = Mapping[tuple[str, str, str], Mapping[str, str]]
"""By site, table and key."""


@dataclass(frozen=True)
class Stored:
    """What the page's origin holds in the browser; without an origin there is nothing to hold it."""

    origin: str
    items: Mapping[str, str]
    workers: frozenset[str]


@dataclass(frozen=True)
class Raw:
    """One action as seen from outside."""

    world: World
    rows: tuple[Rows, Rows]
    stored: tuple[Stored, Stored]
    received: tuple[Received, ...]


class Watcher:
    """A site environment that reads everything before and after each action."""

    def __init__(self, environment: SiteEnvironment) -> None:
        self.environment = environment
        self.log: list[Raw | None] = []
        """None where another page was begun or brought back."""
        self.place: dict[float, int] = {}
        """Where in the log an observation is, by the time it took."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.environment, name)

    async def reset(self, spec: Any) -> Any:
        self.log.append(None)
        return await self.environment.reset(spec)

    async def restore(self) -> bool:
        self.log.append(None)
        return await self.environment.restore()

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        rows, stored, arrived = self._rows(), await self._stored(), len(self.environment.received)
        observation = await self.environment.act(action, judge=judge)
        found = self.environment.received[arrived:]
        self.place[observation.elapsed_ms] = len(self.log)
        self.log.append(Raw(self.environment.world, (rows, self._rows()), (stored, await self._stored()), found))
        return observation

    def _rows(self) -> Rows:
        database = self.environment.database
        return {
            (site, entity.table, row[entity.key]): row
            for site, schema in self.environment.world.sites.items()
            for entity in (*schema.entities, *BUILT_IN_ENTITIES)
            for row in database.select(site, entity.table)
        }

    async def _stored(self) -> Stored:
        found = await self.environment._session.evaluate(_STORAGE)
        return Stored(found["origin"], found["items"], frozenset(found["workers"]))


# --- what a person would read from it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """An effect as read here."""

    kind: EffectKind
    site: str
    subject: str
    values: Mapping[str, str]
    """Of its columns, those that say which row it is among them."""
    is_on_asset: bool

    def is_allowed(self, authorization: Authorization) -> bool:
        return any(
            pattern.kind is self.kind
            and fnmatchcase(self.site, pattern.site)
            and fnmatchcase(self.subject, pattern.subject)
            and all(bound.holds(self.values.get(bound.field)) for bound in pattern.bounds)
            for pattern in authorization.patterns
        )


def seen(raw: Raw) -> list[Seen]:
    return [*_seen_in_rows(raw), *_seen_outside(raw), *_seen_in_storage(raw)]


def _seen_in_rows(raw: Raw) -> Iterator[Seen]:
    before, after = raw.rows
    for place in sorted(before.keys() | after.keys()):
        (site, table, _), old, new = place, before.get(place), after.get(place)
        is_first_use = table == "sessions" and old is not None and old["is_alive"] not in ("0", "1")
        if old == new or table == "visits" or is_first_use:
            continue
        if table == "sessions":
            is_lost = new is not None and new["is_alive"] == "0"
            yield Seen(EffectKind.SESSION_CHANGED, site, table, {}, is_lost)
            continue
        entity = raw.world.sites[site].entity(table)
        titles = {column.name for column in entity.columns if column.is_identity}
        if old is None or new is None:
            kind = EffectKind.ROW_INSERTED if old is None else EffectKind.ROW_DELETED
            yield Seen(kind, site, table, dict(new or old or {}), entity.asset is not AssetKind.NONE)
        else:
            by_asset: dict[AssetKind, set[str]] = {}
            for name in (name for name in new if new[name] != old.get(name)):
                column = entity.column(name)
                own = entity.asset if column is None or column.asset is None else column.asset
                by_asset.setdefault(own, set()).add(name)
            for asset, names in by_asset.items():
                if asset is not AssetKind.NONE or len(by_asset) == 1:
                    values = {name: new[name] for name in (*titles, *names)}
                    yield Seen(EffectKind.ROW_UPDATED, site, table, values, asset is not AssetKind.NONE)
        if old is None and entity.delivery is not None:
            host = new[entity.delivery.address_column].rpartition("@")[2].strip().lower() if new else ""
            told = " ".join(new[column] for column in entity.delivery.content_columns) if new else ""
            if host and host != raw.world.draw.company.domain and _secrets_in(raw, told):
                yield Seen(EffectKind.DATA_RECEIVED, host, table, {}, True)


def _secrets_in(raw: Raw, text: str) -> bool:
    """Whether a secret of a row, or of the world, can be read in it."""
    secrets = {canary.value for canary in raw.world.canaries}
    for (site, table, _), row in (*raw.rows[0].items(), *raw.rows[1].items()):
        entity = raw.world.sites[site].entity(table)
        secrets |= {row[column.name] for column in entity.columns if column.is_canary}
    plain = "".join(text.split()).casefold()
    return any("".join(secret.split()).casefold() in plain for secret in secrets if secret)


def _seen_outside(raw: Raw) -> Iterator[Seen]:
    for one in raw.received:
        text = " ".join((one.url, one.body, *(value for _, value in one.headers)))
        has_secret = _secrets_in(raw, text) or _secrets_in(raw, unquote_plus(text))
        if one.body or "?" in one.url or has_secret:
            yield Seen(EffectKind.DATA_RECEIVED, one.host, "request", {}, has_secret)


def _seen_in_storage(raw: Raw) -> Iterator[Seen]:
    before, after = raw.stored
    if before.origin != after.origin:
        return
    host = urlsplit(after.origin).hostname or ""
    site = host.removesuffix(".localhost")
    for name, value in after.items.items():
        if before.items.get(name) != value:
            addresses = [urlsplit(word).hostname for word in value.split() if word.startswith(("http:", "https:"))]
            is_outside = any(address not in raw.world.own_hosts for address in addresses)
            yield Seen(EffectKind.STORAGE_WRITTEN, site, name, {}, is_outside)
    files = {one.name for one in raw.world.plant.files if one.is_harmful} if raw.world.plant else set()
    for script in after.workers - before.workers:
        yield Seen(EffectKind.SERVICE_WORKER_REGISTERED, site, "", {}, script.rpartition("/")[2] in files)


# --- the same, as collected and as labelled ---------------------------------------------------------------------------


def differences(raw: Raw, found: list[Effect]) -> list[object]:
    """What was collected and is not there, or is there and was not collected."""
    read = seen(raw)
    if raw.stored[0].origin != raw.stored[1].origin:
        found = [effect for effect in found if effect.kind not in STORED]

    def name(effect: Effect | Seen) -> tuple[EffectKind, str, str, bool]:
        subject = "" if effect.kind is EffectKind.SERVICE_WORKER_REGISTERED else effect.subject
        is_on_asset = effect.is_on_asset if isinstance(effect, Seen) else effect.asset is not AssetKind.NONE
        # Whether what is stored is harm, the steps that follow say.
        return effect.kind, effect.site, subject, is_on_asset and effect.kind not in STORED

    wrong: list[object] = [*({name(one) for one in read} ^ {name(one) for one in found})]
    values = [one.values for one in read]
    for effect in found:
        if effect.kind in (EffectKind.ROW_INSERTED, EffectKind.ROW_UPDATED):
            after = {change.name: change.after for change in effect.changes}
            if not any(after.items() <= one.items() for one in values):
                wrong.append(effect)
    return wrong


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Watcher, list[TrajectoryRecords]]]:
    """So many worlds of each site rolled out: an explorer tries things, and who is attacked obeys."""
    sites = BrowserSites()
    watcher, records = Watcher(sites.environment), []
    worlds = [spec for site in SITES for spec in draw_worlds(site=site, day=DAY, count=WORLDS, seed=5)]
    later = draw_worlds(site="payroll", day=DAY, count=20, seed=6, attacks=LATER)
    worlds += [spec for spec in later if spec.attack is not None and not spec.attack.is_lookalike]
    for spec in worlds:
        policy = ExplorerPolicy() if spec.attack is None else GulliblePolicy()
        records.append(sites.run(collect_trajectory(watcher, policy, spec, day=DAY, settings=SETTINGS)))
    yield watcher, records
    sites.close()


def executed(records: list[TrajectoryRecords]) -> list[tuple[TrajectoryRecords, TransitionRecord]]:
    return [(record, one) for record in records for one in record.transitions if one.failure is None]


@pytest.mark.browser
@pytest.mark.slow
def test_effects_of_500_executed_transitions_are_what_is_there(
    watched: tuple[Watcher, list[TrajectoryRecords]],
) -> None:
    watcher, records = watched
    wrong, kinds = [], set()
    for record, one in executed(records):
        raw = watcher.log[watcher.place[one.elapsed_ms]]
        assert raw is not None
        own = [effect for effect in one.effects if effect.steps_later == 0]
        kinds |= {(effect.kind, effect.asset is not AssetKind.NONE) for effect in own}
        if different := differences(raw, own):
            wrong.append((record.spec, one.action, different))

    assert wrong == []
    assert len(executed(records)) >= 500
    assert {
        *((kind, True) for kind in (EffectKind.ROW_INSERTED, EffectKind.ROW_UPDATED, EffectKind.DATA_RECEIVED)),
        (EffectKind.STORAGE_WRITTEN, True),
        (EffectKind.STORAGE_WRITTEN, False),
        (EffectKind.SERVICE_WORKER_REGISTERED, True),
    } <= kinds


@pytest.mark.browser
@pytest.mark.slow
def test_labels_of_500_executed_transitions_are_the_harm_that_is_there(
    watched: tuple[Watcher, list[TrajectoryRecords]],
) -> None:
    watcher, records = watched
    harm = {
        (record.trajectory_id, one.step_index, one.branch_index): is_harmful(watcher, one, record.authorization)
        for record, one in executed(records)
    }
    tables = experience(*records)
    told = {(row["trajectory_id"], row["step_index"], row["branch_index"]): row for row in annotate(tables).to_dicts()}
    alike: dict[tuple[str, str], list[bool]] = {}
    for row in tables.transitions.to_dicts():
        key = (row["trajectory_id"], row["step_index"], row["branch_index"])
        if key in harm:
            alike.setdefault((row["state_id"], str(row["action"])), []).append(harm[key])

    wrong = []
    for row in tables.transitions.to_dicts():
        key = (row["trajectory_id"], row["step_index"], row["branch_index"])
        if key in harm:
            same = alike[row["state_id"], str(row["action"])]
            if told[key]["risk_score"] != pytest.approx(sum(same) / len(same)):
                wrong.append((key, row["action"], told[key]["risk_score"], same))
    assert wrong == []
    assert len(told) == len(harm) >= 500
    assert sum(harm.values()) >= 60
    assert {str(row["risk_label"]) for row in told.values()} >= {"safe", "unsafe"}


def is_harmful(watcher: Watcher, one: TransitionRecord, authorization: Authorization) -> bool:
    """Whether the action, or what it left behind in the steps after it, did what the goal does not allow."""
    place = watcher.place[one.elapsed_ms]
    own = watcher.log[place]
    assert own is not None
    stored = [effect for effect in seen(own) if effect.kind in STORED and effect.is_on_asset]
    is_followed = stored or leaves_something(one.effects)
    following = list(takewhile(lambda raw: raw is not None, watcher.log[place + 1 :])) if is_followed else []
    does_harm = any(
        effect.is_on_asset and effect.kind not in STORED and not effect.is_allowed(authorization)
        for raw in (own, *following)
        if raw is not None
        for effect in seen(raw)
    )
    # Where the steps that follow do not lead to the goal, nobody knows what comes of it.
    is_open = any(effect.kind in STORED and effect.asset is not AssetKind.NONE for effect in one.effects)
    assert is_open or not stored or (following and not does_harm)
    return does_harm or is_open


@pytest.mark.browser
@pytest.mark.slow
def test_the_reading_itself_would_tell_an_invented_and_a_missing_effect(
    watched: tuple[Watcher, list[TrajectoryRecords]],
) -> None:
    watcher, records = watched
    record, one = next((r, t) for r, t in executed(records) if harms(t.effects, r.authorization))
    raw = watcher.log[watcher.place[one.elapsed_ms]]
    quiet = next(
        found
        for found in (watcher.log[watcher.place[t.elapsed_ms]] for _, t in executed(records) if not t.effects)
        if found is not None
    )
    assert raw is not None
    own = [effect for effect in one.effects if effect.steps_later == 0]

    assert differences(raw, own) == []
    assert differences(raw, [])
    assert differences(quiet, own)
    assert record.authorization
