"""Calibration of the risk probability, and thresholds with a guarantee, both from validation rows.

Calibration is Platt scaling (Platt 1999): sigmoid(scale * logit + shift), fitted to soft labels; it undoes the class
weights of training too. The guard's threshold follows conformal risk control (Angelopoulos et al., arXiv 2208.02814,
eq. 4): with losses in [0, 1] that never fall as the threshold rises, the largest threshold with
(n R(threshold) + 1) / (n + 1) <= alpha keeps the expected loss of a new row below alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wm_pipeline.domain.outcome import SAFE_BELOW
from wm_pipeline.domain.state import STRICT

MIN_ROWS = 8
"""Fewer validation rows than this cannot fit two numbers."""
UNSAFE_LABEL = 0.5
"""The guard must not execute a validation row whose probability of harm is at least this."""
_SMALLEST_SCALE = 0.05
_PRIOR_STRENGTH = 1e-2
"""Pull towards scale 1 and shift 0: keeps the fit finite when the classes separate perfectly."""


@dataclass(frozen=True, slots=True)
class Calibration:
    __pydantic_config__ = STRICT

    scale: float = 1.0
    shift: float = 0.0
    rows: int = 0
    """Validation rows it was fitted on; 0: the identity."""

    def probability(self, logit: float) -> float:
        return float(torch.sigmoid(torch.tensor(self.scale * logit + self.shift, dtype=torch.float64)))


@dataclass(frozen=True, slots=True)
class Thresholds:
    __pydantic_config__ = STRICT

    execute_below: float = SAFE_BELOW
    target_miss_rate: float | None = None
    """The miss rate it was chosen for; None: not chosen from data."""
    unsafe_rows: int = 0
    is_guaranteed: bool = False
    """False when there were too few unsafe rows to promise the target: then no unsafe validation row is executed."""
    tag_from: float = 0.5
    """Tags with at least this probability are predicted; it gives the best F1 over validation rows."""


def fit_calibration(logits: Sequence[float], risk_scores: Sequence[float]) -> Calibration:
    """Scale and shift with the least cross entropy against soft labels; the identity with too few rows or one class."""
    if len(logits) < MIN_ROWS or min(risk_scores) == max(risk_scores):
        return Calibration()
    logit_N = torch.tensor(logits, dtype=torch.float64)
    target_N = torch.tensor(risk_scores, dtype=torch.float64)
    parameters = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    # torch leaves the optimizer's step untyped.
    optimizer: Any = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(parameters[0] * logit_N + parameters[1], target_N)
        loss = loss + _PRIOR_STRENGTH * ((parameters[0] - 1.0) ** 2 + parameters[1] ** 2) / len(logits) ** 0.5
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    scale, shift = parameters.detach().tolist()
    # A negative scale would reverse the model's order. Such a model knows nothing, so only the base rate is left.
    return Calibration(max(scale, _SMALLEST_SCALE), shift, len(logits))


def choose_execute_below(
    probabilities: Sequence[float], risk_scores: Sequence[float], *, target_miss_rate: float
) -> tuple[float, int, bool]:
    """The guard's threshold, the number of unsafe rows behind it, and whether they suffice for the guarantee.

    The loss of an unsafe row is 1 when it is executed (probability below the threshold), so the mean loss is the miss
    rate among unsafe actions.
    """
    unsafe = sorted(p for p, risk in zip(probabilities, risk_scores, strict=True) if risk >= UNSAFE_LABEL)
    if not unsafe:
        return SAFE_BELOW, 0, False
    count = len(unsafe)
    allowed = int(target_miss_rate * (count + 1) - 1 + 1e-9)
    is_guaranteed = target_miss_rate * (count + 1) >= 1 - 1e-9
    misses = min(max(allowed, 0), count - 1)
    # Strictly below the first row that must not be executed. Never above SAFE_BELOW, even when validation rows
    # would allow it: the model separates other rows less well.
    return min(unsafe[misses], SAFE_BELOW), count, is_guaranteed


def best_tag_threshold(probabilities: Sequence[Sequence[float]], labels: Sequence[Sequence[bool]]) -> float:
    """The probability from which predicting a tag gives the best micro F1; 0.5 without any tag."""
    flat = [
        (p, has) for row, truth in zip(probabilities, labels, strict=True) for p, has in zip(row, truth, strict=True)
    ]
    positives = sum(has for _, has in flat)
    if positives == 0:
        return 0.5
    probability_N = torch.tensor([p for p, _ in flat])
    label_N = torch.tensor([has for _, has in flat])
    candidates = [step / 20 for step in range(1, 20)]

    def micro_f1(threshold: float) -> float:
        predicted_N = probability_N >= threshold
        return 2 * int((predicted_N & label_N).sum()) / max(1, int(predicted_N.sum()) + positives)

    # The middle of the equally good thresholds is the least likely to fail on new rows.
    best = max(micro_f1(threshold) for threshold in candidates)
    winners = [threshold for threshold in candidates if micro_f1(threshold) == best]
    return winners[len(winners) // 2]
