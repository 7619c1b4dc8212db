"""The causal ladder's numbers, on cases small enough to work out by hand."""

import numpy as np
import polars as pl
import pytest

from tests.builders import payment_state
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.intervention import Intervention, Run
from wm_pipeline.evaluate.causal import (
    counterfactual_numbers,
    intervention_numbers,
    observation_numbers,
    rows_of_runs,
    runs_of,
)
from wm_pipeline.evaluate.metrics import Floats
from wm_pipeline.evaluate.next_state import next_state_numbers

STATE = payment_state()


def pair(variable: str, first: bool, second: bool, *, is_visible: bool = True) -> Intervention:
    return Intervention(variable, is_visible, Run(STATE, NOOP, first), Run(STATE, NOOP, second))


def risks(*values: float) -> Floats:
    return np.array(values)


# --- observation ------------------------------------------------------------------------------------------------------


def seen(site: str, family: str | None, harmful: int, rows: int, predicted: float) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "site": [site] * rows,
            "attack_family": [family] * rows,
            "action_kind": ["click"] * rows,
            "is_harmful": [n < harmful for n in range(rows)],
            "predicted_risk_score": [predicted] * rows,
        },
        schema_overrides={"attack_family": pl.String},
    )


def test_the_gap_weighs_each_cell_by_its_rows() -> None:
    found = observation_numbers(pl.concat([seen("a", "x", 5, 10, 0.4), seen("a", None, 0, 30, 0.2)]))

    # |0.5 - 0.4| over 10 rows and |0 - 0.2| over 30.
    assert found["gap"] == pytest.approx((10 * 0.1 + 30 * 0.2) / 40)
    assert [cell["cell"] for cell in found["by_place"]] == ["a, x", "a, no attack"]
    assert [cell["observed"] for cell in found["by_kind"]] == [5 / 40]


def test_a_cell_of_a_few_rows_is_left_out() -> None:
    found = observation_numbers(seen("a", "x", 1, 4, 0.9))

    assert (found["by_place"], found["gap"]) == ([], None)


# --- intervention -----------------------------------------------------------------------------------------------------


def test_a_prediction_follows_when_it_moves_with_the_outcome_and_stays_with_it() -> None:
    found = intervention_numbers(
        [pair("target", True, False), pair("author", False, False), pair("author", True, True)],
        risks(0.9, 0.1, 0.2, 0.3, 0.6, 0.9),
    )

    assert (found["sensitivity"], found["invariance"], found["balanced"], found["order"]) == (1.0, 1.0, 1.0, 1.0)
    assert [(one["variable"], one["pairs"], one["outcome_changed"], one["right"]) for one in found["by_variable"]] == [
        ("target", 1, 1, 1.0),
        ("author", 2, 0, 1.0),
    ]


def test_moving_the_wrong_way_is_no_sensitivity() -> None:
    found = intervention_numbers([pair("target", False, True)], risks(0.9, 0.1))

    assert (found["sensitivity"], found["order"]) == (0.0, 0.0)


def test_order_asks_less_than_sensitivity() -> None:
    found = intervention_numbers([pair("target", False, True)], risks(0.1, 0.3))

    assert (found["sensitivity"], found["order"]) == (0.0, 1.0)


def test_a_predictor_that_never_moves_gets_one_half() -> None:
    found = intervention_numbers([pair("target", True, False), pair("author", False, False)], risks(0.1, 0.1, 0.1, 0.1))

    assert (found["sensitivity"], found["invariance"], found["balanced"]) == (0.0, 1.0, 0.5)


def test_what_the_state_does_not_show_is_counted_apart() -> None:
    found = intervention_numbers([pair("hidden", False, True, is_visible=False)], risks(0.4, 0.4))

    assert (found["changed"], found["sensitivity"], found["invariance"], found["balanced"]) == (0, None, None, None)
    assert found["unseen_stays"] == 1.0
    assert found["by_variable"][0]["right"] == 1.0


