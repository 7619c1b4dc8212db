"""The heads of the model: one entry each, which says all that training and answering need to know of it.

A further head is an entry here, or a plug-in that calls `register_head`: docs/examples/head_leaks.py judges,
docs/examples/head_reach.py writes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wm_pipeline.domain.delta import DELTA_PATTERN
from wm_pipeline.domain.errors import InvalidInputError, SettingsError
from wm_pipeline.domain.registrations import Kind, Registry
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScoreHead:
    """A linear layer over what the backbone read of an action, trained by binary cross entropy."""

    name: str
    outputs: int
    label: Callable[[Row], Sequence[float] | None]
    """What a row of sft_dataset says, a probability for each output; None where it says nothing."""
    weight: float = 0.0
    """In the loss of SFT where its settings name none; with 0 the head is fitted afterwards only."""


@dataclass(frozen=True, slots=True)
class TextHead:
    """A text that the language model writes below an action, behind the head's name."""

    name: str
    target: Callable[[Row], str | None] | None
    """What a row of sft_dataset says; None or "" where it says nothing. No function: SFT does not train it."""
    weight: float = 0.0
    """In the loss of SFT where its settings name none."""
    midtrain_target: Callable[[Row], str | None] | None = None
    """What a row of midtrain_dataset says. No function: mid-training does not train it."""
    midtrain_weight: float = 0.0
    pattern: str | None = None
    """A regular expression that what it writes follows; None: it writes freely."""
    is_answered: bool = True
    """An answer holds it unless heads are named; False: it is written on request alone."""


def tag_labels(tags: Sequence[str]) -> tuple[float, ...]:
    """Which of all tag paths are in `tags` (1 or 0), in the taxonomy's order."""
    present = set(tags)
    return tuple(float(path in present) for path in TAG_PATHS)


Entry = TypeVar("Entry", ScoreHead, TextHead)
SCORE_HEADS = Registry[ScoreHead](Kind.HEAD)
TEXT_HEADS = Registry[TextHead](Kind.HEAD)


def register_head(head: Entry) -> Entry:
    """Add a head to those that are trained, saved and answered. Raises SettingsError for a name that is taken."""
    outputs = 1 if isinstance(head, TextHead) else head.outputs
    if head.name in every_head() or not head.name.isidentifier() or outputs < 1:
        raise SettingsError(
            f"head {head.name!r}: expected a new name of letters, digits and underscores and at least one output, "
            f"found {outputs} outputs; there are {', '.join(every_head())}"
        )
    if isinstance(head, TextHead):
        TEXT_HEADS[head.name] = head
    else:
        SCORE_HEADS[head.name] = head
    return head


def every_head() -> tuple[str, ...]:
    """All names, in the order in which they are reported."""
    return tuple(dict.fromkeys((*Head, *SCORE_HEADS, *TEXT_HEADS)))


def check_head(name: str) -> str:
    """The name itself. Raises InvalidInputError when there is no such head."""
    if name not in every_head():
        raise InvalidInputError(f"heads: unknown head {name!r}; there are {', '.join(every_head())}")
    return name


def answered_heads() -> tuple[str, ...]:
    """Everything an outcome holds unless heads are named."""
    return (*SCORE_HEADS, *(name for name, head in TEXT_HEADS.items() if head.is_answered))


def labels_of(row: Row) -> dict[str, tuple[float, ...]]:
    """What a row of sft_dataset says about its action, by head; a head it says nothing about is not in it."""
    found = {name: head.label(row) for name, head in SCORE_HEADS.items()}
    return {name: tuple(label) for name, label in found.items() if label is not None}


def texts_of(row: Row, *, is_midtraining: bool = False) -> dict[str, str]:
    """What a row of a dataset has the text heads write; a head it says nothing about is not in it."""
    targets = {name: head.midtrain_target if is_midtraining else head.target for name, head in TEXT_HEADS.items()}
    return {name: text for name, target in targets.items() if target is not None and (text := target(row))}


def _one(column: str) -> Callable[[Row], Sequence[float] | None]:
    return lambda row: None if row[column] is None else (row[column],)


def _rationale(row: Row) -> str:
    return " ".join(row["rationale"] or ())


# Judgement first: the texts explain it and must not crowd it out, and the loss of tags is a sum over all of them.
for _score in (
    ScoreHead(Head.RISK, 1, _one("risk_score"), weight=1.0),
    ScoreHead(Head.TAGS, len(TAG_PATHS), lambda row: tag_labels(row["predicted_consequence"]["tags"]), weight=0.1),
    ScoreHead(Head.COUNTERFACTUAL, 1, _one("alternative_score"), weight=0.3),
):
    SCORE_HEADS[_score.name] = _score

for _text in (
    # What the action does to the page: the transition and the beginning of the next page. For imagination.
    TextHead(
        Head.NEXT_STATE,
        target=None,
        midtrain_target=lambda row: f"{row['relative_transition']}\n{row['next_page']}".strip(),
        midtrain_weight=1.0,
        is_answered=False,
    ),
    TextHead(Head.RATIONALE, _rationale, weight=0.2, midtrain_target=_rationale, midtrain_weight=0.5),
    TextHead(Head.CONSEQUENCE, lambda row: row["predicted_consequence"]["narrative"], weight=0.2),
    TextHead(Head.STATE_DELTA, lambda row: "\n".join(row["relative_facts"]), weight=0.2, pattern=DELTA_PATTERN),
):
    TEXT_HEADS[_text.name] = _text
