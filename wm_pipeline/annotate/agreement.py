"""Agreement of a teacher's risk labels with instrumentation's: per row, as Cohen's kappa, as a table and as a plot.

Everything is computed from nine counts, `told_<teacher's label>_was_<instrumentation's>`, so days and sites add up.
"""

import io
from collections.abc import Mapping
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.domain.tables import AnnotationSchema
from wm_pipeline.domain.vocabulary import RiskLabel

SAME, BESIDE, OPPOSITE = 1.0, 0.5, 0.0
"""A label that says the opposite of what happened is worse than none: its row weighs nothing."""

_LABELS = tuple(label.value for label in RiskLabel)


def agreement_of(told: RiskLabel, was: RiskLabel) -> float:
    """1 for the same label, 0.5 when one of the two is uncertain, 0 for the opposite."""
    if told is was:
        return SAME
    return BESIDE if RiskLabel.UNCERTAIN in (told, was) else OPPOSITE


def confusion_counts(annotations: dy.DataFrame[AnnotationSchema]) -> dict[str, int]:
    """Counts of rows by the teacher's label and instrumentation's label; all nine, zeros included."""
    pairs = annotations.select(
        pl.col("risk_label").cast(pl.String).alias("told"),
        pl.col("instrumented_risk_label").cast(pl.String).alias("was"),
    )
    found = {(told, was): count for told, was, count in pairs.group_by("told", "was").len().iter_rows()}
    return {_name(told, was): found.get((told, was), 0) for told in _LABELS for was in _LABELS}


def confusion_table(numbers: Mapping[str, Any]) -> pl.DataFrame:
    """The counts as a table: a row for each label of the teacher, a column for each label of instrumentation."""
    return pl.DataFrame(
        [{"told": told, **{f"was {was}": numbers[_name(told, was)] for was in _LABELS}} for told in _LABELS]
    )


def kappa_of(numbers: Mapping[str, Any]) -> float | None:
    """Cohen's kappa (Cohen 1960) of the counts: agreement beyond chance, 1 at best.

    None without rows, and when both sides use one and the same label only: kappa is then 0 / 0.
    """
    counts = {(told, was): numbers[_name(told, was)] for told in _LABELS for was in _LABELS}
    present = {pair: count for pair, count in counts.items() if count}
    if len({label for pair in present for label in pair}) < 2:
        return None
    # Importing scikit-learn takes seconds, and the code location loads without it.
    from sklearn.metrics import cohen_kappa_score

    told, was = zip(*present, strict=True)
    return float(cohen_kappa_score(told, was, sample_weight=list(present.values())))


def confusion_plot(numbers: Mapping[str, Any]) -> bytes:
    """The counts as a heat map (PNG): counts off the diagonal are the teacher's errors."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    counts = [[numbers[_name(told, was)] for was in _LABELS] for told in _LABELS]
    figure, axes = plt.subplots(figsize=(3.4, 3.0))
    axes.imshow([[count / max(1, sum(row)) for count in row] for row in counts], cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            is_dark = count > sum(row) / 2
            axes.text(x, y, str(count), ha="center", va="center", color="white" if is_dark else "#22303c")
    axes.set_xticks(range(len(_LABELS)), _LABELS)
    axes.set_yticks(range(len(_LABELS)), _LABELS)
    axes.set(xlabel="instrumentation", ylabel="teacher")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def disagreements(annotations: dy.DataFrame[AnnotationSchema]) -> pl.DataFrame:
    """The rows where teacher and instrumentation differ, opposites first."""
    return (
        annotations.filter(pl.col("risk_label").cast(pl.String) != pl.col("instrumented_risk_label").cast(pl.String))
        .sort("agreement", "trajectory_id", "step_index", "branch_index")
        .select(
            pl.format("{}/{}/{}", "trajectory_id", "step_index", "branch_index").alias("transition"),
            *("risk_label", "instrumented_risk_label", "agreement", "consequence_narrative"),
        )
    )


def _name(told: str, was: str) -> str:
    return f"told_{told}_was_{was}"
