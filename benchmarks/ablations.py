"""What each part of training earns: the model without one of them, on the same data and worlds, over seeds.

    make benchmark-ablations                                        # the laptop's recipe on its newest day, three seeds
    python -m benchmarks.ablations --profile tiny --seeds 1 --lines whole without_branches      # a try

Reads the tables of a round that was made (`wm run`). A line is a row of trainings, each from the one before it; what a
variant leaves out may be the rest of a line, so it is measured on the way. A line that is finished is kept and not made
again, so an interrupted run goes on. One JSON document on stdout.
"""

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.reporting import machine, publish
from benchmarks.rounds import (
    SPLITS,
    held_out_of,
    open_round,
    publish_job,
    round_arguments,
    run_job,
    store_cell,
    workspace_of,
)
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.evaluate.predict import predict_rows
from wm_pipeline.evaluate.risk import brief_numbers
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.checkpoints import prepare_distillation, prepare_training, read_result
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.graph import ABLATION, DISTILLED, MIDTRAIN, SFT, Training, code_version_of
from wm_pipeline.rounds.models import load_predictor
from wm_pipeline.rounds.profiles import profile_named
from wm_pipeline.rounds.settings import Profile
from wm_pipeline.rounds.workspace import Workspace

LINES: dict[str, dict[Training, str | None]] = {
    "whole": {MIDTRAIN: None, SFT: "without_distillation", DISTILLED: "whole"},
    "without_midtraining": {ABLATION: "without_either", DISTILLED: "without_midtraining"},
    "without_branches": {MIDTRAIN: None, SFT: None, DISTILLED: "without_branches"},
}
"""The steps of each line, and the variant that is measured after each; without branches, only what trajectories
themselves did is learned from."""


def say(done: int, total: int, text: str) -> None:
    if done == total:
        print(f"    {done}/{total} {text}", file=sys.stderr)


def line_workspace(source: TableStore, folder: Path, profile: Profile, day: str, line: str) -> Workspace:
    """A store of the line's own with the datasets it learns from."""
    names = ("midtrain_dataset", "sft_dataset")
    tables: dict[str, pl.DataFrame] = {name: source.read(TABLES[name], days=[day]) for name in names}
    if line == "without_branches":
        is_kept = (pl.col("split").cast(pl.String) != "train") | (pl.col("branch_index") == 0)
        tables = {table: rows.filter(is_kept) for table, rows in tables.items()}
    return workspace_of(source, folder, profile, day, tables)


def train_line(workspace: Workspace, day: str, line: str) -> Iterator[tuple[str, str]]:
    """Train every step of the line; each variant on the way with the address of its checkpoint."""
    for step, variant in LINES[line].items():
        if step is DISTILLED:
            job = prepare_distillation(workspace, day, progress=say)
        else:
            job = prepare_training(workspace, day, step)
        # The ablation's takes the place of SFT's: what follows starts from there.
        name = (SFT if step is ABLATION else step).folder(day)
        if not (job.output / "result.json").exists():
            run_job(job, threads=os.cpu_count() or 1)
        read_result(job)
        publish_job(workspace, job, name)
        if variant is not None:
            yield variant, name


def measure(source: TableStore, workspace: Workspace, day: str, checkpoint: str) -> dict[str, Any]:
    """Risk on the round's held-out rows, the same for every variant and seed."""
    held_out = held_out_of(source, day, rows_per_split=workspace.profile.evaluate.rows_per_split)
    predictor = load_predictor(workspace, checkpoint)
    found = brief_numbers(predict_rows(predictor, held_out.rows, held_out.states, heads=(Head.RISK,), progress=say))
    return {split: found[split] for split in SPLITS}


def with_seed(profile: Profile, seed: int) -> Profile:
    """The recipe with that seed; one training at a time, so that each may have what mid-training has."""
    return replace(
        profile,
        seed=seed,
        midtrain=replace(profile.midtrain, seed=seed),
        sft=replace(profile.sft, seed=seed, threads=profile.midtrain.threads),
        distill=replace(profile.distill, seed=seed),
    )


def cell_name(source: TableStore, profile: Profile, day: str, line: str) -> str:
    """Of a line with a seed; another recipe, other data or other code are another cell."""
    data = "/".join(data_version_of(source, table, day) for table in ("midtrain_dataset", "sft_dataset"))
    return f"{line}-{profile.seed}-{digest(to_json(profile), data, code_version_of(DISTILLED.asset, profile), size=5)}"


