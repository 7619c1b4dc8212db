"""Group datasets: one dataset a day over a rolling window of days, its splits a function of ids."""

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.experience import raw_trajectories, socratic_annotations
from wm_pipeline.defs.metadata import shown
from wm_pipeline.defs.partitions import days
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.workspace import Workspace

_LEAKAGE = "No visible state stands in two splits."
_FILLED = "Training, validation and test all hold rows."
_CLEAN = "No row that is learned from shares eight words in a row with an outside suite."
_SPREAD = "No site has more than 70 % of training rows, no attack family of attacked ones."


@dg.asset(
    partitions_def=days,
    group_name="datasets",
    kinds={"polars", "parquet"},
    deps=[raw_trajectories, socratic_annotations],
    check_specs=[
        checks.spec("midtrain_dataset", "no_leakage", _LEAKAGE, blocking=True),
        checks.spec("midtrain_dataset", "no_contamination", _CLEAN, blocking=True),
        checks.spec("midtrain_dataset", "no_slice_dominates", _SPREAD, blocking=False),
    ],
)
def midtrain_dataset(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """State, action and what came next: the dynamics of pages, before any judgement."""
    profile = workspace.profile
    output = make_dataset(
        workspace,
        profile,
        context.partition_key,
        "midtrain_dataset",
        fingerprint=fingerprints(profile)["midtrain_dataset"],
    )
    return dg.MaterializeResult(
        metadata=shown(output),
        check_results=[
            checks.no_leakage(output.numbers),
            checks.no_contamination(output.numbers),
            checks.no_slice_dominates(output.numbers),
        ],
    )


@dg.asset(
    partitions_def=days,
    group_name="datasets",
    kinds={"polars", "parquet"},
    deps=[raw_trajectories, socratic_annotations],
    check_specs=[
        checks.spec("sft_dataset", "no_leakage", _LEAKAGE, blocking=True),
        checks.spec("sft_dataset", "no_contamination", _CLEAN, blocking=True),
        checks.spec("sft_dataset", "no_slice_dominates", _SPREAD, blocking=False),
        checks.spec("sft_dataset", "splits_are_filled", _FILLED, blocking=True),
        checks.spec("sft_dataset", "labels_are_balanced", "Between 2 % and 70 % of rows are harmful.", blocking=True),
    ],
)
def sft_dataset(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """State, action and everything predict_outcome has to say about them, with split and curriculum weight."""
    profile = workspace.profile
    output = make_dataset(
        workspace,
        profile,
        context.partition_key,
        "sft_dataset",
        fingerprint=fingerprints(profile)["sft_dataset"],
    )
    return dg.MaterializeResult(
        metadata=shown(output),
        check_results=[
            checks.no_leakage(output.numbers),
            checks.no_contamination(output.numbers),
            checks.no_slice_dominates(output.numbers),
            checks.splits_are_filled(output.numbers),
            checks.labels_are_balanced(output.numbers),
        ],
    )
