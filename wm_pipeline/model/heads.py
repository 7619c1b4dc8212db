"""The heads that judge an action: a mapping from name to module. Text heads use the language model's own output layer.

They read the action's last token, which has seen everything, beside the mean over the action's tokens.

Dimensions: B rows, T tokens, A actions, S tokens of all actions, D hidden size, G tag paths.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head

HEAD_OUTPUTS: dict[Head, int] = {Head.RISK: 1, Head.TAGS: len(TAG_PATHS), Head.COUNTERFACTUAL: 1}


def build_heads(hidden_size: int, *, seed: int) -> nn.ModuleDict:
    """Linear heads that start at zero: every action is a coin flip until data says otherwise."""
    heads = nn.ModuleDict({head.value: nn.Linear(2 * hidden_size, outputs) for head, outputs in HEAD_OUTPUTS.items()})
    generator = torch.Generator().manual_seed(seed)
    for module in heads.values():
        assert isinstance(module, nn.Linear)
        # Small, because the hidden vectors are not: the first losses stay near those of the base rates.
        nn.init.normal_(module.weight, std=0.1 / math.sqrt(hidden_size), generator=generator)
        nn.init.zeros_(module.bias)
    return heads


def start_at_base_rates(heads: nn.ModuleDict, tag_rates: Sequence[float]) -> None:
    """Let the tags head begin at how often each tag occurs, so that steps are spent on telling them apart."""
    tags = heads[Head.TAGS.value]
    assert isinstance(tags, nn.Linear)
    rates_G = torch.tensor(tag_rates).clamp(1e-3, 0.999)
    with torch.no_grad():
        tags.bias.copy_(torch.logit(rates_G))


def pool_actions(hidden_BTD: Tensor, row_A: Tensor, first_A: Tensor, last_A: Tensor) -> Tensor:
    """What the score heads read, [A, 2 D]: each action's last token and the mean over its tokens, in fp32 at least.

    `first_A` and `last_A` are the columns of an action's first and last token in its row.
    """
    length_A = last_A - first_A + 1
    action_S = torch.repeat_interleave(torch.arange(len(row_A), device=row_A.device), length_A)
    start_A = torch.cumsum(length_A, 0) - length_A
    column_S = first_A[action_S] + torch.arange(len(action_S), device=row_A.device) - start_A[action_S]
    hidden_SD = hidden_BTD[row_A[action_S], column_S]
    hidden_SD = hidden_SD.float() if hidden_SD.dtype == torch.bfloat16 else hidden_SD
    total_AD = hidden_SD.new_zeros(len(row_A), hidden_SD.shape[1]).index_add(0, action_S, hidden_SD)
    return torch.cat([hidden_BTD[row_A, last_A].to(hidden_SD.dtype), total_AD / length_A[:, None]], dim=1)


def read_heads(heads: nn.ModuleDict, pooled_AD: Tensor) -> dict[Head, Tensor]:
    """Logits of every score head: [A], [A, G], [A]; `pooled_AD` comes from `pool_actions`."""
    outputs: dict[Head, Tensor] = {}
    for head, width in HEAD_OUTPUTS.items():
        module = heads[head.value]
        assert isinstance(module, nn.Linear)
        logits = module(pooled_AD.to(module.weight.dtype))
        outputs[head] = logits.squeeze(-1) if width == 1 else logits
    return outputs
