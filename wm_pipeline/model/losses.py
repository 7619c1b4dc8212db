"""What each head is trained for: one loss a head, divided by what was counted, logged alone.

Dimensions: A actions, G tag paths, P predicted text tokens, V vocabulary.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 torch's own name for it

from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.examples import Example
from wm_pipeline.model.prompt import SCORE_HEADS, TEXT_HEADS, StateTree
from wm_pipeline.model.tree import Readouts
from wm_pipeline.model.world_model import HeadOutputs

HEAVIEST_POSITIVE = 10.0
"""Beyond it a rare class would decide single steps; calibration sets the probabilities right afterwards."""


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Weights that let the rare class count as much as the frequent one."""

    risk_positive_weight: float = 1.0
    tag_rates: tuple[float, ...] = (0.0,) * len(TAG_PATHS)


@dataclass(frozen=True, slots=True)
class HeadLoss:
    """A loss before division: `total` over what `counted` counts (weights of actions, or weighted tokens)."""

    total: Tensor
    counted: float


def class_balance(examples: Iterable[Example]) -> ClassBalance:
    """From the labels of a training set; soft labels count as the share they are."""
    risk = tags_seen = positive = 0.0
    tag_counts = [0.0] * len(TAG_PATHS)
    for example in examples:
        if example.labels.risk_score is not None:
            risk += example.weight
            positive += example.weight * example.labels.risk_score
        if example.labels.tags is not None:
            tags_seen += 1
            tag_counts = [count + has for count, has in zip(tag_counts, example.labels.tags, strict=True)]
    weight = 1.0 if positive == 0 or positive == risk else (risk - positive) / positive
    rates = tuple(count / max(1.0, tags_seen) for count in tag_counts)
    return ClassBalance(min(HEAVIEST_POSITIVE, max(1 / HEAVIEST_POSITIVE, weight)), rates)


def counts_of(trees: Sequence[StateTree]) -> dict[Head, float]:
    """What each head's loss is divided by over these trees; a head without labels is not in it."""
    counts: dict[Head, float] = {}
    for tree in trees:
        for action in tree.actions:
            for head in SCORE_HEADS:
                if _label(action.labels.risk_score, action.labels.tags, action.labels.alternative_score, head):
                    counts[head] = counts.get(head, 0.0) + action.weight
            for text in action.texts:
                if text.target_ids:
                    counts[text.head] = counts.get(text.head, 0.0) + action.weight * len(text.target_ids)
    return {head: count for head, count in counts.items() if count > 0}


def _label(risk: float | None, tags: tuple[bool, ...] | None, alternative: float | None, head: Head) -> bool:
    return {Head.RISK: risk, Head.TAGS: tags, Head.COUNTERFACTUAL: alternative}[head] is not None


def head_losses(
    outputs: HeadOutputs, readouts: Readouts, trees: Sequence[StateTree], balance: ClassBalance
) -> dict[Head, HeadLoss]:
    """The loss of every head that has labels in these trees."""
    actions = [action for tree in trees for action in tree.actions]
    device = readouts.actions.row_A.device
    weight_A = torch.tensor([action.weight for action in actions], device=device)
    counts = counts_of(trees)
    losses: dict[Head, HeadLoss] = {}

    risk_A, has_risk_A = _targets([action.labels.risk_score for action in actions], device)
    losses[Head.RISK] = _score_loss(
        outputs.scores[Head.RISK], risk_A, weight_A * has_risk_A, positive_weight=balance.risk_positive_weight
    )
    alternative_A, has_alternative_A = _targets([action.labels.alternative_score for action in actions], device)
    losses[Head.COUNTERFACTUAL] = _score_loss(
        outputs.scores[Head.COUNTERFACTUAL], alternative_A, weight_A * has_alternative_A, positive_weight=1.0
    )
    tagged = [index for index, action in enumerate(actions) if action.labels.tags is not None]
    tags_AG = torch.tensor([actions[index].labels.tags for index in tagged], dtype=torch.float32, device=device)
    if tagged:
        # The sum over tags, not the mean: an action has one or two tags out of all, whatever their number.
        logits_AG = outputs.scores[Head.TAGS][tagged]
        loss_A = F.binary_cross_entropy_with_logits(logits_AG, tags_AG.to(logits_AG), reduction="none").sum(dim=1)
        losses[Head.TAGS] = HeadLoss((loss_A * weight_A[tagged].to(loss_A)).sum(), float(weight_A[tagged].sum()))

    logits_PV = outputs.text_logits_PV
    if len(readouts.text_target_P):
        loss_dtype = torch.float32 if logits_PV.dtype == torch.bfloat16 else logits_PV.dtype
        loss_P = F.cross_entropy(logits_PV.to(loss_dtype), readouts.text_target_P, reduction="none")
        loss_P = loss_P * weight_A[readouts.text_action_P].to(loss_P)
        for index, head in enumerate(TEXT_HEADS):
            losses[head] = HeadLoss(loss_P[readouts.text_head_P == index].sum(), counts.get(head, 0.0))
    kept = {head: loss for head, loss in losses.items() if head in counts}
    assert set(kept) == set(counts), f"losses of {sorted(kept)}, labels for {sorted(counts)}"
    return kept


def total_loss(
    losses: Mapping[Head, HeadLoss], weights: Mapping[Head, float], counts: Mapping[Head, float], *, processes: int = 1
) -> Tensor | None:
    """The weighted sum over heads; None when no head with weight has a label.

    `counts` are those of the whole step over all processes, so that each label weighs the same wherever it is
    computed; the factor `processes` undoes the averaging of gradients between them.
    """
    parts = [
        loss.total * (weights[head] * processes / counts[head])
        for head, loss in losses.items()
        if weights.get(head, 0.0) > 0
    ]
    assert all(part.ndim == 0 for part in parts)
    return None if not parts else torch.stack(parts).sum()


def _targets(labels: Sequence[float | None], device: torch.device) -> tuple[Tensor, Tensor]:
    present = torch.tensor([label is not None for label in labels], device=device)
    return torch.tensor([0.0 if label is None else label for label in labels], device=device), present


def _score_loss(logits_A: Tensor, target_A: Tensor, weight_A: Tensor, *, positive_weight: float) -> HeadLoss:
    """Binary cross entropy against a probability; absent labels come with weight 0."""
    loss_A = F.binary_cross_entropy_with_logits(
        logits_A, target_A.to(logits_A), reduction="none", pos_weight=logits_A.new_tensor(positive_weight)
    )
    return HeadLoss((loss_A * weight_A.to(loss_A)).sum(), float(weight_A.sum()))
