"""What a run prints on the terminal: the steps' own counted lines and failures, not Dagster's event log."""

import logging
import sys

import dagster as dg


class _Short(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta = record.__dict__.get("dagster_meta") or {}
        step = meta.get("step_key")
        message = meta.get("orig_message") or record.getMessage()
        return f"{self.formatTime(record, '%H:%M:%S')} {step + ': ' if step else ''}{message}"


class _Telling(logging.Filter):
    """Messages of assets, and errors; the events of the framework are in the UI."""

    def filter(self, record: logging.LogRecord) -> bool:
        is_event = record.__dict__.get("dagster_event") is not None
        return not is_event or record.levelno >= logging.ERROR


def _make_logger(init_context: dg.InitLoggerContext) -> logging.Logger:
    made = logging.Logger("wm_pipeline", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    handler.addFilter(_Telling())
    made.addHandler(handler)
    return made


short_console = dg.LoggerDefinition(_make_logger, description="Counted lines of the stages on stderr.")
"""Logger of every job here."""
