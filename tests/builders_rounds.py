"""Outputs of a round that hold nothing but their notes."""

from wm_pipeline.domain.tables import TABLES
from wm_pipeline.rounds.graph import ASSET
from wm_pipeline.rounds.workspace import Workspace, lineage_of


def write_folder(workspace: Workspace, name: str, day: str) -> None:
    """An asset's artifact folder of a day, and the tables beside it, without rows."""
    lineage = lineage_of(workspace, name, day)
    with workspace.store.committing() as batch:
        for table in ASSET[name].beside:
            batch.write(table, TABLES[table].create_empty(), day=day, lineage=lineage)
        note = {**lineage, "content": f"of {name}"}
        batch.write_folder(ASSET[name].folder(day), {"made.txt": name.encode()}, note=note)
