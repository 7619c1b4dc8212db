"""Whether the curriculum earns its place: rounds of worlds drawn by it against rounds drawn evenly.

    make benchmark-curriculum
    python -m benchmarks.curriculum --slices 1 --seeds 2 --rounds 2      # a try

What is real: the worlds, rolled out in Chromium and annotated once (curriculum_pool.py), and the functions that count
misses and draw worlds (domain/miss_rates.py). What is simulated: a round draws its worlds from those that were rolled
out rather than having new ones rolled out, and the model is gradient-boosted trees on relations, fitted in a second.

For each seed worlds are shared out anew: candidates, judging worlds (where misses are counted, as the day's evaluation
does) and worlds that only the result is measured on. All ways start from the same first round. Weak: the quarter of
the measured worlds of which most misses are expected after that round; they stay the same in all rounds.
A seed that is finished is kept beside the pool.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.curriculum_pool import WORLDS, pool, worlds_of_rounds
from benchmarks.reporting import machine, publish
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.miss_rates import (
    DIMENSIONS,
    MISSED,
    count_misses,
    draw_weights,
    expected_miss_rates,
    in_drawn_order,
)
from wm_pipeline.evaluate.baselines import Score, fit_boosted_trees, fit_linear_text
from wm_pipeline.gateways.table_file import content_of

RESULTS = Path(__file__).parent / "results" / "curriculum.json"
Fit = Callable[[pl.DataFrame, pl.DataFrame], Score | None]
"""From training and validation rows to what can be asked about any row."""
LEARNERS: dict[str, Fit] = {
    "boosted_relations": fit_boosted_trees,
    "linear_text": fit_linear_text,
}
WAYS = ("even", "curriculum", "told")
"""`told` draws the candidates that the model really misses most: more than any curriculum can know, so a bound on what
one can earn here."""
SHARES = {"candidate": 0.6, "judging": 0.2, "measured": 0.2}
"""Of the pool's worlds."""
WEAK_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    seed: int
    way: str
    number: int
    worlds: int
    rows: int
    weak_miss_rate: float
    other_miss_rate: float
    weak_share_of_draw: float
    """Of the worlds drawn so far, the share that the first round's misses say are weak."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A seed's worlds: one row a world with DIMENSIONS, and all rows of each part."""

    candidates: pl.DataFrame
    judging: pl.DataFrame
    measured: pl.DataFrame


def share_out(rows: pl.DataFrame, seed: int) -> Shared:
    worlds = sorted(rows["split_group"].unique().to_list())
    random.Random(seed).shuffle(worlds)
    first, second = (round(len(worlds) * share) for share in (SHARES["candidate"], SHARES["judging"]))
    parts = worlds[:first], worlds[first : first + second], worlds[first + second :]
    return Shared(*(rows.filter(pl.col("split_group").is_in(part)) for part in parts))


