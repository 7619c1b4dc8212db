"""Which next state follows an action: candidates of one state, ranked by likelihood; the likelihood itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tests.builders_model import save_tiny_checkpoint, write_midtrain
from wm_pipeline.domain.tables import MidtrainSchema
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.evaluate.metrics import Floats
from wm_pipeline.evaluate.next_state import MOST_CANDIDATES, Question, draw_questions, likelihood_numbers
from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.likelihood import mean_log_probabilities
from wm_pipeline.model.world_model import output_layer

STATE = "goal: pay dana"
PAGES = Question(STATE, ("click a", "click b", "go back"), ("page a", "page b", "nothing"), "w1")


def no_progress(done: int, total: int, text: str) -> None:
    pass


def numbers_for(scores_AX: list[list[float]], *, times: int = 4) -> dict[str, Any]:
    return likelihood_numbers([PAGES] * times, lambda state, actions, texts: np.array(scores_AX), progress=no_progress)


# --- identification ---------------------------------------------------------------------------------------------------


def test_a_model_that_expects_the_true_page_identifies_it() -> None:
    found = numbers_for([[-1, -2, -3], [-2, -1, -3], [-3, -2, -1]])

    assert (found["accuracy"], found["mrr"], found["lift_accuracy"]) == (1.0, 1.0, 1.0)
    assert (found["rows"], found["states"], found["chance"]) == (12, 4, pytest.approx(1 / 3))


def test_a_text_that_is_likely_whatever_is_done_hides_what_the_lift_shows() -> None:
    found = numbers_for([[-2, -3, -1], [-3, -2, -1], [-3, -3, -0.5]])

    assert (found["accuracy"], found["lift_accuracy"]) == (pytest.approx(1 / 3), 1.0)


def test_a_model_that_does_not_look_at_the_action_is_no_better_than_chance() -> None:
    found = numbers_for([[-1, -2, -3]] * 3)

    assert found["accuracy"] == pytest.approx(found["chance"])
    assert found["lift_accuracy"] == 0.0  # all tied, and a tie is no hit


def test_without_a_trained_head_or_a_question_there_is_no_data() -> None:
    nothing: dict[str, Any] = {"rows": 0, "states": 0}
    nothing |= dict.fromkeys(("accuracy", "accuracy_interval", "mrr", "mrr_interval"))
    nothing |= dict.fromkeys(("lift_accuracy", "lift_accuracy_interval", "chance"))

    assert likelihood_numbers([PAGES], None, progress=no_progress) == nothing
    assert numbers_for([[0.0]], times=0) == nothing


def test_questions_are_states_of_the_test_split_with_different_next_states(tmp_path: Path) -> None:
    frame = MidtrainSchema.validate(pl.read_parquet(write_midtrain(tmp_path / "midtrain.parquet", 30)))
    same = MidtrainSchema.cast(frame.with_columns(pl.lit("").alias("next_page"), relative_transition=pl.lit("-")))
    test_states = set(frame.filter(pl.col("split").cast(pl.String) == "test")["state_text"])

    found = draw_questions(frame, states=4)

    assert len(found) == 4
    assert {question.state_text for question in found} <= test_states
    for question in found:
        assert 2 <= len(question.texts) == len(set(question.texts)) == len(question.action_texts) <= MOST_CANDIDATES
        for action, text in zip(question.action_texts, question.texts, strict=True):
            payee = action.split("payee = ")[1].split(" ")[0]
            assert f"{payee} is paid" in text
    assert found == draw_questions(MidtrainSchema.cast(frame.reverse()), states=4)
    assert draw_questions(same, states=4) == ()


# --- likelihood -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("likelihood") / "checkpoint", seed=4)


def alone(checkpoint: Checkpoint, action: str, text: str) -> float:
    """One path from the state to the end of the text, without a tree."""
    renderer = checkpoint.renderer
    node = renderer.text(Head.NEXT_STATE, text)
    before = [*renderer.state(STATE)[0], *renderer.action(action), *node.marker_ids]
    with torch.inference_mode():
        ids = torch.tensor([[*before, *node.target_ids]])
        hidden = checkpoint.model.backbone.base_model(input_ids=ids, use_cache=False).last_hidden_state[0]
        logits = output_layer(checkpoint.model.backbone)(hidden[len(before) - 1 : -1]).log_softmax(dim=-1)
    return float(logits[range(len(node.target_ids)), list(node.target_ids)].mean())


def matrix(checkpoint: Checkpoint, actions: Sequence[str], texts: Sequence[str]) -> Floats:
    return mean_log_probabilities(checkpoint, Head.NEXT_STATE, STATE, actions, texts)


def test_the_likelihood_of_every_text_under_every_action_is_what_it_would_be_alone(checkpoint: Checkpoint) -> None:
    # The last text alone has more tokens than logits are held at once.
    actions, texts = ("click a", "submit form b"), ("url a; appeared: A", "nothing", "page: " + "b " * 300)

    found = matrix(checkpoint, actions, texts)

    assert found.shape == (2, 3)
    expected = [[alone(checkpoint, action, text) for text in texts] for action in actions]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert abs(found[0] - found[1]).min() > 1e-4
