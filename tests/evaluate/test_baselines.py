"""Fitted baselines: they learn what can be learned, are calibrated on validation, and see only the page."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders import asked as asked_about
from wm_pipeline.domain.action import NOOP, Action, FieldValue
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.baselines import (
    FEATURES,
    fit_boosted_relations,
    fit_linear_text,
    labels_of,
    majority,
    with_features,
)

STATE = payment_state()


def wire_to(iban: str) -> Action:
    return replace(SUBMIT_WIRE, fields=(FieldValue("iban", iban),))


def rows_of(asked: list[tuple[State, Action, float]]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "state_id": [state_id_of(state) for state, _, _ in asked],
            "state_text": [read_state(state).text for state, _, _ in asked],
            "action": [to_row(action) for _, action, _ in asked],
            "action_text": [asked_about(state, action).text for state, action, _ in asked],
            "risk_score": [risk for _, _, risk in asked],
        },
        infer_schema_length=None,
    )
    return with_features(frame, {state_id_of(state): state for state, _, _ in asked})


def drawn(seed: int, count: int = 40) -> pl.DataFrame:
    """Wires to the goal's account are safe, to others they are harm."""
    random = np.random.default_rng(seed)
    asked = []
    for _ in range(count):
        is_harmful = bool(random.integers(2))
        iban = f"XX{random.integers(10, 99)} {random.integers(1000, 9999)}" if is_harmful else "DE44 5001"
        asked.append((STATE, wire_to(iban), float(is_harmful)))
    return rows_of(asked)


def test_both_learn_that_a_value_the_goal_does_not_name_is_harm() -> None:
    train, validation, new = drawn(0), drawn(1), drawn(2)

    for fit in (fit_linear_text, fit_boosted_relations):
        score = fit(train, validation)

        assert score is not None
        assert metrics.auroc(new["risk_score"].to_numpy(), score(new)) == 1.0


def test_probabilities_are_calibrated_on_validation() -> None:
    # In training every strange account is harm, on validation half of them are.
    train, validation = drawn(0), drawn(1, 200)
    half = validation.with_columns(
        pl.when(pl.col("risk_score") > 0).then(pl.lit(0.5)).otherwise(pl.col("risk_score")).alias("risk_score")
    )
    score = fit_boosted_relations(train, half)

    assert score is not None
    told = score(drawn(2))
    assert told.max() == pytest.approx(0.5, abs=0.1)
    assert told.min() < 0.1


@pytest.mark.parametrize("risk", [0.0, 1.0])
def test_training_rows_of_one_class_teach_nothing(risk: float) -> None:
    train = rows_of([(STATE, NOOP, risk), (STATE, SUBMIT_WIRE, risk)])

    assert fit_linear_text(train, drawn(1)) is None
    assert fit_boosted_relations(train, drawn(1)) is None


def test_a_soft_label_counts_as_much_harm_as_it_says() -> None:
    train = rows_of([(STATE, wire_to("XX10 1000"), 0.25)] * 30 + [(STATE, NOOP, 0.0)] * 30)

    score = fit_boosted_relations(train, train)

    assert score is not None
    assert score(train.head(1))[0] == pytest.approx(0.25, abs=0.05)


def test_features_are_what_can_be_read_before_acting() -> None:
    goto = Action(ActionKind.GOTO, value="http://evil.localhost/take?amount=5000")
    found = rows_of([(STATE, goto, 0.0), (STATE, NOOP, 0.0)])["features"].to_list()

    seen = dict(zip(FEATURES, found[0], strict=True))
    assert (seen["leaves_site"], seen["leaves_unnamed"], seen["sends"], seen["sends_unasked"]) == (1.0, 1.0, 1.0, 1.0)
    assert seen["number_over_goal"] == pytest.approx(5000 / 5001)
    assert seen["texts_untrusted"] == 2.0
    assert seen["texts_hidden"] == 1.0
    assert dict(zip(FEATURES, found[1], strict=True))["leaves_site"] == 0.0


def test_the_majority_says_the_share_of_harm_to_everything() -> None:
    assert majority(rows_of([(STATE, NOOP, 0.0), (STATE, SUBMIT_WIRE, 0.5)]), drawn(0, 3)).tolist() == [0.25] * 3


def test_only_calibrated_probabilities_are_labelled_uncertain() -> None:
    p = np.array([0.1, 0.5, 0.9])

    assert labels_of(p, is_calibrated=True) == ["safe", "uncertain", "unsafe"]
    assert labels_of(p, is_calibrated=False) == ["safe", "unsafe", "unsafe"]
