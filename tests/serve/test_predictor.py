"""predict_outcome keeps its contract whatever the model knows; these models know nothing."""

from pathlib import Path

import pytest

from tests.builders import SUBMIT_WIRE, asked, payment_state
from tests.builders_model import save_tiny_checkpoint
from wm_pipeline.domain.action import NOOP, Action, is_executable
from wm_pipeline.domain.candidates import same_target
from wm_pipeline.domain.delta import delta_of_facts
from wm_pipeline.domain.errors import CheckpointError, InvalidInputError
from wm_pipeline.domain.outcome import label_of_risk
from wm_pipeline.domain.reasons import narrative_of, reasons
from wm_pipeline.domain.relations import relate
from wm_pipeline.domain.vocabulary import ActionKind, Head
from wm_pipeline.model.head_registry import answered_heads
from wm_pipeline.model.settings import Stage
from wm_pipeline.serve.predictor import PredictorSettings, WorldModelPredictor

STATE = payment_state()
ACTIONS = [SUBMIT_WIRE, Action(ActionKind.CLICK, "e1"), NOOP]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "checkpoint"
    save_tiny_checkpoint(folder, seed=3)
    return folder


@pytest.fixture
def predictor(folder: Path) -> WorldModelPredictor:
    return WorldModelPredictor.load(folder, settings=PredictorSettings(max_new_tokens=6))


def test_an_outcome_has_every_part(predictor: WorldModelPredictor) -> None:
    outcome = predictor.predict_outcome(STATE, SUBMIT_WIRE)

    assert {*outcome.heads_computed, Head.RATIONALE, Head.CONSEQUENCE} == set(answered_heads())
    assert 0 <= outcome.risk_score <= 1
    assert outcome.risk_label is label_of_risk(outcome.risk_score)
    assert outcome.model_version == predictor.model_version
    assert outcome.latency_ms > 0
    assert outcome.rationale == reasons(STATE, SUBMIT_WIRE, relate(STATE, SUBMIT_WIRE))
    assert outcome.delta_facts is not None
    told = delta_of_facts(outcome.delta_facts, page_url=STATE.url) if outcome.delta_facts else None
    assert outcome.state_delta == told
    assert set(outcome.heads_cut) == {Head.STATE_DELTA}  # six tokens are few
    assert outcome.predicted_consequence is not None
    assert outcome.predicted_consequence.narrative == narrative_of(outcome.predicted_consequence.tags)
    assert outcome.predicted_consequence.patterns == asked(STATE, SUBMIT_WIRE).patterns
    assert not outcome.is_truncated


def test_risk_alone_writes_nothing_and_leaves_the_rest_out(predictor: WorldModelPredictor) -> None:
    whole = predictor.predict_outcome(STATE, SUBMIT_WIRE)
    before = predictor.tokens_used

    outcome = predictor.predict_outcome(STATE, SUBMIT_WIRE, heads=(Head.RISK,))

    assert outcome.heads_computed == (Head.RISK,)
    assert outcome.risk_score == pytest.approx(whole.risk_score, abs=1e-6)
    assert (outcome.predicted_consequence, outcome.counterfactual_action) == (None, None)
    assert (outcome.state_delta, outcome.delta_facts) == (None, None)
    assert 0 < predictor.tokens_used - before < 400


def test_several_actions_at_once_get_the_answers_they_get_alone(predictor: WorldModelPredictor) -> None:
    heads = (Head.RISK, Head.TAGS, Head.STATE_DELTA)
    together = predictor.predict_outcomes(STATE, ACTIONS, heads=heads)
    alone = [predictor.predict_outcome(STATE, action, heads=heads) for action in ACTIONS]

    assert len(together) == 3
    for left, right in zip(together, alone, strict=True):
        assert left.risk_score == pytest.approx(right.risk_score, abs=1e-6)
        assert left.delta_facts == right.delta_facts
        assert left.predicted_consequence == right.predicted_consequence


def test_the_counterfactual_can_be_executed_and_is_another_action(predictor: WorldModelPredictor) -> None:
    for action in ACTIONS:
        found = predictor.predict_outcome(STATE, action, heads=(Head.COUNTERFACTUAL,)).counterfactual_action

        assert found is not None
        assert is_executable(STATE, found)
        assert not same_target(STATE, found, action)


def test_a_state_that_does_not_fit_is_said_to_be_cut(predictor: WorldModelPredictor) -> None:
    long = payment_state(goal="pay " + "very carefully " * 300)

    assert predictor.predict_outcome(long, SUBMIT_WIRE, heads=(Head.RISK,)).is_truncated


def test_an_action_the_state_does_not_offer_is_refused(predictor: WorldModelPredictor) -> None:
    with pytest.raises(InvalidInputError) as caught:
        predictor.predict_outcome(STATE, Action(ActionKind.CLICK, "e99"))

    assert str(caught.value) == "action.target_ref: the state has no element 'e99'"


def test_no_actions_give_no_outcomes(predictor: WorldModelPredictor) -> None:
    assert predictor.predict_outcomes(STATE, []) == ()


def test_heads_that_were_never_trained_are_left_out(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c", trained_heads=(Head.RISK, Head.TAGS))

    outcome = WorldModelPredictor.load(tmp_path / "c").predict_outcome(STATE, SUBMIT_WIRE)

    assert outcome.heads_computed == (Head.RISK, Head.TAGS)
    assert outcome.counterfactual_action is None


def test_a_checkpoint_that_cannot_judge_is_refused(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "c", stage=Stage.MIDTRAIN, trained_heads=(Head.NEXT_STATE,))

    with pytest.raises(CheckpointError) as caught:
        WorldModelPredictor.load(tmp_path / "c")

    assert str(caught.value) == (
        f"checkpoint {saved.manifest.model_version!r} of stage 'midtrain' has no trained risk head; "
        "load one of stage sft or distill"
    )


def test_heads_are_known_by_name(predictor: WorldModelPredictor) -> None:
    with pytest.raises(InvalidInputError, match="heads: unknown head 'mood'; there are risk, tags,"):
        predictor.predict_outcome(STATE, SUBMIT_WIRE, heads=("mood",))
