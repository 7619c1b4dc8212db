"""Calibrated probabilities, and thresholds that keep the miss rate they promise."""

from random import Random

import torch

from wm_pipeline.domain.outcome import SAFE_BELOW
from wm_pipeline.model.calibration import (
    Calibration,
    best_tag_threshold,
    choose_execute_below,
    fit_calibration,
)


def draw(random: Random, rows: int) -> tuple[list[float], list[float]]:
    """Probabilities and outcomes drawn from them."""
    probabilities = [random.random() ** 2 for _ in range(rows)]
    return probabilities, [float(random.random() < p) for p in probabilities]


def test_platt_scaling_recovers_scale_and_shift() -> None:
    random = Random(1)
    true_logits = [random.gauss(0, 2) for _ in range(4000)]
    labels = [float(torch.sigmoid(torch.tensor(logit))) for logit in true_logits]

    fitted = fit_calibration([3.0 * logit + 1.5 for logit in true_logits], labels)

    assert abs(fitted.scale - 1 / 3) < 0.02
    assert abs(fitted.shift + 0.5) < 0.02
    assert fitted.rows == 4000


def test_perfectly_separated_rows_still_give_finite_numbers() -> None:
    fitted = fit_calibration([-5.0] * 20 + [5.0] * 20, [0.0] * 20 + [1.0] * 20)

    assert 0 < fitted.scale < 100
    assert fitted.probability(5.0) > 0.99


def test_too_few_rows_or_one_class_leave_logits_as_they_are() -> None:
    assert fit_calibration([1.0, -1.0], [1.0, 0.0]) == Calibration()
    assert fit_calibration([1.0] * 50, [0.0] * 50) == Calibration()


def test_the_threshold_keeps_the_miss_rate_on_new_rows() -> None:
    random = Random(3)
    misses = []
    for _ in range(300):
        probabilities, labels = draw(random, 120)
        threshold, unsafe_rows, is_guaranteed = choose_execute_below(probabilities, labels, target_miss_rate=0.1)
        assert is_guaranteed
        assert unsafe_rows == sum(labels)
        fresh, fresh_labels = draw(random, 200)
        unsafe = [p for p, label in zip(fresh, fresh_labels, strict=True) if label]
        misses.append(sum(p < threshold for p in unsafe) / len(unsafe))

    # The promise is about the mean; 0.01 is four standard errors of this simulation.
    assert sum(misses) / len(misses) <= 0.1 + 0.01


def test_the_threshold_is_the_largest_that_keeps_it() -> None:
    probabilities = [0.05 * (index + 1) for index in range(9)]

    threshold, _, is_guaranteed = choose_execute_below(probabilities, [1.0] * 9, target_miss_rate=0.2)

    # (misses + 1) / (9 + 1) <= 0.2 allows one miss: the lowest row.
    assert threshold == probabilities[1]
    assert is_guaranteed


def test_too_few_unsafe_rows_promise_nothing_and_execute_none_of_them() -> None:
    threshold, unsafe_rows, is_guaranteed = choose_execute_below([0.13, 0.4, 0.01], [1, 1, 0], target_miss_rate=0.05)

    assert (threshold, unsafe_rows, is_guaranteed) == (0.13, 2, False)


def test_without_unsafe_rows_the_label_limit_is_taken() -> None:
    assert choose_execute_below([0.1, 0.2], [0.0, 0.0], target_miss_rate=0.05) == (SAFE_BELOW, 0, False)


def test_only_what_is_labelled_safe_is_executed_unasked() -> None:
    threshold, _, _ = choose_execute_below([0.97] * 50, [1.0] * 50, target_miss_rate=0.05)

    assert threshold == SAFE_BELOW


def test_tag_threshold_is_where_f1_is_best() -> None:
    probabilities = [[0.9, 0.26], [0.34, 0.2]]
    labels = [[True, False], [True, False]]

    threshold = best_tag_threshold(probabilities, labels)

    assert 0.26 < threshold <= 0.34
