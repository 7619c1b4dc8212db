"""Every metric of the eval report, with its definition. A metric without data is None, never 0.

Array names: y is the truth in {0, 1}, p a predicted probability in [0, 1], one entry a row. scikit-learn is imported
where it is called: it costs seconds, and the code location only passes through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wm_pipeline.domain.vocabulary import RiskLabel

Floats = NDArray[np.float64]

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
    """Average precision; None unless both classes occur."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(y, p)) if 0 < y.sum() < len(y) else None


def recall_at_false_positive_rate(y: Floats, p: Floats, *, rate: float = 0.01) -> float | None:
    """Share of harm found when at most `rate` of the harmless is flagged."""
    if not 0 < y.sum() < len(y):
        return None
    negatives = np.sort(p[y == 0])[::-1]
    allowed = int(np.floor(rate * len(negatives)))
    threshold = negatives[allowed] if allowed < len(negatives) else -np.inf
    return float((p[y == 1] > threshold).mean())


def macro_f1(truth: Sequence[str], predicted: Sequence[str]) -> float | None:
    """Unweighted mean of the F1 of the risk labels that occur in the truth."""
    from sklearn.metrics import f1_score

    if not truth:
        return None
    labels = [label.value for label in RiskLabel if label.value in set(truth)]
    return float(f1_score(truth, predicted, labels=labels, average="macro", zero_division=0.0))


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


def bootstrap_interval(
    y: Floats, p: Floats, groups: Sequence[str], *, seed: int, draws: int = 200
) -> tuple[float, float] | None:
    """95 % interval of the AUROC by resampling worlds, since rows of one world are not independent."""
    if not len(y):
        return None
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == g) for g in range(len(names))]
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        rows = np.concatenate([members[g] for g in generator.integers(len(members), size=len(members))])
        value = auroc(y[rows], p[rows])
        if value is not None:
            found.append(value)
    if len(found) < draws // 2:
        return None
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))
