"""The heads are fitted to the best there is on what the backbone reads, and what was not trained stays as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, hstack

from tests.builders_model import build_rows, save_tiny_checkpoint
from wm_pipeline.domain.tables import SftSchema, frame_of
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model import refit
from wm_pipeline.model.decode import predict_trees
from wm_pipeline.model.examples import Example, ask_about, group_by_state, sft_examples
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.heads import linear_of, phrases_of
from wm_pipeline.model.refit import STRENGTHS, refit_heads
from wm_pipeline.model.validation import score_examples


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return sft_examples(frame_of(SftSchema, build_rows(40)), Split.TRAIN)


def test_the_fit_is_the_optimum_of_a_penalized_logistic_regression(examples: list[Example], tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    checkpoint = save_tiny_checkpoint(tmp_path / "c")
    with torch.inference_mode():
        read = refit._read(checkpoint, examples)

    chosen = refit_heads(checkpoint, examples, [])

    # The same features by hand: hidden ones at length 0.3, and the phrases that stand in two actions or more.
    spread = (read.hidden_ND.std(axis=0) + 1e-3) * read.hidden_ND.shape[1] ** 0.5
    hidden_ND = 0.3 * (read.hidden_ND - read.hidden_ND.mean(axis=0)) / spread
    kept = (read.phrases.toarray() > 0).sum(axis=0) >= 2
    features_NF = np.hstack([hidden_ND, read.phrases.toarray()[:, kept]])
    peer = LogisticRegression(C=STRENGTHS[0], tol=1e-8, max_iter=5000)
    peer.fit(features_NF, read.targets_NO[:, 0])
    groups = group_by_state(examples, actions_per_tree=16, seed=0)
    renderer = checkpoint.renderer
    trees = [ask_about(group, renderer) for group in groups]
    trees.sort(key=lambda tree: tree.tokens)  # as they are read
    answered = [
        p.risk_logit for tree in predict_trees(checkpoint.model, renderer, trees, max_new_tokens=1) for p in tree
    ]
    assert chosen == dict.fromkeys((Head.RISK, Head.TAGS, Head.COUNTERFACTUAL), STRENGTHS[0])
    np.testing.assert_allclose(answered, peer.decision_function(features_NF), atol=0.02)


def test_more_rows_than_features_are_fitted_to_the_same_optimum() -> None:
    random = np.random.default_rng(0)
    hidden_ND, phrases = random.normal(size=(200, 6)), csr_array(random.random((200, 9)) < 0.3).astype(float)
    label_NO = (random.random((200, 2)) < 0.4).astype(float)
    rows = refit._Rows(hidden_ND, phrases, label_NO, np.ones_like(label_NO))

    def weights(features: int) -> list[np.ndarray]:
        wide = csr_array(hstack([phrases, csr_array((200, features))]))
        return [fit.weight_FO[:15] for fit in refit._fit_all((hidden_ND, wide), rows)]

    for direct, by_rows in zip(weights(0), weights(400), strict=True):
        np.testing.assert_allclose(direct, by_rows, atol=2e-2)


def test_harm_that_words_tell_is_known_without_a_single_step(examples: list[Example], tmp_path: Path) -> None:
    checkpoint = save_tiny_checkpoint(tmp_path / "c")
    seen, unseen = examples[:64], examples[64:]
    assert {e.state_id for e in seen}.isdisjoint(e.state_id for e in unseen)

    refit_heads(checkpoint, seen, unseen)

    scores = score_examples(checkpoint, unseen, max_rows=100)
    harmful = [logit for logit, risk in zip(scores.risk_logits, scores.risk_scores, strict=True) if risk]
    harmless = [logit for logit, risk in zip(scores.risk_logits, scores.risk_scores, strict=True) if not risk]
    assert min(harmful) > max(harmless)


def test_a_head_without_training_or_labels_keeps_its_weights(examples: list[Example], tmp_path: Path) -> None:
    checkpoint = save_tiny_checkpoint(tmp_path / "c", trained_heads=(Head.RISK, Head.COUNTERFACTUAL))
    before = {head: linear_of(checkpoint.model.heads, head).weight.clone() for head in SCORE_HEADS}
    unlabelled = [replace(e, labels={head: e.labels[head] for head in (Head.RISK, Head.TAGS)}) for e in examples]

    chosen = refit_heads(checkpoint, unlabelled, [])

    assert set(chosen) == {Head.RISK}
    heads = checkpoint.model.heads
    changed = {head: not torch.equal(linear_of(heads, head).weight, weight) for head, weight in before.items()}
    assert changed == {head: head == Head.RISK for head in SCORE_HEADS}
    assert phrases_of(heads).weight[:, 0].any()
    assert not phrases_of(heads).weight[:, 1:].any()


def test_validation_rows_choose_how_much_is_believed(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Labels that contradict what was learned: the weaker belief loses less.
    contrary = [replace(e, labels={**e.labels, Head.RISK: (1.0 - e.labels[Head.RISK][0],)}) for e in examples]
    monkeypatch.setattr(refit, "STRENGTHS", (10.0, 0.01))

    assert refit_heads(save_tiny_checkpoint(tmp_path / "a"), examples, examples)[Head.RISK] == 10.0
    assert refit_heads(save_tiny_checkpoint(tmp_path / "b"), examples, contrary)[Head.RISK] == 0.01
