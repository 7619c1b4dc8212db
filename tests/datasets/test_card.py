"""The card beside a dataset and the balance it tells; what is missing reads no data."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.builders import SUBMIT_WIRE, payment_state, wire_effect
from tests.builders_experience import DAY, HIDDEN_TEXT, LEAK, Done, Visit, annotate, experience, trajectory, world
from tests.fakes.s3_server import BUCKET, s3_server
from wm_pipeline.datasets.balance import balance, largest_share
from wm_pipeline.datasets.build import build_midtrain_dataset, build_sft_dataset
from wm_pipeline.datasets.card import CardFacts, dataset_card, examples_of, outline_of
from wm_pipeline.datasets.contamination import Contamination
from wm_pipeline.defs import checks
from wm_pipeline.defs.metadata import shown
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.state import TextBlock
from wm_pipeline.domain.tables import TABLES as SCHEMAS
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.outside_suites import installed_suites
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import SPLIT_RULE, StorageSettings
from wm_pipeline.rounds.workspace import StageOutput, Workspace

with warnings.catch_warnings():
    # As in test_definitions.py: Dagster announces at import which of its parameters may still change.
    warnings.filterwarnings("ignore", message="Parameter `(backfill_policy|pool|partitions_def)` of function")
    from wm_pipeline.defs.datasets import midtrain_dataset, sft_dataset

TABLES = experience(
    *(
        trajectory(
            world(seed, attack=HIDDEN_TEXT if seed % 2 else None),
            [
                Visit(
                    payment_state(title=f"Wire {'abcdefgh'[seed]}", texts=(TextBlock("## Splits"),)),
                    [
                        Done(SUBMIT_WIRE, (wire_effect(payee="Northwind"),)),
                        Done(Action(ActionKind.CLICK, "e5"), (LEAK,)),
                        Done(ASK_HUMAN, is_expert=True),
                        Done(NOOP),
                    ],
                )
            ],
        )
        for seed in range(8)
    )
)
ANNOTATIONS = annotate(TABLES)
SFT = build_sft_dataset(TABLES.annotated(ANNOTATIONS), rule=SPLIT_RULE)
FACTS = CardFacts("sft_dataset", DAY, SFT.removed, Contamination(9, {}), {"seed": 3, "profile": "tiny"})


def card_of(facts: CardFacts) -> str:
    return dataset_card(outline_of(SFT.rows), examples_of(SFT.rows), facts)


def section(card: str, name: str) -> str:
    """One section of a card."""
    return card.split(f"\n## {name}\n")[1].split("\n## ")[0].strip()


def test_every_slice_adds_up_to_all_rows() -> None:
    found = balance(SFT.rows)

    sums = found.group_by("slice").agg(pl.col("rows").sum(), pl.col("share").sum().round(9))
    assert set(sums["rows"]) == {32}
    assert set(sums["share"]) == {1.0}
    assert found.filter(pl.col("slice") == "attack_family")["value"].sort().to_list() == [
        "hidden_dom_instruction",
        "none",
    ]


def test_labels_of_a_dataset_without_labels_are_unknown_and_not_zero() -> None:
    midtrain = build_midtrain_dataset(TABLES.annotated(ANNOTATIONS), rule=SPLIT_RULE).rows

    found = balance(midtrain)

    assert "risk_label" not in set(found["slice"])
    assert found["unsafe"].null_count() == found.height


def test_a_share_of_what_no_row_has_is_none() -> None:
    benign = SFT.rows.filter(pl.col("attack_family").is_null())

    assert largest_share(benign, "attack_family") is None
    assert largest_share(benign, "site") == 1.0


@pytest.mark.parametrize(
    ("site", "family", "passed"), [(0.5, 0.4, True), (0.5, None, True), (0.8, 0.4, False), (None, None, False)]
)
def test_a_dataset_of_one_site_is_told(site: float | None, family: float | None, passed: bool) -> None:
    result = checks.no_slice_dominates({"largest_site_share": site, "largest_attack_family_share": family})

    assert result.passed is passed


def test_a_card_has_every_part_and_says_where_there_is_no_data() -> None:
    card = card_of(FACTS)

    assert card.startswith(
        f"# sft_dataset of {DAY}\n\n32 rows over 8 visible states of 8 trajectories, experienced on "
    )
    heads = [line for line in card.splitlines() if line.startswith("## ")]
    assert heads == [
        *("## Splits", "## Slices", "## Examples", "## Removed", "## Contamination", "## Known limits", "## Lineage")
    ]
    assert "| ood_site | no data | no data | no data |" in section(card, "Splits")
    assert section(card, "Contamination") == "no data: no outside suite was installed to compare with."
    assert "- No row is in ood_site." in section(card, "Known limits")
    assert section(card, "Lineage").splitlines()[2:] == ["| profile | tiny |", "| seed | 3 |"]


def test_a_pages_text_cannot_pass_for_a_part_of_the_card() -> None:
    examples = section(card_of(FACTS), "Examples")

    assert "## Splits" in examples  # the page says so
    assert not [line for line in examples.splitlines() if line and not line.startswith(("    ", "`"))]


def test_a_card_tells_what_was_removed_and_which_suite_is_in_it() -> None:
    facts = CardFacts("sft_dataset", DAY, {"near_duplicates": 1200}, Contamination(9, {"agentdojo": 2}), {})

    card = card_of(facts)

    assert "| 1,200 | the same action on the same page reached another way" in section(card, "Removed")
    assert "| agentdojo | 2 |" in section(card, "Contamination")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A workspace with a day of annotated experience."""
    if request.param == "local":
        store = TableStore(str(tmp_path / "data"))
    else:
        store = TableStore(f"s3://{BUCKET}/{tmp_path.name}/data", request.getfixturevalue("s3"))
    for name, frame in TABLES._asdict().items():
        store.write(name, frame, day=DAY, partition="payroll", lineage={})
    store.write("annotations", ANNOTATIONS, day=DAY, partition="payroll", lineage={})
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db")
    return Workspace(StorageSettings(), store, registry, tiny())


