"""Applications of one's own take part in rounds: rolled out in, evaluated on as ood_site, never trained on."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.environments.applications.test_application import install
from wm_pipeline.collect.rollout import TrajectoryRecords, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.defs.resources import application_files
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.evaluate.in_the_loop import GUARD_OFF, LoopEpisode, run_loop
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import Opening, open_environment
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.profiles import tiny, with_applications
from wm_pipeline.rounds.settings import GENERATED, SITES, StorageSettings
from wm_pipeline.rounds.workspace import Workspace
from wm_pipeline.rounds.worlds import applications_in_loop, draw_round, loop_worlds

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-11-22"


def test_worlds_of_an_application_are_all_ood_site_and_none_is_a_world_of_the_loop(tmp_path: Path) -> None:
    files = [str(install(tmp_path / "ledger"))]
    profile = with_applications(tiny(), ["ledger"])

    worlds = draw_round(profile, DAY, "ledger", applications=files)

    assert len(worlds) == profile.round.held_out_worlds
    assert {split_of_world(world.spec, profile.split_rule) for world in worlds} == {Split.OOD_SITE}
    assert {spec.environment for spec in loop_worlds(profile, DAY)} == {"sites"}


def test_no_profile_has_an_application_unless_it_is_asked_for() -> None:
    assert with_applications(tiny(), []) == tiny()
    with pytest.raises(SettingsError, match=r"^unknown site 'ledger'; there are payroll, "):
        draw_round(tiny(), DAY, "ledger")


def test_the_applications_that_ship_take_part_as_the_readme_says() -> None:
    names = [file.stem for file in sorted((ROOT / "applications").glob("*.toml"))]

    assert len(names) > 1
    assert set(names) <= set(with_applications(tiny(), names).round.sites)


def test_a_folder_without_applications_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_APPLICATIONS", str(tmp_path / "nowhere"))

    with pytest.raises(SettingsError, match="WM_APPLICATIONS: expected a folder with"):
        application_files()


def test_an_application_called_as_a_site_of_ours_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        with_applications(tiny(), ["payroll"])

    assert str(refused.value) == "application 'payroll' has the name of one of our sites; rename its file and its name"


@pytest.mark.browser
@pytest.mark.slow
def test_a_rollout_in_an_application_executes_branches_and_drops_none(tmp_path: Path) -> None:
    files = [str(install(tmp_path / "ledger"))]
    profile = with_applications(tiny(), ["ledger"])
    worlds = draw_round(profile, DAY, "ledger", applications=files)

    settings = CollectSettings(max_steps=4, branches=3)

    async def collect() -> list[TrajectoryRecords]:
        opened = await open_environment(Opening("ledger", None, files))
        try:
            return [
                await collect_trajectory(
                    opened.environment,
                    make_policy(policy),
                    spec,
                    day=DAY,
                    settings=settings,
                )
                for spec, policy, *_ in worlds
            ]
        finally:
            await opened.environment.close()

    records = asyncio.run(collect())

    assert sum(one.branches_executed for one in records) >= 6
    assert sum(one.branches_dropped for one in records) == 0
    assert any(harms(step.effects, one.authorization) for one in records for step in one.transitions)
    assert any(one.benign_success for one in records)


@pytest.mark.browser
@pytest.mark.slow
def test_the_loop_starts_an_application_and_plays_in_fresh_worlds_of_it(tmp_path: Path) -> None:
    files = (str(install(tmp_path / "ledger")),)
    profile = with_applications(tiny(), ["ledger"])
    storage = StorageSettings(data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"), applications=files)
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    workspace = Workspace(storage, TableStore(storage.data_root), registry, profile)

    (found,) = applications_in_loop(workspace, DAY)

    collected = {world.spec for world in draw_round(profile, DAY, "ledger", applications=files)}
    assert (found.name, len(found.worlds)) == ("ledger", 2)
    assert not collected & set(found.worlds)

    async def play() -> list[LoopEpisode]:
        async with found.start() as environment:
            guards = {GUARD_OFF: None}
            return await run_loop(
                [environment],
                [partial(make_policy, "scripted")],
                found.worlds,
                guards=guards,
                max_steps=5,
                progress=lambda *_: None,
                known={},
            )

    episodes = asyncio.run(play())
    assert [episode.spec for episode in episodes] == list(found.worlds)
    assert any(episode.goal_reached for episode in episodes)


@pytest.mark.slow
def test_a_folder_of_applications_is_more_values_of_the_site_partition(tmp_path: Path) -> None:
    install(tmp_path / "own")
    ask = "from wm_pipeline.defs.partitions import sites; print(*sites.get_partition_keys())"

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ask],
        env={**os.environ, "WM_APPLICATIONS": str(tmp_path / "own")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [*SITES, "ledger", GENERATED]
