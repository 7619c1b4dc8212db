"""Two reports beside each other: what differs by more than its intervals, and what one of them lacks."""

from typing import Any

import pytest

from wm_pipeline.evaluate.report import compare_reports


def told(value: float, low: float, high: float) -> dict[str, Any]:
    test = {"risk_auroc": value, "risk_auroc_interval": [low, high]}
    return {"splits": {"test": test}}


@pytest.mark.parametrize(
    ("second", "is_apart"),
    [(told(0.95, 0.91, 1.0), True), (told(0.95, 0.89, 1.0), False), (told(0.6, 0.5, 0.69), True)],
    ids=["above", "touching", "below"],
)
def test_two_reports_are_compared_by_their_intervals(second: dict[str, Any], is_apart: bool) -> None:
    found = compare_reports(told(0.8, 0.7, 0.9), second)

    assert [(one.name, one.first, one.is_apart) for one in found] == [("splits.test.risk_auroc", 0.8, is_apart)]


def test_a_report_from_before_a_number_was_measured_is_compared_without_it() -> None:
    newer = {"causal": {"intervention": {"world_model": {"sensitivity": 0.5, "sensitivity_interval": [0.3, 0.7]}}}}

    found = compare_reports({"causal": {"intervention": {}}}, newer)

    assert [(one.first, one.second, one.is_apart) for one in found] == [(None, 0.5, None)]
