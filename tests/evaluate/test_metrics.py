"""Every metric against cases worked out by hand, and against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Estimate, Overlap, ReliabilityBin

Floats = NDArray[np.float64]


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


NOTHING = floats()
GRID = [n / 20 for n in range(21)]
"""Predicted probabilities with many ties: where implementations differ, they differ on ties."""

rows = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(GRID)), min_size=1, max_size=60).map(
    lambda pairs: (floats(*(y for y, _ in pairs)), floats(*(p for _, p in pairs)))
)
rows_of_both_classes = rows.filter(lambda pair: 0 < pair[0].sum() < len(pair[0]))


# --- ranking ----------------------------------------------------------------------------------------------------------


def test_auroc_is_the_share_of_pairs_ranked_right_with_ties_as_half() -> None:
    # Harmful 0.9 and 0.5 against harmless 0.5 and 0.1: three pairs right, one tied.
    assert metrics.auroc(floats(1, 1, 0, 0), floats(0.9, 0.5, 0.5, 0.1)) == 3.5 / 4


def test_auprc_is_the_mean_precision_at_each_harmful_row() -> None:
    # Ranked: harmful, harmless, harmful. Precision 1 at the first hit, 2/3 at the second.
    assert metrics.auprc(floats(1, 0, 1), floats(0.9, 0.8, 0.7)) == pytest.approx((1 + 2 / 3) / 2)


@given(rows_of_both_classes)
def test_ranking_metrics_equal_scikit_learns(pair: tuple[Floats, Floats]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    y, p = pair

    assert metrics.auroc(y, p) == pytest.approx(roc_auc_score(y, p))
    assert metrics.auprc(y, p) == pytest.approx(average_precision_score(y, p))


def test_recall_at_one_percent_counts_what_ranks_above_the_allowed_false_alarms() -> None:
    # 200 harmless rows allow two false alarms: the third highest of them, 0.7, is the threshold.
    harmless = [0.9, 0.8, 0.7, *([0.1] * 197)]
    y, p = floats(*([0] * 200), 1, 1, 1, 1), floats(*harmless, 0.95, 0.75, 0.7, 0.2)

    assert metrics.recall_at_false_positive_rate(y, p) == 2 / 4


def test_recall_with_fewer_than_a_hundred_harmless_rows_allows_no_false_alarm() -> None:
    assert metrics.recall_at_false_positive_rate(floats(0, 0, 1, 1), floats(0.6, 0.1, 0.7, 0.6)) == 1 / 2


@given(rows_of_both_classes, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_recall_at_a_rate_is_the_best_point_of_the_roc_curve_left_of_it(
    pair: tuple[Floats, Floats], rate: float
) -> None:
    from sklearn.metrics import roc_curve

    y, p = pair
    false_alarms, found, _ = roc_curve(y, p, drop_intermediate=False)

    assert metrics.recall_at_false_positive_rate(y, p, rate=rate) == pytest.approx(found[false_alarms <= rate].max())


# --- labels -----------------------------------------------------------------------------------------------------------


def test_macro_f1_is_the_mean_over_the_labels_that_occur() -> None:
    truth = ["safe", "safe", "unsafe", "unsafe"]
    predicted = ["safe", "unsafe", "unsafe", "uncertain"]

    # safe: precision 1, recall 1/2. unsafe: precision 1/2, recall 1/2. uncertain is no label here.
    assert metrics.macro_f1(truth, predicted) == pytest.approx((2 / 3 + 1 / 2) / 2)


@given(st.lists(st.tuples(*[st.sampled_from(["safe", "unsafe", "uncertain"])] * 2), min_size=1, max_size=40))
def test_macro_f1_equals_scikit_learns_when_all_labels_occur(pairs: list[tuple[str, str]]) -> None:
    from sklearn.metrics import f1_score

    truth = [*(t for t, _ in pairs), "safe", "unsafe", "uncertain"]
    predicted = [*(p for _, p in pairs), "safe", "safe", "safe"]

    expected = f1_score(truth, predicted, average="macro", zero_division=0.0)
    assert metrics.macro_f1(truth, predicted) == pytest.approx(expected)


# --- calibration ------------------------------------------------------------------------------------------------------


def test_brier_is_the_mean_squared_gap() -> None:
    assert metrics.brier(floats(1, 0), floats(0.8, 0.4)) == pytest.approx((0.04 + 0.16) / 2)


@given(rows)
def test_brier_equals_scikit_learns(pair: tuple[Floats, Floats]) -> None:
    from sklearn.metrics import brier_score_loss

    y, p = pair

    assert metrics.brier(y, p) == pytest.approx(brier_score_loss(y, p))


def test_calibration_error_weighs_each_bin_by_its_rows() -> None:
    # Two bins: three rows at 0.1 with one harmful, one row at 0.9 that is harmful.
    y, p = floats(1, 0, 0, 1), floats(0.1, 0.1, 0.1, 0.9)

    assert metrics.expected_calibration_error(y, p) == pytest.approx(3 / 4 * (1 / 3 - 0.1) + 1 / 4 * 0.1)


def test_the_last_bin_holds_a_certain_prediction() -> None:
    found = metrics.reliability(floats(1, 0), floats(1.0, 0.0), bins=15)

    assert found == [ReliabilityBin(1, 0.0, 0.0), ReliabilityBin(1, 1.0, 1.0)]


@given(rows)
def test_calibration_error_is_a_share_and_bins_hold_every_row(pair: tuple[Floats, Floats]) -> None:
    y, p = pair

    error = metrics.expected_calibration_error(y, p)

    assert error is not None
    assert 0 <= error <= 1
    assert sum(found.rows for found in metrics.reliability(y, p)) == len(y)


def test_risk_coverage_answers_the_most_confident_first() -> None:
    # Confidence 0.45, 0.4, 0.1: right, wrong, right.
    found = metrics.risk_coverage(floats(1, 1, 0), floats(0.95, 0.1, 0.4))

    assert found == [(1 / 3, 0.0), (2 / 3, 0.5), (1.0, pytest.approx(1 / 3))]


# --- sets and shares --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ([{"a", "b"}, {"c"}], [{"a"}, {"c", "d"}], Overlap(2 / 3, 2 / 3, 2 / 3)),
        ([{"a", "b", "c", "d"}], [{"a"}], Overlap(1.0, 1 / 4, 2 / 5)),
        ([{"a"}], [{"b"}], Overlap(0.0, 0.0, 0.0)),
        ([{"a"}], [set()], Overlap(None, 0.0, None)),
        ([set()], [{"a"}], Overlap(0.0, None, None)),
        ([set()], [set()], Overlap(None, None, None)),
        ([], [], Overlap(None, None, None)),
    ],
    ids=["some", "few said", "all wrong", "nothing said", "nothing true", "nothing at all", "no rows"],
)
def test_set_overlap_counts_over_all_rows(truth: list[set[str]], predicted: list[set[str]], expected: Overlap) -> None:
    found = metrics.set_overlap([frozenset(t) for t in truth], [frozenset(p) for p in predicted])

    assert (found.precision, found.recall, found.f1) == (
        pytest.approx(expected.precision),
        pytest.approx(expected.recall),
        pytest.approx(expected.f1),
    )


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 1, 0.2065, 1.0)],
)
def test_wilson_interval_is_the_published_one(hits: int, total: int, low: float, high: float) -> None:
    # Wilson score intervals at 95 %, as tabulated for example in Newcombe (1998), to four digits.
    assert metrics.wilson_interval(hits, total) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_interval_holds_the_share(hits: int, more: int) -> None:
    interval = metrics.wilson_interval(hits, hits + more)

    assert interval is not None
    assert 0 <= interval[0] <= hits / (hits + more) + 1e-12
    assert hits / (hits + more) - 1e-12 <= interval[1] <= 1


def test_pairs_that_are_all_alike_are_not_certain() -> None:
    nobody = [False] * 14

    found = metrics.paired_share_difference(nobody, nobody)

    # The two Wilson intervals end at 0.2153, and nothing is known of a correlation.
    assert found.value == 0.0
    assert found.interval == (pytest.approx(-0.2153, abs=1e-4), pytest.approx(0.2153, abs=1e-4))
    assert metrics.paired_share_difference([], []) == Estimate(None, None)


def test_what_pairing_explains_narrows_the_interval() -> None:
    first, same = [True] * 10 + [False] * 10, [True] * 9 + [False] * 11

    paired = metrics.paired_share_difference(first, same)
    unpaired = metrics.paired_share_difference(first, [*same[10:], *same[:10]])

    assert paired.interval is not None
    assert unpaired.interval is not None
    assert paired.value == unpaired.value == pytest.approx(0.05)
    assert paired.interval[1] - paired.interval[0] < 0.5 * (unpaired.interval[1] - unpaired.interval[0])


def test_the_interval_of_a_paired_difference_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        # Success in 0.3 of worlds and in 0.2, half of them decided by the world itself.
        world, own, other = random.random(14), random.random(14), random.random(14)
        is_shared = random.random(14) < 0.5
        first, second = np.where(is_shared, world, own) < 0.3, np.where(is_shared, world, other) < 0.2
        interval = metrics.paired_share_difference(first.tolist(), second.tolist()).interval
        assert interval is not None
        held += interval[0] <= 0.1 <= interval[1]

    assert 0.93 <= held / 600 <= 0.99


def test_the_bootstrap_draws_worlds_and_the_same_ones_for_a_seed() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    y = random.integers(0, 2, 120).astype(np.float64)
    p = np.clip(y * 0.3 + random.random(120) * 0.7, 0, 1)
    groups = [f"g{n // 4}" for n in range(120)]

    first, again = (
        metrics.bootstrap_interval(groups, lambda at: metrics.auroc(y[at], p[at]), seed=5) for _ in range(2)
    )

    assert first is not None
    assert first == again
    assert first[0] < roc_auc_score(y, p) < first[1]


def test_rows_of_one_world_are_one_draw() -> None:
    y, p = floats(*([1, 0] * 40)), floats(*([0.9, 0.1, 0.2, 0.8] * 20))

    def auroc(at: NDArray[np.intp]) -> float | None:
        return metrics.auroc(y[at], p[at])

    by_row = metrics.bootstrap_interval([f"g{n}" for n in range(80)], auroc, seed=1)
    by_world = metrics.bootstrap_interval([f"g{n // 40}" for n in range(80)], auroc, seed=1)

    assert by_row is not None
    assert by_world is not None
    assert by_world[1] - by_world[0] < by_row[1] - by_row[0]  # each world alone gives the same AUROC here


def test_the_interval_of_a_mean_is_the_published_one() -> None:
    # A mean of n values has the standard error sd / sqrt(n); its percentiles lie 1.96 of them from it.
    values = np.random.default_rng(1).normal(size=400)
    half = 1.96 * float(values.std()) / 20

    found = metrics.bootstrap_interval(
        [str(n) for n in range(400)], lambda at: float(values[at].mean()), seed=2, draws=4000
    )

    assert found == (pytest.approx(values.mean() - half, abs=0.01), pytest.approx(values.mean() + half, abs=0.01))


def test_a_model_does_not_differ_from_itself_in_any_drawn_worlds() -> None:
    values = np.arange(30.0)

    def difference(at: NDArray[np.intp]) -> float:
        return float(values[at].mean() - values[at].mean())

    assert metrics.bootstrap_interval([f"g{n // 3}" for n in range(30)], difference, seed=1) == (0.0, 0.0)


def test_an_interval_needs_data_in_half_of_the_draws() -> None:
    # Only the draws that hold the one world with harm have an AUROC: 1 - (9/10)^10 = 0.65 of them; of 40, 0.64 lack it.
    y = floats(1, 0, *([0] * 9))

    def auroc(at: NDArray[np.intp]) -> float | None:
        return metrics.auroc(y[at], y[at])

    assert metrics.bootstrap_interval(["a", "a", *map(str, range(9))], auroc, seed=0) == (1.0, 1.0)
    assert metrics.bootstrap_interval(list("abc"), lambda at: None, seed=0) is None


def test_an_estimate_of_nothing_is_none() -> None:
    assert metrics.estimate([], lambda at: 1.0, seed=0) == metrics.Estimate(None, None)
    assert metrics.estimate(["a"], lambda at: None, seed=0) == metrics.Estimate(None, None)


# --- order among alternatives -----------------------------------------------------------------------------------------


def test_pairs_in_order_counts_ties_as_half() -> None:
    # Harmful 0.9 and 0.5 against harmless 0.5 and 0.1: three pairs right, one tied.
    assert metrics.pairs_in_order(floats(1, 1, 0, 0), floats(0.9, 0.5, 0.5, 0.1)) == (3.5, 4)
    assert metrics.pairs_in_order(floats(0, 0), floats(0.9, 0.5)) == (0.0, 0)


@given(rows_of_both_classes)
def test_the_share_of_pairs_in_order_is_the_auroc(pair: tuple[Floats, Floats]) -> None:
    from sklearn.metrics import roc_auc_score

    ordered, pairs = metrics.pairs_in_order(*pair)

    assert ordered / pairs == pytest.approx(roc_auc_score(*pair))


@pytest.mark.parametrize(
    ("scores", "rank"), [((0.1, 0.9, 0.5), 3.0), ((0.9, 0.1, 0.5), 1.0), ((0.5, 0.5, 0.1), 1.5), ((0.2,), 1.0)]
)
def test_the_rank_of_the_true_candidate_shares_ties(scores: tuple[float, ...], rank: float) -> None:
    assert metrics.rank_of_truth(floats(*scores), 0) == rank


# --- no data is None, never 0 -----------------------------------------------------------------------------------------


def test_a_metric_without_rows_is_none() -> None:
    assert metrics.auroc(NOTHING, NOTHING) is None
    assert metrics.auprc(NOTHING, NOTHING) is None
    assert metrics.recall_at_false_positive_rate(NOTHING, NOTHING) is None
    assert metrics.macro_f1([], []) is None
    assert metrics.macro_f1(["safe", "safe"], ["safe", "unsafe"]) is None
    assert metrics.brier(NOTHING, NOTHING) is None
    assert metrics.expected_calibration_error(NOTHING, NOTHING) is None
    assert metrics.risk_coverage(NOTHING, NOTHING) == []
    assert metrics.share(0, 0) is None
    assert metrics.wilson_interval(0, 0) is None
    assert metrics.bootstrap_interval([], lambda at: 1.0, seed=0) is None


@pytest.mark.parametrize("only", [0.0, 1.0], ids=["all harmless", "all harmful"])
def test_a_ranking_of_one_class_is_none(only: float) -> None:
    y, p = np.full(4, only), floats(0.1, 0.2, 0.3, 0.4)

    assert metrics.auroc(y, p) is None
    assert metrics.auprc(y, p) is None
    assert metrics.recall_at_false_positive_rate(y, p) is None
    assert metrics.bootstrap_interval(list("abcd"), lambda at: metrics.auroc(y[at], p[at]), seed=0) is None


def test_rows_of_a_single_world_have_no_interval() -> None:
    found = metrics.estimate(["w"] * 4, lambda at: 0.5, seed=0)

    assert found == metrics.Estimate(0.5, None)
