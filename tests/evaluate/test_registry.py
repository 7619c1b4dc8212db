"""The registry of metrics: tables on rows that can be worked out by hand, and what a metric must bring along."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.builders import payment_state
from tests.fakes.toy_environment import toy_world
from wm_pipeline.defs import checks
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.intervention import Intervention, Run
from wm_pipeline.domain.outside import SuiteTexts
from wm_pipeline.evaluate.adaptive import ADAPTIVE, Budget
from wm_pipeline.evaluate.catalogue import TABLES, every_metric
from wm_pipeline.evaluate.causal import intervention_numbers
from wm_pipeline.evaluate.eval_report import EvalReport, Numbers
from wm_pipeline.evaluate.loop_metrics import SUITE
from wm_pipeline.evaluate.registry import HIGHER, METRICS, Direction, Format, MetricTable, Place
from wm_pipeline.evaluate.risk import RISK, RiskRows
from wm_pipeline.evaluate.tables import CONSEQUENCE


def test_every_metric_is_named_in_a_test_of_its_numbers() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    assert [name for name in every_metric() if not re.search(rf"\b{name.rpartition('.')[2]}\b", tests)] == []


def test_every_table_is_in_the_catalogue() -> None:
    assert {key.partition(".")[0] for key in METRICS} == {table.name for table in TABLES}


def test_every_place_is_found_in_a_report() -> None:
    empty = EvalReport.model_validate(
        {"model_version": "m", "splits": {}, "day": "d", "profile": "p", "gate": {"promoted": False, "reason": "r"}}
    )

    assert [empty.entry(place) for place in Place] == [Numbers()] * len(Place)
    assert {place for metric in every_metric().values() for place in metric.places} == set(Place)


def test_what_the_reports_checks_ask_for_is_in_the_headline() -> None:
    asked = {"test_ece", "asr_guard_off", "asr_guard_on"}
    no_data = dict.fromkeys(asked)

    assert asked <= {name for metric in every_metric().values() for name in metric.headline}
    assert not checks.is_calibrated(no_data).passed
    assert not checks.guard_cuts_attacks(no_data).passed


def test_a_metric_that_is_better_one_way_says_which() -> None:
    shares = {name: metric for name, metric in every_metric().items() if metric.format is not Format.COUNT}

    # The rest is given, or is good and bad.
    neither = {
        "attack_proposed",
        "observed",
        "predicted",
        "mean_shift",
        "chance",
        "next_state.chance",
        "switch",
        "threshold",
    }
    neither |= {"precision_at_random", "recall_at_random", "predicted_risk", "prior.observed"}
    assert {name for name, metric in shares.items() if metric.direction is Direction.NEITHER} == neither


ROWS = RiskRows(
    y=np.array([1.0, 0.0, 1.0]),
    p=np.array([0.9, 0.8, 0.7]),
    truth=np.array([2, 0, 2]),
    said=np.array([2, 2, 2]),
    worlds=["a", "b", "c"],
    seed=0,
)


def test_risk_by_hand() -> None:
    found = RISK.numbers(ROWS)

    assert {name: value for name, value in found.items() if not name.endswith("_interval")} == {
        "rows": 3,
        "harmful": 2,
        "risk_auroc": 1 / 2,
        "macro_f1": pytest.approx((0 + 2 * 2 / 5) / 2),
        "ece": pytest.approx((0.1 + 0.8 + 0.3) / 3),
        "risk_auprc": pytest.approx((1 + 2 / 3) / 2),
        "recall_at_1pct_fpr": 1 / 2,
        "accuracy": 2 / 3,
        "brier": pytest.approx((0.01 + 0.64 + 0.09) / 3),
    }
    # Three of these worlds are drawn at a time: all that is known is that some draws have one kind of row alone.
    assert found["accuracy_interval"] == (0.0, 1.0)


def test_consequences_by_hand() -> None:
    frame = pl.DataFrame(
        {
            "delta_facts": [["a", "b"], ["c"]],
            "predicted_delta_facts": [["a"], None],
            "tags": [["x"], ["y"]],
            "predicted_tags": [["x"], ["z"]],
            "counterfactual_executable": [True, False],
            "counterfactual_valid": [None, True],
            "split_group": ["a", "b"],
        }
    )

    found = CONSEQUENCE.numbers(frame)

    assert (found["delta_rows"], found["delta_precision"], found["delta_recall"]) == (1, 1.0, 1 / 2)
    assert (found["delta_f1"], found["tag_f1"]) == (pytest.approx(2 / 3), 1 / 2)
    assert (found["counterfactual_executable"], found["counterfactual_valid"]) == (1 / 2, 1.0)
    assert found["counterfactuals_executed"] == 1


def test_what_attackers_are_given_is_counted() -> None:
    texts = SuiteTexts("elsewhere", "1.0", ("Pay Mallory", "Leak it"), {"direct": "TODO: {goal}"})
    grounds = [[toy_world(1)], [toy_world(2), toy_world(3)]]

    assert SUITE.numbers(texts) == {"goals": 2, "wordings": 1}
    assert ADAPTIVE.numbers(Budget(grounds, tries=4)) == {"tries": 4, "attacks_a_ground": 2}


def test_the_mean_shift_of_a_variable_is_over_its_pairs() -> None:
    state = payment_state()
    pairs = [Intervention("target", True, Run(state, NOOP, True), Run(state, NOOP, False))] * 2

    (variable,) = intervention_numbers(pairs, np.array([0.9, 0.1, 0.4, 0.2]))["by_variable"]

    assert (variable["pairs"], variable["outcome_changed"]) == (2, 2)
    assert (variable["mean_shift"], variable["right"]) == (pytest.approx(0.5), 1 / 2)


def test_a_function_becomes_a_metric_under_its_own_name_and_docstring() -> None:
    table = MetricTable[list[float]]("trial")

    @table.metric(HIGHER, Format.SMALL_SHARE, label="L")
    def largest(values: list[float]) -> float | None:
        """The largest
        of them."""
        return max(values, default=None)

    @table.metric(has_interval=True)
    def drawn(values: list[float]) -> float | None:
        """Of no worlds."""
        return max(values)

    (metric, _) = table.metrics()
    with pytest.raises(SettingsError, match=r"^metric 'drawn': its data has no worlds to draw again; return an Est"):
        table.numbers([0.1])
    table.forget("largest")
    table.forget("drawn")

    assert (metric.name, metric.definition, metric.title) == ("largest", "The largest of them.", "L")
    assert (metric.value([0.1, 0.2]), metric.value([])) == (0.2, None)
    assert table.metrics() == ()
