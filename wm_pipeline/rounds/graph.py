"""The one table of a round's assets: what each is made from, the settings and code it depends on, where it is stored.

Dagster's dependencies, code versions and data versions, the order of a round, what is out of date, and every path are
derived from it. Add an asset: one row here, one module beside this one, one function in `defs`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from wm_pipeline.domain.errors import DamagedError, MissingUpstreamError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.miss_rates import CELL_COLUMNS
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.registrations import Kind, plugins_behind
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.gateways.table_store import NOTHING_THERE, TableStore, table_path
from wm_pipeline.rounds.days import today
from wm_pipeline.rounds.settings import Profile


@dataclass(frozen=True, slots=True)
class Asset:
    """One row of the table."""

    name: str
    group: str
    upstream: tuple[str, ...]
    code_version: str
    """Increase it when the asset's code gives other results for the same settings and inputs; only this asset's."""
    settings: Callable[[Profile], tuple[object, ...]]
    """The parts of a profile that it depends on, besides upstream assets."""
    tables: tuple[str, ...] = ()
    """The tables it writes; empty for a folder."""
    root: str = ""
    """The artifact folder it writes, one folder a day below it; empty for tables."""
    beside: tuple[str, ...] = ()
    """Tables and artifact folders that are committed with it and do not decide what is made from it."""
    is_by_site: bool = False
    """One partition a (day, site); else one a day."""
    covers_window: bool = False
    """Made from all partitions of the round's window of days, imported ones included; else from those of its day."""
    plugin_kinds: tuple[Kind, ...] = ()
    """A plug-in that registers something of these kinds decides it, too."""
    is_repeatable: bool = True
    """A past day's can be made again as it was."""
    is_planned: bool = True
    """A round makes it when it is out of date; False: every round makes it."""

    def folder(self, day: str) -> str:
        """The artifact folder of a day, relative to the store's root."""
        assert self.root, f"{self.name} is a table"
        return f"{self.root}/{day}"

    def file(self, day: str) -> str:
        """The one file of a day's table, relative to the store's root."""
        assert len(self.tables) == 1, f"{self.name} is not one table"
        return table_path(self.tables[0], day=day)

    def contents(self, day: str, partition: str = "all") -> tuple[str, ...]:
        """The places in the store of what is made from: tables, or a folder."""
        return tuple(_place(name, day, partition) for name in self.tables or (self.root,))

    def places(self, day: str, partition: str = "all") -> tuple[str, ...]:
        """Every place in the store of one day and partition."""
        return *self.contents(day, partition), *(_place(name, day, partition) for name in self.beside)


def _place(name: str, day: str, partition: str) -> str:
    return table_path(name, day=day, partition=partition) if name in TABLES else f"{name}/{day}"


def _nothing(profile: Profile) -> tuple[object, ...]:
    return ()


ASSETS = (
    # Its worlds also depend on the previous day's attack_curriculum; a new curriculum does not make them out of date.
    Asset(
        name="raw_trajectories",
        group="early_experience",
        upstream=(),
        code_version="10",
        settings=lambda profile: (profile.round, profile.collect, profile.seed),
        tables=("states", "transitions", "trajectories"),
        plugin_kinds=(Kind.SITE, Kind.ATTACK, Kind.POLICY, Kind.ENVIRONMENT),
        is_by_site=True,
        is_repeatable=False,
    ),
    Asset(
        name="questions",
        group="early_experience",
        upstream=("raw_trajectories",),
        code_version="4",
        settings=_nothing,
        tables=("state_texts", "questions"),
        is_by_site=True,
    ),
    Asset(
        name="socratic_annotations",
        group="socratic",
        upstream=("raw_trajectories", "questions"),
        code_version="7",
        settings=lambda profile: (profile.teacher,),
        tables=("annotations",),
        is_by_site=True,
    ),
    Asset(
        name="midtrain_dataset",
        group="datasets",
        upstream=("raw_trajectories", "questions", "socratic_annotations"),
        code_version="9",
        settings=lambda profile: (profile.split_rule, profile.datasets),
        tables=("midtrain_dataset",),
        beside=("cards/midtrain_dataset",),
        covers_window=True,
    ),
    Asset(
        name="sft_dataset",
        group="datasets",
        upstream=("raw_trajectories", "questions", "socratic_annotations"),
        code_version="9",
        settings=lambda profile: (profile.split_rule, profile.datasets),
        tables=("sft_dataset",),
        beside=("cards/sft_dataset",),
        covers_window=True,
    ),
    Asset(
        name="midtrain_checkpoint",
        group="training",
        upstream=("midtrain_dataset",),
        code_version="8",
        settings=lambda profile: (profile.model, profile.midtrain, profile.processes),
        root="checkpoints/midtrain",
        plugin_kinds=(Kind.HEAD,),
    ),
    Asset(
        name="sft_checkpoint",
        group="training",
        upstream=("sft_dataset", "midtrain_checkpoint"),
        code_version="8",
        settings=lambda profile: (profile.sft, profile.has_ablation),
        root="checkpoints/sft",
    ),
    Asset(
        name="distilled_checkpoint",
        group="training",
        upstream=("sft_dataset", "sft_checkpoint"),
        code_version="8",
        settings=lambda profile: (profile.distill, profile.distill_worlds),
        root="checkpoints/distilled",
    ),
    Asset(
        name="eval_report",
        group="evaluation",
        upstream=("midtrain_dataset", "sft_dataset", "midtrain_checkpoint", "sft_checkpoint", "distilled_checkpoint"),
        code_version="9",
        settings=lambda profile: (profile.evaluate, profile.gate, profile.zero_shot_model),
        root="reports",
        beside=("predictions", "loop_episodes", "loop_decisions"),
        plugin_kinds=(Kind.METRIC,),
    ),
    Asset(
        name="model_version",
        group="registry",
        upstream=("distilled_checkpoint", "eval_report"),
        code_version="7",
        settings=_nothing,
        root="versions",
    ),
    Asset(
        name="attack_curriculum",
        group="curriculum",
        upstream=("eval_report",),
        code_version="7",
        settings=lambda profile: (" ".join(CELL_COLUMNS),),
        root="curriculum",
    ),
    Asset(
        name="reviewed_decisions",
        group="serving",
        upstream=("model_version",),
        code_version="7",
        settings=_nothing,
        tables=("decisions",),
        is_planned=False,
    ),
)
"""Upstream first: the order of a round."""

