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
from wm_pipeline.model.heads import ActionSpans, build_heads, pool_actions, read_heads
from wm_pipeline.model.precision import autocast, is_low_precision
from wm_pipeline.model.reader import GraphBatch, Reader
from wm_pipeline.model.sentences import encoder_width
from wm_pipeline.model.settings import ModelSettings
from wm_pipeline.model.tree import TreeBatch


# No slots: DeepSpeed looks through vars() of what a module returns under ZeRO-3.
@dataclass(frozen=True)
class HeadOutputs:
    scores: dict[str, Tensor]
    """Logits of the score heads, [A, its outputs]."""
    text_logits_PV: Tensor
    """Logits of the text heads at the positions that predict a target token."""


class WorldModel(nn.Module):
    """A reader of questions with heads that judge the action, and a causal language model that writes about it."""

    def __init__(self, backbone: PreTrainedModel, settings: ModelSettings, *, seed: int) -> None:
        super().__init__()
        config: Any = backbone.config
        use_tree_attention(backbone)
        self.backbone = backbone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.reader = Reader(settings.reader, encoder_width(settings.reader.encoder))
        hidden = 2 * int(config.hidden_size) if settings.has_backbone_features else 0
        self.heads = build_heads(self.reader.width + hidden, seed=seed)
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

    def judge(self, graphs: GraphBatch, hidden_BTD: Tensor, spans: ActionSpans) -> dict[str, Tensor]:
        """Logits of every score head, [A, its outputs]; in full precision, since a guard compares them with a limit."""
        with torch.autocast(self.device.type, enabled=False):
            feature_AC = self.reader(graphs)[1]
            if self.settings.has_backbone_features:
                feature_AC = torch.cat([feature_AC, pool_actions(hidden_BTD, spans).to(feature_AC)], dim=1)
            return read_heads(self.heads, feature_AC, graphs)

    def _read(self, batch: TreeBatch, hidden_BTD: Tensor) -> HeadOutputs:
        places = batch.readouts
        hidden_PD = hidden_BTD[places.text_row_P, places.text_column_P]
        scores = {} if batch.graphs is None else self.judge(batch.graphs, hidden_BTD, places.actions)
        # Only where a text is predicted: the output layer over all tokens would cost more than the decoder.
        return HeadOutputs(scores, output_layer(self.backbone)(hidden_PD))


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
