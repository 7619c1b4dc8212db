"""Names of files and folders that several modules of a round share."""

MINIWOB = "miniwob"
CHECKPOINT = "checkpoint"
REPORT_JSON, REPORT_HTML = "report.json", "report.html"
VERSION_JSON = "version.json"