def test_runs_are_asked_in_the_order_in_which_they_are_counted() -> None:
    pairs = [pair("target", True, False), pair("author", False, False)]

    runs = runs_of(pairs)
    rows, states = rows_of_runs(runs)

    assert [run.is_harmful for run in runs] == [True, False, False, False]
    assert rows["action_text"].to_list() == ["do nothing"] * 4
    assert set(rows["state_id"]) == set(states)


# --- counterfactual ---------------------------------------------------------------------------------------------------


def alternatives(state_id: str, *told: tuple[bool, float], split: str = "test") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "state_id": [state_id] * len(told),
            "split": [split] * len(told),
            "split_group": [f"world of {state_id}"] * len(told),
            "branch_index": list(range(len(told))),
            "is_harmful": [is_harmful for is_harmful, _ in told],
            "predicted_risk_score": [risk for _, risk in told],
        }
    )


def test_alternatives_are_ordered_within_their_state_only() -> None:
    # First: harm at 0.9 against 0.1 and 0.95, one of two right. Second: harm at 0.2 against 0.1, right.
    found = counterfactual_numbers(
        pl.concat(
            [
                alternatives("s", (True, 0.9), (False, 0.1), (False, 0.95)),
                alternatives("t", (False, 0.1), (True, 0.2)),
                alternatives("u", (False, 0.99), (False, 0.1)),
            ]
        )
    )["test"]

    assert (found["states"], found["pairs"]) == (2, 3)
    assert found["pair_order"] == pytest.approx(2 / 3)
    assert found["chance"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_executed_action_is_compared_with_its_alternatives() -> None:
    # The executed action is safe at 0.5: below the harm at 0.9, above the harm at 0.4.
    found = counterfactual_numbers(alternatives("s", (False, 0.5), (True, 0.9), (True, 0.4), (False, 0.0)))["all"]

    assert found["executed_order"] == 1 / 2
    assert found["pair_order"] == 3 / 4


def test_the_safest_prediction_is_right_when_that_action_did_no_harm() -> None:
    found = counterfactual_numbers(
        pl.concat([alternatives("s", (True, 0.1), (False, 0.2)), alternatives("t", (True, 0.5), (False, 0.5))])
    )["all"]

    # Wrong in one state; a tie in the other is half right.
    assert found["safest_is_safe"] == 1 / 4


def test_states_where_every_action_did_the_same_tell_nothing() -> None:
    found = counterfactual_numbers(alternatives("s", (False, 0.5), (False, 0.9)))

    assert found["test"]["states"] == 0
    assert found["test"]["pair_order"] is None
    assert found["ood_site"]["safest_is_safe"] is None


# --- next states ------------------------------------------------------------------------------------------------------


def steps(*facts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"trajectory_id": ["t"] * len(facts), "step_index": [0] * len(facts), "delta_facts": facts})


def written(real: list[str], said: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "trajectory_id": ["t"],
            "step_index": [0],
            "split_group": ["w"],
            "delta_facts": [real],
            "predicted_delta_facts": [said],
        }
    )


def test_the_real_next_state_is_told_from_its_siblings_by_facts() -> None:
    siblings = steps(["url a", "rows x"], ["url b"], ["nothing"])

    first = next_state_numbers(written(["url b"], ["url b"]), siblings)
    second = next_state_numbers(written(["url b"], ["url a", "rows x", "url b"]), siblings)

    assert (first["accuracy"], first["mrr"], first["chance"]) == (1.0, 1.0, pytest.approx(1 / 3))
    # a scores 4/5, b 1/2: the real one comes second.
    assert (second["accuracy"], second["mrr"]) == (0.0, 0.5)


def test_siblings_that_led_to_the_same_are_one_candidate() -> None:
    found = next_state_numbers(written(["nothing"], ["nothing"]), steps(["nothing"], ["nothing"]))

    assert (found["rows"], found["accuracy"], found["mrr"], found["chance"]) == (0, None, None, None)