@pytest.mark.parametrize("table", ["midtrain_dataset", "sft_dataset"])
def test_the_card_lies_beside_its_dataset_and_in_the_ui(table: str, workspace: Workspace) -> None:
    output: StageOutput = make_dataset(workspace, DAY, table)

    card = workspace.store.read_bytes(f"cards/{table}/{DAY}/card.md").decode()
    assert card.startswith(f"# {table} of {DAY}\n")
    assert f"| fingerprint | {fingerprints(tiny())[table]} |" in card
    assert shown(output)["card"].md_str == card
    assert shown(output)["card_file"].path == workspace.store.address_of(f"cards/{table}/{DAY}/card.md")
    assert shown(output)["removed_near_duplicates"].value == 0.0
    assert workspace.store.scan(SCHEMAS[table]).collect().height == output.rows


@pytest.mark.slow
def test_both_assets_are_made_with_their_checks(workspace: Workspace) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [midtrain_dataset, sft_dataset],
            instance=instance,
            resources={"workspace": workspace},
            partition_key=DAY,
        )

    assert done.success  # neither a missing suite nor a dataset of one site blocks what comes after
    evaluations = done.get_asset_check_evaluations()
    assert {evaluation.partition for evaluation in evaluations} == {DAY}
    found = {(e.asset_key.to_user_string(), e.check_name): e.passed for e in evaluations}
    has_suite = bool(installed_suites())
    assert found == {
        ("midtrain_dataset", "no_leakage"): True,
        ("midtrain_dataset", "no_contamination"): has_suite,
        ("midtrain_dataset", "no_slice_dominates"): False,  # all of it is payroll
        ("sft_dataset", "no_leakage"): True,
        ("sft_dataset", "no_contamination"): has_suite,
        ("sft_dataset", "no_slice_dominates"): False,
        ("sft_dataset", "splits_are_filled"): True,
        ("sft_dataset", "labels_are_balanced"): True,
    }
