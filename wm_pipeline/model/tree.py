# ruff: noqa: N815 tensors end in their dimensions
"""Packs trees into rows of one batch, so that a state is read once for all its actions and their text heads.

A token sees its own node up to itself, and its node's ancestors; positions go on from the parent's end. So every path
from a state to a leaf is computed as if it stood alone (a float64 test holds losses and gradients to 1e-9).

Dimensions: B rows, T tokens, N nodes of a row, Q queries, K keys, A actions, P predicted text tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from wm_pipeline.model.head_registry import TEXT_HEADS
from wm_pipeline.model.heads import ActionSpans
from wm_pipeline.model.prompt import StateTree
from wm_pipeline.model.reader import GraphBatch, pack_graphs


@dataclass(frozen=True, slots=True)
class Node:
    token_ids: tuple[int, ...]
    parent: int | None
    """Index of an earlier node of the same row; None for a root."""


@dataclass(frozen=True, slots=True)
class PackedRows:
    token_ids_BT: Tensor
    position_ids_BT: Tensor
    node_BT: Tensor
    """Node of each token; padding is a node of its own."""
    ancestors_BNN: Tensor
    """[b, i, j]: node j is node i or above it."""
    first_token: tuple[tuple[int, ...], ...]
    """Column of each node's first token, for each row."""

    @property
    def mask_B1TT(self) -> Tensor:
        """The mask for attention, bool: True where a query may look at a key."""
        column_BT = torch.arange(self.node_BT.shape[1], device=self.node_BT.device).expand_as(self.node_BT)
        return tree_mask(self.node_BT, column_BT, self.node_BT, column_BT, self.ancestors_BNN)

    @property
    def block_mask(self) -> BlockMask:
        """The same mask for flex_attention."""
        node_BT, ancestors_BNN = self.node_BT, self.ancestors_BNN

        def is_seen(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return ancestors_BNN[b, node_BT[b, q], node_BT[b, k]] & (k <= q)

        rows, width = node_BT.shape
        return create_block_mask(is_seen, rows, None, width, width, device=node_BT.device.type)

    def to(self, device: torch.device) -> "PackedRows":
        return replace(
            self,
            token_ids_BT=self.token_ids_BT.to(device),
            position_ids_BT=self.position_ids_BT.to(device),
            node_BT=self.node_BT.to(device),
            ancestors_BNN=self.ancestors_BNN.to(device),
        )


def tree_mask(
    query_node_BQ: Tensor, query_column_BQ: Tensor, key_node_BK: Tensor, key_column_BK: Tensor, ancestors_BNN: Tensor
) -> Tensor:
    """True where a query may look at a key, which is in its node or one above it and not later. Shape B1QK."""
    batch_B1 = torch.arange(query_node_BQ.shape[0], device=query_node_BQ.device)[:, None]
    ancestors_BQN = ancestors_BNN[batch_B1, query_node_BQ]
    key_node_BQK = key_node_BK[:, None, :].expand(-1, query_node_BQ.shape[1], -1)
    related_BQK = torch.take_along_dim(ancestors_BQN, key_node_BQK, dim=2)
    return (related_BQK & (key_column_BK[:, None, :] <= query_column_BQ[:, :, None]))[:, None]


def pack_rows(rows: Sequence[Sequence[Node]], *, pad_id: int) -> PackedRows:
    """Lay nodes out one after the other, a parent before its children; shorter rows are padded."""
    width = max(sum(len(node.token_ids) for node in nodes) for nodes in rows)
    most_nodes = max(len(nodes) for nodes in rows)
    pad_node = most_nodes
    token_ids_BT = torch.full((len(rows), width), pad_id)
    position_ids_BT = torch.zeros((len(rows), width), dtype=torch.long)
    node_BT = torch.full((len(rows), width), pad_node)
    ancestors_BNN = torch.eye(most_nodes + 1, dtype=torch.bool).repeat(len(rows), 1, 1)
    first_token: list[tuple[int, ...]] = []
    for row_index, nodes in enumerate(rows):
        column = 0
        columns: list[int] = []
        end_position: list[int] = []
        for node_index, node in enumerate(nodes):
            end = column + len(node.token_ids)
            start_position = 0 if node.parent is None else end_position[node.parent]
            token_ids_BT[row_index, column:end] = torch.tensor(node.token_ids)
            position_ids_BT[row_index, column:end] = torch.arange(len(node.token_ids)) + start_position
            node_BT[row_index, column:end] = node_index
            if node.parent is not None:
                ancestors_BNN[row_index, node_index] |= ancestors_BNN[row_index, node.parent]
            columns.append(column)
            end_position.append(start_position + len(node.token_ids))
            column = end
        first_token.append(tuple(columns))
    return PackedRows(token_ids_BT, position_ids_BT, node_BT, ancestors_BNN, tuple(first_token))


@dataclass(frozen=True, slots=True)
class Readouts:
    """The positions where a batch of trees is read, and their targets."""

    actions: ActionSpans
    """In the order of the trees and their actions."""
    text_row_P: Tensor
    text_column_P: Tensor
    text_target_P: Tensor
    text_head_P: Tensor
    """Index into TEXT_HEADS."""
    text_action_P: Tensor
    """Index of the action it belongs to."""

    def to(self, device: torch.device) -> "Readouts":
        return Readouts(
            actions=self.actions.to(device),
            text_row_P=self.text_row_P.to(device),
            text_column_P=self.text_column_P.to(device),
            text_target_P=self.text_target_P.to(device),
            text_head_P=self.text_head_P.to(device),
            text_action_P=self.text_action_P.to(device),
        )


@dataclass(frozen=True, slots=True)
class TreeBatch:
    rows: PackedRows
    readouts: Readouts
    tree_row: tuple[int, ...]
    """Row of each tree."""
    action_nodes: tuple[tuple[int, ...], ...]
    """Node indices of each tree's actions."""
    tokens: int
    """Tokens without padding."""
    graphs: GraphBatch | None = None
    """The questions in the order of the actions; None: nothing is judged."""

    def to(self, device: torch.device) -> "TreeBatch":
        graphs = None if self.graphs is None else self.graphs.to(device)
        return replace(self, rows=self.rows.to(device), readouts=self.readouts.to(device), graphs=graphs)


def nodes_of(tree: StateTree, *, offset: int) -> list[Node]:
    """A tree's nodes, state first; `offset` is the number of nodes before it in the row."""
    nodes = [Node(tree.state_ids, None)]
    for action in tree.actions:
        action_index = offset + len(nodes)
        nodes.append(Node(action.token_ids, offset))
        nodes += [
            # The end token is predicted and never read.
            Node(text.marker_ids + text.target_ids[:-1], action_index)
            for text in action.texts
        ]
    return nodes


def pack_trees(trees: Sequence[StateTree], *, pad_id: int, row_tokens: int = 0) -> TreeBatch:
    """Several trees as a batch: rows are filled up to the longest tree, or to `row_tokens` when that is more."""
    tree_row, row_count = _assign_rows([tree.tokens for tree in trees], row_tokens)
    rows: list[list[Node]] = [[] for _ in range(row_count)]
    roots: list[int] = []
    for tree, row in zip(trees, tree_row, strict=True):
        roots.append(len(rows[row]))
        rows[row] += nodes_of(tree, offset=len(rows[row]))
    packed = pack_rows(rows, pad_id=pad_id)

    text_heads = tuple(TEXT_HEADS)
    action_places: list[tuple[int, int, int]] = []
    text_places: list[tuple[int, int, int, int, int]] = []
    action_nodes: list[tuple[int, ...]] = []
    for tree, row, root in zip(trees, tree_row, roots, strict=True):
        node = root + 1
        indices: list[int] = []
        for action in tree.actions:
            column = packed.first_token[row][node]
            action_places.append((row, column, column + len(action.token_ids) - 1))
            indices.append(node)
            node += 1
            for text in action.texts:
                before = packed.first_token[row][node] + len(text.marker_ids) - 1
                text_places += [
                    (row, before + index, target, text_heads.index(text.head), len(action_places) - 1)
                    for index, target in enumerate(text.target_ids)
                ]
                node += 1
        action_nodes.append(tuple(indices))
    actions = torch.tensor(action_places, dtype=torch.long).reshape(-1, 3)
    texts = torch.tensor(text_places, dtype=torch.long).reshape(-1, 5)
    readouts = Readouts(ActionSpans(*actions.unbind(1)), *texts.unbind(1))
    tokens = sum(tree.tokens for tree in trees)
    return TreeBatch(packed, readouts, tuple(tree_row), tuple(action_nodes), tokens, graphs_of(trees))


def graphs_of(trees: Sequence[StateTree]) -> GraphBatch | None:
    """The questions of trees, side by side; None where not every action has one."""
    graphs = [action.graph for tree in trees for action in tree.actions]
    known = [graph for graph in graphs if graph is not None]
    return pack_graphs(known) if known and len(known) == len(graphs) else None


def _assign_rows(lengths: Sequence[int], row_tokens: int) -> tuple[list[int], int]:
    """Row of each tree: longest first, each into the first row with room."""
    capacity = max(*lengths, row_tokens, 0)
    room: list[int] = []
    row_of = [0] * len(lengths)
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        row = next((row for row, left in enumerate(room) if left >= lengths[index]), len(room))
        if row == len(room):
            room.append(capacity)
        room[row] -= lengths[index]
        row_of[index] = row
    return row_of, len(room)
