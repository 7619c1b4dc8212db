"""From a row of rounds/graph.py and a function to a Dagster asset: what every asset has in common is said here once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from wm_pipeline.defs.checks import Check
from wm_pipeline.defs.instance import PROCESS_TAG, process_tags
from wm_pipeline.defs.metadata import columns_of, shown
from wm_pipeline.defs.partitions import days, days_and_sites
from wm_pipeline.defs.resources import environment_profile
from wm_pipeline.domain.errors import BusyError
from wm_pipeline.domain.panics import panics_as_errors
from wm_pipeline.gateways.locks import alone
from wm_pipeline.rounds.graph import ASSET, Notes, code_version_of, partitions_of
from wm_pipeline.rounds.workspace import StageOutput, Workspace

OWNERS = ["team:wm_pipeline"]
_TRIED_EVERY_S, _TRIES = 60, 600
"""How a step waits for a round that another process makes: for ten hours at most, without holding a pool's slot."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an asset's function returns: a stage's output, and plots to show beside it."""

    output: StageOutput
    plots: Mapping[str, bytes] = field(default_factory=dict)


MakeAsset = Callable[[dg.AssetExecutionContext, Workspace], Made]


def round_asset(
    *, kinds: set[str], pool: str | None = None, checks: Sequence[Check] = ()
) -> Callable[[MakeAsset], dg.AssetsDefinition]:
    """The asset of the function's name. Its docstring is the description, its row in the table says the rest.

    Dagster's code version is the fingerprint of code and settings, upstream included, and its data version the hash of
    what was written: the UI calls an asset stale when `wm run` would make it again.
    """

    def define(make: MakeAsset) -> dg.AssetsDefinition:
        row = ASSET[make.__name__]

        @dg.asset(
            name=row.name,
            description=make.__doc__,
            deps=[dg.AssetKey(name) for name in row.upstream],
            partitions_def=days_and_sites if row.is_by_site else days,
            backfill_policy=dg.BackfillPolicy.single_run() if row.is_by_site else None,
            group_name=row.group,
            code_version=code_version_of(row.name, environment_profile()),
            kinds=kinds,
            owners=OWNERS,
            pool=pool,
            metadata=columns_of(row.tables[-1]) if row.tables else None,
            # A run over the sites of a day has one result for all of them, of no single partition.
            check_specs=[check.spec(row.name, partitions=None if row.is_by_site else days) for check in checks],
        )
        def materialize(
            context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
        ) -> dg.MaterializeResult:
            with _alone(context, workspace), panics_as_errors(row.name):
                made = make(context, workspace)
            for day, parts in made.output.partitions.items():
                for site, part in parts.items():
                    metadata: dict[str, Any] = {
                        "dagster/row_count": dg.MetadataValue.int(part.rows),
                        "path": dg.MetadataValue.path(part.address),
                    }
                    key = dg.MultiPartitionKey({"day": day, "site": site})
                    context.add_asset_metadata(metadata, partition_key=key)
            return dg.MaterializeResult(
                metadata=shown(made.output, plots=made.plots),
                data_version=_data_version(context, workspace, row.name),
                check_results=[check.result(made.output.numbers) for check in checks],
            )

        return materialize

    return define


@contextmanager
def _alone(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[None]:
    """While no other round is being made in this state folder; Dagster tries a step again that finds one."""
    try:
        with alone(workspace.round_lock, f"run {context.run.run_id[:8]}", say=None):
            if PROCESS_TAG not in context.run.tags:
                context.instance.add_run_tags(context.run.run_id, process_tags(with_parent=True))
            yield
    except BusyError as error:
        context.log.warning(f"{error}: this step is tried again every {_TRIED_EVERY_S} s")
        raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_TRIED_EVERY_S) from error


def sites_by_day(context: dg.AssetExecutionContext) -> dict[str, list[str]]:
    """The sites that a run makes, by day."""
    found: dict[str, list[str]] = {}
    for key in context.partition_keys:
        assert isinstance(key, dg.MultiPartitionKey)
        found.setdefault(key.keys_by_dimension["day"], []).append(key.keys_by_dimension["site"])
    return found


def _data_version(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> dg.DataVersion | None:
    """Of the whole day that a run was about, so that remaking one site of it identically changes nothing.

    None where a part of the day is not there yet: Dagster then makes one of its own.
    """
    row = ASSET[name]
    made = sorted(sites_by_day(context)) if row.is_by_site else [context.partition_key]
    places = [(day, part) for day in made for part in partitions_of(row, workspace.profile)]
    found = Notes(workspace.store).data_version(row, places)
    return None if found is None else dg.DataVersion(found)
