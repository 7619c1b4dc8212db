"""A further head is one entry: trained, fitted, saved, read; and refused where it would be misread."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders_model import build_rows, save_tiny_checkpoint, tiny_train
from tests.environments.sites.test_examples import load
from wm_pipeline.domain.errors import CheckpointError, SettingsError
from wm_pipeline.domain.tables import SftSchema, frame_of
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.checkpoint import load_checkpoint, save_checkpoint
from wm_pipeline.model.decode import predict_trees
from wm_pipeline.model.examples import TextChoice as Choice
from wm_pipeline.model.examples import ask_about, build_tree, group_by_state, sft_examples
from wm_pipeline.model.fit import fit_judgement
from wm_pipeline.model.head_registry import SCORE_HEADS, TEXT_HEADS, ScoreHead, labels_of, register_head
from wm_pipeline.model.losses import class_balance, counts_of, head_losses, total_loss
from wm_pipeline.model.settings import FitSettings, HeadWeight, Stage, head_weights_of
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.serve.predictor import WorldModelPredictor


@pytest.fixture
def leaks() -> Iterator[str]:
    name = load("head_leaks").register().name
    yield name
    del SCORE_HEADS[name]


def test_the_documented_head_learns_comes_back_and_answers(leaks: str, tmp_path: Path) -> None:
    rows = frame_of(SftSchema, build_rows(40))
    train, test = (sft_examples(rows, split) for split in (Split.TRAIN, Split.TEST))
    checkpoint = save_tiny_checkpoint(tmp_path / "c", trained_heads=(*Head, leaks))

    fit_judgement(checkpoint, train, FitSettings(epochs=60, learning_rate=5e-3), seed=0, progress=lambda *told: None)
    save_checkpoint(
        tmp_path / "c", manifest=checkpoint.manifest, model=checkpoint.model, tokenizer=checkpoint.tokenizer
    )
    loaded = load_checkpoint(tmp_path / "c")
    groups = group_by_state(test, actions_per_tree=4, seed=0)
    trees = [ask_about(group, loaded.renderer) for group in groups]
    answers = [one for tree in predict_trees(loaded.model, loaded.renderer, trees, max_new_tokens=1) for one in tree]

    truth = [example.labels[leaks][0] > 0.5 for group in groups for example in group]
    assert [answer.scores[leaks][0] > 0 for answer in answers] == truth
    assert any(truth)
    assert not all(truth)


def test_a_head_with_a_weight_is_part_of_the_loss(leaks: str, tmp_path: Path) -> None:
    rows = frame_of(SftSchema, build_rows(4))
    examples = sft_examples(rows, Split.TRAIN)
    checkpoint = save_tiny_checkpoint(tmp_path / "c")
    settings = tiny_train()
    trees = [
        build_tree(g, checkpoint.renderer, Choice(0.0, 1, 0))
        for g in group_by_state(examples, actions_per_tree=4, seed=0)
    ]
    batch = pack_trees(trees, pad_id=checkpoint.renderer.end_id)

    losses = head_losses(checkpoint.model.train()(batch), batch.readouts, trees, class_balance(examples))
    loss = total_loss(losses, head_weights_of(settings, Stage.SFT), counts_of(trees))
    assert loss is not None
    loss.backward()

    layer = checkpoint.model.heads[leaks]
    assert isinstance(layer, torch.nn.Linear)
    assert layer.weight.grad is not None
    assert layer.weight.grad.any()


def test_a_checkpoint_with_other_heads_than_the_process_is_refused(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c")
    name = load("head_leaks").register().name
    try:
        with pytest.raises(
            CheckpointError,
            match=r"has the heads risk, tags, counterfactual.*, this process risk, .*, leaks; name the plug-ins",
        ):
            load_checkpoint(tmp_path / "c")
    finally:
        del SCORE_HEADS[name]


def test_a_name_that_is_taken_or_none_is_refused() -> None:
    for name, outputs in (("risk", 1), ("not a name", 1), ("x", 0)):
        with pytest.raises(SettingsError, match=r"expected a new name .* and at least one output"):
            register_head(ScoreHead(name, outputs, lambda _: None))
    with pytest.raises(SettingsError, match="unknown head 'leaks'; there are risk, tags"):
        replace(tiny_train(), head_weights=(HeadWeight("leaks", 1.0),))


def test_a_row_without_a_label_leaves_its_head_out() -> None:
    row = build_rows(1)[0]

    assert set(labels_of(row)) >= {Head.RISK, Head.TAGS, Head.COUNTERFACTUAL}
    assert set(labels_of(row)) - set(labels_of(row | {"alternative_score": None})) == {Head.COUNTERFACTUAL}


def test_the_documented_text_head_is_trained_and_answered(tmp_path: Path) -> None:
    head = load("head_reach").register()
    try:
        rows = frame_of(SftSchema, build_rows(8))
        examples = sft_examples(rows, Split.TRAIN)
        checkpoint = save_tiny_checkpoint(tmp_path / "c", trained_heads=(*Head, head.name))
        trees = [
            build_tree(group, checkpoint.renderer, Choice(1.0, 200, 0))
            for group in group_by_state(examples, actions_per_tree=4, seed=0)
        ]
        counts = counts_of(trees)
        batch = pack_trees(trees, pad_id=checkpoint.renderer.end_id)
        losses = head_losses(checkpoint.model(batch), batch.readouts, trees, class_balance(examples))

        answer = WorldModelPredictor(checkpoint).predict_outcome(payment_state(), SUBMIT_WIRE)

        assert counts[head.name] > 0
        assert float(losses[head.name].total.detach()) > 0
        assert head_weights_of(tiny_train(), Stage.SFT)[head.name] == head.weight
        assert head.name not in head_weights_of(tiny_train(), Stage.MIDTRAIN)
        assert head.pattern is not None
        assert any(whole.startswith(answer.texts[head.name]) for whole in head.pattern.split("|"))
        assert head.name in answer.heads_computed
    finally:
        del TEXT_HEADS[head.name]
    with pytest.raises(CheckpointError, match=r"counterfactual.*, reach, this process risk"):
        load_checkpoint(tmp_path / "c")
