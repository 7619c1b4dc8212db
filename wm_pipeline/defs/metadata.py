"""What an asset shows in the UI: rows, numbers over time, plots as images, a sample of rows, links, columns."""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from wm_pipeline.domain.tables import TABLES
from wm_pipeline.rounds.workspace import StageOutput

_LONGEST_CELL = 120


def shown(output: StageOutput, *, plots: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """Metadata of a stage's output. A number that is missing is left out of the time series, not drawn as 0."""
    metadata: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(output.rows),
        "path": dg.MetadataValue.path(output.address),
    }
    for name, address in output.links.items():
        metadata[name] = _link(address)
    if plots:
        # One entry: the UI folds each away behind a click of its own.
        metadata["plots"] = dg.MetadataValue.md("\n\n".join(_image(name, png) for name, png in plots.items()))
    for name, value in output.numbers.items():
        if isinstance(value, bool):
            metadata[name] = dg.MetadataValue.bool(value)
        elif isinstance(value, int | float):
            metadata[name] = dg.MetadataValue.float(float(value))
        elif isinstance(value, str) and name not in output.links:
            metadata[name] = dg.MetadataValue.text(value)
    if output.sample is not None and output.sample.height:
        metadata["sample"] = dg.MetadataValue.md(markdown_table(output.sample))
    if output.card is not None:
        metadata["card"] = dg.MetadataValue.md(output.card)
    for name, table in output.tables.items():
        metadata[name] = dg.MetadataValue.md(markdown_table(table))
    return metadata


def _link(address: str) -> dg.MetadataValue:
    is_page = address.startswith(("http://", "https://"))
    return dg.MetadataValue.url(address) if is_page else dg.MetadataValue.path(address)


def _image(name: str, png: bytes) -> str:
    return f"**{name.replace('_', ' ')}**\n\n![{name}](data:image/png;base64,{base64.b64encode(png).decode()})"


def columns_of(table: str) -> dict[str, dg.TableSchema]:
    """A table's columns, where Dagster and its catalogue look for them."""
    schema = TABLES[table]
    keys = schema.primary_key()
    columns = [
        dg.TableColumn(
            name,
            _type_of(column.dtype),
            constraints=dg.TableColumnConstraints(
                nullable=column.nullable, other=["part of the key"] if name in keys else []
            ),
        )
        for name, column in schema.columns().items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def _type_of(dtype: pl.DataType) -> str:
    name = str(dtype.base_type()).lower()
    return f"list[{str(dtype.inner.base_type()).lower()}]" if isinstance(dtype, pl.List) else name


def markdown_table(frame: pl.DataFrame) -> str:
    """Rows as a Markdown table; long cells are cut."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.width]
    for row in frame.iter_rows():
        cells = ["" if cell is None else str(cell).replace("\n", "; ").replace("|", "/") for cell in row]
        lines.append("| " + " | ".join(cell[:_LONGEST_CELL] for cell in cells) + " |")
    return "\n".join(lines)
