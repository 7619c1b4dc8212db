"""Names of files and folders that several modules of a round share."""

MINIWOB = "miniwob"
CHECKPOINT = "checkpoint"
ABLATION = "without_midtraining"
REPORT_JSON, REPORT_HTML = "report.json", "report.html"
