"""How likely a head is to write a given text: teacher-forced log-probabilities; the state is read once for all texts.

Dimensions: B rows, T tokens, P predicted text tokens, V vocabulary, A actions, X texts.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.precision import autocast
from wm_pipeline.model.prompt import ActionNode, StateTree
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import output_layer

_POSITIONS = 512
"""Predicted tokens whose logits are held at once: a vocabulary of 50,000 in single precision is 100 MB then."""


@torch.inference_mode()
def mean_log_probabilities(
    checkpoint: Checkpoint, head: str, state_text: str, action_texts: Sequence[str], texts: Sequence[str]
) -> NDArray[np.float64]:
    """Mean log-probability per token, end token included, of every text (columns) under every action (rows), [A, X]."""
    model, renderer = checkpoint.model, checkpoint.renderer
    state_ids, is_truncated = renderer.state(state_text)
    nodes = tuple(renderer.text(head, text) for text in texts)
    actions = tuple(ActionNode(renderer.action(action_text), nodes) for action_text in action_texts)
    batch = pack_trees([StateTree(state_ids, actions, is_truncated)], pad_id=renderer.end_id).to(model.device)
    places = batch.readouts
    with autocast(model.device, model.settings.compute):
        hidden_PD = model.encode(batch)[places.text_row_P, places.text_column_P]
        output = output_layer(model.backbone)
        parts = [
            # Cross entropy in full precision, as in training.
            torch.nn.functional.cross_entropy(output(hidden).float(), target, reduction="none")
            for hidden, target in zip(
                torch.split(hidden_PD, _POSITIONS), torch.split(places.text_target_P, _POSITIONS), strict=True
            )
        ]
    # The readouts follow the tree: actions in order, their texts in order, a text's tokens in order.
    lengths = [len(node.target_ids) for node in nodes] * len(actions)
    means = [float(-part.mean()) for part in torch.split(torch.cat(parts), lengths)]
    return np.array(means, dtype=np.float64).reshape(len(actions), len(nodes))
