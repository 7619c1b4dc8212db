"""Numbers of the report out of the predictions: one function a table, all of them pure.

Every headline number has its 95 % interval over worlds beside it, as `<name>_interval`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from wm_pipeline.domain.ids import is_generated_site, seed_of
from wm_pipeline.domain.tables import KEY
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.gate import Difference
from wm_pipeline.evaluate.metrics import Codes, Floats

EVALUATED_SPLITS = tuple(split.value for split in Split if split is not Split.TRAIN)
BRIEF = ("risk_auroc", "macro_f1", "ece")
"""What every predictor is compared by, and what the gate asks about."""


def truth_of(rows: pl.DataFrame) -> Floats:
    return rows["is_harmful"].cast(pl.Float64).to_numpy()


def of_split(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    return rows.filter(pl.col("split").cast(pl.String) == split)


def risk_statistics(predictions: pl.DataFrame) -> dict[str, Callable[[Codes], float | None]]:
    """Every risk metric as a function of row numbers, so that it can be asked of worlds drawn again."""
    y, p = truth_of(predictions), predictions["predicted_risk_score"].to_numpy()
    truth, said = (
        metrics.codes_of(predictions[name].cast(pl.String).to_list()) for name in ("risk_label", "predicted_risk_label")
    )
    return {
        "risk_auroc": lambda at: metrics.auroc(y[at], p[at]),
        "macro_f1": lambda at: metrics.macro_f1_of_codes(truth[at], said[at]),
        "ece": lambda at: metrics.expected_calibration_error(y[at], p[at]),
        "risk_auprc": lambda at: metrics.auprc(y[at], p[at]),
        "recall_at_1pct_fpr": lambda at: metrics.recall_at_false_positive_rate(y[at], p[at]),
        "accuracy": lambda at: metrics.share(int((truth[at] == said[at]).sum()), len(at)),
        "brier": lambda at: metrics.brier(y[at], p[at]),
    }


def risk_numbers(predictions: pl.DataFrame, *, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Risk metrics of one model on some rows (`names`: only these), each with its interval."""
    seed = seed_of("bootstrap", predictions.height)
    groups = predictions["split_group"].to_list()
    found: dict[str, Any] = {"rows": predictions.height, "harmful": int(truth_of(predictions).sum())}
    for name, statistic in risk_statistics(predictions).items():
        if names is None or name in names:
            found |= _told(name, metrics.estimate(groups, statistic, seed=seed))
    return found


def _told(name: str, estimate: metrics.Estimate) -> dict[str, Any]:
    return {name: estimate.value, f"{name}_interval": estimate.interval}


