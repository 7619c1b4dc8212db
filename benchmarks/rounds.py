"""What benchmarks share that train on the tables of a round: a store of their own, jobs, held-out rows, cells."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import MissingUpstreamError, TrainingError
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import SftSchema, StateSchema, TrajectorySchema, TransitionSchema
from wm_pipeline.evaluate.predict import choose_rows, states_of, with_harm
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.places import data_place
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.checkpoints import TrainingJob
from wm_pipeline.rounds.names import CHECKPOINT
from wm_pipeline.rounds.settings import Profile, StorageSettings
from wm_pipeline.rounds.workspace import Workspace

SPLITS = ("test", "ood_site", "ood_attack", "ood_goal", "ood_text")


def round_arguments(description: str | None, *, folder: str) -> argparse.ArgumentParser:
    """What every such benchmark is told: profile, data, day, folder of finished cells, results."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--profile", default="laptop", help="its recipe; tiny or laptop on a small machine")
    parser.add_argument("--data", default=data_place(os.environ).address, help="a data root with the tables of a round")
    parser.add_argument("--day", help="default: its newest")
    parser.add_argument("--folder", type=Path, default=Path(folder), help="finished cells")
    parser.add_argument("--results", type=Path, help="also write the JSON there, and a plot beside it")
    return parser


def open_round(data: str, day: str | None) -> tuple[TableStore, str]:
    """The tables of a round that was made, and its day: the newest unless one is named."""
    source = TableStore(data)
    days = sorted({part.day for part in source.partitions("sft_dataset")})
    if not days or (day is not None and day not in days):
        raise MissingUpstreamError(f"no sft_dataset for {day or 'any day'} in {data}; run `wm run` first")
    return source, day or days[-1]


def workspace_of(
    source: TableStore, folder: Path, profile: Profile, day: str, tables: Mapping[str, pl.DataFrame]
) -> Workspace:
    """A store of its own in `folder`, with these rows in place of the round's."""
    storage = StorageSettings(
        data_root=str(folder / "data"),
        work_folder=str(folder / "work"),
        # Converted base weights are the same for all.
        cache_folder=str(folder.parent / "cache"),
        mlflow_uri=f"sqlite:///{folder}/mlflow.db",
    )
    store = TableStore(storage.data_root)
    for table, rows in tables.items():
        note = source.lineage_of(table, day=day)
        lineage = {key: value for key, value in note.items() if key not in ("format_version", "table", "content")}
        store.write(table, rows, day=day, lineage=lineage)
    return Workspace(storage, store, ModelRegistry(storage.mlflow_uri), profile)


def run_job(job: TrainingJob, *, threads: int) -> None:
    """Train in a process of its own. Raises TrainingError with its last words."""
    print(f"    {job.training.name}", file=sys.stderr)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(job.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise TrainingError(f"{job.training.name} ended with {done.returncode}: {done.stderr.decode()[-600:]}")


def publish_job(workspace: Workspace, job: TrainingJob, name: str) -> None:
    publish_checkpoint(workspace, job.output / CHECKPOINT, name, result=(job.output / "result.json").read_text())


def publish_checkpoint(workspace: Workspace, checkpoint: Path, name: str, *, result: str) -> None:
    """Put a checkpoint where later stages look for it, with what its training left as result.json."""
    weights = {f"{CHECKPOINT}/{file}": path for file, path in files_in(checkpoint).items()}
    workspace.store.write_folder(name, {**weights, "result.json": result.encode()}, note={})


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that nothing was trained on, with what really happened, and the states they are about."""

    rows: pl.DataFrame
    states: dict[str, State]


def held_out_of(source: TableStore, day: str, *, rows_per_split: int) -> HeldOut:
    """At most so many rows of each split, the same ones for every caller."""
    days = list(source.lineage_of("sft_dataset", day=day)["days"])
    chosen = choose_rows(source.read(SftSchema, days=[day]), rows_per_split=rows_per_split)
    transitions, trajectories = (source.scan(TransitionSchema, days=days), source.scan(TrajectorySchema, days=days))
    rows = with_harm(chosen, transitions.collect(), trajectories.collect())
    states = source.scan(StateSchema, days=days).collect()
    return HeldOut(rows, states_of(states, rows["state_id"].unique().to_list()))


def store_cell(file: Path, cell: Mapping[str, Any]) -> None:
    """A finished cell's file appears whole or not at all: what is there is not made again."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(cell))
    part.rename(file)
