"""attack_curriculum: where the model is wrong. The next day's worlds are drawn by it."""

import polars as pl

from wm_pipeline.domain.ids import LOOKING_AROUND, digest
from wm_pipeline.domain.miss_rates import CELL_COLUMNS, attack_distribution
from wm_pipeline.domain.tables import PredictionSchema
from wm_pipeline.rounds.graph import ASSET, days_of
from wm_pipeline.rounds.names import REPORT_HTML
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of

_CELLS = "misses.json"
_MOST_CELLS = 20
"""Cells shown in the UI; the file holds all of them."""


def previous_curriculum(workspace: Workspace, day: str) -> pl.DataFrame | None:
    """The newest attack_curriculum before `day`, with CELL_COLUMNS: a file, not a table. None in the first round."""
    asset = ASSET["attack_curriculum"]
    earlier = [one for one in days_of(workspace.store, asset) if one < day]
    if not earlier:
        return None
    return pl.read_json(workspace.store.read_bytes(f"{asset.folder(earlier[-1])}/{_CELLS}"), schema=CELL_COLUMNS)


def make_curriculum(workspace: Workspace, day: str) -> tuple[StageOutput, dict[str, bytes]]:
    """attack_curriculum of a day: misses by site, family, channel, disguise and goal, and weights for the next
    day's worlds; also a heat map."""
    from wm_pipeline.evaluate.plots import curriculum_map

    predictions = workspace.store.read(PredictionSchema, days=[day])
    # No world is drawn for who only looks around: every world's pages are judged by that goal, too.
    cells = attack_distribution(
        PredictionSchema.cast(predictions.filter(~pl.col("goal_id").str.ends_with(LOOKING_AROUND)))
    )
    content, heat_map = cells.write_json(), curriculum_map(cells)
    address = workspace.store.write_folder(
        ASSET["attack_curriculum"].folder(day),
        {_CELLS: content.encode(), "heat_map.png": heat_map},
        note=lineage_of(workspace, "attack_curriculum", day, content=digest(content)),
    )
    numbers = {
        "cells": cells.height,
        "misses": int(cells["misses"].sum()),
        "miss_rate": float(cells["misses"].sum()) / float(cells["rows"].sum()) if cells.height else None,
        "largest_weight": cells["weight"].max(),
    }
    weakest = cells.sort("expected_miss_rate", descending=True).head(_MOST_CELLS)
    report = workspace.store.address_of(f"{ASSET['eval_report'].folder(day)}/{REPORT_HTML}")
    output = StageOutput(
        f"{address}/{_CELLS}",
        cells.height,
        numbers,
        tables={"weakest_cells": weakest},
        links={"report": report},
    )
    return output, {"heat_map": heat_map}
