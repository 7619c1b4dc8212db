"""Plots of the report, as PNG bytes: drawn once, shown in the HTML page, in Dagster and in MLflow."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl

from wm_pipeline.evaluate.eval_report import (
    CausalNumbers,
    FrontierNumbers,
    InterventionNumbers,
    Measured,
    Numbers,
    ObservationNumbers,
)
from wm_pipeline.evaluate.in_the_loop import CHAMPION_GUARD_ON, GUARD_OFF, GUARD_ON
from wm_pipeline.evaluate.metrics import reliability, risk_coverage
from wm_pipeline.evaluate.risk import EVALUATED_SPLITS, truth_of

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MODEL, OTHER, ALARM = "#22303c", "#1f6f8b", "#b8c4cc", "#c0392b"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def _chart(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of that many inches with one pair of axes, open at the top and at the right."""
    figure, axes = plt.subplots(figsize=(width, height))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _say_no_data(axes: Axes) -> None:
    """An empty plot looks like a model without errors, so it says that nothing was measured."""
    axes.text(0.5, 0.35, "no data", transform=axes.transAxes, ha="center", color=INK)


def _bar(axes: Axes, place: float, numbers: Numbers, name: str, *, width: float, color: Any, alpha: float = 1) -> None:
    """A number as a bar with its interval; "no data" stands where there is none."""
    value, interval = numbers.number(name), numbers.interval(name)
    if value is None:
        axes.text(place, 0.02, "no data", rotation=90, fontsize=6, ha="center", color=INK)
        return
    axes.bar(place, value, width, color=color, alpha=alpha)
    if interval is not None:
        axes.plot([place, place], interval, color=INK, lw=1.2)


def _shades(count: int) -> list[Any]:
    """The model's colour, and greys for what stands beside it."""
    return [MODEL, *plt.colormaps["Greys"](np.linspace(0.3, 0.75, max(1, count - 1)))]


def auroc_by_split(report: Measured) -> bytes:
    """Risk AUROC of the model and of every baseline, with intervals, a group of bars a split."""
    names = ["model", *report.baselines]
    splits = [s for s in EVALUATED_SPLITS if report.splits[s].number("rows")]
    figure, axes = _chart(9, 3.4)
    width = 0.8 / max(1, len(names))
    for index, (name, shade) in enumerate(zip(names, _shades(len(names)), strict=False)):
        axes.bar(0, 0, 0, color=shade, label=name.replace("_", " "))
        for place, split in enumerate(splits):
            numbers = report.splits[split] if name == "model" else report.baselines[name][split]
            _bar(axes, place + index * width, numbers, "risk_auroc", width=width * 0.92, color=shade)
    axes.axhline(0.5, color=INK, lw=0.8, ls=":")
    axes.set_xticks(np.arange(len(splits)) + 0.4 - width / 2, [s.replace("_", " ") for s in splits])
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("risk AUROC")
    axes.legend(fontsize=7, ncols=min(4, len(names)), loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False)
    return _png(figure)


def reliability_plot(predictions: pl.DataFrame) -> bytes:
    """Observed harm against predicted probability on test; the area of a dot is its rows."""
    figure, axes = _chart(3.6, 3.4)
    axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":")
    if predictions.height:
        bins = reliability(truth_of(predictions), predictions["predicted_risk_score"].to_numpy())
        largest = max(b.rows for b in bins)
        axes.plot([b.mean_predicted for b in bins], [b.observed for b in bins], color=MODEL, lw=1)
        axes.scatter(
            [b.mean_predicted for b in bins],
            [b.observed for b in bins],
            s=[15 + 200 * b.rows / largest for b in bins],
            color=MODEL,
            alpha=0.7,
        )
    else:
        _say_no_data(axes)
    axes.set(xlabel="predicted risk", ylabel="share that was harmful", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    return _png(figure)


def risk_coverage_plot(predictions: pl.DataFrame) -> bytes:
    """Error rate when only the most confident share of rows is answered."""
    figure, axes = _chart(3.6, 3.4)
    curve = risk_coverage(truth_of(predictions), predictions["predicted_risk_score"].to_numpy())
    if curve:
        axes.plot([point[0] for point in curve], [point[1] for point in curve], color=MODEL)
    else:
        _say_no_data(axes)
    axes.set(xlabel="share of rows answered", ylabel="error rate", xlim=(0, 1.02))
    axes.set_ylim(bottom=0)
    return _png(figure)


def loop_plot(loop: Mapping[str, Mapping[str, Numbers]]) -> bytes:
    """Attack success and utility of each policy, without and with the guard, with intervals."""
    measures = (
        ("asr", "attack\nsuccess"),
        ("benign_utility", "benign\nutility"),
        ("utility_under_attack", "utility\nattacked"),
    )
    figure, axes = _chart(1 + 2 * max(2, len(loop)), 3.2)
    place = 0.0
    ticks, labels = [], []
    for policy, settings in loop.items():
        middle = place + 1.3
        axes.text(middle, -0.24, policy, fontsize=8, ha="center", va="top", transform=axes.get_xaxis_transform())
        for measure, label in measures:
            for offset, (name, colour) in enumerate((("guard_off", OTHER), ("guard_on", MODEL))):
                _bar(axes, place + offset * 0.4, settings[name], measure, width=0.38, color=colour)
            ticks.append(place + 0.2)
            labels.append(label)
            place += 1.1
        place += 0.5
    axes.set_xticks(ticks, labels, fontsize=7)
    axes.set_ylim(0, 1.05)
    axes.bar(0, 0, color=OTHER, label="guard off")
    axes.bar(0, 0, color=MODEL, label="guard on")
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))
    return _png(figure)


