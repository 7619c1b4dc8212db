"""Builds a dataset over many days without holding them: it reads a few numbers of every row, then the chosen rows.

The numbers suffice to find what days have in common (a visible state, a page, a question, a template). The chosen rows
of each day are written to a scratch file, sorted, and these files are merged into pieces in the order of the key.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple

import dataframely as dy
import polars as pl

from wm_pipeline.datasets.distinct import Kept, keep_distinct
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import SPLITS_IN_ORDER
from wm_pipeline.domain.errors import TableError
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.scratch import scratch_folder
from wm_pipeline.domain.tables import (
    KEY,
    AnnotationSchema,
    QuestionSchema,
    SchemaT,
    StateTextSchema,
    TrajectorySchema,
    TransitionSchema,
)

ROWS_AT_ONCE = 100_000
"""Rows of a piece: about 200 MB, and few enough pieces that reading each of them from every day's file is cheap."""
_LEAST_ROWS_IN_A_GROUP = 500


class Tables(NamedTuple):
    """The tables of one day that a dataset is made from, read lazily."""

    trajectories: dy.LazyFrame[TrajectorySchema]
    transitions: dy.LazyFrame[TransitionSchema]
    state_texts: dy.LazyFrame[StateTextSchema]
    questions: dy.LazyFrame[QuestionSchema]
    annotations: dy.LazyFrame[AnnotationSchema]


@dataclass(frozen=True, slots=True)
class Recipe(Generic[SchemaT]):
    """How one dataset is made of one day's tables."""

    schema: type[SchemaT]
    candidates: Callable[[Tables, SplitRule], Kept]
    """Every row that the dataset could hold, in the form of `as_candidates`."""
    rows: Callable[[Tables, pl.DataFrame], pl.DataFrame]
    """The whole rows of the given keys and splits, in their order, with the schema's columns among others."""


class KeptRows(NamedTuple):
    """The kept rows, as numbers in the order of the key, and the number of rows dropped for each reason."""

    rows: pl.DataFrame
    trajectory_ids: pl.Series
    """Ids of the trajectories; `rows` holds positions in it."""
    removed: Mapping[str, int]

    def of_part(self, part: int) -> pl.DataFrame:
        """Keys and splits of one day's rows."""
        mine = self.rows.filter(pl.col("part") == part)
        return mine.select(
            self.trajectory_ids.gather(mine["trajectory"]),
            pl.col("step_index").cast(pl.Int64),
            pl.col("branch_index").cast(pl.Int64),
            pl.Series("split", SPLITS_IN_ORDER, dtype=pl.String).gather(mine["split"]),
        )


def choose(recipe: Recipe[SchemaT], parts: Sequence[Tables], *, rule: SplitRule, settings: DatasetSettings) -> KeptRows:
    """Decide over all parts which rows are kept; a row takes 50 bytes here, however long its page is."""
    removed: dict[str, int] = {}
    found: list[pl.DataFrame] = []
    names: list[pl.Series] = []
    for number, part in enumerate(parts):
        candidates = recipe.candidates(part, rule)
        names.append(candidates.rows["trajectory_id"].unique().sort())
        found.append(_compact(candidates.rows, names[-1], number, first=sum(map(len, names[:-1]))))
        for reason, count in candidates.removed.items():
            removed[reason] = removed.get(reason, 0) + count
    all_names = pl.concat(names)
    place = all_names.rank("dense") - 1
    rows = pl.concat(found).with_columns(pl.col("trajectory").map_batches(place.gather, return_dtype=place.dtype))
    found.clear()
    kept = keep_distinct(rows, order=["trajectory", "step_index", "branch_index"], settings=settings)
    narrow = kept.rows.select("part", "trajectory", "step_index", "branch_index", "split")
    return KeptRows(narrow, all_names.unique().sort(), {**removed, **kept.removed})


def _compact(rows: pl.DataFrame, names: pl.Series, part: int, *, first: int) -> pl.DataFrame:
    """Replace trajectory and split by a number each."""
    return rows.select(
        pl.lit(part, pl.UInt32).alias("part"),
        (pl.col("trajectory_id").cast(pl.Enum(names)).to_physical().cast(pl.UInt32) + first).alias("trajectory"),
        pl.col("step_index", "branch_index").cast(pl.UInt32),
        pl.col("split").cast(pl.Enum(SPLITS_IN_ORDER)).to_physical().cast(pl.UInt8),
        *("state", "page", "question", "alike", "template"),
    )


def in_pieces(
    recipe: Recipe[SchemaT],
    parts: Sequence[Tables],
    choice: KeptRows,
    *,
    scratch: Path,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Iterator[dy.DataFrame[SchemaT]]:
    """The dataset's rows in the order of the key, at most `rows_at_once` of them at a time; one empty piece if there
    are none. `scratch` is a local folder with room for the dataset.

    Raises TableError when a table was replaced since its rows were chosen.
    """
    filled = choice.rows["part"].unique().sort().to_list() or [0]
    if len(filled) == 1:
        rows = rows_of(recipe, parts[filled[0]], choice.of_part(filled[0]))
        yield from map(recipe.schema.cast, rows.iter_slices(rows_at_once)) if rows.height else [rows]
        return
    with scratch_folder("dataset", parent=scratch) as folder:
        group = max(_LEAST_ROWS_IN_A_GROUP, rows_at_once // len(filled))
        waiting: dict[int, pl.LazyFrame] = {}
        for part in filled:
            path = folder / f"{part}.parquet"
            rows_of(recipe, parts[part], choice.of_part(part)).write_parquet(
                path, compression="lz4", row_group_size=group, statistics=False
            )
            waiting[part] = pl.scan_parquet(path, glob=False)
        taken = dict.fromkeys(filled, 0)
        for slice_of_choice in choice.rows.select("part").iter_slices(rows_at_once):
            counts: dict[int, int] = dict(slice_of_choice["part"].value_counts(sort=False).iter_rows())
            some = [waiting[part].slice(taken[part], count).collect() for part, count in sorted(counts.items())]
            for part, count in counts.items():
                taken[part] += count
            yield recipe.schema.cast(some[0] if len(some) == 1 else pl.concat(some).sort(KEY))


def rows_of(recipe: Recipe[SchemaT], part: Tables, chosen: pl.DataFrame) -> dy.DataFrame[SchemaT]:
    """The whole rows of a part's choice. Raises TableError when one of them is gone."""
    rows = recipe.rows(part, chosen)
    gone = rows["state_id"].null_count()
    if gone:
        raise TableError(
            f"{gone} of {rows.height} rows that were chosen are gone: a table was replaced while a dataset was built "
            "from it; build it again"
        )
    return recipe.schema.cast(rows)


def beside(frame: pl.DataFrame, table: pl.DataFrame, *, on: Sequence[str]) -> pl.DataFrame:
    """The row of `table` for each row of `frame`, nulls where there is none, without the columns `on`.

    The join yields row numbers only, so that each text is copied once and not again by every further join.
    """
    places = frame.select(on).join(
        table.select(on).with_row_index("place"), on=list(on), how="left", maintain_order="left"
    )
    return table.drop(on)[places["place"]]
