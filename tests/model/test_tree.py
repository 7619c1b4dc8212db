"""Packing states, actions and texts into one sequence changes nothing but the cost."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.builders import action_in, state_in
from tests.builders_model import TINY_READER
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.backbone import build_tiny_backbone
from wm_pipeline.model.heads import ActionSpans, pool_actions
from wm_pipeline.model.losses import ClassBalance, counts_of, head_losses, total_loss
from wm_pipeline.model.prompt import ActionNode, PromptRenderer, StateTree
from wm_pipeline.model.sentences import encoder_named
from wm_pipeline.model.settings import TINY_BASE, TINY_ENCODER, Attention, Compute, ModelSettings
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import WorldModel

SETTINGS = ModelSettings(
    base=TINY_BASE,
    kept_layers=None,
    compute=Compute.FP32,
    has_trained_embeddings=True,
    reader=TINY_READER,
    has_backbone_features=True,
)
WEIGHTS: dict[str, float] = dict.fromkeys(Head, 1.0)


def build_model(attention: Attention = Attention.SDPA) -> tuple[WorldModel, PromptRenderer]:
    backbone = build_tiny_backbone(seed=3)
    decoder: Any = backbone.model.base_model
    # The library's norm rounds to float32 inside; torch's own keeps float64.
    for layer in decoder.layers:
        layer.input_layernorm = torch.nn.RMSNorm(64, eps=1e-6)
        layer.post_attention_layernorm = torch.nn.RMSNorm(64, eps=1e-6)
    decoder.norm = torch.nn.RMSNorm(64, eps=1e-6)
    model = WorldModel(backbone.model, replace(SETTINGS, attention=attention), seed=4).double()
    encoder = encoder_named(TINY_ENCODER, Compute.FP32)
    return model, PromptRenderer(backbone.tokenizer, max_state_tokens=64, encoder=encoder, max_question_tokens=64)


def labels_like(number: int) -> dict[str, tuple[float, ...]]:
    tags = tuple(float(tag == number) for tag in range(len(TAG_PATHS)))
    return {Head.RISK: (0.1 + 0.3 * number,), Head.TAGS: tags, Head.COUNTERFACTUAL: (0.5,)}


def build_trees(renderer: PromptRenderer) -> list[StateTree]:
    trees = []
    for index in range(3):
        state = f"goal: pay invoice {index}\npage: payroll\n" + "text " * index
        state_ids, is_truncated = renderer.state(state)
        asked = [f"click button {number} " + "x" * number for number in range(index + 1)]
        graphs = renderer.graphs([(state_in(state), action_in(one)) for one in asked])
        actions = tuple(
            ActionNode(
                renderer.action(asked[number]),
                texts=(
                    renderer.text(Head.RATIONALE, "1. the user asked" + "!" * number),
                    renderer.text(Head.STATE_DELTA, "url a"),
                )
                if number != 1
                else (),
                graph=graphs[number],
                labels=labels_like(number),
                weight=1.0 + number,
            )
            for number in range(index + 1)
        )
        trees.append(StateTree(state_ids, actions, is_truncated))
    return trees


def unpack(trees: list[StateTree]) -> list[StateTree]:
    """One tree an example: a state with one action, and one more for each text head."""
    single = []
    for tree in trees:
        for action in tree.actions:
            single.append(replace(tree, actions=(replace(action, texts=()),)))
            single += [replace(tree, actions=(replace(action, texts=(text,), labels={}),)) for text in action.texts]
    return single


def gradients_of(model: WorldModel, batches: list[list[StateTree]], pad_id: int) -> tuple[float, list[torch.Tensor]]:
    counts = counts_of([tree for trees in batches for tree in trees])
    balance = ClassBalance(risk_positive_weight=2.0)
    model.zero_grad()
    total = 0.0
    for trees in batches:
        batch = pack_trees(trees, pad_id=pad_id).to(model.device)
        losses = head_losses(model(batch), batch.readouts, trees, balance)
        loss = total_loss(losses, WEIGHTS, counts)
        assert loss is not None
        loss.backward()
        total += loss.item()
    return total, [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def test_packed_losses_and_gradients_equal_those_of_single_examples() -> None:
    model, renderer = build_model()
    trees = build_trees(renderer)

    packed_loss, packed_gradients = gradients_of(model, [trees], renderer.end_id)
    single_loss, single_gradients = gradients_of(model, [[tree] for tree in unpack(trees)], renderer.end_id)

    assert abs(packed_loss - single_loss) < 1e-9
    assert len(packed_gradients) == len(single_gradients) > 10
    for packed, single in zip(packed_gradients, single_gradients, strict=True):
        assert torch.allclose(packed, single, rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.slow
def test_flex_attention_reads_what_the_usual_attention_reads() -> None:
    usual, renderer = build_model()
    flex, _ = build_model(Attention.FLEX)
    batch = pack_trees(build_trees(renderer) * 20, pad_id=renderer.end_id, row_tokens=400)
    assert batch.rows.token_ids_BT.shape[1] > 2 * 128  # several blocks

    with torch.no_grad():
        found, expected = flex(batch), usual(batch)

    torch.testing.assert_close(found.text_logits_PV, expected.text_logits_PV, rtol=0, atol=1e-9)
    torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-9)
    # What flex_attention is for: blocks of a row whose trees do not see each other are not computed.
    assert batch.rows.block_mask.sparsity() > 25


def test_flex_attention_trains_on_a_gpu_only() -> None:
    model, renderer = build_model(Attention.FLEX)

    with pytest.raises(SettingsError, match=r"model\.attention: flex_attention trains on a GPU only; set it to auto"):
        gradients_of(model, [build_trees(renderer)], renderer.end_id)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_packed_gradients_on_a_gpu_equal_those_of_single_examples() -> None:
    model, renderer = build_model(Attention.FLEX)
    alone, _ = build_model()
    trees = build_trees(renderer)

    packed_loss, packed_gradients = gradients_of(model.float().cuda(), [trees], renderer.end_id)
    single_loss, single_gradients = gradients_of(
        alone.float().cuda(), [[tree] for tree in unpack(trees)], renderer.end_id
    )

    assert packed_loss == pytest.approx(single_loss, rel=1e-4)
    for packed, single in zip(packed_gradients, single_gradients, strict=True):
        torch.testing.assert_close(packed, single, rtol=1e-2, atol=1e-3)


def test_an_action_is_pooled_from_its_last_token_and_the_mean_of_all_of_them() -> None:
    hidden_BTD = torch.randn(2, 7, 3, dtype=torch.float64)
    row_A, first_A, last_A = torch.tensor([0, 1, 1]), torch.tensor([2, 0, 6]), torch.tensor([4, 5, 6])

    pooled_AD = pool_actions(hidden_BTD, ActionSpans(row_A, first_A, last_A))

    parts = [hidden_BTD[0, 2:5], hidden_BTD[1, 0:6], hidden_BTD[1, 6:7]]
    expected_AD = torch.stack([torch.cat([part[-1], part.mean(dim=0)]) for part in parts])
    torch.testing.assert_close(pooled_AD, expected_AD)


def test_rows_hold_several_trees_and_waste_little() -> None:
    _, renderer = build_model()
    trees = build_trees(renderer)

    batch = pack_trees(trees * 4, pad_id=renderer.end_id)

    assert batch.tokens == sum(tree.tokens for tree in trees) * 4
    assert batch.rows.token_ids_BT.shape[0] < len(trees) * 4
    assert batch.rows.token_ids_BT.shape[1] == max(tree.tokens for tree in trees)
    assert batch.rows.token_ids_BT.numel() < 1.4 * batch.tokens


def test_a_token_sees_its_ancestors_and_nothing_beside_them() -> None:
    _, renderer = build_model()
    tree = build_trees(renderer)[2]

    rows = pack_trees([tree], pad_id=renderer.end_id).rows
    mask_TT = rows.mask_B1TT[0, 0]

    second = rows.first_token[0][4]
    assert rows.node_BT[0, second].item() == 4
    visible_nodes = set(rows.node_BT[0][mask_TT[second]].tolist())
    assert visible_nodes == {0, 4}
    assert rows.position_ids_BT[0, second].item() == len(tree.state_ids)
