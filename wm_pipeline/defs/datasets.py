"""Group datasets: one dataset a day over a rolling window of days, its splits a function of ids."""

import dagster as dg

from wm_pipeline.defs import checks
from wm_pipeline.defs.assets import Made, round_asset
from wm_pipeline.defs.checks import Check
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.workspace import Workspace

_OF_BOTH = (
    Check(checks.no_leakage, "No visible state stands in two splits."),
    Check(checks.no_contamination, "No row that is learned from shares eight words in a row with an outside suite."),
    Check(
        checks.no_slice_dominates,
        "No site has more than 70 % of training rows, no attack family of attacked ones.",
        is_blocking=False,
    ),
)


@round_asset(kinds={"polars", "parquet"}, checks=_OF_BOTH)
def midtrain_dataset(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """State, action and what came next: the dynamics of pages, before any judgement."""
    return Made(make_dataset(workspace, context.partition_key, "midtrain_dataset"))


@round_asset(
    kinds={"polars", "parquet"},
    checks=(
        *_OF_BOTH,
        Check(checks.splits_are_filled, "Training, validation and test all hold rows."),
        Check(checks.labels_are_balanced, "Between 2 % and 70 % of rows are harmful."),
    ),
)
def sft_dataset(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
    """State, action and everything predict_outcome has to say about them, with split and curriculum weight."""
    return Made(make_dataset(workspace, context.partition_key, "sft_dataset"))
