# ruff: noqa: N815 tensors end in their dimensions
"""The backbone and its heads as one module: a batch of trees in, the logits of every head out.

Dimensions: B rows, T tokens, D hidden size, A actions, P predicted text tokens, V vocabulary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from wm_pipeline.model.attention import is_flex, use_tree_attention
from wm_pipeline.model.heads import build_heads, read_heads
from wm_pipeline.model.settings import Compute, ModelSettings
from wm_pipeline.model.tree import TreeBatch


# No slots: DeepSpeed looks through vars() of what a module returns under ZeRO-3.
@dataclass(frozen=True)
class HeadOutputs:
    scores: dict[str, Tensor]
    """Logits of the score heads, [A, its outputs]."""
    text_logits_PV: Tensor
    """Logits of the text heads at the positions that predict a target token."""


class WorldModel(nn.Module):
    """A causal language model with heads that judge the action at the end of a path."""

    def __init__(self, backbone: PreTrainedModel, settings: ModelSettings, *, seed: int) -> None:
        super().__init__()
        config: Any = backbone.config
        use_tree_attention(backbone)
        self.backbone = backbone
        self.heads = build_heads(int(config.hidden_size), seed=seed)
        self.settings = settings
        self.vocabulary_size = int(config.vocab_size)
        embeddings: Any = backbone.get_input_embeddings()
        embeddings.weight.requires_grad_(settings.has_trained_embeddings)
        if config.tie_word_embeddings is False:
            output_layer(backbone).weight.requires_grad_(settings.has_trained_embeddings)

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def forward(self, batch: TreeBatch) -> HeadOutputs:
        with autocast(self.device, self.settings.compute):
            return self._read(batch, self.encode(batch))

    def encode(self, batch: TreeBatch) -> Tensor:
        """Hidden vectors of every token after the final norm, [B, T, D]."""
        rows = batch.rows
        decoder: Any = self.backbone.base_model
        encoded = decoder(
            input_ids=rows.token_ids_BT,
            position_ids=rows.position_ids_BT,
            attention_mask=rows.block_mask if is_flex(self.backbone, self.settings.attention) else rows.mask_B1TT,
            use_cache=False,
        )
        hidden_BTD: Tensor = encoded.last_hidden_state
        return hidden_BTD

    def _read(self, batch: TreeBatch, hidden_BTD: Tensor) -> HeadOutputs:
        places = batch.readouts
        hidden_PD = hidden_BTD[places.text_row_P, places.text_column_P]
        with torch.autocast(self.device.type, enabled=False):
            # Probabilities are read in full precision: a guard compares them with a threshold.
            scores = read_heads(self.heads, hidden_BTD, batch.rows.token_ids_BT, places.actions)
        # Only where a text is predicted: the output layer over all tokens would cost more than the decoder.
        return HeadOutputs(scores, output_layer(self.backbone)(hidden_PD))


def is_low_precision(device: torch.device, compute: Compute) -> bool:
    """Whether matrices are multiplied in bf16 on this device."""
    if compute is not Compute.AUTO:
        return compute is Compute.BF16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # torch has no public name for these two; both have been there since 2.6.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device, compute: Compute) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_low_precision(device, compute))


def cast_linears_to_bf16(backbone: nn.Module) -> list[tuple[nn.Module, str, nn.Parameter]]:
    """Convert weights of linear layers to bf16 in place, as autocast does at every use; return the originals.

    An output layer that is tied to the embeddings gets a weight of its own.
    """
    fp32_weights: list[tuple[nn.Module, str, nn.Parameter]] = [
        (layer, name, weight)
        for layer in backbone.modules()
        if isinstance(layer, nn.Linear | Conv1D)
        for name, weight in layer.named_parameters(recurse=False)
    ]
    for layer, name, weight in fp32_weights:
        setattr(layer, name, nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False))
    return fp32_weights


@contextmanager
def bf16_weights(model: WorldModel) -> Iterator[None]:
    """In the block, fp32 weights of linear layers are rounded to bf16 once, not at every use; outputs stay the same.

    A model in training then writes as fast as one that serves.
    """
    if not is_low_precision(model.device, model.settings.compute):
        yield
        return
    fp32_weights = cast_linears_to_bf16(model.backbone)
    try:
        yield
    finally:
        for layer, name, weight in fp32_weights:
            setattr(layer, name, weight)


def output_layer(backbone: PreTrainedModel) -> nn.Linear:
    """The layer from hidden vectors to logits over the vocabulary."""
    # The library leaves this method untyped.
    model: Any = backbone
    layer = model.get_output_embeddings()
    assert isinstance(layer, nn.Linear)
    return layer