def attackers_plot(report: Measured) -> bytes:
    """Attack success under the guard, by who attacks: our draw, an outside suite, attackers with many tries."""
    bars: dict[str, tuple[Numbers, str]] = {}
    if report.loop:
        # Who obeys: the others are hardly attacked by what stands on a page.
        policy, modes = max(report.loop.items(), key=lambda one: one[1]["guard_off"].number("asr") or 0.0)
        bars[f"our draw\n({policy})"] = modes["guard_on"], "asr"
    for name, suite in report.outside.items():
        for modes in suite.loop.values():
            bars[name] = modes["guard_on"], "asr"
    if report.adaptive is not None:
        tries = report.adaptive.number("tries")
        for attacker, found in (("static", report.adaptive.static), ("adaptive", report.adaptive.adaptive)):
            bars[f"{attacker},\none try"] = found, "asr_first"
            bars[f"{attacker},\nbest of {tries}"] = found, "asr_best"
    figure, axes = _chart(5.5, 3.2)
    for place, (numbers, name) in enumerate(bars.values()):
        _bar(axes, place, numbers, name, width=0.6, color=ALARM, alpha=0.8)
    axes.set_xticks(range(len(bars)), list(bars), fontsize=7)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("attack success, guard on")
    if not bars:
        _say_no_data(axes)
    return _png(figure)


def frontier_plot(frontier: Mapping[str, FrontierNumbers], loop: Mapping[str, Mapping[str, Numbers]]) -> bytes:
    """Benign utility against attack success: every guard as it was played, with intervals, and the model's risk over
    all thresholds, replayed. Of the first policy, which plays under every guard."""
    figure, axes = _chart(6.4, 4.6)
    policy, guards = next(iter(loop.items()), ("", {}))
    places = {name: (numbers.number("asr"), numbers.number("benign_utility")) for name, numbers in guards.items()}
    asr, utility = _asr_and_utility(frontier[policy].points if policy in frontier else ())
    if asr:
        axes.plot(asr, utility, color=MODEL, lw=1, alpha=0.6, drawstyle="steps-post", label="the model, any threshold")
    colours = {GUARD_ON: MODEL, GUARD_OFF: INK, CHAMPION_GUARD_ON: "#7a5195"}
    shown: list[tuple[float, float]] = []
    for name, (asr_at, utility_at) in places.items():
        if utility_at is None:
            continue
        x, colour = asr_at or 0.0, colours.get(name, ALARM)
        words = name.replace("_", " ") + (" (no attack was proposed)" if asr_at is None else "")
        for interval, draw in (
            (guards[name].interval("asr"), axes.hlines),
            (guards[name].interval("benign_utility"), axes.vlines),
        ):
            if interval is not None:
                draw(utility_at if draw == axes.hlines else x, *interval, color=colour, lw=0.8, alpha=0.35)
        marker = "X" if name == GUARD_ON else "o"
        face = "none" if asr_at is None else colour
        size = 70 if name == GUARD_ON else 36
        axes.scatter(x, utility_at, s=size, facecolors=face, edgecolors=colour, marker=marker, zorder=3)
        above = 4 + 9 * labels_near(x, utility_at, shown)
        axes.annotate(words, (x, utility_at), (5, above), textcoords="offset points", fontsize=7)
        shown.append((x, utility_at))
    axes.set(
        xlabel="attack success, of the attacks proposed", ylabel="benign utility", xlim=(-0.03, 1.12), ylim=(-0.03, 1.1)
    )
    if asr:
        axes.legend(fontsize=7, frameon=False, loc="lower right")
    elif not shown:
        _say_no_data(axes)
    return _png(figure)


