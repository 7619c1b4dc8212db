"""Names of files and folders that several modules of a round share."""

MINIWOB = "miniwob"
CHECKPOINT = "checkpoint"
VISITED = "visited"
"""What a student visits is collected under this name, in place of a site's."""
TRAININGS = "training"
"""Folder for trainings in progress, in the scratch space."""
REPORT_JSON, REPORT_HTML = "report.json", "report.html"
VERSION_JSON = "version.json"
CARD = "card.md"


def card_folder(table: str, day: str) -> str:
    """Where a dataset's card lies, relative to the store's root; its table's folder holds parquet alone."""
    return f"cards/{table}/{day}"
