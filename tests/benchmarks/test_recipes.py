"""The benchmark of recipes: one thing changed at a time, equal rows where rows are compared, failures in the table."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import recipes
from benchmarks.recipes import RECIPES, SHIPPED
from benchmarks.rounds import SPLITS
from tests.builders_model import build_rows, tiny_run, tiny_train, write_config, write_sft
from wm_pipeline.rounds.checkpoints import TrainingJob
from wm_pipeline.rounds.graph import SFT
from wm_pipeline.rounds.profiles import laptop


def sft(states: int = 20) -> pl.DataFrame:
    return pl.DataFrame(build_rows(states)).with_columns(pl.col("split").cast(pl.String))


def cell(name: str, seed: int, *, auroc: float | None = 0.9, delta_f1: float = 0.3) -> dict[str, Any]:
    numbers = {"risk_auroc": auroc, "macro_f1": 0.5, "ece": 0.1, "delta_covered": 0.5, "delta_f1": delta_f1}
    return {
        "recipe": name,
        "seed": seed,
        "steps": 10,
        "actions": 40,
        "deltas": 8,
        "processor_s": 60.0,
        "splits": dict.fromkeys(SPLITS, numbers),
    }


def failed(name: str) -> dict[str, Any]:
    return {"recipe": name, "seed": 0, "failed": "sft ended with 1:\nno memory"}


def test_every_recipe_differs_from_the_shipped_one() -> None:
    profile = laptop()

    same = [
        name
        for name, recipe in RECIPES.items()
        if recipe.profile(profile) == profile and recipe.layers is None and recipe.is_midtrained and recipe.rows is None
    ]

    assert same == [SHIPPED]
    assert next(iter(RECIPES)) == SHIPPED


def test_fewer_branches_and_fewer_states_leave_as_many_training_rows_and_all_others() -> None:
    rows = sft()

    branches, states = recipes.fewer_branches(rows), recipes.fewer_states(rows)

    is_train = pl.col("split") == "train"
    assert branches.filter(is_train).height == states.filter(is_train).height == rows.filter(is_train).height // 2
    assert branches.filter(is_train)["state_id"].n_unique() == rows.filter(is_train)["state_id"].n_unique()
    assert set(states.filter(is_train).group_by("state_id").len()["len"]) == {4}
    for kept in (branches, states):
        assert kept.columns == rows.columns
        assert kept.filter(~is_train).height == rows.filter(~is_train).height


def test_a_delta_counts_as_covered_from_one_right_fact_on_and_only_where_something_changed() -> None:
    rows = pl.DataFrame(
        {
            "delta_facts": [["url a", "notice x"], ["url b"], ["nothing"], ["rows s t inserted"]],
            "predicted_delta_facts": [["url a", "notice y"], ["url a"], ["nothing"], []],
        }
    )

    found = recipes.delta_numbers(rows)

    assert found["delta_changed_rows"] == 3
    assert found["delta_covered"] == pytest.approx(1 / 3)
    assert found["delta_all_right"] == 0.25
    assert found["delta_recall_by_kind"] == {"notice": 0.0, "rows": 0.0, "url": 0.5}


@pytest.mark.parametrize(
    ("request_kind", "facts"),
    [
        ("opens same site", ["url @target"]),
        ("POST to same site", ["url @page", "request POST @site"]),
        (None, ["nothing"]),
    ],
    ids=["link", "form", "typing"],
)
def test_rules_know_links_and_forms(request_kind: str | None, facts: list[str]) -> None:
    assert recipes.rules_say(request_kind) == facts


def test_without_a_row_there_is_no_number() -> None:
    found = recipes.delta_numbers(pl.DataFrame({"delta_facts": [], "predicted_delta_facts": []}))

    assert (found["delta_covered"], found["delta_all_right"]) == (None, None)


def test_the_table_holds_seeds_together_and_names_what_failed(tmp_path: Path) -> None:
    cells = [cell(SHIPPED, 0), cell("lora", 0, auroc=None), failed("whole_lora"), cell(SHIPPED, 1, auroc=0.8)]

    table = recipes.summary(cells)

    assert table[SHIPPED]["splits"]["mean"]["risk_auroc"] == {"mean": 0.85, "least": 0.8, "most": 0.9}
    assert table["lora"]["splits"]["test"]["risk_auroc"]["mean"] is None
    assert table["whole_lora"]["seeds"] == 0
    words = recipes.markdown(table)
    assert "failed: no memory" in words
    assert "(2 seeds)" in words
    assert "no data" in words
    recipes.plot(table, tmp_path / "r.png", "a try")
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"
    assert json.dumps(table)


def test_more_seeds_are_for_the_best_at_judging_and_deltas_together() -> None:
    cells = [
        cell(SHIPPED, 0, auroc=0.99, delta_f1=0.99),
        cell("lora", 0, auroc=0.7, delta_f1=0.9),
        cell("rate_x3", 0, auroc=0.95, delta_f1=0.8),
        cell("half_depth", 0, auroc=0.96, delta_f1=0.1),
        cell("page_half", 0, auroc=None),
        failed("whole_lora"),
    ]

    assert recipes.best_two(cells) == ["rate_x3", "lora"]


@pytest.mark.slow
def test_as_many_steps_fit_as_cost_what_the_shipped_ones_cost(tmp_path: Path) -> None:
    rows = write_sft(tmp_path / "rows.parquet", 30)
    jobs = []
    for trees in (2, 8):
        folder = tmp_path / str(trees)
        folder.mkdir()
        run = tiny_run(rows, folder, train=tiny_train(batch_size=trees, max_steps=20))
        write_config(folder / "config.json", run)
        jobs.append(TrainingJob(SFT, (), 1, folder, {}))

    fitting = recipes.steps_that_fit(jobs[1], jobs[0], steps=20)

    assert 1 <= fitting < 20
    shown = recipes.exposure(jobs[0])
    assert shown["different_actions"] <= shown["actions"] <= 20 * 2 * 4
    assert 0 < shown["deltas"] <= shown["actions"]
