"""What judges is trained to the end, and what was not trained stays as it was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.builders_model import TINY_MODEL, build_rows, save_tiny_checkpoint
from wm_pipeline.domain.tables import SftSchema, frame_of
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.examples import Example, sft_examples
from wm_pipeline.model.fit import fit_judgement
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.heads import linear_of, phrases_of
from wm_pipeline.model.settings import FitSettings
from wm_pipeline.model.validation import score_examples

QUICK = FitSettings(epochs=40)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return sft_examples(frame_of(SftSchema, build_rows(40)), Split.TRAIN)


@pytest.mark.parametrize("has_backbone_features", [False, True])
def test_harm_that_words_tell_is_known_without_a_step_of_a_stage(
    examples: list[Example], tmp_path: Path, has_backbone_features: bool
) -> None:
    settings = replace(TINY_MODEL, has_backbone_features=has_backbone_features)
    checkpoint = save_tiny_checkpoint(tmp_path / "c", settings=settings)
    seen, unseen = examples[:64], examples[64:]
    assert {e.state_id for e in seen}.isdisjoint(e.state_id for e in unseen)

    fit_judgement(checkpoint, seen, QUICK, seed=0, progress=lambda *told: None)

    scores = score_examples(checkpoint, unseen, max_rows=100)
    harmful = [logit for logit, risk in zip(scores.risk_logits, scores.risk_scores, strict=True) if risk]
    harmless = [logit for logit, risk in zip(scores.risk_logits, scores.risk_scores, strict=True) if not risk]
    assert min(harmful) > max(harmless)


def test_a_head_without_training_or_labels_keeps_its_weights(examples: list[Example], tmp_path: Path) -> None:
    checkpoint = save_tiny_checkpoint(tmp_path / "c", trained_heads=(Head.RISK, Head.COUNTERFACTUAL))
    before = {head: linear_of(checkpoint.model.heads, head).weight.clone() for head in SCORE_HEADS}
    unlabelled = [replace(e, labels={head: e.labels[head] for head in (Head.RISK, Head.TAGS)}) for e in examples]

    fit_judgement(checkpoint, unlabelled, FitSettings(epochs=2), seed=0, progress=lambda *told: None)

    heads = checkpoint.model.heads
    changed = {head: not torch.equal(linear_of(heads, head).weight, weight) for head, weight in before.items()}
    assert changed == {head: head == Head.RISK for head in SCORE_HEADS}
    assert phrases_of(heads).weight[:, 0].any()
    assert not phrases_of(heads).weight[:, 1:].any()


def test_without_a_label_nothing_is_trained(examples: list[Example], tmp_path: Path) -> None:
    checkpoint = save_tiny_checkpoint(tmp_path / "c")
    before = {name: weight.clone() for name, weight in checkpoint.model.state_dict().items()}

    told = fit_judgement(
        checkpoint, [replace(e, labels={}) for e in examples], QUICK, seed=0, progress=lambda *told: None
    )

    assert told is None
    assert all(torch.equal(weight, before[name]) for name, weight in checkpoint.model.state_dict().items())


def test_the_seed_decides_the_weights(examples: list[Example], tmp_path: Path) -> None:
    def fitted(seed: int) -> torch.Tensor:
        checkpoint = save_tiny_checkpoint(tmp_path / "c")
        fit_judgement(checkpoint, examples, FitSettings(epochs=1), seed=seed, progress=lambda *told: None)
        return linear_of(checkpoint.model.heads, Head.RISK).weight.clone()

    assert torch.equal(fitted(1), fitted(1))
    assert not torch.equal(fitted(1), fitted(2))
