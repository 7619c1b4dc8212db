"""The training losses: one for each head, divided by its own count and logged separately.

Dimensions: A actions, L labelled actions, O outputs of a head, P predicted text tokens, V vocabulary.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 torch's own name for it

from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.examples import Example
from wm_pipeline.model.head_registry import TEXT_HEADS
from wm_pipeline.model.prompt import StateTree
from wm_pipeline.model.tree import Readouts
from wm_pipeline.model.world_model import HeadOutputs

HEAVIEST_POSITIVE = 10.0
"""With more weight a rare class would dominate single steps; calibration corrects the probabilities afterwards."""


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Weights that let the rare class count as much as the frequent one."""

    risk_positive_weight: float = 1.0
    tag_rates: tuple[float, ...] = (0.0,) * len(TAG_PATHS)


@dataclass(frozen=True, slots=True)
class HeadLoss:
    """A loss before division: the sum, and its divisor `counted` (weights of actions, or weighted tokens)."""

    total: Tensor
    counted: float


def class_balance(examples: Iterable[Example]) -> ClassBalance:
    """Class weights from the labels of a training set; a soft label counts for each class by its share."""
    risk = tags_seen = positive = 0.0
    tag_counts = [0.0] * len(TAG_PATHS)
    for example in examples:
        if Head.RISK in example.labels:
            risk += example.weight
            positive += example.weight * example.labels[Head.RISK][0]
        if Head.TAGS in example.labels:
            tags_seen += 1
            tag_counts = [count + has for count, has in zip(tag_counts, example.labels[Head.TAGS], strict=True)]
    weight = 1.0 if positive == 0 or positive == risk else (risk - positive) / positive
    rates = tuple(count / max(1.0, tags_seen) for count in tag_counts)
    return ClassBalance(min(HEAVIEST_POSITIVE, max(1 / HEAVIEST_POSITIVE, weight)), rates)


def counts_of(trees: Sequence[StateTree]) -> dict[str, float]:
    """Divisor of each head's loss over these trees; heads without labels are left out."""
    counts: dict[str, float] = {}
    for tree in trees:
        for action in tree.actions:
            for head in action.labels:
                counts[head] = counts.get(head, 0.0) + action.weight
            for text in action.texts:
                if text.target_ids:
                    counts[text.head] = counts.get(text.head, 0.0) + action.weight * len(text.target_ids)
    return {head: count for head, count in counts.items() if count > 0}


def head_losses(
    outputs: HeadOutputs, readouts: Readouts, trees: Sequence[StateTree], balance: ClassBalance
) -> dict[str, HeadLoss]:
    """The loss of every head that has labels in these trees."""
    actions = [action for tree in trees for action in tree.actions]
    device = readouts.actions.row_A.device
    weight_A = torch.tensor([action.weight for action in actions], device=device)
    counts = counts_of(trees)
    losses: dict[str, HeadLoss] = {}

    for head, logits_AO in outputs.scores.items():
        labelled = [index for index, action in enumerate(actions) if head in action.labels]
        if not labelled:
            continue
        targets_LO = logits_AO.new_tensor([tuple(actions[index].labels[head]) for index in labelled])
        positive = balance.risk_positive_weight if head == Head.RISK else 1.0
        # The sum over outputs, not the mean: an action has one or two tags out of all, whatever their number.
        loss_L = F.binary_cross_entropy_with_logits(
            logits_AO[labelled], targets_LO, reduction="none", pos_weight=logits_AO.new_tensor(positive)
        ).sum(dim=1)
        losses[head] = HeadLoss((loss_L * weight_A[labelled].to(loss_L)).sum(), counts.get(head, 0.0))

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
    losses: Mapping[str, HeadLoss], weights: Mapping[str, float], counts: Mapping[str, float], *, processes: int = 1
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
