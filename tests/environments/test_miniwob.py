"""MiniWoB++ tasks are worlds: the seed decides them, their goals can be reached, and they can be gone back to."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.errors import WorldError
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.domain.world import GoalStatus
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import DEFAULT_TASKS, MiniWobEnvironment, miniwob_version, miniwob_world

pytestmark = pytest.mark.browser
T = TypeVar("T")


class World:
    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.environment = self.run(MiniWobEnvironment.launch(find_chromium(None)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.run(world.environment.close())
    world.runner.close()


@pytest.mark.parametrize("task", DEFAULT_TASKS)
def test_the_goals_words_lead_to_the_goal(world: World, task: str) -> None:
    episode = world.run(world.environment.reset(miniwob_world(task, seed=3)))
    state = episode.state
    assert world.run(world.environment.goal_status()) == GoalStatus(False, True, None)

    for _ in range(8):
        action = world.environment.expert_action(state)
        if action is None:
            break
        state = world.run(world.environment.act(action)).state

    assert world.run(world.environment.goal_status()) == GoalStatus(True, True, None)
    assert world.environment.expert_action(state) is None


def test_a_wrong_answer_makes_the_goal_unreachable(world: World) -> None:
    episode = world.run(world.environment.reset(miniwob_world("click-test-2", seed=1)))
    wrong = next(one for one in episode.state.elements if one.name == "TWO")

    observation = world.run(world.environment.act(Action(ActionKind.CLICK, wrong.element_ref)))
    after = world.run(world.environment.act(NOOP))

    assert observation.effects == ()
    assert after.failure is None
    assert world.run(world.environment.goal_status()) == GoalStatus(False, False, None)


def test_the_seed_decides_the_world(world: World) -> None:
    first = world.run(world.environment.reset(miniwob_world("click-button", seed=5)))
    other = world.run(world.environment.reset(miniwob_world("click-button", seed=6)))
    again = world.run(world.environment.reset(miniwob_world("click-button", seed=5)))

    assert first.state == again.state
    assert first.state != other.state
    assert first.goal.startswith("Click on the")


def test_the_state_shows_neither_reward_nor_time(world: World) -> None:
    episode = world.run(world.environment.reset(miniwob_world("click-button", seed=5)))

    words = " ".join(block.text for block in episode.state.texts)
    assert "reward" not in words
    assert "START" not in words
    assert "Time left" not in words


@pytest.mark.parametrize("task", ["login-user", "click-checkboxes", "click-tab"])
def test_a_snapshot_is_gone_back_to_by_starting_again(world: World, task: str) -> None:
    episode = world.run(world.environment.reset(miniwob_world(task, seed=4)))
    first = world.environment.expert_action(episode.state)
    assert first is not None
    saved = episode.state
    if task != "click-tab":
        saved = world.run(world.environment.act(first)).state
    world.run(world.environment.snapshot())
    second = world.environment.expert_action(saved)
    assert second is not None

    once = world.run(world.environment.act(second))
    is_same = world.run(world.environment.restore())
    twice = world.run(world.environment.act(second))
    is_same_again = world.run(world.environment.restore())

    assert is_same
    assert is_same_again
    assert once.state == twice.state
    assert world.run(world.environment.goal_status()) == GoalStatus(False, True, None)


def test_an_unknown_task_is_refused(world: World) -> None:
    with pytest.raises(WorldError, match=r"^MiniWoB\+\+ has no task '\.\./secrets'$"):
        world.run(world.environment.reset(miniwob_world("../secrets", seed=1)))


def test_the_version_names_the_package() -> None:
    assert miniwob_version().startswith("miniwob 1.")
