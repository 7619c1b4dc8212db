"""`wm gc`: what nobody needs any more, each with the rule that says so. Nothing committed goes unless days expire.

Of days that expire these stay: what the champion and the champion before it were made from, their parents, weights and
reports; and the experience that a dataset of a day that stays was built from, as the dataset would be out of date.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from wm_pipeline.collect.parts import PICTURES
from wm_pipeline.collect.run import STAGING
from wm_pipeline.domain.atomic import discard_folder
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.scratch import left_overs_in, temporary_left_overs
from wm_pipeline.domain.tables import TrajectorySchema
from wm_pipeline.gateways.locks import alone
from wm_pipeline.gateways.mlflow_registry import RegisteredModel
from wm_pipeline.gateways.table_store import day_of, place_of, table_path
from wm_pipeline.rounds.champions import champion_before
from wm_pipeline.rounds.checkpoints import is_published, is_resumable, trainings_in_progress
from wm_pipeline.rounds.graph import ASSETS, DISTILLED, Asset, Notes
from wm_pipeline.rounds.names import VISITED
from wm_pipeline.rounds.workspace import Workspace

_COPIED = ("checkpoints", "tables")
"""What of a remote store is copied into the cache."""
_NEVER = "reviewed_decisions"
"""What people have judged is theirs."""


class WasteRule(StrEnum):
    """Why something may be deleted, in words that follow "it can go:".

    Here and not in domain/vocabulary.py: from all that stands there the tiny tokenizer is made.
    """

    LEFT_OVER = "the process that made it is gone"
    PUBLISHED = "what came of it is committed"
    OUTDATED = "nothing would go on from it: its data, code or parent model is another now"
    COPY = "a copy, which is fetched again when it is needed"
    EXPIRED = "older than the days to keep"


@dataclass(frozen=True, slots=True)
class Waste:
    """Something that can go."""

    what: str
    rule: WasteRule
    files: Mapping[str, int]
    """Addresses with sizes in bytes."""
    delete: Callable[[], None]

    @property
    def size(self) -> int:
        return sum(self.files.values())


def find_waste(workspace: Workspace, *, keep_days: int | None = None) -> list[Waste]:
    """All that can go. Of days, those expire that are older than the newest `keep_days` days of experience."""
    champions = champions_of(workspace)
    found = [*_left_over(workspace), *_trainings(workspace), *_parts(workspace), *_copies(workspace, champions)]
    return found if keep_days is None else [*found, *_expired(workspace, champions, keep_days)]


def clean(workspace: Workspace, *, keep_days: int | None = None) -> tuple[list[Waste], int]:
    """Delete all that can go; return it, and the bytes that became free. Raises BusyError while a round is made."""
    with alone(workspace.round_lock, "wm gc", say=None):
        left_over = list(_left_over(workspace))
        freed = _deleted(left_over)
        workspace.store.settle()  # what was committed has its place before it is decided what days are made from
        found = find_waste(workspace, keep_days=keep_days)
        freed += _deleted(found)
    return [*left_over, *found], freed


def _deleted(found: Sequence[Waste]) -> int:
    """Delete all of this; return the bytes that became free."""
    freed = bytes_freed(found)
    for waste in found:
        waste.delete()
    return freed


def bytes_freed(found: Sequence[Waste]) -> int:
    """The bytes that deleting all of this frees. A file with two names goes with the last of them."""
    names: Counter[tuple[int, int]] = Counter()
    freed = 0
    for address, size in {address: size for one in found for address, size in one.files.items()}.items():
        if "://" in address:
            freed += size
            continue
        try:
            status = os.stat(address, follow_symlinks=False)
        except OSError:
            continue  # missing, or gone meanwhile
        inode = status.st_dev, status.st_ino
        names[inode] += 1
        if names[inode] == status.st_nlink:
            freed += status.st_size
    return freed


def champions_of(workspace: Workspace) -> list[RegisteredModel]:
    """The champion and the version that a rollback would restore; those of them that we registered."""
    registry = workspace.registry
    champion = registry.champion_version()
    if champion is None:
        return []
    before = champion_before(registry.champion_changes(), champion)
    found = []
    for number in (champion, *([] if before is None else [before])):
        with suppress(MissingUpstreamError):
            model = registry.version(number)
            found += [] if model is None else [model]
    return found


# --- what was left behind ---------------------------------------------------------------------------------------------


def delete_left_overs(workspace: Workspace) -> None:
    """Delete what killed processes have made for themselves on this machine, outside the store."""
    for waste in _left_on_this_machine(workspace):
        waste.delete()


def delete_finished_parts(workspace: Workspace) -> None:
    """Delete worlds whose partition is committed: the process that was to do so was killed after its commit began."""
    for waste in _parts(workspace):
        waste.delete()


def delete_parts_not_due(workspace: Workspace, day: str, *, to_make: Collection[str]) -> None:
    """Delete worlds that wait for a partition of this day which is not to be made: of a redo that came to nothing.

    Whoever calls it holds the lock of a round, so that nobody collects meanwhile.
    """
    for folder in sorted((workspace.work / STAGING / f"day={day}").glob("*")):
        if (DISTILLED.asset if folder.name == VISITED else "raw_trajectories") not in to_make:
            discard_folder(folder)


def _left_on_this_machine(workspace: Workspace) -> Iterator[Waste]:
    for path in (*left_overs_in(workspace.work), *left_overs_in(workspace.cache), *temporary_left_overs()):
        yield _local(path, WasteRule.LEFT_OVER)


def _left_over(workspace: Workspace) -> Iterator[Waste]:
    """What killed processes have made for themselves."""
    yield from _left_on_this_machine(workspace)
    store = workspace.store
    for name, size in store.left_over().items():
        address = store.address_of(name)
        files = {address: size} if store.is_remote else _files_below(Path(address))
        yield Waste(address, WasteRule.LEFT_OVER, files, partial(store.delete_left_over, name))


def _trainings(workspace: Workspace) -> Iterator[Waste]:
    for day, training, folder in trainings_in_progress(workspace):
        if is_published(workspace, day, training):
            yield _local(folder, WasteRule.PUBLISHED)
        elif not is_resumable(workspace, day, training):
            yield _local(folder, WasteRule.OUTDATED)


def _parts(workspace: Workspace) -> Iterator[Waste]:
    """Worlds that lie there since before their partition was committed. Newer ones are of a round that goes on."""
    for folder in sorted((workspace.work / STAGING).glob("day=*/*")):
        day, site = folder.parent.name.removeprefix("day="), folder.name
        place = DISTILLED.folder(day) if site == VISITED else table_path("trajectories", day=day, partition=site)
        committed_at = workspace.store.committed_at(place)
        newest = max((path.stat().st_mtime for path in files_in(folder).values()), default=0.0)
        if committed_at is not None and newest < committed_at.timestamp():
            yield _local(folder, WasteRule.PUBLISHED)


def _copies(workspace: Workspace, champions: Sequence[RegisteredModel]) -> Iterator[Waste]:
    """Copies in the cache, of checkpoints that MLflow keeps elsewhere and of what is stored elsewhere."""
    registry, cache, store = workspace.registry, workspace.cache, workspace.store
    used = {registry.copy_of(one.version, cache=cache) for one in champions if registry.kept_in(one.version) is None}
    for folder in sorted((cache / "registered").glob("*")):
        if folder not in used and not folder.name.startswith("."):
            yield _local(folder, WasteRule.COPY)
    of_champions = {one.checkpoint_place for one in champions} if store.is_remote else set()
    copied = [f"{top}/{name}" for top in _COPIED for name in files_in(cache / top)]
    for place in sorted({place for path in copied if (place := place_of(path)) is not None} - of_champions):
        yield _local(cache / place, WasteRule.COPY)


def _local(path: Path, rule: WasteRule) -> Waste:
    is_folder = path.is_dir() and not path.is_symlink()
    return Waste(str(path), rule, _files_below(path), partial(discard_folder if is_folder else _unlink, path))


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _files_below(path: Path) -> dict[str, int]:
    """A file, or those of a folder, with their sizes; without those that go meanwhile."""
    found = {}
    for one in (path, *path.rglob("*")):
        with suppress(OSError):
            if not one.is_dir():
                found[str(one)] = one.lstat().st_size
    return found


# --- days that expire -------------------------------------------------------------------------------------------------


def _expired(workspace: Workspace, champions: Sequence[RegisteredModel], keep_days: int) -> Iterator[Waste]:
    """Outputs of old days, a day's newest stage first, so that what a kill leaves is a day that was made half-way.

    Weights in MLflow go before the records that say which of its versions are ours.
    """
    store = workspace.store
    days = sorted({part.day for part in store.partitions("trajectories")})
    if len(days) < keep_days:
        return
    first = days[-keep_days]
    kept = kept_days(workspace, champions, first=first)
    yield from _expired_pictures(workspace, {day for day in days if day >= first or day in kept.experience})
    yield from _expired_weights(workspace, champions, first=first, kept=kept.days)
    outputs: dict[tuple[str, str], list[str]] = {}
    for place in store.places(""):
        asset, day = _asset_of(place), day_of(place)
        stays = kept.experience if asset is not None and asset.is_by_site else kept.days
        if asset is not None and asset.name != _NEVER and day < first and day not in stays:
            outputs.setdefault((day, asset.name), []).append(place)
    for day in sorted({day for day, _ in outputs}):
        for asset in reversed(ASSETS):
            places = outputs.get((day, asset.name), [])
            if places:
                files = {store.address_of(path): size for one in places for path, size in store.files_of(one).items()}
                yield Waste(f"{asset.name} of {day}", WasteRule.EXPIRED, files, partial(store.remove, places))


def _expired_weights(
    workspace: Workspace, champions: Sequence[RegisteredModel], *, first: str, kept: Collection[str]
) -> Iterator[Waste]:
    """What MLflow keeps of versions of old days; a server's only where a record says that they are of this store."""
    registry = workspace.registry
    ours = {note.get("model_version") for note in _checkpoints(workspace).values()}
    for version in registry.versions():
        with suppress(MissingUpstreamError):  # another program registered it
            model = registry.version(version)
            if model is None or model in champions:
                continue
            day, is_ours = day_of(model.checkpoint_place), model.model_version in ours
            if day < first and day not in kept and (is_ours or registry.kept_in(version) is not None):
                weights = registry.weights_of(version)
                delete = partial(registry.delete_weights, version)
                if weights:
                    yield Waste(f"weights of registered version {version}", WasteRule.EXPIRED, weights, delete)


