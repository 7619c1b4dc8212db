"""The data scientist's door: any table as one Polars LazyFrame, local or on S3."""

from collections.abc import Sequence

import polars as pl

from wm_pipeline.gateways.table_store import S3Options, TableStore


def scan(
    table: str,
    *,
    days: Sequence[str] | None = None,
    sites: Sequence[str] | None = None,
    root: str = ".wm/data",
    s3: S3Options | None = None,
) -> pl.LazyFrame:
    """One LazyFrame over all partitions of a table (`scan("sft_dataset")`), or over some days and sites.

    `root` is the data folder or `s3://bucket/prefix`, the same value as WM_DATA.

    Raises:
        TableError: unknown table.
        MissingUpstreamError: no such partition.
        FormatVersionError: written by another version.
    """
    return TableStore(root, s3).scan(table, days=days, sites=sites)
