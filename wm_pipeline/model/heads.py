# ruff: noqa: N815 tensors end in their dimensions
"""The heads that judge an action: a mapping from name to module. Text heads use the language model's own output layer.

They read the question's vector (model/reader.py), the phrases of the action's own text and, where a language model
reads along, its hidden vectors of the action: of the last token, which attends to everything before it, and the mean.

Dimensions: B rows, T tokens, A actions, S tokens of all actions, Q phrases of all actions, D hidden size, C features of
an action, O outputs of a head.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.links import PHRASE_BUCKETS
from wm_pipeline.model.reader import GraphBatch

_PHRASES = "phrases"


def build_heads(features: int, *, seed: int) -> nn.ModuleDict:
    """Linear heads that start near zero: before training, every probability is about 0.5."""
    linear = {name: nn.Linear(features, head.outputs) for name, head in SCORE_HEADS.items()}
    heads = nn.ModuleDict(linear)
    generator = torch.Generator().manual_seed(seed)
    for module in heads.values():
        assert isinstance(module, nn.Linear)
        # Small weights, because hidden vectors are large: the first losses stay near those of the base rates.
        nn.init.normal_(module.weight, std=0.1 / math.sqrt(features), generator=generator)
        nn.init.zeros_(module.bias)
    heads[_PHRASES] = Phrases(sum(head.outputs for head in SCORE_HEADS.values()))
    return heads


def start_at_base_rates(heads: nn.ModuleDict, tag_rates: Sequence[float]) -> None:
    """Set the bias of the tags head to the rate of each tag, so that training steps are not spent on it."""
    tags = linear_of(heads, Head.TAGS)
    rates_G = torch.tensor(tag_rates).clamp(1e-3, 0.999)
    with torch.no_grad():
        tags.bias.copy_(torch.logit(rates_G))


@dataclass(frozen=True, slots=True)
class ActionSpans:
    """Positions of a batch's actions: the row of each, and the columns of its first and last token."""

    row_A: Tensor
    first_A: Tensor
    last_A: Tensor

    def places(self) -> tuple[Tensor, Tensor, Tensor]:
        """Action, row and column of every token of every action, each [S]."""
        length_A = self.last_A - self.first_A + 1
        action_S = torch.repeat_interleave(torch.arange(len(length_A), device=length_A.device), length_A)
        start_A = torch.cumsum(length_A, 0) - length_A
        offset_S = torch.arange(len(action_S), device=length_A.device) - start_A[action_S]
        return action_S, self.row_A[action_S], self.first_A[action_S] + offset_S

    def to(self, device: torch.device) -> "ActionSpans":
        return ActionSpans(self.row_A.to(device), self.first_A.to(device), self.last_A.to(device))


class Phrases(nn.Module):
    """Logits from the phrases in an action's own text: the wide part of a wide and deep model (Cheng et al. 2016,
    arXiv 1606.07792), over hashed phrases. It learns what words mean by themselves, the reader what they mean on this
    page. model/fit.py fits it; the stages' own steps leave it unchanged."""

    weight: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(PHRASE_BUCKETS, outputs))

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Shape [A, O]."""
        questions = len(graphs.kind_AN)
        total_AO = self.weight.new_zeros(questions, self.weight.shape[1])
        total_AO = total_AO.index_add(0, graphs.phrase_question_Q, self.weight[graphs.phrase_bucket_Q])
        phrases_A = torch.bincount(graphs.phrase_question_Q, minlength=questions)
        return total_AO / phrases_A.clamp(min=1).to(total_AO).sqrt()[:, None]


def pool_actions(hidden_BTD: Tensor, spans: ActionSpans) -> Tensor:
    """Features from the language model, [A, 2 D]: an action's last token and the mean over its tokens, in fp32 at
    least."""
    action_S, row_S, column_S = spans.places()
    hidden_SD = hidden_BTD[row_S, column_S]
    hidden_SD = hidden_SD.float() if hidden_SD.dtype == torch.bfloat16 else hidden_SD
    total_AD = hidden_SD.new_zeros(len(spans.row_A), hidden_SD.shape[1]).index_add(0, action_S, hidden_SD)
    length_A = spans.last_A - spans.first_A + 1
    last_AD = hidden_BTD[spans.row_A, spans.last_A].to(hidden_SD.dtype)
    return torch.cat([last_AD, total_AD / length_A[:, None]], dim=1)


def linear_of(heads: nn.ModuleDict, head: str) -> nn.Linear:
    """The linear part of a score head."""
    module = heads[head]
    assert isinstance(module, nn.Linear)
    return module


def phrases_of(heads: nn.ModuleDict) -> Phrases:
    """The wide part of all score heads."""
    module = heads[_PHRASES]
    assert isinstance(module, Phrases)
    return module


def head_slices() -> dict[str, slice]:
    """The slice of all outputs that belongs to each head."""
    ends = accumulate(head.outputs for head in SCORE_HEADS.values())
    return {head.name: slice(end - head.outputs, end) for head, end in zip(SCORE_HEADS.values(), ends, strict=True)}


def read_heads(heads: nn.ModuleDict, feature_AC: Tensor, graphs: GraphBatch) -> dict[str, Tensor]:
    """Logits of every score head, [A, its outputs]."""
    phrases_AO = phrases_of(heads)(graphs)
    outputs: dict[str, Tensor] = {}
    for head, part in head_slices().items():
        linear = linear_of(heads, head)
        outputs[head] = linear(feature_AC.to(linear.weight.dtype)) + phrases_AO[:, part]
    return outputs
