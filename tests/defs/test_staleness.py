"""Dagster's own staleness, asked over GraphQL as its UI does, says what `wm run --dry-run` says."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.builders import payment_state
from tests.builders_experience import Done, Visit, annotate, experience, trajectory, world
from tests.builders_rounds import write_folder
from wm_pipeline.datasets.questions import QuestionFrames
from wm_pipeline.domain.action import NOOP
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.graph import ASSET, ROUND_ASSETS, stale_assets
from wm_pipeline.rounds.profiles import PROFILES
from wm_pipeline.rounds.questions import write_questions
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import PartitionOutput, StageOutput, Workspace, lineage_of

BETA = "Parameter `(backfill_policy|pool|partitions_def)` of function"
"""As in test_definitions.py: Dagster announces at import which of its parameters may still change."""

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=BETA)
    from wm_pipeline.defs.assets import Made, round_asset, sites_by_day
    from wm_pipeline.defs.automation import range_tags
    from wm_pipeline.defs.resources import environment_profile

DAY = "2026-11-22"
SITES = environment_profile().round.partitions
CHANGE = """
    made = profile()
    return replace(made, sft=replace(made.sft, learning_rate=made.sft.learning_rate / 2))
"""
"""What somebody edits in a profile."""
LOCATION = f"""
from dataclasses import replace
from wm_pipeline.rounds import profiles

def changed(profile=profiles.PROFILES["laptop"]):
{CHANGE}
profiles.PROFILES["laptop"] = changed
from wm_pipeline.definitions import defs
"""
QUERY = """
query($keys: [AssetKeyInput!]!, $partition: String!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    staleStatus(partition: $partition)
    staleCauses(partition: $partition) { key { path } category }
    assetMaterializations(partitions: [$partition], limit: 1) {
      metadataEntries { label ... on IntMetadataEntry { intValue } ... on PathMetadataEntry { path } }
    }
  }
}
"""

pytestmark = pytest.mark.slow


# --- a round whose stages cost nothing --------------------------------------------------------------------------------


def _by_site(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Made:
    """The asset's tables: as many rows of a site as its place among the sites says."""
    parts: dict[str, PartitionOutput] = {}
    for site in sites_by_day(context)[DAY]:
        places = range(SITES.index(site) + 1)
        visits = [Visit(payment_state(title=f"{site} {place}"), [Done(NOOP)]) for place in places]
        tables = experience(*(trajectory(world(at, site=site), [one], day=DAY) for at, one in enumerate(visits)))
        frames = {**tables._asdict(), "annotations": annotate(tables)}
        lineage = lineage_of(workspace, name, DAY, partition=site)
        if name == "questions":
            address = write_questions(workspace, DAY, site, QuestionFrames(tables.state_texts, tables.questions))
        for table in ASSET[name].tables if name != "questions" else ():
            address = workspace.store.write(table, frames[table], day=DAY, partition=site, lineage=lineage)
        parts[site] = PartitionOutput(address, len(places))
    return Made(StageOutput(address, len(parts), {}, partitions={DAY: parts}))


def _folder(workspace: Workspace, name: str) -> Made:
    write_folder(workspace, name, DAY)
    return Made(StageOutput(workspace.store.address_of(ASSET[name].folder(DAY)), 0, {}))


def toy(name: str) -> dg.AssetsDefinition:
    def make(context: dg.AssetExecutionContext, workspace: Workspace) -> Made:
        if ASSET[name].is_by_site:
            return _by_site(context, workspace, name)
        return _folder(workspace, name) if ASSET[name].root else Made(make_dataset(workspace, DAY, name))

    make.__name__ = name
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=BETA)
        return round_asset(kinds={"polars"})(make)


TOYS = {name: toy(name) for name in ROUND_ASSETS}


class Round:
    """What a deployment has: a store, and Dagster's memory of what was made."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        storage = StorageSettings(data_root=str(folder / "data"), work_folder=str(folder / "work"))
        store, registry = TableStore(storage.data_root), ModelRegistry(f"sqlite:///{folder}/mlflow.db")
        self.instance, self.folder = instance, folder
        self.workspace = Workspace(storage, store, registry, environment_profile())

    def make(self, *names: str) -> None:
        by_site = [TOYS[name] for name in names if ASSET[name].is_by_site]
        by_day = [TOYS[name] for name in names if not ASSET[name].is_by_site]
        with_workspace: dict[str, Any] = {"instance": self.instance, "resources": {"workspace": self.workspace}}
        if by_site:
            dg.materialize(by_site, tags=range_tags(DAY, SITES), **with_workspace)
        if by_day:
            dg.materialize(by_day, partition_key=DAY, **with_workspace)

    def asked(self, partition: str, *, location: str = "from wm_pipeline.definitions import defs\n") -> dict[str, Any]:
        """Every asset of the code location as the UI has it, by its name."""
        file = self.folder / "location.py"
        file.write_text(location)
        is_site = "|" in partition
        names = [name for name in ROUND_ASSETS if ASSET[name].is_by_site is is_site]
        from dagster_graphql.test.utils import define_out_of_process_context, execute_dagster_graphql

        with define_out_of_process_context(str(file), None, self.instance) as context:
            found = execute_dagster_graphql(
                context, QUERY, {"keys": [{"path": [name]} for name in names], "partition": partition}
            )
        return {node["assetKey"]["path"][0]: node for node in found.data["assetNodes"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    folder = tmp_path_factory.mktemp("staleness")
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        made = Round(instance, folder)
        made.make(*ROUND_ASSETS)
        yield made


# --- what the UI says -------------------------------------------------------------------------------------------------


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {name: node["staleStatus"] for name, node in found.items()}


def test_after_a_round_everything_is_fresh(finished: Round) -> None:
    assert stale_assets(finished.workspace.store, finished.workspace.profile, DAY) == {}
    assert set(statuses(finished.asked(DAY)).values()) == {"FRESH"}
    assert set(statuses(finished.asked(f"{DAY}|payroll")).values()) == {"FRESH"}


def test_a_changed_setting_makes_stale_what_a_round_would_make(finished: Round) -> None:
    scope: dict[str, Any] = {}
    exec(f"from dataclasses import replace\ndef changed(profile):\n{CHANGE}", scope)
    profile = scope["changed"](PROFILES["laptop"])
    wanted = stale_assets(finished.workspace.store, profile, DAY)

    found = finished.asked(DAY, location=LOCATION)

    assert next(iter(wanted)) == "sft_checkpoint"
    assert {name for name, status in statuses(found).items() if status == "STALE"} == set(wanted)
    causes = {(cause["key"]["path"][0], cause["category"]) for cause in found["sft_checkpoint"]["staleCauses"]}
    assert causes == {("sft_checkpoint", "CODE")}


@pytest.mark.parametrize("name", ["socratic_annotations", "midtrain_dataset", "midtrain_checkpoint"])
def test_what_is_made_again_to_the_same_content_leaves_the_rest_fresh(finished: Round, name: str) -> None:
    finished.make(name)

    assert set(statuses(finished.asked(DAY)).values()) == {"FRESH"}


@pytest.mark.parametrize("site", [SITES[0], SITES[2]])
def test_a_partition_shows_its_own_rows_and_path(finished: Round, site: str) -> None:
    found = finished.asked(f"{DAY}|{site}")

    for name, node in found.items():
        entries = {entry["label"]: entry for entry in node["assetMaterializations"][0]["metadataEntries"]}
        assert entries["dagster/row_count"]["intValue"] == SITES.index(site) + 1, name
        assert entries["path"]["path"].endswith(f"/round_day={DAY}/{site}.parquet"), name