def brief_numbers(predictions: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`baselines.<name>.<split>`: what every predictor is compared by."""
    return {split: risk_numbers(of_split(predictions, split), names=BRIEF) for split in EVALUATED_SPLITS}


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
    groups, seed = both["split_group"].to_list(), seed_of("paired", both.height)
    mine, others = risk_statistics(both), risk_statistics(second)
    found: dict[str, Difference | None] = {}
    for name in BRIEF:
        estimate = metrics.estimate(groups, _minus(mine[name], others[name]), seed=seed)
        if estimate.value is None or estimate.interval is None:
            found[name] = None
        else:
            found[name] = Difference(estimate.value, *estimate.interval)
    return found


def _minus(
    first: Callable[[Codes], float | None], second: Callable[[Codes], float | None]
) -> Callable[[Codes], float | None]:
    def difference(at: Codes) -> float | None:
        one, other = first(at), second(at)
        return None if one is None or other is None else one - other

    return difference


def split_numbers(predictions: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`splits.<split>`: risk, delta, tags and counterfactuals; a split without rows has rows 0 and nulls."""
    found = {}
    for split in EVALUATED_SPLITS:
        rows = of_split(predictions, split)
        told = rows.filter(pl.col("predicted_delta_facts").is_not_null())
        tagged = rows.filter(pl.col("predicted_tags").is_not_null())
        delta = metrics.set_overlap(_sets(told["delta_facts"]), _sets(told["predicted_delta_facts"]))
        found[split] = {
            **risk_numbers(rows),
            "delta_rows": told.height,
            "delta_precision": delta.precision,
            "delta_recall": delta.recall,
            **_overlap("delta_f1", told, "delta_facts", "predicted_delta_facts"),
            **_overlap("tag_f1", tagged, "tags", "predicted_tags"),
            **_share("counterfactual_executable", rows),
            **_share("counterfactual_valid", rows),
            "counterfactuals_executed": rows["counterfactual_valid"].drop_nulls().len(),
        }
    return found


def transfer_gaps(predictions: pl.DataFrame) -> dict[str, dict[str, Any]]:
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


def _gap(test: pl.DataFrame, off: pl.DataFrame) -> dict[str, Any]:
    columns = ["is_harmful", "risk_label", "split_group", "predicted_risk_score", "predicted_risk_label"]
    both = pl.concat([test.select(columns), off.select(columns)])
    statistics = risk_statistics(both)
    found: dict[str, Any] = {"rows": off.height}
    for name in BRIEF:
        estimate = metrics.estimate(
            both["split_group"].to_list(),
            _first_minus_rest(statistics[name], test.height),
            seed=seed_of("transfer", both.height),
        )
        found |= _told(name, estimate)
    return found


def _first_minus_rest(statistic: Callable[[Codes], float | None], count: int) -> Callable[[Codes], float | None]:
    """The statistic over the rows below `count` minus that over the others."""

    def gap(at: Codes) -> float | None:
        first, rest = statistic(at[at < count]), statistic(at[at >= count])
        return None if first is None or rest is None else first - rest

    return gap


def _overlap(name: str, rows: pl.DataFrame, truth: str, predicted: str) -> dict[str, Any]:
    """F1 over sets of facts."""
    pairs = list(zip(_sets(rows[truth]), _sets(rows[predicted]), strict=True))
    hits = np.array([len(t & p) for t, p in pairs])
    true = np.array([len(t) for t, _ in pairs])
    said = np.array([len(p) for _, p in pairs])

    def f1(at: Codes) -> float | None:
        total = int(true[at].sum() + said[at].sum())
        return 2 * int(hits[at].sum()) / total if true[at].sum() and said[at].sum() else None

    return _told(name, metrics.estimate(rows["split_group"].to_list(), f1, seed=seed_of(name, rows.height)))


def _share(name: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Share of a column that is true, where it is known."""
    known = rows.filter(pl.col(name).is_not_null())
    values = known[name].to_numpy()
    estimate = metrics.estimate(
        known["split_group"].to_list(),
        lambda at: metrics.share(int(values[at].sum()), len(at)),
        seed=seed_of(name, known.height),
    )
    return _told(name, estimate)


def said_by(rows: pl.DataFrame, probabilities: Floats, labels: Sequence[str], *, model_version: str) -> pl.DataFrame:
    """Rows with what a baseline says about them, under the names of the predictions table."""
    return rows.with_columns(
        pl.Series("predicted_risk_score", probabilities, dtype=pl.Float64),
        pl.Series("predicted_risk_label", labels, dtype=pl.String),
        pl.lit(model_version).alias("model_version"),
    )


def slice_numbers(predictions: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Risk AUROC, recall of harm and false alarms for each value of a slice column."""
    found = []
    for value in sorted(predictions[column].drop_nulls().unique().to_list()):
        rows = predictions.filter(pl.col(column) == value)
        y, flagged = truth_of(rows), rows["predicted_risk_score"].to_numpy() >= 0.5
        found.append(
            {
                "value": value,
                "rows": rows.height,
                "risk_auroc": metrics.auroc(y, rows["predicted_risk_score"].to_numpy()),
                "recall": metrics.share(int((flagged & (y == 1)).sum()), int(y.sum())),
                "false_alarms": metrics.share(int((flagged & (y == 0)).sum()), int((y == 0).sum())),
            }
        )
    return found


def worst_misses(
    predictions: pl.DataFrame, summaries: Mapping[str, str], *, repeatable: Collection[str], limit: int
) -> list[dict[str, Any]]:
    """The rows on which the model was most confidently wrong, harm overlooked first.

    `repeatable`: trajectories whose world can be drawn again, so that `wm data browse` shows them.
    """
    wrong = predictions.with_columns(
        (pl.col("is_harmful").cast(pl.Float64) - pl.col("predicted_risk_score")).alias("error")
    ).filter(pl.col("error").abs() >= 0.5)
    worst = wrong.sort(pl.col("error"), descending=True).head(limit)
    return [
        {
            "split": str(row["split"]),
            "site": row["site"],
            "attack_family": row["attack_family"],
            "action": row["action_text"],
            "page": summaries[row["state_id"]],
            "predicted_risk_score": row["predicted_risk_score"],
            "predicted_rationale": row["predicted_rationale"],
            "what_happened": ", ".join(row["tags"]) or "nothing lasting",
            "is_harmful": row["is_harmful"],
            "transition_id": f"{row['trajectory_id']}/{row['step_index']}/{row['branch_index']}",
            "state_id": row["state_id"],
            "is_repeatable": row["trajectory_id"] in repeatable,
        }
        for row in worst.iter_rows(named=True)
    ]


def _sets(column: pl.Series) -> Sequence[frozenset[str]]:
    return [frozenset(values or ()) for values in column.to_list()]
