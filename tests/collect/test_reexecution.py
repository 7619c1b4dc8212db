"""What a stored branch says an action led to is what the action leads to when the world is made and played again.

The third step of the causal ladder asks which of a state's executed actions does what: its truth is these rows.
"""

from collections.abc import Iterator

import pytest

from tests.fakes.site_world import BrowserSites
from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.policies.named import make_policy

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DAY = "2030-01-15"


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


def main_steps(records: TrajectoryRecords) -> list[TransitionRecord]:
    return [one for one in records.transitions if one.branch_index == 0]


def again(sites: BrowserSites, records: TrajectoryRecords, stored: TransitionRecord) -> None:
    """Make the world anew, go the way to the state, act, and compare."""
    episode = sites.reset(records.spec)
    state_id = episode.state_id
    for step in main_steps(records)[: stored.step_index]:
        state_id = sites.act(step.action).state_id
    assert state_id == stored.state_id

    found = sites.act(stored.action)

    name = f"{records.spec.goal_id} step {stored.step_index} branch {stored.branch_index}"
    assert found.failure == stored.failure, name
    assert found.effects == stored.effects, name
    assert found.delta.database == stored.delta.database, name
    assert found.state_id == stored.next_state_id, name


@pytest.mark.parametrize("site", ["payroll", "webmail", "ops"])
def test_executed_branches_do_the_same_when_executed_again(site: str, sites: BrowserSites) -> None:
    specs = draw_worlds(site=site, day=DAY, count=40, seed=11)
    attacked = next(spec for spec in specs if spec.attack is not None)
    benign = next(spec for spec in specs if spec.attack is None)
    settings = CollectSettings(branches=4, noop_share=0.0, max_steps=3)
    checked: list[TransitionRecord] = []

    for spec, policy in ((attacked, "gullible"), (benign, "scripted")):
        records = sites.run(
            collect_trajectory(sites.environment, make_policy(policy), spec, day=DAY, settings=settings)
        )
        for stored in records.transitions:
            again(sites, records, stored)
            checked.append(stored)

    assert len([one for one in checked if one.branch_index > 0]) >= 8
    assert any(one.effects for one in checked)
