"""The data scientist's door: any table as one Polars LazyFrame, local or on S3.

It is called in notebooks, so it reads the environment itself where it is given no root; the rule is places.py's.
"""

import os
from collections.abc import Sequence

import polars as pl

from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.gateways.places import data_place
from wm_pipeline.gateways.table_store import S3Options, TableStore


def scan(
    table: str,
    *,
    days: Sequence[str] | None = None,
    sites: Sequence[str] | None = None,
    root: str | None = None,
    s3: S3Options | None = None,
) -> pl.LazyFrame:
    """One LazyFrame over all partitions of a table (`scan("sft_dataset")`), or over some days and sites.

    `root` is the data folder or `s3://bucket/prefix`; None: where `wm run` writes (WM_DATA, else the folder `data` in
    WM_STATE, else that in `.wm` beside the package).

    Raises:
        TableError: unknown table.
        MissingUpstreamError: no such partition.
        FormatVersionError: written by another version.
    """
    if root is not None:
        return TableStore(root, s3).scan(table, days=days, sites=sites)
    place = data_place(os.environ)
    try:
        return TableStore(place.address, s3).scan(table, days=days, sites=sites)
    except MissingUpstreamError as error:
        raise MissingUpstreamError(f"{error}; that folder because {place.reason}") from error
