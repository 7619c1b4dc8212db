"""Names of files and folders that several modules of a round share."""

MINIWOB = "miniwob"
CHECKPOINT = "checkpoint"
REPORT_JSON, REPORT_HTML = "report.json", "report.html"
VERSION_JSON = "version.json"
CARD = "card.md"


def card_folder(table: str, day: str) -> str:
    """Where a dataset's card lies, relative to the store's root; its table's folder holds parquet alone."""
    return f"cards/{table}/{day}"
