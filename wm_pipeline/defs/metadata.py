"""What an asset shows in the UI: rows, numbers over time, plots as images, a sample of rows, links."""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from wm_pipeline.rounds.workspace import StageOutput

_LONGEST_CELL = 120


def shown(output: StageOutput, *, plots: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """Metadata of a stage's output. A number that is missing is left out of the time series, not drawn as 0."""
    metadata: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(output.rows),
        "path": dg.MetadataValue.path(output.address),
    }
    for name, value in output.numbers.items():
        if isinstance(value, bool):
            metadata[name] = dg.MetadataValue.bool(value)
        elif isinstance(value, int | float):
            metadata[name] = dg.MetadataValue.float(float(value))
        elif isinstance(value, str):
            is_link = value.startswith(("http://", "https://"))
            metadata[name] = dg.MetadataValue.url(value) if is_link else dg.MetadataValue.text(value)
    if output.sample is not None and output.sample.height:
        metadata["sample"] = dg.MetadataValue.md(markdown_table(output.sample))
    if output.card is not None:
        metadata["card"] = dg.MetadataValue.md(output.card)
    for name, table in output.tables.items():
        metadata[name] = dg.MetadataValue.md(markdown_table(table))
    for name, content in (plots or {}).items():
        encoded = base64.b64encode(content).decode()
        metadata[f"plot_{name}"] = dg.MetadataValue.md(f"![{name}](data:image/png;base64,{encoded})")
    return metadata


def markdown_table(frame: pl.DataFrame) -> str:
    """Rows as a Markdown table; long cells are cut."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.width]
    for row in frame.iter_rows():
        cells = ["" if cell is None else str(cell).replace("\n", "; ").replace("|", "/") for cell in row]
        lines.append("| " + " | ".join(cell[:_LONGEST_CELL] for cell in cells) + " |")
    return "\n".join(lines)
