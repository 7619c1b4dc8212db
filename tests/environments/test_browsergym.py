"""BrowserGym's tasks are worlds as ours are: reset, acted in, gone back from, and written to our tables.

They run when `make browsergym` has installed it.
"""

import asyncio
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from wm_pipeline.collect.run import CollectPlan, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, OpenEnvironment
from wm_pipeline.domain.action import NOOP, Action, FieldValue
from wm_pipeline.domain.errors import InvalidInputError, ServiceError, WorldError
from wm_pipeline.domain.state import Element, Form, FormField, State
from wm_pipeline.domain.tables import TrajectorySchema, TransitionSchema
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.domain.world import GoalStatus
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.browsergym import (
    PYTHON,
    VERSION,
    BrowserGymEnvironment,
    browsergym_world,
    code_of,
    open_browsergym,
)
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.exchange import export_trajectories, import_trajectories
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

TASKS = ("click-button", "click-checkboxes", "enter-text", "login-user", "choose-list")
T = TypeVar("T")

installed = pytest.mark.skipif(not PYTHON.is_file(), reason="BrowserGym is not installed: run `make browsergym`")


class Gym:
    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.environment: BrowserGymEnvironment = self.run(open_browsergym(find_chromium(None)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def reset(self, task: str, seed: int = 1) -> State:
        return self.run(self.environment.reset(browsergym_world(f"browsergym/miniwob.{task}", seed))).state

    def act(self, action: Action) -> Any:
        return self.run(self.environment.act(action))


@pytest.fixture(scope="module")
def gym() -> Iterator[Gym]:
    gym = Gym()
    yield gym
    gym.run(gym.environment.close())
    gym.runner.close()


async def open_gym() -> OpenEnvironment:
    environment = await open_browsergym(find_chromium(None))
    return OpenEnvironment(environment, f"browsergym-{VERSION}", environment.browser_version)


def named(state: State, name: str) -> Element:
    return next(element for element in state.elements if element.name == name)


def first_input(state: State) -> Action | None:
    """Something typed, checked or chosen in the first control that takes it."""
    for one in state.elements:
        match one.role:
            case "textbox":
                return Action(ActionKind.FILL, one.element_ref, "abc")
            case "checkbox":
                return Action(ActionKind.CHECK, one.element_ref)
            case "combobox":
                return Action(ActionKind.SELECT, one.element_ref, one.options[-1])
    return None


@installed
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_step_is_gone_back_from_and_done_again_with_the_same_result(gym: Gym, task: str) -> None:
    state = gym.reset(task)
    action = first_input(state) or NOOP
    gym.run(gym.environment.snapshot())

    once = gym.act(action)
    is_same = gym.run(gym.environment.restore())
    twice = gym.act(action)

    assert is_same
    assert once.failure is None
    assert once.state == twice.state
    assert (once.delta.dom_added != ()) is (action is not NOOP)
    assert gym.run(gym.environment.goal_status()) == GoalStatus(False, True, None)


@installed
@pytest.mark.browser
@pytest.mark.slow
def test_the_goals_button_is_rewarded_and_another_is_not(gym: Gym) -> None:
    state = gym.reset("click-button", seed=3)
    wanted = state.goal.partition('"')[2].rpartition('"')[0]

    right = gym.act(Action(ActionKind.CLICK, named(state, wanted).element_ref))
    after_right = gym.run(gym.environment.goal_status())
    state = gym.reset("click-button", seed=3)
    other = next(one for one in state.elements if one.role == "button" and one.name != wanted)
    gym.act(Action(ActionKind.CLICK, other.element_ref))
    after_wrong = gym.run(gym.environment.goal_status())

    assert right.failure is None
    assert after_right == GoalStatus(True, True, None)
    assert after_wrong == GoalStatus(False, False, None)


@installed
@pytest.mark.browser
@pytest.mark.slow
def test_an_unknown_task_is_refused(gym: Gym) -> None:
    with pytest.raises(WorldError) as refused:
        gym.reset("no-such-task")

    assert str(refused.value) == (
        "BrowserGym has no task 'browsergym/miniwob.no-such-task' (imported: browsergym.miniwob)"
    )


@installed
@pytest.mark.browser
@pytest.mark.slow
def test_a_process_that_is_killed_is_data_and_the_next_world_works(gym: Gym) -> None:
    gym.reset("click-button")
    process = gym.environment._process
    assert process is not None

    gym.run(process.kill())
    step = gym.act(NOOP)

    assert step.failure is StopReason.BROWSER_CRASHED
    assert gym.reset("click-button").goal.startswith("Click on the")


@installed
@pytest.mark.browser
@pytest.mark.slow
def test_its_tasks_are_rolled_out_into_our_tables_and_come_out_as_lines(tmp_path: Path) -> None:
    storage = StorageSettings(data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"))
    store = TableStore(storage.data_root)
    workspace = Workspace(storage, store, ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db"), tiny())
    worlds = tuple(Assignment(browsergym_world(f"browsergym/miniwob.{task}", 1), "explorer") for task in TASKS)

    plan = CollectPlan("2030-01-15", "browsergym", worlds, CollectSettings(max_steps=2, branches=1, noop_share=0.0))
    report = collect_partitions(
        [plan],
        make_environment=open_gym,
        make_policy=make_policy,
        pool=ProcessPool(1),
        parts=TableStore(str(tmp_path)),
        store=store,
        lineage={},
    )[0]
    lines = export_trajectories(workspace, day="2030-01-15", site="browsergym")
    (tmp_path / "gym.jsonl").write_text("\n".join(lines))
    imported = import_trajectories(workspace, [tmp_path / "gym.jsonl"], day="2030-01-15", site="gym")

    transitions = store.read(TransitionSchema, sites=["browsergym"])
    assert (report.trajectories, report.failed, report.branches_dropped) == (5, (), 0)
    assert transitions.filter(transitions["branch_index"] > 0).height == report.branches_executed > 0
    versions = store.read(TrajectorySchema, sites=["browsergym"])["environment_version"]
    assert versions.unique().to_list() == [f"browsergym-{VERSION}"]
    own = transitions.filter((transitions["branch_index"] == 0) & transitions["failure"].is_null())
    assert (imported.trajectories, imported.transitions) == (own["trajectory_id"].n_unique(), own.height)
    assert imported.annotations == 0  # BrowserGym sees no rows, so nothing is called safe


@pytest.mark.browser
def test_what_is_not_installed_is_said_so(tmp_path: Path) -> None:
    async def start() -> None:
        await open_browsergym(find_chromium(None), python=tmp_path / "python")

    with pytest.raises(ServiceError) as refused:
        asyncio.run(start())

    assert str(refused.value) == (
        f"BrowserGym's interpreter {str(tmp_path / 'python')!r} is not there; run `make browsergym`"
    )


STATE = State(
    url="http://miniwob.localhost/",
    title="",
    goal="",
    elements=(Element("e1", "textbox", "Name"), Element("e2", "button", "Send"), Element("e3", "generic", "")),
    forms=(
        Form(
            "f1",
            "Send",
            "POST",
            "http://miniwob.localhost/",
            fields=(FormField("name", "Name", "text", "", "e1"),),
            submit_ref="e2",
        ),
    ),
)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Action(ActionKind.CLICK, "e2"), "click('13')"),
        (Action(ActionKind.FILL, "e1", 'it\'s "so"'), "fill('12', 'it\\'s \"so\"')"),
        (Action(ActionKind.PRESS, "e1", "Enter"), "press('12', 'Enter')"),
        (Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("name", "Bo"),)), "fill('12', 'Bo')\nclick('13')"),
        (Action(ActionKind.BACK), "go_back()"),
        (NOOP, "noop(0)"),
    ],
    ids=["click", "fill", "press", "submit", "back", "noop"],
)
def test_an_action_is_said_in_its_words(action: Action, code: str) -> None:
    assert code_of(STATE, action, ("12", "13", None)) == code


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Action(ActionKind.CLICK, "e3"), "action.target_ref: BrowserGym has no name for 'e3'"),
        (Action(ActionKind.RUN_SCRIPT, value="1"), "action.kind: BrowserGym has no run_script"),
    ],
    ids=["unnamed", "script"],
)
def test_what_it_has_no_words_for_is_refused(action: Action, message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        code_of(STATE, action, ("12", "13", None))

    assert str(refused.value) == message


@installed
@pytest.mark.browser
@pytest.mark.slow
def test_the_documented_example_fills_the_tables(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "collect_browsergym.py"

    done = subprocess.run([sys.executable, str(example), str(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "trajectories=5" in done.stdout
    assert TableStore(str(tmp_path)).read(TransitionSchema, sites=["browsergym"]).height > 5
