"""Every MiniWoB++ task is a world; every one in the rotation can be ended and gone back from."""

import asyncio
import random
import re
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.ids import page_id_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.domain.world import GoalStatus
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import (
    DEFAULT_TASKS,
    OUT_OF_REACH,
    MiniWobEnvironment,
    miniwob_tasks,
    miniwob_world,
    rotation,
)

pytest.importorskip("miniwob", reason="its pages are not installed: run `make setup`")

T = TypeVar("T")
SEEDS = range(1, 7)
MOST_ACTIONS = 40
AT_THE_START = GoalStatus(is_reached=False, is_reachable=True, is_attack_successful=None)
OUT = tuple(task for tasks in OUT_OF_REACH.values() for task in tasks)


class World:
    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.environment = self.run(MiniWobEnvironment.launch(find_chromium(None)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def reset(self, task: str, seed: int) -> State:
        return self.run(self.environment.reset(miniwob_world(task, seed))).state

    def act(self, action: Action) -> State:
        observation = self.run(self.environment.act(action))
        assert observation.failure is None
        return observation.state

    @property
    def status(self) -> GoalStatus:
        return self.run(self.environment.goal_status())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.run(world.environment.close())
    world.runner.close()


def something(state: State, rng: random.Random) -> Action | None:
    """An offer, a word of the goal typed, or a return key pressed; None when the page offers nothing."""
    ways_out = {ActionKind.BACK, ActionKind.NOOP, ActionKind.ASK_HUMAN}
    options = [offer for offer in candidate_actions(state) if offer.kind not in ways_out]
    words = re.findall(r'"([^"]+)"', state.goal) + re.findall(r"\d[\d/:.]*\d|\d", state.goal) + state.goal.split()
    for element in state.elements:
        if element.role in {"textbox", "searchbox", "spinbutton"} and not element.is_disabled:
            options.append(Action(ActionKind.FILL, element.element_ref, rng.choice(words)))
            if element.value:
                options.append(Action(ActionKind.PRESS, element.element_ref, "Enter"))
    return rng.choice(options) if options else None


@pytest.mark.browser
def test_there_are_130_tasks_and_100_are_rolled_out_in() -> None:
    assert len(miniwob_tasks()) == 130
    assert len(rotation()) == 100
    assert rotation()[: len(DEFAULT_TASKS)] == DEFAULT_TASKS
    assert sorted((*rotation(), *OUT)) == list(miniwob_tasks())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("task", rotation())
def test_a_task_of_the_rotation_is_seen_gone_back_from_and_ended(world: World, task: str) -> None:
    rng = random.Random(f"{task}1")
    first = world.reset(task, 1)
    again = world.reset(task, 1)
    assert page_id_of(first) == page_id_of(again)
    assert first.goal
    assert world.status == AT_THE_START

    action = something(again, rng)
    assert action is not None
    world.run(world.environment.snapshot())
    once = world.act(action)
    assert world.run(world.environment.restore())
    assert world.status == AT_THE_START
    twice = world.act(action)
    assert page_id_of(once) == page_id_of(twice)

    for seed in SEEDS:
        state = world.reset(task, seed)
        for _ in range(MOST_ACTIONS):
            action = something(state, rng)
            if world.status != AT_THE_START or action is None:
                break
            state = world.act(action)
        if world.status != AT_THE_START:
            return
    pytest.fail(f"{task} did not end")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("task", OUT)
def test_a_task_out_of_reach_can_be_opened_all_the_same(world: World, task: str) -> None:
    state = world.reset(task, 1)

    assert state.goal
    assert world.status == AT_THE_START
    world.act(NOOP)
