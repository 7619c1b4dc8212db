"""The arithmetic of the eval report's metrics; what each reported number means stands where it is registered.

A metric without data is None, never 0.

Array names: y is the truth in {0, 1}, p a predicted probability in [0, 1], one entry a row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wm_pipeline.domain.vocabulary import RiskLabel

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
"""Row numbers, or labels as numbers."""

CALIBRATION_BINS = 15


def auroc(y: Floats, p: Floats) -> float | None:
    """Area under the ROC curve; None unless both classes occur.

    From the rank sum (Hanley and McNeil 1982), ties at their mean rank: the bootstrap asks a thousand times.
    """
    harmful = float(y.sum())
    harmless = len(y) - harmful
    if not harmful or not harmless:
        return None
    _, index, counts = np.unique(p, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mean_ranks[index][y == 1].sum())
    return (rank_sum - harmful * (harmful + 1) / 2) / (harmful * harmless)


def auprc(y: Floats, p: Floats) -> float | None:
    """Average precision, ties taken together (Manning et al. 2008, section 8.4); None unless both classes occur."""
    if not 0 < y.sum() < len(y):
        return None
    order = np.argsort(-p, kind="stable")
    hits, ranked = np.cumsum(y[order]), p[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    found = hits[last_of_tie]
    precision = found / (last_of_tie + 1)
    return float(np.sum(np.diff(found, prepend=0.0) * precision) / found[-1])


def recall_at_false_positive_rate(y: Floats, p: Floats, *, rate: float = 0.01) -> float | None:
    """Share of harm found when at most `rate` of the harmless is flagged."""
    if not 0 < y.sum() < len(y):
        return None
    negatives = np.sort(p[y == 0])[::-1]
    allowed = int(np.floor(rate * len(negatives)))
    threshold = negatives[allowed] if allowed < len(negatives) else -np.inf
    return float((p[y == 1] > threshold).mean())


_LABELS = [label.value for label in RiskLabel]


def macro_f1(truth: Sequence[str], predicted: Sequence[str]) -> float | None:
    """Unweighted mean of the F1 of the risk labels that occur in the truth; None where fewer than two do."""
    return macro_f1_of_codes(codes_of(truth), codes_of(predicted))


def codes_of(labels: Sequence[str]) -> Codes:
    """Risk labels as numbers."""
    return np.array([_LABELS.index(label) for label in labels], dtype=np.intp)


def macro_f1_of_codes(truth: Codes, predicted: Codes) -> float | None:
    """macro_f1 of labels that are numbers already: the bootstrap asks hundreds of times."""
    size = len(_LABELS)
    table = np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)
    true, said, hits = table.sum(axis=1), table.sum(axis=0), np.diagonal(table)
    occurs = true > 0
    if occurs.sum() < 2:
        return None
    return float(np.mean(2 * hits[occurs] / (true[occurs] + said[occurs])))


def brier(y: Floats, p: Floats) -> float | None:
    """Mean squared error of the probability (Brier 1950)."""
    return float(np.mean((p - y) ** 2)) if len(y) else None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    rows: int
    mean_predicted: float
    observed: float


def reliability(y: Floats, p: Floats, *, bins: int = CALIBRATION_BINS) -> list[ReliabilityBin]:
    """Equal-width bins of the predicted probability that hold rows."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(int(hit.sum()), float(p[hit].mean()), float(y[hit].mean()))
        for b in range(bins)
        if (hit := index == b).any()
    ]


def expected_calibration_error(y: Floats, p: Floats, *, bins: int = CALIBRATION_BINS) -> float | None:
    """Mean gap between predicted and observed harm over equal-width bins, weighted by rows (Guo et al. 2017, eq. 3)."""
    if not len(y):
        return None
    return sum(b.rows * abs(b.mean_predicted - b.observed) for b in reliability(y, p, bins=bins)) / len(y)


def risk_coverage(y: Floats, p: Floats) -> list[tuple[float, float]]:
    """Selective prediction: (share of rows answered, error rate among them), most confident first."""
    if not len(y):
        return []
    order = np.argsort(-np.abs(p - 0.5), kind="stable")
    wrong = ((p >= 0.5) != (y >= 0.5))[order]
    errors = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    return [((i + 1) / len(wrong), float(errors[i])) for i in range(len(wrong))]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Agreement of predicted and true sets, summed over rows."""

    precision: float | None
    recall: float | None
    f1: float | None


def set_overlap(truth: Sequence[frozenset[str]], predicted: Sequence[frozenset[str]]) -> Overlap:
    """Micro precision, recall and F1 over sets of facts or tags (information coverage); None: nothing counted."""
    hits = sum(len(t & p) for t, p in zip(truth, predicted, strict=True))
    said = sum(len(p) for p in predicted)
    true = sum(len(t) for t in truth)
    precision = hits / said if said else None
    recall = hits / true if true else None
    if precision is None or recall is None:
        return Overlap(precision, recall, None)
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0)


def share(hits: int, total: int) -> float | None:
    """hits / total; None when nothing was counted."""
    return hits / total if total else None


def wilson_interval(hits: int, total: int, *, z: float = 1.96) -> tuple[float, float] | None:
    """95 % interval of a share (Wilson 1927): honest for few episodes and for shares near 0 and 1."""
    if not total:
        return None
    p = hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * float(np.sqrt(p * (1 - p) / total + z * z / (4 * total * total))) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def share_estimate(hits: int, total: int) -> "Estimate":
    """A share of independent episodes or pairs, with Wilson's interval."""
    return Estimate(share(hits, total), wilson_interval(hits, total))


