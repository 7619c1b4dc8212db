"""A table store that keeps its partitions in a dict, validated as the real one does."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from wm_pipeline.domain.tables import TABLES


class MemoryStore:
    def __init__(self) -> None:
        self.tables: dict[str, pl.DataFrame] = {}
        self.lineage: list[Mapping[str, Any]] = []
        self.files: dict[str, bytes] = {}

    def write_tables(
        self, frames: Mapping[str, pl.DataFrame], *, day: str, partition: str, lineage: Mapping[str, Any]
    ) -> list[str]:
        self.tables |= {table: TABLES[table].validate(frame, cast=True) for table, frame in frames.items()}
        self.lineage += [lineage] * len(frames)
        return [f"memory:{table}/{day}/{partition}" for table in frames]

    def write_bytes(self, path: str, content: bytes) -> None:
        self.files[path] = content