ASSET: Mapping[str, Asset] = {asset.name: asset for asset in ASSETS}
ROUND_ASSETS = tuple(asset.name for asset in ASSETS if asset.is_planned)
"""Every asset that a round plans, upstream first."""


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a round; its folder, its MLflow run and the report use its name."""

    name: str
    asset: str
    dataset: str
    starts_from: str | None = None
    """The training whose checkpoint it begins with; None for the base weights."""

    def folder(self, day: str) -> str:
        """Folder of its published checkpoint; a further training of an asset has a folder inside the asset's own."""
        folder = ASSET[self.asset].folder(day)
        return folder if ASSET[self.asset].root.endswith(f"/{self.name}") else f"{folder}/{self.name}"


MIDTRAIN = Training("midtrain", "midtrain_checkpoint", "midtrain_dataset")
SFT = Training("sft", "sft_checkpoint", "sft_dataset", starts_from="midtrain")
ABLATION = Training("without_midtraining", "sft_checkpoint", "sft_dataset")
"""SFT from the base weights: what mid-training is compared with."""
DISTILLED = Training("distilled", "distilled_checkpoint", "sft_dataset", starts_from="sft")
TRAINING: Mapping[str, Training] = {one.name: one for one in (MIDTRAIN, SFT, ABLATION, DISTILLED)}


def trainings_of(profile: Profile) -> tuple[Training, ...]:
    """The trainings of a round, each after the one that it starts from."""
    return (MIDTRAIN, SFT, *((ABLATION,) if profile.has_ablation else ()), DISTILLED)


def partitions_of(asset: Asset, profile: Profile) -> tuple[str, ...]:
    """The names of an asset's partitions of one day in the store."""
    return profile.round.partitions if asset.is_by_site else ("all",)


# --- what an output was made with -------------------------------------------------------------------------------------


def fingerprints(profile: Profile) -> dict[str, str]:
    """The hash of each asset's code version and settings and of everything upstream of it."""
    found: dict[str, str] = {}
    for asset in ASSETS:
        settings = [
            str(part) if isinstance(part, str | int | bool) else to_json(part) for part in asset.settings(profile)
        ]
        upstream = [found[name] for name in asset.upstream]
        plugins = plugins_behind(*asset.plugin_kinds)
        found[asset.name] = digest(asset.code_version, str(FORMAT_VERSION), asset.name, *upstream, *settings, *plugins)
    return found


def code_version_of(asset: str, profile: Profile) -> str:
    """The version that Dagster compares: the asset's own, and the hash of everything it depends on except data."""
    return f"{ASSET[asset].code_version}-{fingerprints(profile)[asset]}"


def days_of(store: TableStore, asset: Asset) -> list[str]:
    """The days that an asset's artifact folder was made for, oldest first."""
    return [place.removeprefix(f"{asset.root}/") for place in store.places(asset.root)]


