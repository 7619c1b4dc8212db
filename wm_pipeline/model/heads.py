# ruff: noqa: N815 tensors end in their dimensions
"""The heads that judge an action: a mapping from name to module. Text heads use the language model's own output layer.

They read the action's last token, which attends to everything before it, the mean over the action's tokens, and the
phrases of the action's own text.

Dimensions: B rows, T tokens, A actions, S tokens of all actions, Q phrases of all actions, D hidden size, G tag paths,
O outputs of a head.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.head_registry import SCORE_HEADS

PHRASE_BUCKETS = 1 << 14
LONGEST_PHRASE = 5
"""Tokens; "POST to other site" has four or five."""
_PHRASES = "phrases"
_KEY_BITS = (1 << 31) - 1


def build_heads(hidden_size: int, *, seed: int) -> nn.ModuleDict:
    """Linear heads that start near zero: before training, every probability is about 0.5."""
    linear = {name: nn.Linear(2 * hidden_size, head.outputs) for name, head in SCORE_HEADS.items()}
    heads = nn.ModuleDict(linear)
    generator = torch.Generator().manual_seed(seed)
    for module in heads.values():
        assert isinstance(module, nn.Linear)
        # Small weights, because hidden vectors are large: the first losses stay near those of the base rates.
        nn.init.normal_(module.weight, std=0.1 / math.sqrt(hidden_size), generator=generator)
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
    arXiv 1606.07792), over hashed phrases of one to five tokens. It learns what words mean by themselves, the
    backbone what they mean on this page. model/refit.py fits it; gradient steps leave it unchanged."""

    weight: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(PHRASE_BUCKETS, outputs))

    def find(self, token_ids_BT: Tensor, spans: ActionSpans) -> tuple[Tensor, Tensor]:
        """Action and bucket of every phrase, each [Q]."""
        action_S, row_S, column_S = spans.places()
        token_S = token_ids_BT[row_S, column_S]
        owners: list[Tensor] = []
        buckets: list[Tensor] = []
        key_S = torch.zeros_like(token_S)
        for longer in range(LONGEST_PHRASE):
            end = len(token_S) - longer
            # Extend each phrase by one token.
            key_S = (key_S[:end] * 1_000_003 + token_S[longer:] + 1) & _KEY_BITS
            is_whole = action_S[:end] == action_S[longer:]
            owners.append(action_S[:end][is_whole])
            buckets.append((key_S[is_whole] * 2_654_435_761 >> 13) % PHRASE_BUCKETS)
        return torch.cat(owners), torch.cat(buckets)

    def forward(self, token_ids_BT: Tensor, spans: ActionSpans) -> Tensor:
        """Shape [A, O]."""
        owner_Q, bucket_Q = self.find(token_ids_BT, spans)
        total_AO = self.weight.new_zeros(len(spans.row_A), self.weight.shape[1])
        total_AO = total_AO.index_add(0, owner_Q, self.weight[bucket_Q])
        return total_AO / torch.bincount(owner_Q, minlength=len(total_AO)).to(total_AO).sqrt()[:, None]


def pool_actions(hidden_BTD: Tensor, spans: ActionSpans) -> Tensor:
    """Features of the score heads, [A, 2 D]: an action's last token and the mean over its tokens, in fp32 at least."""
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


def read_heads(heads: nn.ModuleDict, hidden_BTD: Tensor, token_ids_BT: Tensor, spans: ActionSpans) -> dict[str, Tensor]:
    """Logits of every score head, [A, its outputs]."""
    pooled_AD = pool_actions(hidden_BTD, spans)
    phrases_AO = phrases_of(heads)(token_ids_BT, spans)
    outputs: dict[str, Tensor] = {}
    for head, part in head_slices().items():
        linear = linear_of(heads, head)
        outputs[head] = linear(pooled_AD.to(linear.weight.dtype)) + phrases_AO[:, part]
    return outputs