def make_cell(source: TableStore, root: Path, profile: Profile, day: str, line: str) -> dict[str, Any]:
    """One line with one seed: kept if it was finished, made otherwise."""
    name = cell_name(source, profile, day, line)
    file = root / f"{name}.json"
    if file.exists():
        print(f"  {name}: kept", file=sys.stderr)
        return dict(json.loads(file.read_text()))
    print(f"  {name}", file=sys.stderr)
    started = time.perf_counter()
    workspace = line_workspace(source, root / name, profile, day, line)
    variants = {
        variant: measure(source, workspace, day, checkpoint) for variant, checkpoint in train_line(workspace, day, line)
    }
    cell = {
        "line": line,
        "seed": profile.seed,
        "seconds": round(time.perf_counter() - started, 1),
        "variants": variants,
    }
    store_cell(file, cell)
    shutil.rmtree(root / name)
    return cell


def summary(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`<variant>.<split>.<metric>`: mean, least and most over seeds; `earned` by the missing part: whole minus variant,
    seed by seed."""
    seeds: dict[str, dict[int, Mapping[str, Any]]] = {}
    for cell in cells:
        for variant, splits in cell["variants"].items():
            seeds.setdefault(variant, {})[cell["seed"]] = splits
    whole = seeds.get("whole", {})
    table: dict[str, Any] = {}
    for variant, own in seeds.items():
        table[variant] = {}
        for split in SPLITS:
            table[variant][split] = {}
            for metric in ("risk_auroc", "macro_f1", "ece"):
                values = [found[split][metric] for found in own.values() if found[split][metric] is not None]
                earned = [
                    whole[seed][split][metric] - found[split][metric]
                    for seed, found in own.items()
                    if seed in whole and None not in (whole[seed][split][metric], found[split][metric])
                ]
                table[variant][split][metric] = {
                    "seeds": len(values),
                    "mean": round(statistics.fmean(values), 4) if values else None,
                    "least": round(min(values), 4) if values else None,
                    "most": round(max(values), 4) if values else None,
                    "earned": [round(one, 4) for one in earned],
                }
    return table


def plot(table: Mapping[str, Any], path: Path, title: str) -> None:
    """What each part earned on each split: whole minus variant, a point a seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    variants = sorted(set(table) - {"whole"})
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axis, (metric, name) in zip(axes, (("risk_auroc", "risk AUROC"), ("macro_f1", "macro-F1")), strict=True):
        for index, variant in enumerate(variants):
            colour = plt.colormaps["viridis"](0.15 + 0.7 * index / max(1, len(variants) - 1))
            points = [
                (place + 0.2 * (index - (len(variants) - 1) / 2), earned)
                for place, split in enumerate(SPLITS)
                for earned in table[variant][split][metric]["earned"]
            ]
            label = variant.replace("_", " ").replace("midtraining", "mid-training")
            axis.scatter([x for x, _ in points], [y for _, y in points], s=16, color=colour, alpha=0.8, label=label)
        axis.axhline(0, color="#22303c", linewidth=0.8)
        axis.set_xticks(range(len(SPLITS)), [split.replace("_", " ") for split in SPLITS], fontsize=8)
        axis.set_title(f"{name}: whole minus variant", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=9)
    if variants:
        axes[0].legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = round_arguments(__doc__, folder=".wm/benchmarks/ablations")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lines", nargs="+", choices=sorted(LINES), default=list(LINES))
    chosen = parser.parse_args(arguments)
    source, day = open_round(chosen.data, chosen.day)
    root = chosen.folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    profile = profile_named(chosen.profile)
    cells = [
        make_cell(source, root, with_seed(profile, seed), day, line)
        for seed in range(chosen.seeds)
        for line in chosen.lines
    ]
    split = source.read(TABLES["sft_dataset"], days=[day])["split"].cast(pl.String)
    told: dict[str, Any] = {
        "command": f"python -m benchmarks.ablations --profile {chosen.profile} --seeds {chosen.seeds} "
        f"--lines {' '.join(chosen.lines)}",
        "machine": machine("torch", "transformers", "deepspeed"),
        "day": day,
        "training_rows": int((split == "train").sum()),
        "variants": summary(cells),
        "cells": cells,
    }
    title = f"{chosen.profile}, {chosen.seeds} seeds, {day}"
    publish(told, chosen.results, lambda path: plot(told["variants"], path, title))


if __name__ == "__main__":
    main()
