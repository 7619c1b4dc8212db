"""The heads that judge an action by probabilities: one entry each, which says all that training needs to know of it.

A further head is a ScoreHead and its entry here, or a plug-in that calls `register_head`, such as
docs/examples/head_leaks.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.registrations import Kind, Registry
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head


@dataclass(frozen=True, slots=True)
class ScoreHead:
    """A linear layer over what the backbone read of an action, trained by binary cross entropy."""

    name: str
    outputs: int
    label: Callable[[Mapping[str, Any]], Sequence[float] | None]
    """What a row of sft_dataset says, a probability for each output; None where it says nothing."""
    weight: float = 0.0
    """In the loss of SFT where its settings name none; with 0 the head is fitted afterwards only."""


def tag_labels(tags: Sequence[str]) -> tuple[float, ...]:
    """Which of all tag paths are in `tags` (1 or 0), in the taxonomy's order."""
    present = set(tags)
    return tuple(float(path in present) for path in TAG_PATHS)


def _one(column: str) -> Callable[[Mapping[str, Any]], Sequence[float] | None]:
    return lambda row: None if row[column] is None else (row[column],)


SCORE_HEADS = Registry[ScoreHead](Kind.HEAD)


def register_head(head: ScoreHead) -> ScoreHead:
    """Add a head to those that are trained, saved and read. Raises SettingsError for a name that is taken."""
    if head.name in every_head() or not head.name.isidentifier() or head.outputs < 1:
        raise SettingsError(
            f"head {head.name!r}: expected a new name of letters, digits and underscores and at least one output, "
            f"found {head.outputs} outputs; there are {', '.join(every_head())}"
        )
    SCORE_HEADS[head.name] = head
    return head


def every_head() -> tuple[str, ...]:
    """All names, in the order in which they are reported."""
    return tuple(dict.fromkeys((*Head, *SCORE_HEADS)))


def labels_of(row: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """What a row of sft_dataset says about its action, by head; a head it says nothing about is not in it."""
    found = {name: head.label(row) for name, head in SCORE_HEADS.items()}
    return {name: tuple(label) for name, label in found.items() if label is not None}


for _head in (
    ScoreHead(Head.RISK, 1, _one("risk_score")),
    ScoreHead(Head.TAGS, len(TAG_PATHS), lambda row: tag_labels(row["predicted_consequence"]["tags"])),
    ScoreHead(Head.COUNTERFACTUAL, 1, _one("alternative_score")),
):
    SCORE_HEADS[_head.name] = _head