def worlds_of(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a world; `kind` as the curriculum keeps it."""
    attacked = pl.when("is_lookalike").then(pl.lit("look-alike")).otherwise(pl.lit("attacked"))
    kind = pl.when(pl.col("attack_family").is_null()).then(pl.lit("neither")).otherwise(attacked)
    found = rows.select("split_group", *DIMENSIONS, kind.alias("kind"))
    return found.unique("split_group").sort("split_group")


def miss_rate(rows: pl.DataFrame) -> float:
    counts = count_misses(rows)
    return float(counts["misses"].sum()) / float(counts["rows"].sum())


def run_seed(rows: pl.DataFrame, seed: int, *, fit: Fit, rounds: int, worlds_a_round: int) -> list[Round]:
    """Every way over all rounds."""
    shared = share_out(rows, seed)
    candidates, measured = worlds_of(shared.candidates), worlds_of(shared.measured)
    groups = candidates["split_group"].to_list()
    first = in_drawn_order([1.0] * len(groups), groups, seed=seed)[:worlds_a_round]
    found: list[Round] = []
    weak: set[str] = set()
    weak_candidates: set[str] = set()
    for way in WAYS:
        drawn = [groups[at] for at in first]
        for number in range(rounds + 1):
            train = shared.candidates.filter(pl.col("split_group").is_in(drawn))
            # Calibration needs rows of its own; a fifth of the judging worlds would do, so all of them are no favour.
            score = fit(train, shared.judging)
            if score is None:
                raise SystemExit(f"seed {seed}: the first {worlds_a_round} worlds hold one class only; draw more")
            counts = count_misses(said(shared.judging, score))
            if number == 0 and way == WAYS[0]:
                weak = weakest(measured, counts)
                weak_candidates = weakest(candidates, counts)
            told = said(shared.measured, score)
            is_weak = pl.col("split_group").is_in(weak)
            found.append(
                Round(
                    seed=seed,
                    way=way,
                    number=number,
                    worlds=len(drawn),
                    rows=train.height,
                    weak_miss_rate=miss_rate(told.filter(is_weak)),
                    other_miss_rate=miss_rate(told.filter(~is_weak)),
                    weak_share_of_draw=len(weak_candidates & set(drawn)) / len(drawn),
                )
            )
            left = candidates.filter(~pl.col("split_group").is_in(drawn))
            rates = expected_miss_rates(left, counts)
            if way == "even":
                rates = rates * 0
            elif way == "told":
                rates = _real_miss_rates(left, said(shared.candidates, score))
            weights = draw_weights(rates, left["kind"])
            names = left["split_group"].to_list()
            order = in_drawn_order(weights.to_list(), names, seed=seed * 100 + number)
            drawn += [names[at] for at in order[:worlds_a_round]]
    return found


def _real_miss_rates(worlds: pl.DataFrame, told: pl.DataFrame) -> pl.Series:
    own = told.group_by("split_group").agg(MISSED.mean().alias("expected_miss_rate"))
    return worlds.join(own, on="split_group", how="left", maintain_order="left")["expected_miss_rate"]


def weakest(worlds: pl.DataFrame, counts: pl.DataFrame) -> set[str]:
    """The WEAK_SHARE of worlds of which most misses are expected."""
    rates = expected_miss_rates(worlds, counts)
    ordered = worlds.with_columns(rates).sort("expected_miss_rate", "split_group", descending=[True, False])
    return set(ordered["split_group"].head(max(1, round(worlds.height * WEAK_SHARE))).to_list())


def said(rows: pl.DataFrame, score: Score) -> pl.DataFrame:
    return rows.with_columns(pl.Series("predicted_risk_score", score(rows), dtype=pl.Float64))


def summary(found: Sequence[Round]) -> list[dict[str, Any]]:
    """A row a round: each way's means over seeds and its paired difference to `even` with its interval over seeds."""
    table = []
    for number in sorted({one.number for one in found}):
        by = {way: [one for one in found if one.way == way and one.number == number] for way in WAYS}
        row: dict[str, Any] = {"round": number, "worlds": by["even"][0].worlds}
        for name in ("weak_miss_rate", "other_miss_rate", "weak_share_of_draw"):
            values = {way: [asdict(one)[name] for one in by[way]] for way in WAYS}
            row |= {f"{name}_{way}": round(statistics.fmean(values[way]), 4) for way in WAYS}
            for way in WAYS[1:]:
                differences = [other - even for other, even in zip(values[way], values["even"], strict=True)]
                row[f"{name}_{way}_difference"] = round(statistics.fmean(differences), 4)
                row[f"{name}_{way}_interval"] = interval(differences)
                if name == "weak_miss_rate":
                    row[f"seeds_better_{way}"] = sum(one < 0 for one in differences)
                    row[f"seeds_worse_{way}"] = sum(one > 0 for one in differences)
        table.append(row)
    return table


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """95 % over seeds, by bootstrap; seeds share one pool, so it says nothing about other pools."""
    draws = np.random.default_rng(0).choice(np.array(differences), size=(4000, len(differences))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return round(float(low), 4), round(float(high), 4)


def plot(table: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, all_axes = plt.subplots(1, 2, figsize=(8, 3.2), sharex=True)
    for axes, name, words in zip(
        all_axes, ("weak_miss_rate", "other_miss_rate"), ("weakest quarter", "the rest"), strict=True
    ):
        for way, colour in (("even", "#8fa1ad"), ("curriculum", "#1f6f8b"), ("told", "#c98a2b")):
            axes.plot([r["worlds"] for r in table], [r[f"{name}_{way}"] for r in table], "o-", color=colour, label=way)
        axes.set_title(f"{words} of the measured worlds", fontsize=9)
        axes.set_xlabel("worlds drawn", fontsize=8)
        axes.margins(y=0.08)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].set_ylabel("share of rows missed")
    all_axes[0].legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slices", type=int, default=5, help=f"{WORLDS} worlds of each site each")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3, help="after the first")
    parser.add_argument("--worlds", type=int, default=40, help="a round")
    parser.add_argument("--learner", choices=sorted(LEARNERS), default="boosted_relations")
    parser.add_argument("--pool", type=Path, default=Path(".wm/benchmarks/curriculum"))
    parser.add_argument("--data", help="a data root: the worlds of its rounds join the pool")
    parser.add_argument("--results", type=Path, help="also write the JSON there, and a plot beside it")
    chosen = parser.parse_args(arguments)
    rows = pool(chosen.pool, chosen.slices)
    if chosen.data is not None:
        rows = pl.concat([rows, worlds_of_rounds(chosen.data).select(rows.columns)], how="vertical_relaxed")
    content = content_of(rows.select("split_group", "action_text"))
    what = f"{WAYS} {chosen.learner} {chosen.rounds} {chosen.worlds} {content}"
    kept = chosen.pool / "seeds" / digest(what)
    kept.mkdir(parents=True, exist_ok=True)
    found: list[Round] = []
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        file = kept / f"{seed}.json"
        if not file.exists():
            fit = LEARNERS[chosen.learner]
            rounds = run_seed(rows, seed, fit=fit, rounds=chosen.rounds, worlds_a_round=chosen.worlds)
            file.write_text(json.dumps([asdict(one) for one in rounds]))
        found += [Round(**one) for one in json.loads(file.read_text())]
        print(f"  seed {seed}: {len(found)} rounds", file=sys.stderr)
    table = summary(found)
    told: dict[str, Any] = {
        "command": f"python -m benchmarks.curriculum --slices {chosen.slices} --seeds {chosen.seeds} "
        f"--rounds {chosen.rounds} --worlds {chosen.worlds} --learner {chosen.learner}"
        + (" --data .wm/data" if chosen.data is not None else ""),
        "machine": machine("polars", "scikit-learn"),
        "simulated": "rounds draw from worlds that were rolled out before; the model is refitted in a second",
        "pool": {
            "worlds": rows["split_group"].n_unique(),
            "rows": rows.height,
            "harmful_rows": int(rows["is_harmful"].sum()),
            "cells": rows.select(DIMENSIONS).unique().height,
        },
        "rounds": table,
        "each_seed": [asdict(one) for one in found],
    }
    title = f"{chosen.learner.replace('_', ' ')}, {chosen.seeds} seeds, {told['pool']['worlds']} real worlds"
    publish(told, chosen.results, lambda path: plot(table, path, title))


if __name__ == "__main__":
    main()
