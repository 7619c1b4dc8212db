"""Where a round reads and writes, and what each of its stages returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.ports import WorkerPool
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.rounds.graph import ASSET, Notes, fingerprints
from wm_pipeline.rounds.settings import Profile, StorageSettings


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run reads and writes."""

    storage: StorageSettings
    store: TableStore
    registry: ModelRegistry
    profile: Profile

    @property
    def work(self) -> Path:
        """Local scratch space."""
        return Path(self.storage.work_folder)

    @property
    def round_lock(self) -> Path:
        """One round at a time is made with this scratch space."""
        return self.work / "round.lock"

    @property
    def parts(self) -> TableStore:
        """Where workers put collected worlds: on this machine; workers on other machines would use `store`."""
        return TableStore(self.storage.work_folder)

    def pool(self, workers: int) -> WorkerPool:
        """The pool that gives tasks to workers; to use another (domain/ports.py), change this and `parts`."""
        return ProcessPool(workers)

    @property
    def cache(self) -> Path:
        return Path(self.storage.cache_folder)


class PartitionOutput(NamedTuple):
    """One site's part of a stage's output."""

    address: str
    rows: int


@dataclass(frozen=True, slots=True)
class StageOutput:
    """What a stage made: shown in the UI and stored beside its output."""

    address: str
    rows: int
    numbers: Mapping[str, Any]
    sample: pl.DataFrame | None = None
    card: str | None = None
    """The dataset's card, in Markdown."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Further tables to show, by name."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses of more about it, by name: a report, a card, a run in MLflow."""
    partitions: Mapping[str, Mapping[str, PartitionOutput]] = field(default_factory=dict)
    """The output of each site, by day; empty where a stage has one partition a day."""


def merged(outputs: Sequence[StageOutput]) -> StageOutput:
    """One output for a run over several days: counts are summed, shares averaged over rows."""
    if len(outputs) == 1:
        return outputs[0]
    rows = sum(output.rows for output in outputs)
    numbers: dict[str, Any] = {}
    for name in outputs[0].numbers:
        values = [(output.numbers[name], output.rows) for output in outputs if name in output.numbers]
        if all(isinstance(value, int) and not isinstance(value, bool) for value, _ in values):
            numbers[name] = sum(value for value, _ in values)
        elif all(isinstance(value, float) for value, _ in values) and rows:
            numbers[name] = sum(value * weight for value, weight in values) / rows
    last = outputs[-1]
    partitions = {day: parts for output in outputs for day, parts in output.partitions.items()}
    return replace(last, rows=rows, numbers=numbers, partitions=partitions)


def lineage_of(workspace: Workspace, asset: str, day: str, *, partition: str = "all", **more: Any) -> dict[str, Any]:
    """The lineage of an output: the settings, seed, code and upstream data that it was made from."""
    profile = workspace.profile
    row = ASSET[asset]
    return {
        **origin_of(profile, fingerprints(profile)[asset]),
        "code_version": row.code_version,
        "upstream": Notes(workspace.store).upstream_of(row, profile, day, partition),
        **more,
    }


def origin_of(profile: Profile, fingerprint: str) -> dict[str, Any]:
    """The origin that every stored output carries, whether a round made it or not."""
    return {
        "profile": profile.name,
        "seed": profile.seed,
        "fingerprint": fingerprint,
        "settings": digest(to_json(profile)),
    }


def sample_of_table(workspace: Workspace, table: str, day: str, columns: Sequence[str]) -> pl.DataFrame:
    return workspace.store.scan(TABLES[table], days=[day]).select(columns).head(8).collect()