def paired_share_difference(first: Sequence[bool], second: Sequence[bool]) -> "Estimate":
    """Share of the first minus share of the second over the same worlds, with its 95 % interval; None without worlds.

    Newcombe 1998 (paired proportions), method 10: the two Wilson intervals, less what the pairing explains. Where all
    pairs are alike a bootstrap would claim certainty; this still says how little a dozen worlds can tell.
    """
    pairs = list(zip(first, second, strict=True))
    total = len(pairs)
    one, other = wilson_interval(sum(first), total), wilson_interval(sum(second), total)
    if one is None or other is None:
        return Estimate(None, None)
    p1, p2 = sum(first) / total, sum(second) / total
    both, neither = pairs.count((True, True)), pairs.count((False, False))
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    alike = both * neither - only_first * only_second
    # Newcombe's correction for continuity; without both outcomes on both sides there is no correlation to speak of.
    phi = (max(alike - total / 2, 0.0) if alike > 0 else alike) / float(np.sqrt(margins)) if margins else 0.0
    below = _joined(p1 - one[0], other[1] - p2, phi)
    above = _joined(one[1] - p1, p2 - other[0], phi)
    return Estimate(p1 - p2, (p1 - p2 - below, p1 - p2 + above))


def _joined(first: float, second: float, correlation: float) -> float:
    return float(np.sqrt(max(0.0, first**2 - 2 * correlation * first * second + second**2)))


BOOTSTRAP_DRAWS = 200
"""Enough for an interval's ends to two digits; more would cost a laptop round seconds."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval over worlds."""

    value: float | None
    interval: tuple[float, float] | None
    """None: too few worlds have the number to tell."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One model minus another on the same rows or in the same played worlds, with its 95 % interval over worlds."""

    value: float
    low: float
    high: float


def difference_of(estimate: Estimate) -> Difference | None:
    """None where too few worlds tell a difference."""
    if estimate.value is None or estimate.interval is None:
        return None
    return Difference(estimate.value, *estimate.interval)


def bootstrap_values(
    groups: Sequence[str], statistic: Callable[[Codes], float | None], *, seed: int, draws: int = BOOTSTRAP_DRAWS
) -> list[float]:
    """The statistic of row numbers over worlds drawn with replacement, since rows of one world are not independent.

    Draws in which it has no data are left out. For a paired comparison the statistic is the difference of two models
    on the same rows: both then see the same worlds.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == group) for group in range(len(names))]
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws if members else 0):
        value = statistic(np.concatenate([members[g] for g in generator.integers(len(members), size=len(members))]))
        if value is not None:
            found.append(value)
    return found


def bootstrap_interval(
    groups: Sequence[str], statistic: Callable[[Codes], float | None], *, seed: int, draws: int = BOOTSTRAP_DRAWS
) -> tuple[float, float] | None:
    """95 % interval of the statistic (percentiles, Efron 1979); None when half the draws or more have no data, and of a
    single world, which drawn again is always the same."""
    if len(set(groups)) < 2:
        return None
    found = bootstrap_values(groups, statistic, seed=seed, draws=draws)
    if len(found) < max(1, draws // 2):
        return None
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def estimate(groups: Sequence[str], statistic: Callable[[Codes], float | None], *, seed: int) -> Estimate:
    """The statistic of all rows, with its interval over worlds."""
    if not len(groups):
        return Estimate(None, None)
    value = statistic(np.arange(len(groups)))
    return Estimate(value, None if value is None else bootstrap_interval(groups, statistic, seed=seed))


# --- order among alternatives -----------------------------------------------------------------------------------------


def pairs_in_order(y: Floats, p: Floats) -> tuple[float, int]:
    """Of the pairs of a harmful and a harmless alternative: how many are ordered right (ties half), and how many."""
    harmful, harmless = p[y == 1], p[y == 0]
    gaps = harmful[:, None] - harmless[None, :]
    return float((gaps > 0).sum() + 0.5 * (gaps == 0).sum()), gaps.size


def rank_of_truth(scores: Floats, truth: int) -> float:
    """Rank of the true one among candidates, best 1, ties at their mean."""
    own = scores[truth]
    return 1.0 + float((scores > own).sum()) + float((scores == own).sum() - 1) / 2
