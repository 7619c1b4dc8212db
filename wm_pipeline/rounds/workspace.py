"""Where a round reads and writes, and what each of its stages returns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.records import to_json
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.graph import LINEAGE_FILE
from wm_pipeline.rounds.settings import CODE_VERSION, Profile, StorageSettings


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
    def parts(self) -> TableStore:
        """Where workers put collected worlds: on this machine, as they are; workers elsewhere would use `store`."""
        return TableStore(self.storage.work_folder)

    @property
    def cache(self) -> Path:
        return Path(self.storage.cache_folder)


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
    """More to show, by name."""


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
    return replace(last, rows=rows, numbers=numbers)


def lineage_of(profile: Profile, fingerprint: str, **upstream: Any) -> dict[str, Any]:
    """What every output carries."""
    return {
        "profile": profile.name,
        "seed": profile.seed,
        "code_version": CODE_VERSION,
        "fingerprint": fingerprint,
        "settings": digest(to_json(profile)),
        **upstream,
    }


def write_lineage(workspace: Workspace, folder: str, lineage: Mapping[str, Any]) -> None:
    """Note beside an artifact what it was made from; written last, so an output without it is unfinished."""
    workspace.store.write_bytes(f"{folder}/{LINEAGE_FILE}", json.dumps(lineage, indent=1).encode())


def sample_of_table(workspace: Workspace, table: str, day: str, columns: Sequence[str]) -> pl.DataFrame:
    return workspace.store.scan(table, days=[day]).select(columns).head(8).collect()
