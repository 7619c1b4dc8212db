"""Parts: one file for each collected world; the store of parts holds a complete part or none.

A part is a zip archive of three parquet files and of the pictures of failed steps.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import polars as pl

from wm_pipeline.collect.rollout import TrajectoryRecords
from wm_pipeline.collect.writer import CollectedFrames
from wm_pipeline.domain.ports import PartStore
from wm_pipeline.domain.tables import TABLES, StateSchema

PICTURES = "pictures"
"""In the table store: a folder for each trajectory with failed steps."""


class Part(NamedTuple):
    frames: CollectedFrames
    pictures: Mapping[str, bytes]
    """PNG pictures of failed steps, by file name."""


def part_path(folder: str, trajectory_id: str) -> str:
    return f"{folder}/{trajectory_id}.zip"


def picture_name(step_index: int, branch_index: int) -> str:
    """File name of the picture of a failed step."""
    return f"{step_index}-{branch_index}.png"


def pictures_folder(trajectory_id: str) -> str:
    """Where the table store keeps a trajectory's pictures."""
    return f"{PICTURES}/{trajectory_id}"


def pack_part(record: TrajectoryRecords, frames: CollectedFrames) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # not compressed again: parquet and PNG are
        for name, frame in frames._asdict().items():
            file = io.BytesIO()
            frame.write_parquet(file, compression="zstd")
            archive.writestr(f"{name}.parquet", file.getvalue())
        for step in record.transitions:
            if step.picture is not None:
                archive.writestr(picture_name(step.step_index, step.branch_index), step.picture)
    return content.getvalue()


def read_part(store: PartStore, folder: str, trajectory_id: str) -> Part:
    with zipfile.ZipFile(io.BytesIO(store.read_bytes(part_path(folder, trajectory_id)))) as archive:
        frames = CollectedFrames._make(
            TABLES[name].cast(pl.read_parquet(archive.read(f"{name}.parquet"))) for name in CollectedFrames._fields
        )
        pictures = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    return Part(frames, pictures)


def committed_parts(store: PartStore, folder: str) -> frozenset[str]:
    """Ids of the trajectories whose parts are complete."""
    return frozenset(PurePosixPath(path).stem for path in store.list_files(folder))


def merge_frames(parts: Sequence[CollectedFrames]) -> CollectedFrames:
    """The parts as one partition, in the given order; a state in several parts is one row."""
    merged = CollectedFrames._make(pl.concat(frames) for frames in zip(*parts, strict=True))
    states = merged.states.unique("state_id", keep="first", maintain_order=True).sort("state_id")
    return merged._replace(states=StateSchema.cast(states))
