"""The heads that read one vector: a mapping from name to module. Text heads use the language model's own output layer.

Dimensions: A actions, D hidden size, G tag paths.
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
    heads = nn.ModuleDict({head.value: nn.Linear(hidden_size, outputs) for head, outputs in HEAD_OUTPUTS.items()})
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


def read_heads(heads: nn.ModuleDict, hidden_AD: Tensor) -> dict[Head, Tensor]:
    """Logits of every score head: [A], [A, G], [A]."""
    outputs: dict[Head, Tensor] = {}
    for head, width in HEAD_OUTPUTS.items():
        module = heads[head.value]
        assert isinstance(module, nn.Linear)
        logits = module(hidden_AD.to(module.weight.dtype))
        outputs[head] = logits.squeeze(-1) if width == 1 else logits
    return outputs
