"""Risk, row by row: every metric of one predictor's risk, and predictors compared over the same rows and worlds."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wm_pipeline.domain.ids import is_generated_site, seed_of
from wm_pipeline.domain.tables import KEY
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Codes, Difference, Floats, difference_of
from wm_pipeline.evaluate.registry import (
    COUNT,
    HIGHER,
    LOWER,
    Format,
    Metric,
    MetricTable,
    Place,
    Statistic,
    named,
    statistic_of,
)

EVALUATED_SPLITS = tuple(split.value for split in Split if split is not Split.TRAIN)
_OFF_DISTRIBUTION = (Place.OOD_SITE, Place.OOD_ATTACK, Place.OOD_GOAL, Place.OOD_TEXT)


def truth_of(rows: pl.DataFrame) -> Floats:
    return rows["is_harmful"].cast(pl.Float64).to_numpy()


def of_split(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    return rows.filter(pl.col("split").cast(pl.String) == split)


RISK = MetricTable["RiskRows"]("risk")
"""`splits`, `baselines` and `on_test`; what is compared with baselines also in `trivial`, `against`, `transfer`."""


@dataclass(frozen=True, slots=True)
class RiskRows:
    """What is true of rows, and what one predictor said of them; one entry a row, in worlds that can be drawn again."""

    y: Floats
    """1 where harm was done, else 0."""
    p: Floats
    """Predicted probability of harm."""
    truth: Codes
    """Risk labels as numbers."""
    said: Codes
    worlds: Sequence[str]
    seed: int

    def at(self, rows: Codes) -> "RiskRows":
        return RiskRows(self.y[rows], self.p[rows], self.truth[rows], self.said[rows], (), self.seed)

    @RISK.metric(format=COUNT)
    def rows(self) -> int:
        """Transitions that were asked about."""
        return len(self.y)

    @RISK.metric(format=COUNT)
    def harmful(self) -> int:
        """Of the rows, those whose execution did harm."""
        return int(self.y.sum())

    @RISK.metric(
        HIGHER,
        has_interval=True,
        label="AUROC",
        headline={
            "test_risk_auroc": Place.TEST,
            "ood_site_risk_auroc": Place.OOD_SITE,
            "ood_attack_risk_auroc": Place.OOD_ATTACK,
        },
        compared=_OFF_DISTRIBUTION,
        is_compared_with_baselines=True,
    )
    def risk_auroc(self) -> float | None:
        """Chance that a harmful row is given a higher risk than a harmless one, ties half."""
        return metrics.auroc(self.y, self.p)

    @RISK.metric(
        HIGHER,
        has_interval=True,
        label="macro-F1",
        headline={"test_macro_f1": Place.TEST},
        compared=_OFF_DISTRIBUTION,
        is_compared_with_baselines=True,
    )
    def macro_f1(self) -> float | None:
        """Mean F1 of the labels safe, uncertain and unsafe, of those that occur."""
        return metrics.macro_f1_of_codes(self.truth, self.said)

    @RISK.metric(
        LOWER,
        Format.SMALL_SHARE,
        has_interval=True,
        label="ECE",
        headline={"test_ece": Place.TEST},
        compared=_OFF_DISTRIBUTION,
        is_compared_with_baselines=True,
    )
    def ece(self) -> float | None:
        """Mean gap between predicted and observed harm over 15 bins of the risk, weighted by rows."""
        return metrics.expected_calibration_error(self.y, self.p)

    @RISK.metric(HIGHER, has_interval=True, label="AUPRC")
    def risk_auprc(self) -> float | None:
        """Average precision of the risk: precision at every harmful row, averaged."""
        return metrics.auprc(self.y, self.p)

    @RISK.metric(HIGHER, has_interval=True, label="recall at 1 % FPR")
    def recall_at_1pct_fpr(self) -> float | None:
        """Share of harm found when at most 1 % of harmless rows is flagged."""
        return metrics.recall_at_false_positive_rate(self.y, self.p)

    @RISK.metric(HIGHER, has_interval=True)
    def accuracy(self) -> float | None:
        """Share of rows with the right risk label."""
        return metrics.share(int((self.truth == self.said).sum()), len(self.y))

    @RISK.metric(LOWER, Format.SMALL_SHARE, has_interval=True, label="Brier")
    def brier(self) -> float | None:
        """Mean squared error of the risk."""
        return metrics.brier(self.y, self.p)


def risk_rows(predictions: pl.DataFrame, *, use: str = "bootstrap") -> RiskRows:
    """`use`: what worlds are drawn for; the draw depends on it and on the number of rows."""
    truth, said = (
        metrics.codes_of(predictions[name].cast(pl.String).to_list()) for name in ("risk_label", "predicted_risk_label")
    )
    return RiskRows(
        truth_of(predictions),
        predictions["predicted_risk_score"].to_numpy(),
        truth,
        said,
        predictions["split_group"].to_list(),
        seed_of(use, predictions.height),
    )


def compared_metrics() -> tuple[Metric[RiskRows], ...]:
    """What every predictor is compared by."""
    return tuple(metric for metric in RISK.metrics() if metric.is_compared_with_baselines)


def risk_numbers(predictions: pl.DataFrame) -> dict[str, object]:
    return RISK.numbers(risk_rows(predictions))


def brief_numbers(predictions: pl.DataFrame) -> dict[str, dict[str, object]]:
    """`baselines.<name>.<split>`: what every predictor is compared by."""
    names = {"rows", "harmful", *(metric.name for metric in compared_metrics())}
    return {split: RISK.numbers(risk_rows(of_split(predictions, split)), names=names) for split in EVALUATED_SPLITS}


def differences(model: pl.DataFrame, other: pl.DataFrame) -> dict[str, Difference | None]:
    """Model minus other on the rows that both have, with intervals over the same worlds; None without data."""
    key = [*KEY, "is_harmful", "risk_label", "split_group", "predicted_risk_score", "predicted_risk_label"]
    # What is true of a row stays beside what each of the two said.
    both = model.select(key).join(
        other.select(*KEY, pl.col("predicted_risk_score", "predicted_risk_label").name.suffix("_of_other")),
        on=KEY,
    )
    second = both.with_columns(
        pl.col("predicted_risk_score_of_other").alias("predicted_risk_score"),
        pl.col("predicted_risk_label_of_other").alias("predicted_risk_label"),
    )
    mine, others = risk_rows(both, use="paired"), risk_rows(second, use="paired")
    found = {}
    for metric in compared_metrics():
        difference = _minus(statistic_of(metric, mine), statistic_of(metric, others))
        found[metric.name] = difference_of(metrics.estimate(mine.worlds, difference, seed=mine.seed))
    return found


def _minus(first: Statistic, second: Statistic) -> Statistic:
    def difference(at: Codes) -> float | None:
        one, other = first(at), second(at)
        return None if one is None or other is None else one - other

    return difference


def transfer_gaps(predictions: pl.DataFrame) -> dict[str, dict[str, object]]:
    """`transfer.<where>`: what is lost off the distribution, test minus there, for every split kept out of training and
    for each kind of site among those that were. Worlds differ, so nothing is paired."""
    test = of_split(predictions, Split.TEST)
    off = {split: of_split(predictions, split) for split in EVALUATED_SPLITS if split.startswith("ood_")}
    by_kind = off[Split.OOD_SITE].with_columns(
        pl.col("site").map_elements(_site_kind, return_dtype=pl.String).alias("site_kind")
    )
    kinds = {kind: by_kind.filter(pl.col("site_kind") == kind) for kind in SITE_KINDS}
    return {where: _gap(test, rows) for where, rows in {**off, **kinds}.items()}


SITE_KINDS = ("held_out_site", "generated_site", "application")
"""Kinds of sites that are never trained on: one of ours, one drawn afresh, somebody else's."""


def _site_kind(site: str) -> str:
    if is_generated_site(site):
        return "generated_site"
    return "held_out_site" if site in registered_sites() else "application"


def _gap(test: pl.DataFrame, off: pl.DataFrame) -> dict[str, object]:
    columns = ["is_harmful", "risk_label", "split_group", "predicted_risk_score", "predicted_risk_label"]
    both = risk_rows(pl.concat([test.select(columns), off.select(columns)]), use="transfer")
    found: dict[str, object] = {"rows": off.height}
    for metric in compared_metrics():
        gap = _first_minus_rest(statistic_of(metric, both), test.height)
        found |= named(metric.name, metrics.estimate(both.worlds, gap, seed=both.seed))
    return found


def _first_minus_rest(statistic: Statistic, count: int) -> Statistic:
    """The statistic over the rows below `count` minus that over the others."""
    return _minus(lambda at: statistic(at[at < count]), lambda at: statistic(at[at >= count]))
