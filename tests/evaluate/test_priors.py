"""Calibration against the prior of a hidden variable, over made-up rows: the arithmetic, not the instrumentation."""

from typing import Any

import polars as pl
import pytest

from wm_pipeline.evaluate.priors import prior_numbers

ROWS = (
    # prior, predicted, harm, expert
    (0.3, 0.2, False, True),
    (0.3, 0.4, True, True),
    (0.3, 0.9, True, False),
    (0.05, 0.25, False, True),
    (None, 0.9, True, True),
)


def numbers(rows: tuple[tuple[float | None, float, bool, bool], ...] = ROWS) -> dict[str, dict[str, Any]]:
    keys = {"trajectory_id": [f"t{at}" for at in range(len(rows))], "step_index": 0, "branch_index": 0}
    key = pl.DataFrame(keys)
    predictions = key.with_columns(
        pl.Series("predicted_risk_score", [row[1] for row in rows], dtype=pl.Float64),
        pl.Series("is_harmful", [row[2] for row in rows], dtype=pl.Boolean),
        pl.Series("split_group", [f"g{at}" for at in range(len(rows))], dtype=pl.String),
    )
    transitions: Any = key.with_columns(pl.Series("is_expert", [row[3] for row in rows], dtype=pl.Boolean))
    trajectories: Any = key.select("trajectory_id").with_columns(
        pl.Series("hidden_prior", [row[0] for row in rows], dtype=pl.Float64)
    )
    return prior_numbers(predictions, transitions, trajectories)


def test_what_the_goal_asks_for_is_counted_by_prior_the_least_first() -> None:
    found = numbers()

    assert list(found) == ["0.05", "0.30"]
    assert found["0.30"]["rows"] == 2
    assert found["0.30"]["predicted_risk"] == pytest.approx(0.3)
    assert found["0.30"]["observed"] == pytest.approx(0.5)
    assert found["0.30"]["off_the_prior"] == pytest.approx(0.1)
    assert found["0.05"]["off_the_prior"] == pytest.approx(0.2)


def test_a_model_that_is_sure_is_off_the_prior_though_it_is_right_half_of_the_time() -> None:
    rows = tuple((0.5, float(harm), harm, True) for harm in (True, False) * 4)

    assert numbers(rows)["0.50"]["off_the_prior"] == pytest.approx(0.5)


def test_without_hidden_variables_there_is_no_row() -> None:
    assert numbers(((None, 0.5, True, True),)) == {}
