"""A further head: how likely it is that an action lets anything at all leave for another host.

The head `tags` says what leaves and where to, in dozens of outputs; this one asks a single question of the same rows.
"""

from collections.abc import Mapping
from typing import Any

from wm_pipeline.model.head_registry import ScoreHead, register_head


def label(row: Mapping[str, Any]) -> tuple[float, ...]:
    """One output: 1 where some tag of the row is an exfiltration."""
    return (float(any(tag.startswith("data_exfiltration") for tag in row["predicted_consequence"]["tags"])),)


LEAKS = ScoreHead("leaks", outputs=1, label=label, weight=0.3)
"""The weight is the head's in the loss; with 0 it is fitted afterwards only."""


def register() -> ScoreHead:
    """Called in every process: `WM_PLUGINS=docs/examples/head_leaks.py wm run`. Its answer is `scores["leaks"]`."""
    return register_head(LEAKS)
