"""The same work three times: a day's mid-training dataset built, all days scanned, one day asked about.

`Ours` is the product (Polars, dataframely's validation included); the other two do what it does without validating,
each in its library's own manner. That all three keep the same rows is checked by the benchmark.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.datasets_synthetic import TABLES
from wm_pipeline.datasets.build import RECIPES, build_midtrain_dataset
from wm_pipeline.datasets.scan import scan
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.window import Tables, choose, in_pieces
from wm_pipeline.domain.ids import split_of
from wm_pipeline.domain.tables import KEY, WORLD
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.settings import SPLIT_RULE

TABLE = "midtrain_dataset"
COLUMNS = [
    *(*KEY, *WORLD, "state_id", "state_text", "action_text", "next_page", "transition_text"),
    *("relative_transition", "rationale", "weight", "split"),
]
_WORLD_KEY = ["site", "attack_mechanism", "goal_id", "wording_id", "split_group"]
_CAP = DatasetSettings().rows_per_template
_RANKS = {split.value: rank for rank, split in enumerate(Split)}
_NO_ANNOTATIONS = pl.DataFrame(
    schema={
        "trajectory_id": pl.String,
        "step_index": pl.Int64,
        "branch_index": pl.Int64,
        "rationale": pl.List(pl.String),
        "curriculum_weight": pl.Float64,
    }
)


class Tool(Protocol):
    def build(self, inputs: Path, output: Path, day: str) -> int:
        """Build and write one day; return the rows kept."""
        ...

    def scan_all(self, output: Path) -> int:
        """Rows and mean weight a split and site over all days, and how many open a page; return the rows read."""
        ...

    def ask_one_day(self, output: Path, day: str) -> int:
        """Training rows a site of one day; return their number."""
        ...


def split_of_row(row: Mapping[Hashable, Any]) -> str:
    world: dict[str, Any] = {name: None if pd.isna(row[name]) else row[name] for name in _WORLD_KEY}
    return split_of(**world, rule=SPLIT_RULE).value


class Ours:
    def build(self, inputs: Path, output: Path, day: str) -> int:
        frames: dict[str, Any] = {name: pl.read_parquet(inputs / name / f"{day}.parquet").lazy() for name in TABLES}
        frames["annotations"] = _NO_ANNOTATIONS.lazy()
        kept = build_midtrain_dataset(Tables(**frames), rule=SPLIT_RULE)
        TableStore(str(output)).write(TABLE, kept.rows, day=day, lineage={})
        return kept.rows.height

    def scan_all(self, output: Path) -> int:
        found = (
            scan(TABLE, days="all", root=str(output))
            .group_by("split", "site")
            .agg(pl.len(), pl.col("weight").mean(), pl.col("action_text").str.contains("opens").sum().alias("opens"))
            .collect(engine="streaming")
        )
        return int(found["len"].sum())

    def ask_one_day(self, output: Path, day: str) -> int:
        frame = scan(TABLE, days=[day], root=str(output)).filter(pl.col("split") == "train")
        return int(frame.group_by("site").agg(pl.len()).collect()["len"].sum())


def build_window(inputs: Path, output: Path, days: Sequence[str], *, table: str) -> int:
    """One dataset of all days as the product makes it; return the rows kept."""
    recipe = RECIPES[table]
    parts = [Tables._make(_scan(inputs / name / f"{day}.parquet") for name in Tables._fields) for day in days]
    choice = choose(recipe, parts, rule=SPLIT_RULE, settings=DatasetSettings())
    with TableStore(str(output)).committing() as batch, batch.writing(table, day=days[-1]) as file:
        for rows in in_pieces(recipe, parts, choice, scratch=output / "scratch"):
            file.append(rows)
        file.finish({})
    return choice.rows.height


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path) if path.exists() else _NO_ANNOTATIONS.lazy()


class Pandas:
    def build(self, inputs: Path, output: Path, day: str) -> int:
        trajectories, texts, transitions, questions = (
            pd.read_parquet(inputs / name / f"{day}.parquet") for name in TABLES
        )
        following = texts[["state_id", "next_page"]].rename(columns={"state_id": "next_state_id"})
        trajectories = trajectories.assign(split=[split_of_row(row) for row in trajectories.to_dict("records")])
        frame = (
            transitions[transitions["failure"].isna()]
            .merge(questions, on=list(KEY))
            .merge(trajectories, on="trajectory_id")
            .merge(texts[["state_id", "state_text", "page_id"]], on="state_id")
            .merge(following, on="next_state_id")
        )
        frame = frame.assign(rank=frame["split"].map(_RANKS), weight=1.0, rationale=None)
        for by in ("state_id", "page_id"):
            frame = frame[frame["rank"] == frame.groupby(by)["rank"].transform("min")]
        frame = frame.sort_values(list(KEY)).drop_duplicates(["state_id", "action_text"])
        frame = frame.drop_duplicates(["split", "page_id", "action_text", "transition_text"])
        frame = frame[frame.groupby(["split", "template"]).cumcount() < _CAP]
        target = file_of(output, day)
        frame[COLUMNS].to_parquet(target, compression="zstd", index=False)
        return len(frame)

    def scan_all(self, output: Path) -> int:
        rows, parts = 0, []
        for path in sorted(output.glob(f"tables/{TABLE}/*/*.parquet")):
            frame = pd.read_parquet(path, columns=["split", "site", "weight", "action_text"])
            frame["opens"] = frame["action_text"].str.contains("opens")
            part = frame.groupby(["split", "site"]).agg(
                rows=("weight", "size"), weight=("weight", "sum"), opens=("opens", "sum")
            )
            parts.append(part)
            rows += len(frame)
        total = pd.concat(parts).groupby(level=[0, 1]).sum()
        total["weight"] /= total["rows"]
        return rows

    def ask_one_day(self, output: Path, day: str) -> int:
        frame = pd.read_parquet(file_of(output, day), columns=["site", "split"], filters=[("split", "==", "train")])
        return int(frame.groupby("site").size().sum())


class PyArrow:
    def build(self, inputs: Path, output: Path, day: str) -> int:
        trajectories, texts, transitions, questions = (
            pq.read_table(inputs / name / f"{day}.parquet") for name in TABLES
        )
        following = texts.select(["state_id", "next_page"]).rename_columns(["next_state_id", "next_page"])
        splits = [split_of_row(row) for row in trajectories.select(_WORLD_KEY).to_pylist()]
        worlds = trajectories.append_column("split", pa.array(splits)).append_column(
            "rank", pa.array([_RANKS[split] for split in splits], pa.int8())
        )
        table = (
            transitions.filter(pc.is_null(transitions["failure"]))
            .join(questions, list(KEY), join_type="inner")
            .join(worlds, "trajectory_id", join_type="inner")
            .join(texts.select(["state_id", "state_text", "page_id"]), "state_id", join_type="inner")
            .join(following, "next_state_id", join_type="inner")
        )
        for by in ("state_id", "page_id"):
            lowest = table.select([by, "rank"]).group_by(by).aggregate([("rank", "min")])
            table = table.join(lowest, by).filter(pc.field("rank") == pc.field("rank_min")).drop(["rank_min"])
        table = table.sort_by([(name, "ascending") for name in KEY])
        for columns in (["state_id", "action_text"], ["split", "page_id", "action_text", "transition_text"]):
            table = _first_of(table, columns)
        table = table.filter(_place_in(table, ["split", "template"]) < _CAP)
        table = table.append_column("weight", pa.array(np.ones(table.num_rows))).append_column(
            "rationale", pa.nulls(table.num_rows, pa.list_(pa.string()))
        )
        pq.write_table(table.select(COLUMNS), file_of(output, day), compression="zstd")
        return int(table.num_rows)

    def scan_all(self, output: Path) -> int:
        table = ds.dataset(output / "tables" / TABLE, format="parquet").to_table(
            columns={
                "split": pc.field("split"),
                "site": pc.field("site"),
                "weight": pc.field("weight"),
                "opens": pc.match_substring(pc.field("action_text"), "opens"),
            }
        )
        found = table.group_by(["split", "site"]).aggregate([("weight", "count"), ("weight", "mean"), ("opens", "sum")])
        return int(pc.sum(found["weight_count"]).as_py())

    def ask_one_day(self, output: Path, day: str) -> int:
        by_day = ds.partitioning(pa.schema([("day", pa.large_string())]), flavor="hive")
        table = ds.dataset(output / "tables" / TABLE, format="parquet", partitioning=by_day).to_table(
            columns=["site"], filter=(pc.field("day") == day) & (pc.field("split") == "train")
        )
        return int(pc.sum(table.group_by("site").aggregate([("site", "count")])["site_count"]).as_py() or 0)


def file_of(output: Path, day: str) -> Path:
    target = output / "tables" / TABLE / f"round_day={day}" / "all.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _first_of(table: pa.Table, columns: list[str]) -> pa.Table:
    position = pa.array(np.arange(table.num_rows))
    first = table.select(columns).append_column("position", position).group_by(columns).aggregate([("position", "min")])
    return table.take(pa.array(np.sort(first["position_min"].to_numpy())))


def _place_in(table: pa.Table, columns: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The place of each row among those of its group, in the table's order."""
    positioned = table.select(columns).append_column("position", pa.array(np.arange(table.num_rows)))
    order = pc.sort_indices(positioned, [(name, "ascending") for name in (*columns, "position")]).to_numpy()
    groups = [table[name].combine_chunks().dictionary_encode().indices.to_numpy()[order] for name in columns]
    is_first = np.any([np.diff(group, prepend=-1) != 0 for group in groups], axis=0)
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - starts
    return place


TOOLS: dict[str, Tool] = {"wm_pipeline": Ours(), "pandas": Pandas(), "pyarrow": PyArrow()}
