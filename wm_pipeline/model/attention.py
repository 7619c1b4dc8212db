"""How the tokens of packed trees attend to each other: one function, registered with transformers under one name.

Dimensions: B rows, H heads, G key and value heads, Q queries, K keys, E size of a head.
"""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.model.settings import Attention

TREE_ATTENTION = "wm_tree"


def tree_attention(
    module: nn.Module,
    query_BHQE: Tensor,
    key_BGKE: Tensor,
    value_BGKE: Tensor,
    attention_mask: Tensor | BlockMask | None,
    *,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The attention output of every query, shape BQHE.

    A BlockMask goes to flex_attention (Dong et al. 2024, arXiv 2412.05496), which skips fully masked blocks: most of a
    packed row. A few queries under a mask of all heads, as in decoding, are grouped by the key head that they share, so
    that keys and values are not copied for each head. All other cases use transformers' own attention.
    """
    shared = query_BHQE.shape[1] // key_BGKE.shape[1]
    if isinstance(attention_mask, BlockMask):
        flex = _compiled_flex() if query_BHQE.is_cuda else flex_attention
        # The kernels need equal number types (autocast leaves fp32 beside bf16) and cannot share a key among 3 queries.
        keys, values = (one.repeat_interleave(shared, dim=1) for one in (key_BGKE, value_BGKE))
        query, keys = query_BHQE.to(values.dtype), keys.to(values.dtype)
        found = flex(query, keys, values, block_mask=attention_mask, scale=scaling)
        return found.transpose(1, 2).contiguous(), None
    is_short = 4 * query_BHQE.shape[2] <= key_BGKE.shape[2]
    if shared > 1 and is_short and attention_mask is not None and attention_mask.shape[1] == 1:
        rows, heads, queries, size = query_BHQE.shape
        side_by_side = query_BHQE.reshape(rows, heads // shared, shared * queries, size)
        mask = attention_mask.repeat(1, 1, shared, 1)
        found = scaled_dot_product_attention(side_by_side, key_BGKE, value_BGKE, attn_mask=mask, scale=scaling)
        return found.reshape(rows, heads, queries, size).transpose(1, 2).contiguous(), None
    found, _ = sdpa_attention_forward(
        module, query_BHQE, key_BGKE, value_BGKE, attention_mask, scaling=scaling, **others
    )
    return found, None


@functools.cache
def _compiled_flex() -> Any:
    return torch.compile(flex_attention)


def use_tree_attention(backbone: PreTrainedModel) -> None:
    """Make the backbone use `tree_attention`, if its architecture allows the choice (nearly all do)."""
    model: Any = backbone
    if model.config._attn_implementation == "sdpa" and model._supports_attention_backend:
        model.set_attn_implementation(TREE_ATTENTION)


def is_flex(backbone: PreTrainedModel, chosen: Attention) -> bool:
    """Whether packed rows use block masks. Raises SettingsError when flex is set on a device where it cannot train."""
    config: Any = backbone.config
    device = backbone.device
    if chosen is Attention.FLEX and device.type == "cpu" and torch.is_grad_enabled():
        raise SettingsError("model.attention: flex_attention trains on a GPU only; set it to auto")
    if config._attn_implementation != TREE_ATTENTION or chosen is Attention.SDPA:
        return False
    return chosen is Attention.FLEX or (device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0))


AttentionInterface.register(TREE_ATTENTION, tree_attention)
AttentionMaskInterface.register(TREE_ATTENTION, sdpa_mask)
