"""`scan`: any table as one Polars LazyFrame, local or on S3.

Notebooks call it, so without a root it reads the environment itself, by the rule of places.py.
"""

import os
from collections.abc import Sequence
from typing import Final

import polars as pl

from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.domain.errors import MissingUpstreamError, TableError
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.commits import Check
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.places import data_place
from wm_pipeline.gateways.table_store import ROUND_DAY, TableStore

ALL_DAYS: Final = "all"


def scan(
    table: str,
    *,
    days: str | Sequence[str] | None = None,
    sites: Sequence[str] | None = None,
    root: str | None = None,
    s3: S3Options | None = None,
) -> pl.LazyFrame:
    """A table as one LazyFrame (`scan("sft_dataset")`), of the schema that `table` names when it runs.

    Days are strings, YYYY-MM-DD. `midtrain_dataset` and `sft_dataset` of a day hold the experience of several days, so
    two of them share rows: those two are read from the newest day unless `days` says otherwise, and have a column
    `round_day` that says which dataset a row is from. Their `day`, as in every table, is the day of the experience.
    All other tables are read whole. A trajectory with `hindsight_of` was not rolled out: filter it out of statistics on
    policies. `transitions`, `questions` and `annotations` have no columns of their world:
    `.join(scan("trajectories"), on="trajectory_id")` adds site, goal and attack.

    Args:
        table: a name such as `trajectories`; the error for a wrong one lists them.
        days: rounds to read, one or several; `all`: every one. A round's day is the folder's `round_day`.
        sites: sites to read.
        root: the data folder or `s3://bucket/prefix`; None: where `wm run` writes (WM_DATA, else the folder `data` in
            WM_STATE, else that in `.wm` beside the package).
        s3: how to reach S3, where AWS's own variables do not say it.

    Raises:
        TableError: unknown table.
        MissingUpstreamError: no such partition.
        FormatVersionError: written by another version.
        DamagedError: a file is not what was committed.
    """
    if root is not None:
        return _scan(_store(root, s3), table, days, sites)
    place = data_place(os.environ)
    try:
        return _scan(_store(place.address, s3), table, days, sites)
    except MissingUpstreamError as error:
        raise MissingUpstreamError(f"{error}; this folder was chosen because {place.reason}") from error


def _store(root: str, s3: S3Options | None) -> TableStore:
    """Files of S3 are not fetched only to be checked: S3 keeps checksums of its own, and sizes tell what was cut."""
    return TableStore(root, s3, check=Check.SIZE if root.startswith("s3://") else None)


def _scan(store: TableStore, table: str, days: str | Sequence[str] | None, sites: Sequence[str] | None) -> pl.LazyFrame:
    is_dataset = table in RECIPES
    chosen: Sequence[str] | None = [days] if isinstance(days, str) else days
    there = sorted({part.day for part in store.partitions(table)}) if is_dataset or days == ALL_DAYS else []
    if days == ALL_DAYS:
        chosen = there or None
    elif is_dataset and days is None:
        chosen = there[-1:] or None
    if table not in TABLES:
        raise TableError(f"unknown table {table!r}; there are {', '.join(TABLES)}")
    schema = TABLES[table]
    if not is_dataset or chosen is None:
        return store.scan(schema, days=chosen, sites=sites)
    return pl.concat(
        [store.scan(schema, days=[day], sites=sites).with_columns(pl.lit(day).alias(ROUND_DAY)) for day in chosen]
    )
