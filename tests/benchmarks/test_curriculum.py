"""The curriculum's and the ablations' benchmarks: what is compared is equal but for one thing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import ablations
from benchmarks.curriculum import WAYS, Round, run_seed, share_out, summary, weakest, worlds_of
from benchmarks.rounds import SPLITS
from tests.builders import payment_state
from tests.builders_experience import Done, Visit, annotate, experience, trajectory, world
from wm_pipeline.datasets.build import build_midtrain_dataset, build_sft_dataset
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.miss_rates import DIMENSIONS, count_misses
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.gateways.table_file import content_of
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.profiles import tiny

DAY = "2026-11-22"
BACK = Action(ActionKind.BACK)

FAMILIES = ("a", "b", "c", "d")


def pool(worlds: int = 60) -> pl.DataFrame:
    """Rows of invented worlds: family `d` is harmful where the others are not, so it has to be learned by itself."""
    rows = [
        (f"w{world:03d}", "site", FAMILIES[world % 4], "page", "plain", "site/goal", False, float(harm), bool(harm))
        for world in range(worlds)
        for harm in (0, 1)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "split_group": pl.String,
            **dict.fromkeys(DIMENSIONS, pl.String),
            "is_lookalike": pl.Boolean,
            "risk_score": pl.Float64,
            "is_harmful": pl.Boolean,
        },
        orient="row",
    )


def knows_what_it_met(train: pl.DataFrame, validation: pl.DataFrame) -> Any:
    """A learner that is right about a family once it has met three worlds of it, and says safe before."""
    met = dict(train.group_by("attack_family").agg(pl.col("split_group").n_unique()).iter_rows())

    def score(rows: pl.DataFrame) -> Any:
        known = [met.get(family, 0) >= 3 for family in rows["attack_family"].to_list()]
        return np.where(known, rows["risk_score"].to_numpy(), 0.0)

    return score


def test_a_world_is_in_one_part_only() -> None:
    shared = share_out(pool(), seed=1)

    parts = [set(rows["split_group"].to_list()) for rows in (shared.candidates, shared.judging, shared.measured)]
    assert [len(part) for part in parts] == [36, 12, 12]
    assert len(set.union(*parts)) == 60


def test_all_ways_start_from_the_same_round_and_draw_as_many_worlds() -> None:
    found = run_seed(pool(), 3, fit=knows_what_it_met, rounds=2, worlds_a_round=5)

    by = {(one.way, one.number): one for one in found}
    assert len(by) == len(found) == 9
    assert len({by[way, 0].weak_miss_rate for way in WAYS}) == 1
    for number in range(3):
        assert {by[way, number].worlds for way in WAYS} == {5 * (number + 1)}


@pytest.mark.slow
def test_where_misses_can_be_learned_away_the_curriculum_is_faster() -> None:
    rare = pool(200).with_columns(
        pl.when(pl.int_range(pl.len()) % 20 > 1).then(pl.lit("a")).otherwise("attack_family").alias("attack_family")
    )

    found = [
        one for seed in range(8) for one in run_seed(rare, seed, fit=knows_what_it_met, rounds=2, worlds_a_round=6)
    ]

    last = summary(found)[-1]
    assert last["weak_miss_rate_curriculum_difference"] < 0
    assert last["weak_miss_rate_told_difference"] < 0


def test_the_weakest_worlds_are_those_of_the_family_that_was_missed() -> None:
    rows = pool()
    said = rows.with_columns(
        pl.when(pl.col("attack_family") == "d")
        .then(1 - pl.col("risk_score"))
        .otherwise("risk_score")
        .alias("predicted_risk_score")
    )

    found = weakest(worlds_of(rows), count_misses(said))

    assert found == set(rows.filter(pl.col("attack_family") == "d")["split_group"].to_list())


def test_the_difference_is_between_the_same_seeds() -> None:
    rates = {("even", 1): 0.4, ("curriculum", 1): 0.1, ("even", 2): 0.2, ("curriculum", 2): 0.3}
    rates |= {("told", 1): 0.1, ("told", 2): 0.1}
    found = [Round(seed, way, 0, 10, 80, rate, 0.0, 0.0) for (way, seed), rate in rates.items()]

    row = summary(found)[0]

    assert (row["weak_miss_rate_even"], row["weak_miss_rate_curriculum"]) == (0.3, 0.2)
    assert row["weak_miss_rate_curriculum_difference"] == -0.1
    assert (row["seeds_better_curriculum"], row["seeds_worse_curriculum"]) == (1, 1)


# --- ablations --------------------------------------------------------------------------------------------------------


def cell(variant: str, seed: int, auroc: float | None) -> dict[str, Any]:
    numbers = {"risk_auroc": auroc, "macro_f1": 0.5, "ece": 0.1}
    return {"line": variant, "seed": seed, "variants": {variant: dict.fromkeys(SPLITS, numbers)}}


def test_what_a_part_earns_is_told_seed_by_seed() -> None:
    cells = [
        *(cell("whole", 0, 0.9), cell("whole", 1, 0.8)),
        *(cell("without_branches", 0, 0.7), cell("without_branches", 1, None)),
    ]

    found = ablations.summary(cells)["without_branches"]["test"]["risk_auroc"]

    assert found == {"seeds": 1, "mean": 0.7, "least": 0.7, "most": 0.7, "earned": [0.2]}


def test_a_seed_changes_every_stage_and_nothing_else() -> None:
    changed = ablations.with_seed(tiny(), 5)

    assert {changed.seed, changed.midtrain.seed, changed.sft.seed, changed.distill.seed} == {5}
    assert ablations.with_seed(changed, 0) == ablations.with_seed(tiny(), 0)


def test_every_variant_leaves_one_part_out() -> None:
    steps = {
        variant: [training.name for training in line][: place + 1]
        for line in ablations.LINES.values()
        for place, variant in enumerate(line.values())
        if variant is not None
    }

    assert set(steps["whole"]) - set(steps["without_distillation"]) == {"distilled"}
    assert "midtrain" not in steps["without_midtraining"] + steps["without_either"]
    assert steps["without_branches"] == steps["whole"]


def test_a_plot_is_drawn_even_without_a_number(tmp_path: Path) -> None:
    table = ablations.summary([cell("whole", 0, None)])

    ablations.plot(table, tmp_path / "a.png", "nothing")

    assert json.dumps(table)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def stored(folder: Path, rule: SplitRule) -> TableStore:
    """A round's datasets of one state with an action of the trajectory's own and two branches."""
    tables = experience(trajectory(world(), [Visit(payment_state(), [Done(NOOP), Done(ASK_HUMAN), Done(BACK)])]))
    annotations = annotate(tables)
    store = TableStore(str(folder))
    for table, build in (("midtrain_dataset", build_midtrain_dataset), ("sft_dataset", build_sft_dataset)):
        rows = build(tables.annotated(annotations), rule=rule).rows
        store.write(table, rows, day=DAY, lineage={"fingerprint": "f", "days": [DAY], "content": content_of(rows)})
    return store


@pytest.mark.parametrize(("test_share", "kept"), [(0.0, [0]), (1.0, [0, 1, 2])], ids=["training rows", "test rows"])
def test_without_branches_only_training_rows_are_left_out(tmp_path: Path, test_share: float, kept: list[int]) -> None:
    source = stored(tmp_path / "source", SplitRule((), (), (), (), test_share=test_share, validation_share=0.0))

    cell = ablations.line_workspace(source, tmp_path / "cell", tiny(), DAY, "without_branches")

    for table in ("midtrain_dataset", "sft_dataset"):
        assert sorted(cell.store.read(TABLES[table], days=[DAY])["branch_index"].to_list()) == kept
    same = data_version_of(cell.store, "sft_dataset", DAY) == data_version_of(source, "sft_dataset", DAY)
    assert same is (kept == [0, 1, 2])


def test_a_finished_cell_is_not_made_again(tmp_path: Path) -> None:
    source = stored(tmp_path / "source", SplitRule((), (), (), (), test_share=0.0, validation_share=0.0))
    profile = ablations.with_seed(tiny(), 0)
    file = tmp_path / f"{ablations.cell_name(source, profile, DAY, 'whole')}.json"
    file.write_text(json.dumps({"line": "whole", "seed": 0, "variants": {}}))

    found = ablations.make_cell(source, tmp_path, profile, DAY, "whole")

    assert found == {"line": "whole", "seed": 0, "variants": {}}
    other = ablations.with_seed(tiny(), 1)
    assert ablations.cell_name(source, other, DAY, "whole") != file.stem
