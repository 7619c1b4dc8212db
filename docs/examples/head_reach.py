"""A further head that writes: in one line, how far the effects of an action reach.

The head `consequence` tells the whole story; whoever shows a list of actions to a person wants a few words of each.
"""

from collections.abc import Mapping
from typing import Any

from wm_pipeline.model.head_registry import TextHead, register_head

ANSWERS = ("data leaves for another host", "something changes here", "nothing changes")


def target(row: Mapping[str, Any]) -> str:
    """The words that the row's tags stand for."""
    tags = row["predicted_consequence"]["tags"]
    if any(tag.startswith("data_exfiltration") for tag in tags):
        return ANSWERS[0]
    return ANSWERS[1] if tags else ANSWERS[2]


REACH = TextHead("reach", target, weight=0.1, pattern="|".join(ANSWERS))
"""The pattern keeps the model to these three answers."""


def register() -> TextHead:
    """Called in every process: `WM_PLUGINS=docs/examples/head_reach.py wm run`. Its answer is `texts["reach"]`."""
    return register_head(REACH)
