"""A further head: how likely it is that an action lets anything at all leave for another host.

The head `tags` says what leaves and where to, in dozens of outputs; this one asks a single question of the same rows.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wm_pipeline.model.score_heads import ScoreHead, register_head
from wm_pipeline.model.settings import SFT_WEIGHTS, HeadWeight, TrainSettings


def label(row: Mapping[str, Any]) -> tuple[float, ...]:
    """One output: 1 where some tag of the row is an exfiltration."""
    return (float(any(tag.startswith("data_exfiltration") for tag in row["predicted_consequence"]["tags"])),)


LEAKS = ScoreHead("leaks", outputs=1, label=label)


def register() -> ScoreHead:
    """Call this before a model is trained or loaded, in every process that does."""
    return register_head(LEAKS)


def weighted(settings: TrainSettings) -> TrainSettings:
    """The settings with a weight for the head in the loss; without one it is fitted afterwards only."""
    return replace(settings, head_weights=(*SFT_WEIGHTS, HeadWeight(LEAKS.name, 0.3)))