@dataclass(frozen=True, slots=True)
class KeptDays:
    """Days that stay however old they are."""

    days: frozenset[str]
    """With all that was made on them."""
    experience: frozenset[str]
    """With what was rolled out and annotated on them."""


def kept_days(workspace: Workspace, champions: Sequence[RegisteredModel], *, first: str) -> KeptDays:
    """The days of champions and their parents, and of the experience behind them and behind days from `first` on."""
    store, notes, checkpoints = workspace.store, Notes(workspace.store), _checkpoints(workspace)
    versions = {one.model_version for one in champions}
    own = [note for note in checkpoints.values() if note.get("model_version") in versions]
    versions |= {parent for note in own for parent in note.get("parents", ())}
    made = {day_of(one.checkpoint_place) for one in champions}
    made |= {day_of(place) for place, note in checkpoints.items() if note.get("model_version") in versions}
    experience = set(made)
    datasets = [place for asset in ASSETS if asset.covers_window for place in store.places(f"tables/{asset.tables[0]}")]
    for place in datasets:
        if day_of(place) in made or day_of(place) >= first:
            experience |= set((notes.at(place) or {}).get("days", ()))
    return KeptDays(frozenset(made), frozenset(experience))


def _checkpoints(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """What was noted with each checkpoint, by its place."""
    notes = Notes(workspace.store)
    return {place: notes.at(place) or {} for place in workspace.store.places("checkpoints")}


def _asset_of(place: str) -> Asset | None:
    """The asset that an output belongs to; None for one that is no asset's."""
    name = place.split("/")[1] if place.startswith("tables/") else place.rpartition("/")[0]
    return next((one for one in ASSETS if name in (*one.tables, one.root, *one.beside)), None)


def _expired_pictures(workspace: Workspace, days: Iterable[str]) -> Iterator[Waste]:
    """Pictures of failed steps whose trajectories are not of these days."""
    store = workspace.store
    pictures: dict[str, list[str]] = {}
    for path in store.list_files(PICTURES):
        pictures.setdefault(path.split("/")[1], []).append(path)
    if not pictures:
        return
    ids = store.scan(TrajectorySchema, days=sorted(days)).select("trajectory_id").collect()["trajectory_id"]
    gone = sorted(pictures.keys() - set(ids.cast(pl.String)))
    if gone:
        files = {store.address_of(path): store.size_of(path) for one in gone for path in pictures[one]}
        yield Waste(
            f"pictures of {len(gone)} trajectories",
            WasteRule.EXPIRED,
            files,
            partial(_delete_folders, workspace, [f"{PICTURES}/{one}" for one in gone]),
        )


def _delete_folders(workspace: Workspace, folders: Sequence[str]) -> None:
    for folder in folders:
        workspace.store.delete_folder(folder)
