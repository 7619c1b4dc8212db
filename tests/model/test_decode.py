"""All texts of all actions are written at once, and each is what it would be alone."""

from typing import Any

import pytest
import torch

from tests.builders import action_in, state_in
from tests.builders_model import TINY_READER
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.backbone import build_tiny_backbone
from wm_pipeline.model.decode import FewRows, Sampling, predict_trees
from wm_pipeline.model.grammar import Grammar, forbid
from wm_pipeline.model.prompt import PromptRenderer, StateTree
from wm_pipeline.model.sentences import encoder_named
from wm_pipeline.model.settings import TINY_BASE, TINY_ENCODER, Compute, ModelSettings
from wm_pipeline.model.world_model import WorldModel, output_layer

HEADS = (Head.RATIONALE, Head.STATE_DELTA)


@pytest.fixture(scope="module")
def model() -> WorldModel:
    settings = ModelSettings(base=TINY_BASE, kept_layers=None, compute=Compute.FP32, reader=TINY_READER)
    model = WorldModel(build_tiny_backbone(seed=5).model, settings, seed=6)
    with torch.no_grad():
        # Random weights repeat one token for ever; larger ones write varied text.
        for parameter in model.backbone.parameters():
            parameter.mul_(4.0)
    return model.eval()


@pytest.fixture(scope="module")
def renderer() -> PromptRenderer:
    return PromptRenderer(
        build_tiny_backbone(seed=5).tokenizer,
        max_state_tokens=64,
        encoder=encoder_named(TINY_ENCODER, Compute.FP32),
        max_question_tokens=64,
    )


def questions(renderer: PromptRenderer) -> list[StateTree]:
    return [
        renderer.question(
            state_in(f"goal: pay {index}\npage: a"),
            [action_in(f"click {n}") for n in range(index + 1)],
            heads=HEADS,
        )
        for index in range(3)
    ]


def write_alone(
    model: WorldModel, prefix: tuple[int, ...], limit: int, end_id: int, grammar: Grammar | None
) -> tuple[int, ...]:
    """Greedy writing without packing, tree or cache."""
    written: list[int] = []
    decoder: Any = model.backbone.base_model
    states = {} if grammar is None else {0: grammar.follow()}
    with torch.inference_mode():
        for _ in range(limit):
            hidden = decoder(input_ids=torch.tensor([[*prefix, *written]]), use_cache=False).last_hidden_state
            logits = forbid(output_layer(model.backbone)(hidden[:, -1]), states)
            written.append(int(logits.argmax()))
            if written[-1] == end_id:
                break
            for state in states.values():
                state.take(written[-1])
    return tuple(written)


def test_every_branch_writes_what_it_writes_alone(model: WorldModel, renderer: PromptRenderer) -> None:
    trees = questions(renderer)

    predicted = predict_trees(model, renderer, trees, max_new_tokens=7)

    texts = 0
    for tree, answers in zip(trees, predicted, strict=True):
        for action, answer in zip(tree.actions, answers, strict=True):
            for node in action.texts:
                prefix = (*tree.state_ids, *action.token_ids, *node.marker_ids)
                alone = write_alone(model, prefix, 7, renderer.end_id, renderer.grammar(node.head))
                assert answer.token_ids[node.head] == alone
                texts += 1
    assert texts == 12


def test_scores_do_not_depend_on_what_is_asked_beside_them(model: WorldModel, renderer: PromptRenderer) -> None:
    trees = questions(renderer)
    together = predict_trees(model, renderer, trees, max_new_tokens=2)
    asked = renderer.question(state_in("goal: pay 2\npage: a"), [action_in("click 1")])
    alone = [predict_trees(model, renderer, [asked], max_new_tokens=1)]

    assert together[2][1].risk_logit == pytest.approx(alone[0][0][0].risk_logit, abs=1e-5)
    assert together[2][1].alternative_logit == pytest.approx(alone[0][0][0].alternative_logit, abs=1e-5)
    assert together[2][1].tag_logits == pytest.approx(alone[0][0][0].tag_logits, abs=1e-5)
    assert alone[0][0][0].texts == {}


def test_small_batches_give_the_same_answers_in_the_same_order(model: WorldModel, renderer: PromptRenderer) -> None:
    trees = questions(renderer)[::-1]

    large = predict_trees(model, renderer, trees, max_new_tokens=3)
    small = predict_trees(model, renderer, trees, max_new_tokens=3, max_batch_tokens=1)

    assert [[a.token_ids for a in answers] for answers in large] == [
        [a.token_ids for a in answers] for answers in small
    ]


def test_sampling_follows_its_seed(model: WorldModel, renderer: PromptRenderer) -> None:
    def draw(seed: int) -> list[tuple[int, ...]]:
        sampling = Sampling(temperature=1.0, seed=seed)
        answers = predict_trees(model, renderer, questions(renderer), max_new_tokens=6, sampling=sampling)
        return [ids for tree in answers for answer in tree for ids in answer.token_ids.values()]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize("shape", [(5,), (1, 7, 5), (8, 5), (3, 20, 5), (64, 5)])
def test_a_layer_of_few_rows_gives_what_it_always_gives(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    inputs, layer = torch.randn(shape), torch.nn.Linear(5, 4)

    with torch.inference_mode():
        usual = layer(inputs)
        with FewRows():
            found = layer(inputs)

    assert found.is_contiguous()
    torch.testing.assert_close(found, usual, rtol=1e-6, atol=1e-6)
