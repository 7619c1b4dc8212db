# ruff: noqa: N815 tensors end in their dimensions
"""Reads questions as graphs: a small transformer over the lines of the goal, the page and the action.

Each line is one vector of a frozen sentence encoder; attention between two lines also sees what links them
(relation-aware attention, Wang et al. 2020, arXiv 1911.04942, eqs. 3 and 4, with a vector of links in place of one
relation). So training costs seconds an epoch, and it can have many.

Dimensions: A questions, N lines, E width of the encoder, D width, H heads, F marks, L links.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from wm_pipeline.model.links import ACTION_KINDS, KINDS, LINKS, MARKS, QuestionGraph
from wm_pipeline.model.settings import ReaderSettings

_PAD_TO = 16
_VECTOR_SCALE = 8.0
"""Vectors of length 1 have components too small for a layer's usual start."""
_FIRST_OF_ACTION = len(KINDS) - len(ACTION_KINDS)


@dataclass(frozen=True, slots=True)
class GraphBatch:
    vector_ANE: Tensor
    kind_AN: Tensor
    """Index into KINDS; len(KINDS) pads."""
    mark_ANF: Tensor
    link_ANNL: Tensor
    """The last link is the likeness of both vectors."""
    phrase_question_Q: Tensor
    """The question of each phrase."""
    phrase_bucket_Q: Tensor

    def to(self, device: torch.device) -> "GraphBatch":
        return GraphBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


def pack_graphs(graphs: Sequence[QuestionGraph]) -> GraphBatch:
    """Questions side by side; shorter ones are padded."""
    width = -(-max(len(graph.texts) for graph in graphs) // _PAD_TO) * _PAD_TO
    count = len(graphs)
    vector_ANE = torch.zeros(count, width, graphs[0].vector_NE.shape[1])
    kind_AN = torch.full((count, width), len(KINDS))
    mark_ANF = torch.zeros(count, width, MARKS)
    link_ANNL = torch.zeros(count, width, width, LINKS + 1)
    for at, graph in enumerate(graphs):
        size = len(graph.texts)
        vector_NE = torch.from_numpy(graph.vector_NE).float()
        vector_ANE[at, :size] = vector_NE
        kind_AN[at, :size] = torch.from_numpy(graph.kind_N)
        mark_ANF[at, :size] = torch.from_numpy(graph.mark_NF)
        link_ANNL[at, :size, :size, :LINKS] = torch.from_numpy(graph.link_NNL)
        link_ANNL[at, :size, :size, LINKS] = vector_NE @ vector_NE.T
    questions = np.repeat(np.arange(count), [len(graph.phrase_Q) for graph in graphs])
    buckets = np.concatenate([graph.phrase_Q for graph in graphs])
    return GraphBatch(vector_ANE, kind_AN, mark_ANF, link_ANNL, torch.from_numpy(questions), torch.from_numpy(buckets))


class _Layer(nn.Module):
    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.link_bias = nn.Linear(LINKS + 1, heads, bias=False)
        self.link_value = nn.Linear(LINKS + 1, width // heads, bias=False)
        self.output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(2 * width, width),
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x_AND: Tensor, link_ANNL: Tensor, is_padding_AN: Tensor) -> Tensor:
        questions, lines, width = x_AND.shape
        size = width // self.heads
        joint = self.query_key_value(self.norm(x_AND)).view(questions, lines, 3, self.heads, size)
        query_AHND, key_AHND, value_AHND = joint.permute(2, 0, 3, 1, 4)
        logits_AHNN = query_AHND @ key_AHND.transpose(-1, -2) / math.sqrt(size)
        logits_AHNN = logits_AHNN + self.link_bias(link_ANNL).permute(0, 3, 1, 2)
        weight_AHNN = logits_AHNN.masked_fill(is_padding_AN[:, None, None, :], -1e4).softmax(-1)
        links_AHNL = torch.einsum("ahij,aijl->ahil", weight_AHNN, link_ANNL)
        read_AHND = weight_AHNN @ value_AHND + self.link_value(links_AHNL)
        x_AND = x_AND + self.dropout(self.output(read_AHND.transpose(1, 2).reshape(questions, lines, width)))
        output: Tensor = x_AND + self.dropout(self.feed_forward(x_AND))
        return output


class Reader(nn.Module):
    """Vectors of all lines of a batch of questions, each in the light of all others, and one of each question."""

    def __init__(self, settings: ReaderSettings, encoder_width: int) -> None:
        super().__init__()
        self.line = nn.Linear(encoder_width, settings.width)
        self.kind = nn.Embedding(len(KINDS) + 1, settings.width)
        self.mark = nn.Linear(MARKS, settings.width, bias=False)
        self.layers = nn.ModuleList(_Layer(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.width = 2 * settings.width
        """Of a question's vector."""

    def forward(self, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        """Vectors of the lines, [A, N, D], and of the questions, [A, 2 D]: of the action's first line and the mean over
        all of its lines."""
        is_padding_AN = batch.kind_AN == len(KINDS)
        weight = self.line.weight
        link_ANNL = batch.link_ANNL.to(weight)
        x_AND = self.dropout(self.line(batch.vector_ANE.to(weight) * _VECTOR_SCALE))
        x_AND = x_AND + self.kind(batch.kind_AN) + self.mark(batch.mark_ANF.to(weight))
        for layer in self.layers:
            x_AND = layer(x_AND, link_ANNL, is_padding_AN)
        x_AND = self.norm(x_AND)
        is_action_AN = (batch.kind_AN >= _FIRST_OF_ACTION) & ~is_padding_AN
        weight_AN1 = is_action_AN[..., None].to(x_AND)
        mean_AD = (x_AND * weight_AN1).sum(1) / weight_AN1.sum(1)
        first_A = is_action_AN.int().argmax(1)
        first_AD = x_AND[torch.arange(len(x_AND), device=x_AND.device), first_A]
        return x_AND, torch.cat([first_AD, mean_AD], dim=1)