def labels_near(x: float, y: float, shown: Sequence[tuple[float, float]]) -> int:
    """How many labels that are shown would be written over by one at this place."""
    return sum(abs(x - other_x) < 0.2 and abs(y - other_y) < 0.04 for other_x, other_y in shown)


def _asr_and_utility(points: Sequence[Numbers]) -> tuple[list[float], list[float]]:
    """Of the points that have both."""
    pairs = [(point.number("asr"), point.number("benign_utility")) for point in points]
    both = [(asr, utility) for asr, utility in pairs if asr is not None and utility is not None]
    return [asr for asr, _ in both], [utility for _, utility in both]


def causal_plot(causal: CausalNumbers) -> bytes:
    """The three rungs side by side: cells seen, variables changed, alternatives ordered."""
    figure, parts = plt.subplots(1, 3, figsize=(13, 5), gridspec_kw={"width_ratios": [1, 1.2, 1]})
    for axes in parts:
        axes.spines[["top", "right"]].set_visible(False)
    seen, changed, otherwise = parts
    _observation_axes(seen, causal.observation["world_model"])
    _intervention_axes(changed, causal.intervention)
    _counterfactual_axes(otherwise, causal.counterfactual)
    figure.tight_layout()
    return _png(figure)


def _observation_axes(axes: Axes, observation: ObservationNumbers) -> None:
    cells = [*observation.by_kind, *observation.by_place]
    if not cells:
        _say_no_data(axes)
    axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":")
    predicted = [cell.number("predicted") or 0.0 for cell in cells]
    for cell, place in zip(cells, predicted, strict=True):
        interval = cell.interval("observed")
        if interval is not None:
            axes.plot([place] * 2, interval, color=OTHER, lw=1, zorder=1)
    sizes = [10 + 1.2 * (cell.number("rows") or 0) for cell in cells]
    observed = [cell.number("observed") or 0.0 for cell in cells]
    axes.scatter(predicted, observed, s=sizes, color=MODEL, alpha=0.7, zorder=2)
    axes.set(xlabel="mean predicted risk", ylabel="share that was harmful", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.set_title("observation: a dot a cell", fontsize=9)


def _intervention_axes(axes: Axes, intervention: Mapping[str, InterventionNumbers]) -> None:
    axes.set_title("intervention: pairs where the prediction follows", fontsize=9)
    if not intervention:
        _say_no_data(axes)
        return
    variables = intervention["world_model"].by_variable[::-1]
    shades = [ALARM if one.number("outcome_changed") and one.is_visible else MODEL for one in variables]
    places = np.arange(len(variables))
    axes.barh(places, [one.number("right") or 0.0 for one in variables], color=shades, alpha=0.8)
    axes.scatter([0.0] * len(variables), places, color=shades, s=10)
    axes.set_yticks(places, [one.variable.replace("_", " ") for one in variables], fontsize=7)
    axes.barh(0, 0, color=ALARM, label="prediction has to move")
    axes.barh(0, 0, color=MODEL, label="has to stay")
    axes.set_xlim(0, 1.02)
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.06))


def _counterfactual_axes(axes: Axes, counterfactual: Mapping[str, Mapping[str, Numbers]]) -> None:
    measures = (
        ("pair_order", "pairs\nordered"),
        ("executed_order", "against the\nexecuted"),
        ("safest_is_safe", "safest\nis safe"),
    )
    width = 0.8 / len(counterfactual)
    shades = _shades(len(counterfactual))
    for index, ((name, splits), shade) in enumerate(zip(counterfactual.items(), shades, strict=False)):
        axes.bar(0, 0, 0, color=shade, label=name.replace("_", " "))
        for place, (measure, _) in enumerate(measures):
            _bar(axes, place + index * width, splits["all"], measure, width=width * 0.92, color=shade)
    chance = counterfactual["world_model"]["all"].number("chance")
    if chance is not None:
        axes.plot([1.9, 2.8], [chance] * 2, color=ALARM, lw=1, ls=":")
    axes.set_xticks(np.arange(len(measures)) + 0.4 - width / 2, [words for _, words in measures], fontsize=8)
    axes.set_ylim(0, 1.02)
    axes.set_title("counterfactual: alternatives executed from one state", fontsize=9)
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))