class Notes:
    """What was noted with outputs when they were committed; each note is read once."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._known: dict[str, dict[str, Any] | None] = {}

    def at(self, place: str) -> dict[str, Any] | None:
        """None when there is no such output, or no record of it that can be read."""
        if place not in self._known:
            try:
                self._known[place] = self._store.note_of(place)
            except (MissingUpstreamError, DamagedError):
                self._known[place] = None
        return self._known[place]

    def of(self, asset: Asset, day: str, partition: str = "all") -> dict[str, Any] | None:
        """None when there is no such output."""
        return self.at(asset.contents(day, partition)[-1])

    def data_version(self, asset: Asset, places: Sequence[tuple[str, str]]) -> str | None:
        """The hash of what an output holds at some (day, partition); None when one of them is not there."""
        found: list[str] = []
        for day, partition in places:
            for place in asset.contents(day, partition):
                note = self.at(place)
                if note is None or "content" not in note:
                    return None
                found.append(str(note["content"]))
        return found[0] if len(found) == 1 else digest(*found)

    def upstream_of(self, asset: Asset, profile: Profile, day: str, partition: str = "all") -> dict[str, str | None]:
        """The data version of everything directly upstream of one partition, as it is now."""
        found = {}
        for name in asset.upstream:
            upstream = ASSET[name]
            if asset.covers_window:
                days = days_of_window(self._store, profile, day)
                stored = self._store.partitions(upstream.tables[-1])
                places = [(part.day, part.name) for part in stored if part.day in days]
            elif asset.is_by_site and upstream.is_by_site:
                places = [(day, partition)]
            else:
                places = [(day, name) for name in partitions_of(upstream, profile)]
            found[name] = self.data_version(upstream, places)
        return found


def days_of_window(store: TableStore, profile: Profile, day: str) -> list[str]:
    """The days whose experience a dataset of `day` covers: those of its window that are annotated, sorted."""
    first = (date.fromisoformat(day) - timedelta(days=profile.round.window_days - 1)).isoformat()
    return sorted({part.day for part in store.partitions("annotations") if first <= part.day <= day})


def stale_assets(store: TableStore, profile: Profile, day: str, *, redone: Collection[str] = ()) -> dict[str, str]:
    """The planned assets that are out of date, upstream first, each with the reason in words.

    Out of date is what is missing or damaged, what was made with other code or settings (its own or upstream), what was
    made from other data than is there now, and what is downstream of such. Raises DamagedError for what is damaged and
    cannot be made again as it was, unless it is to be `redone`.
    """
    wanted, notes = fingerprints(profile), Notes(store)
    stale: dict[str, str] = {}
    for name in ROUND_ASSETS:
        asset = ASSET[name]
        behind = next((upstream for upstream in asset.upstream if upstream in stale), None)
        reason = _damage(store, profile, asset, day, is_redone=name in redone)
        if reason is None:
            reason = _own_reason(notes, profile, asset, day, wanted[name])
        if reason is None and behind is not None:
            reason = f"{behind} is made again"
        if reason is not None:
            stale[name] = reason
    return stale


def _damage(store: TableStore, profile: Profile, asset: Asset, day: str, *, is_redone: bool) -> str | None:
    """What is not as it was committed, in words."""
    absent: list[str] = []
    damaged: list[str] = []
    for partition in partitions_of(asset, profile):
        problems = {place: store.problem(place) for place in asset.places(day, partition)}
        if all(problem is NOTHING_THERE for problem in problems.values()):
            absent.append(partition)
            continue
        for place, problem in problems.items():
            if problem is not None:
                damaged.append(f"{place} is missing" if problem is NOTHING_THERE else problem)
    if damaged and not asset.is_repeatable and day != today() and not is_redone:
        raise DamagedError(
            f"{'; '.join(damaged)}; what was rolled out on a past day cannot be made again as it was: restore it from "
            f"a backup, or roll out anew (`wm run --day {day} --redo-from {asset.name}`)"
        )
    missing = [f"there is none{_of(asset, absent)}"] if absent else []
    return "; ".join((*missing, *damaged)) or None


def _own_reason(notes: Notes, profile: Profile, asset: Asset, day: str, wanted: str) -> str | None:
    found: dict[str, list[str]] = {}
    """Partitions by what is true of them."""
    for partition in partitions_of(asset, profile):
        note = notes.of(asset, day, partition)
        assert note is not None, "what is not there was found before"
        if note.get("fingerprint") != wanted:
            found.setdefault("code or settings changed", []).append(partition)
            continue
        then, now = note.get("upstream", {}), notes.upstream_of(asset, profile, day, partition)
        changed = [name for name in asset.upstream if then.get(name) != now[name]]
        if changed:
            found.setdefault(f"{', '.join(changed)} changed", []).append(partition)
    return "; ".join(f"{reason}{_of(asset, partitions)}" for reason, partitions in found.items()) or None


def _of(asset: Asset, partitions: Sequence[str]) -> str:
    return f" of {', '.join(partitions)}" if asset.is_by_site else ""
