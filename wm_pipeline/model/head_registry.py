"""The heads of the model: one entry each, with everything that training and answering need.

Add a head as an entry here, or with a plug-in that calls `register_head`: docs/examples/head_leaks.py has a score head,
docs/examples/head_reach.py a text head.
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
    """A linear layer over the backbone's features of an action, trained by binary cross entropy."""

    name: str
    outputs: int
    label: Callable[[Row], Sequence[float] | None]
    """The label of a row of sft_dataset, a probability for each output; None: no label."""
    weight: float = 0.0
    """Default weight in the loss of SFT; with 0 the head is only fitted after training."""


@dataclass(frozen=True, slots=True)
class TextHead:
    """A text that the language model writes below an action, behind the head's name."""

    name: str
    target: Callable[[Row], str | None] | None
    """The text of a row of sft_dataset; None or "": no text. Without a function, SFT does not train the head."""
    weight: float = 0.0
    """Default weight in the loss of SFT."""
    midtrain_target: Callable[[Row], str | None] | None = None
    """The text of a row of midtrain_dataset. Without a function, mid-training does not train the head."""
    midtrain_weight: float = 0.0
    pattern: str | None = None
    """A regular expression that every text matches; None: any text."""
    is_answered: bool = True
    """Answers hold it unless heads are named; False: it is written only on request."""


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
    """Heads that an outcome holds unless heads are named."""
    return (*SCORE_HEADS, *(name for name, head in TEXT_HEADS.items() if head.is_answered))


def labels_of(row: Row) -> dict[str, tuple[float, ...]]:
    """Labels of a row of sft_dataset, by score head; heads without a label are left out."""
    found = {name: head.label(row) for name, head in SCORE_HEADS.items()}
    return {name: tuple(label) for name, label in found.items() if label is not None}


def texts_of(row: Row, *, is_midtraining: bool = False) -> dict[str, str]:
    """Target texts of a dataset row, by text head; heads without a text are left out."""
    targets = {name: head.midtrain_target if is_midtraining else head.target for name, head in TEXT_HEADS.items()}
    return {name: text for name, target in targets.items() if target is not None and (text := target(row))}


def _one(column: str) -> Callable[[Row], Sequence[float] | None]:
    return lambda row: None if row[column] is None else (row[column],)


def _rationale(row: Row) -> str:
    return " ".join(row["rationale"] or ())


# Risk weighs most: texts only explain it. The weight of tags is small because their loss is a sum over all tags.
for _score in (
    ScoreHead(Head.RISK, 1, _one("risk_score"), weight=1.0),
    ScoreHead(Head.TAGS, len(TAG_PATHS), lambda row: tag_labels(row["predicted_consequence"]["tags"]), weight=0.1),
    ScoreHead(Head.COUNTERFACTUAL, 1, _one("alternative_score"), weight=0.3),
):
    SCORE_HEADS[_score.name] = _score

for _text in (
    # What the action does to the page: the transition and the beginning of the next page.
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