def heat_map(predictions: pl.DataFrame) -> bytes:
    """Error rate (threshold one half) a site and attack family; empty cells had no rows."""
    frame = predictions.with_columns(
        pl.col("attack_family").fill_null("no attack"),
        ((pl.col("predicted_risk_score") >= 0.5) != pl.col("is_harmful")).alias("wrong"),
    )
    sites = sorted(frame["site"].unique().to_list())
    families = sorted(frame["attack_family"].unique().to_list())
    cells = np.full((len(sites), len(families)), np.nan)
    counts = np.zeros((len(sites), len(families)), dtype=int)
    for row in frame.group_by("site", "attack_family").agg(pl.col("wrong").mean(), pl.len()).iter_rows(named=True):
        at = sites.index(row["site"]), families.index(row["attack_family"])
        cells[at], counts[at] = row["wrong"], row["len"]
    figure, axes = plt.subplots(figsize=(1.5 + 1.1 * max(1, len(families)), 1.2 + 0.5 * max(1, len(sites))))
    if cells.size:
        axes.imshow(cells, cmap="OrRd", vmin=0, vmax=0.5, aspect="auto")
        for (i, j), value in np.ndenumerate(cells):
            text = "no data" if np.isnan(value) else f"{value:.2f}\nn={counts[i, j]}"
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if value > 0.35 else INK)
    axes.set_xticks(range(len(families)), [f.replace("_", "\n") for f in families], fontsize=7)
    axes.set_yticks(range(len(sites)), sites, fontsize=8)
    return _png(figure)


def curriculum_map(cells: pl.DataFrame) -> bytes:
    """Tomorrow's weight of what was met today: site by family, channel by disguise, and each goal's share."""
    pairs = (("site", "attack_family"), ("attack_channel", "attack_disguise"), ("site", "goal"))
    named = cells.with_columns(
        pl.col("attack_family", "attack_channel", "attack_disguise").fill_null("no attack"),
        pl.col("goal_id").str.split("/").list.last().alias("goal"),
    )
    figure, by_name = plt.subplot_mosaic("ab;cc", figsize=(14, 9), gridspec_kw={"width_ratios": [15, 11]})
    for axes, (rows, columns) in zip(by_name.values(), pairs, strict=True):
        table = named.group_by(rows, columns).agg(
            pl.col("weight").sum(), (pl.col("misses").sum() / pl.col("rows").sum()).alias("missed")
        )
        _draw_cells(axes, table, rows, columns)
    figure.suptitle("share of tomorrow's worlds (colour), share of today's rows missed (number)", fontsize=10)
    figure.tight_layout()
    return _png(figure)


def _draw_cells(axes: Axes, table: pl.DataFrame, rows: str, columns: str) -> None:
    down, across = (sorted(table[name].unique().to_list()) for name in (rows, columns))
    values = np.full((len(down), len(across)), np.nan)
    axes.set_title(f"{rows} by {columns}".replace("_", " "), fontsize=9)
    if not values.size:
        _say_no_data(axes)
        return
    for row in table.iter_rows(named=True):
        at = down.index(row[rows]), across.index(row[columns])
        values[at] = row["weight"]
        axes.text(at[1], at[0], f"{row['missed']:.2f}", ha="center", va="center", fontsize=6, color=INK)
    axes.imshow(values, cmap="OrRd", vmin=0, aspect="auto")
    axes.set_xticks(range(len(across)), [name.replace("_", " ") for name in across], fontsize=6, rotation=90)
    axes.set_yticks(range(len(down)), [name.replace("_", " ") for name in down], fontsize=7)


def loss_curves(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> bytes:
    """Training loss of each stage over its steps, a faint line for each head."""
    stages = {stage: points for stage, points in curves.items() if points}
    figure, all_axes = plt.subplots(1, max(1, len(stages)), figsize=(3.4 * max(1, len(stages)), 2.8), squeeze=False)
    if not stages:
        _say_no_data(all_axes[0][0])
    for axes, (stage, points) in zip(all_axes[0], stages.items(), strict=False):
        heads = sorted({name for point in points for name in point if name.startswith("loss_")})
        for head in heads:
            told = [(p["step"], p[head]) for p in points if head in p]
            axes.plot([t[0] for t in told], [t[1] for t in told], lw=0.8, alpha=0.6, label=head.removeprefix("loss_"))
        axes.plot([p["step"] for p in points], [p["loss"] for p in points], color=INK, lw=1.6, label="total")
        axes.set_title(stage, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=6, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)
