"""Prediction: scores from one packed forward pass, texts written by all branches at once on the cache of that pass.

Each branch (an action's text head) is a leaf of the same tree as in training. A decoding step adds one token to every
unfinished branch of a row; the block mask keeps branches apart, so the shared prefix is held once and never copied.

Dimensions: B rows, Q queries, K keys, A actions, N nodes, D hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import DynamicCache

from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.grammar import forbid
from wm_pipeline.model.head_registry import TEXT_HEADS
from wm_pipeline.model.heads import ActionSpans
from wm_pipeline.model.precision import autocast
from wm_pipeline.model.prompt import PromptRenderer, StateTree
from wm_pipeline.model.tree import PackedRows, graphs_of, nodes_of, pack_rows, tree_mask
from wm_pipeline.model.world_model import WorldModel, output_layer


@dataclass(frozen=True, slots=True)
class ActionPrediction:
    """Raw answers of the heads about one action."""

    scores: dict[str, tuple[float, ...]]
    """Logits of every score head, one for each of its outputs; empty where the tree has no graphs."""
    texts: dict[str, str]
    """Written texts by head; with a grammar only complete lines, so that they always parse."""
    token_ids: dict[str, tuple[int, ...]]
    """Written tokens by head, with the end token when the model wrote it."""
    heads_cut: tuple[str, ...]
    """Heads that reached the token limit before the end token."""

    @property
    def risk_logit(self) -> float:
        return self.scores[Head.RISK][0]

    @property
    def tag_logits(self) -> tuple[float, ...]:
        """Logits of the tags, in the taxonomy's order."""
        return self.scores[Head.TAGS]

    @property
    def alternative_logit(self) -> float:
        return self.scores[Head.COUNTERFACTUAL][0]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Draw tokens instead of taking the likeliest, as on-policy distillation does."""

    temperature: float
    seed: int


class FewRows(TorchFunctionMode):
    """Computes linear layers of a few rows on the CPU as (weight @ rows.T).T.

    The usual product, rows @ weight.T, takes two to three times as long for 8 to 63 rows in single precision
    (SmolLM2's layers, with MKL).
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear and not kwargs:
            inputs, weight, bias = (*args, None)[:3]
            rows_RI = inputs.reshape(-1, inputs.shape[-1])
            if 8 <= len(rows_RI) < 64 and inputs.device.type == "cpu" and weight.dtype is torch.float32:
                # On the transposed result, attention and the choice of a token would take longer than this copy.
                found = (weight @ rows_RI.T).T.contiguous().unflatten(0, inputs.shape[:-1])
                return found if bias is None else found + bias
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class _Branch:
    row: int
    node: int
    tree: int
    action: int
    head: str
    start_position: int


@torch.inference_mode()
def predict_trees(
    model: WorldModel,
    renderer: PromptRenderer,
    trees: Sequence[StateTree],
    *,
    max_new_tokens: int,
    max_batch_tokens: int = 8192,
    sampling: Sampling | None = None,
) -> list[tuple[ActionPrediction, ...]]:
    """Answers for every action of every tree, in order. Text heads with an empty target are written."""
    order = sorted(range(len(trees)), key=lambda index: trees[index].tokens)
    answers: dict[int, tuple[ActionPrediction, ...]] = {}
    batch: list[int] = []
    for position, index in enumerate(order):
        batch.append(index)
        # Sorted by length: the next tree is the widest so far, and rows are padded to the widest.
        upcoming = order[position + 1] if position + 1 < len(order) else None
        if upcoming is None or trees[upcoming].tokens * (len(batch) + 1) > max_batch_tokens:
            predicted = _predict_batch(
                model, renderer, [trees[i] for i in batch], max_new_tokens=max_new_tokens, sampling=sampling
            )
            answers.update(zip(batch, predicted, strict=True))
            batch = []
    return [answers[index] for index in range(len(trees))]


def _predict_batch(
    model: WorldModel,
    renderer: PromptRenderer,
    trees: Sequence[StateTree],
    *,
    max_new_tokens: int,
    sampling: Sampling | None,
) -> list[tuple[ActionPrediction, ...]]:
    packed = pack_rows([nodes_of(tree, offset=0) for tree in trees], pad_id=renderer.end_id).to(model.device)
    branches = _open_branches(trees, packed)
    reader = _TreeReader(model, packed)
    hidden_BTD = reader.read(packed.token_ids_BT, packed.position_ids_BT, packed.node_BT, is_cached=bool(branches))
    rows: list[int] = []
    first: list[int] = []
    last: list[int] = []
    for row, tree in enumerate(trees):
        node = 1
        for action in tree.actions:
            rows.append(row)
            first.append(packed.first_token[row][node])
            last.append(first[-1] + len(action.token_ids) - 1)
            node += 1 + len(action.texts)
    spans = ActionSpans(*(torch.tensor(each, device=hidden_BTD.device) for each in (rows, first, last)))
    graphs = graphs_of(trees)
    scores = {} if graphs is None else model.judge(graphs.to(model.device), hidden_BTD, spans)
    logits = {head: logits_AO.float().cpu().tolist() for head, logits_AO in scores.items()}
    with FewRows():
        written = _write(model, renderer, reader, hidden_BTD, packed, branches, max_new_tokens, sampling)

    answers: list[tuple[ActionPrediction, ...]] = []
    index = 0
    for tree_index, tree in enumerate(trees):
        predictions: list[ActionPrediction] = []
        for action_index in range(len(tree.actions)):
            token_ids = {
                branch.head: tuple(tokens)
                for branch, tokens in zip(branches, written, strict=True)
                if (branch.tree, branch.action) == (tree_index, action_index)
            }
            texts = {head: renderer.written(head, tokens) for head, tokens in token_ids.items()}
            cut = tuple(head for head, tokens in token_ids.items() if renderer.end_id not in tokens)
            own = {head: tuple(rows[index]) for head, rows in logits.items()}
            predictions.append(ActionPrediction(own, texts, token_ids, cut))
            index += 1
        answers.append(tuple(predictions))
    return answers


def _open_branches(trees: Sequence[StateTree], packed: PackedRows) -> list[_Branch]:
    branches: list[_Branch] = []
    for row, tree in enumerate(trees):
        node = 1
        for action_index, action in enumerate(tree.actions):
            node += 1
            for text in action.texts:
                if not text.target_ids and text.head in TEXT_HEADS:
                    start = len(tree.state_ids) + len(action.token_ids) + len(text.marker_ids)
                    branches.append(_Branch(row, node, row, action_index, text.head, start))
                node += 1
    return branches


class _TreeReader:
    """The model with the cache of one packed batch; every call appends tokens to it."""

    def __init__(self, model: WorldModel, packed: PackedRows) -> None:
        self._model = model
        self._ancestors_BNN = packed.ancestors_BNN
        rows = packed.token_ids_BT.shape[0]
        self._key_node_BK = torch.zeros((rows, 0), dtype=torch.long, device=model.device)
        self._cache = DynamicCache(config=model.backbone.config)

    def read(self, token_ids_BQ: Tensor, position_ids_BQ: Tensor, node_BQ: Tensor, *, is_cached: bool) -> Tensor:
        """Hidden vectors of the new tokens, [B, Q, D]."""
        seen = self._key_node_BK.shape[1]
        self._key_node_BK = torch.cat([self._key_node_BK, node_BQ], dim=1)
        column_BK = torch.arange(self._key_node_BK.shape[1], device=node_BQ.device).expand_as(self._key_node_BK)
        mask_B1QK = tree_mask(node_BQ, column_BK[:, seen:], self._key_node_BK, column_BK, self._ancestors_BNN)
        decoder: Any = self._model.backbone.base_model
        with autocast(token_ids_BQ.device, self._model.settings.compute):
            encoded = decoder(
                input_ids=token_ids_BQ,
                position_ids=position_ids_BQ,
                attention_mask=mask_B1QK,
                past_key_values=self._cache if is_cached else None,
                use_cache=is_cached,
            )
        hidden_BQD: Tensor = encoded.last_hidden_state
        return hidden_BQD


def _write(
    model: WorldModel,
    renderer: PromptRenderer,
    reader: _TreeReader,
    hidden_BTD: Tensor,
    packed: PackedRows,
    branches: Sequence[_Branch],
    max_new_tokens: int,
    sampling: Sampling | None,
) -> list[list[int]]:
    """Tokens of each branch, until its end token or the limit."""
    written: list[list[int]] = [[] for _ in branches]
    if not branches:
        return written
    generator = None if sampling is None else torch.Generator(device=model.device).manual_seed(sampling.seed)
    output = output_layer(model.backbone)
    pad_node = packed.ancestors_BNN.shape[1] - 1
    rows = packed.token_ids_BT.shape[0]
    grammars = ((index, renderer.grammar(branch.head)) for index, branch in enumerate(branches))
    states = {index: grammar.follow() for index, grammar in grammars if grammar is not None}
    last_column_of_node = _last_columns(packed)
    active = list(range(len(branches)))
    hidden_SD = hidden_BTD[
        [branch.row for branch in branches], [last_column_of_node[branch.row][branch.node] for branch in branches]
    ]
    for step in range(max_new_tokens):
        with autocast(model.device, model.settings.compute):
            logits_SV = output(hidden_SD)
        logits_SV = forbid(logits_SV, {place: states[index] for place, index in enumerate(active) if index in states})
        for index, token in zip(active, _choose(logits_SV, sampling, generator), strict=True):
            written[index].append(token)
            if index in states and token != renderer.end_id:
                states[index].take(token)
        active = [index for index in active if written[index][-1] != renderer.end_id]
        if not active or step == max_new_tokens - 1:
            break
        slots: list[list[int]] = [[] for _ in range(rows)]
        for index in active:
            slots[branches[index].row].append(index)
        width = max(len(members) for members in slots)
        # Token, position and node of every slot; a row with fewer branches is padded.
        padding = (renderer.end_id, 0, pad_node)
        next_BQ3 = [
            [(written[index][-1], branches[index].start_position + step, branches[index].node) for index in members]
            + [padding] * (width - len(members))
            for members in slots
        ]
        token_ids_BQ, position_ids_BQ, node_BQ = torch.tensor(next_BQ3).to(model.device).unbind(2)
        hidden_BQD = reader.read(token_ids_BQ, position_ids_BQ, node_BQ, is_cached=True)
        places = {index: (row, slot) for row, members in enumerate(slots) for slot, index in enumerate(members)}
        hidden_SD = hidden_BQD[[places[index][0] for index in active], [places[index][1] for index in active]]
    return written


def _last_columns(packed: PackedRows) -> list[dict[int, int]]:
    """Column of each node's last token, by row."""
    return [{node: column for column, node in enumerate(row)} for row in packed.node_BT.tolist()]


def _choose(logits_SV: Tensor, sampling: Sampling | None, generator: torch.Generator | None) -> list[int]:
    if sampling is None:
        chosen: list[int] = logits_SV.argmax(dim=-1).tolist()
        return chosen
    probabilities_SV = torch.softmax(logits_SV.float() / sampling.temperature, dim=-1)
    drawn: list[int] = torch.multinomial(probabilities_SV, 1, generator=generator).squeeze(1).tolist()
    return drawn
