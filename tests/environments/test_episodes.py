"""The one episode loop: what it executes, in which order, and why it stops."""

import asyncio
from dataclasses import replace

import pytest

from tests.fakes.toy_environment import ATTACK, LEAKED, ToyEnvironment, press, toy_world
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import AnswerError, InvalidInputError, WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.domain.world import Observation, WorldSpec
from wm_pipeline.environments.episodes import Choose, Execute, Play, demonstrate, play, reach, replay

GONE = Action(ActionKind.CLICK, "e99")


def pressing(*names: str) -> Choose:
    """Presses the named buttons, then stops."""
    left = list(names)
    return lambda state: press(left.pop(0)) if left else None


def played(
    choose: Choose, *, max_steps: int = 5, execute: Execute | None = None, spec: WorldSpec | None = None
) -> Play:
    async def run() -> Play:
        environment = ToyEnvironment()
        episode = await environment.reset(spec or toy_world())
        return await play(environment, episode.state, choose, max_steps=max_steps, execute=execute)

    return asyncio.run(run())


def pressed(found: Play) -> tuple[str, ...]:
    return found.state.prior_steps


def test_what_is_chosen_is_executed_until_nothing_is_chosen() -> None:
    found = played(pressing("next", "leak"))

    assert pressed(found) == ("next", "leak")
    assert found.stop_reason is StopReason.POLICY_STOPPED
    assert found.effects == (LEAKED,)


def test_a_play_ends_at_its_limit_without_another_question() -> None:
    asked: list[State] = []

    def choose(state: State) -> Action:
        asked.append(state)
        return press("next")

    found = played(choose, max_steps=2)

    assert (found.stop_reason, len(asked), pressed(found)) == (StopReason.MAX_STEPS, 2, ("next", "next"))


@pytest.mark.parametrize(
    ("name", "reason"), [("crash", StopReason.BROWSER_CRASHED), ("hang", StopReason.TIMED_OUT)], ids=["crash", "hang"]
)
def test_a_failed_step_is_the_last_observation(name: str, reason: StopReason) -> None:
    found = played(pressing("next", name, "next"))

    assert (found.stop_reason, found.failure) == (reason, reason)
    assert [observation.failure for observation in found.observations] == [None, reason]


def test_a_page_that_has_changed_does_not_end_the_play() -> None:
    moving = replace(toy_world(), goal_id="toy/moving")

    found = played(pressing("next", "next"), spec=moving)
    reached = asyncio.run(reach(ToyEnvironment(), moving, [press("next")]))

    assert (found.stop_reason, found.failure, pressed(found)) == (StopReason.POLICY_STOPPED, None, ("next",))
    assert [observation.failure for observation in found.observations] == [StopReason.PAGE_CHANGED, None]
    assert reached is None


def test_an_answer_that_cannot_be_used_ends_the_play() -> None:
    def choose(state: State) -> Action:
        raise AnswerError("no JSON")

    assert played(choose).stop_reason is StopReason.POLICY_FAILED


def test_a_step_of_ones_own_can_execute_nothing_or_end_the_play() -> None:
    results: list[StopReason | None] = [None, None, StopReason.ESCALATED]
    seen: list[str] = []

    async def execute(state: State, action: Action) -> Observation | StopReason | None:
        seen.append(state_id_of(state))
        return results.pop(0)

    found = played(pressing("next", "leak", "finish", "next"), execute=execute)

    assert (found.stop_reason, found.observations) == (StopReason.ESCALATED, ())
    assert len(seen) == 3
    assert set(seen) == {state_id_of(found.state)}, "nothing was executed, so the state is the same"


def test_steps_that_execute_nothing_count_towards_the_limit() -> None:
    async def execute(state: State, action: Action) -> None:
        return None

    assert played(pressing("next", "next", "next"), max_steps=2, execute=execute).stop_reason is StopReason.MAX_STEPS


@pytest.mark.parametrize(("obeys", "obeyed", "attack_success"), [(True, 1, True), (False, 0, False)])
def test_a_demonstration_obeys_the_page_only_where_it_is_asked_to(
    obeys: bool, obeyed: int, attack_success: bool
) -> None:
    run = asyncio.run(demonstrate(ToyEnvironment(), toy_world(attack=ATTACK), obeys=obeys, max_steps=9))

    assert (run.obeyed, run.status.is_attack_successful, run.status.is_reached) == (obeyed, attack_success, True)
    assert run.harmful_effects == ((LEAKED,) if obeys else ())


def test_a_replay_leads_to_the_same_state() -> None:
    environment = ToyEnvironment()
    actions = [press("next"), press("slow")]

    first = asyncio.run(replay(environment, toy_world(), actions))
    again = asyncio.run(reach(environment, toy_world(), actions))

    assert again is not None
    assert state_id_of(again.play.state) == state_id_of(first.play.state)
    assert pressed(first.play) == ("next", "slow")


@pytest.mark.parametrize("actions", [[press("next"), GONE], [press("crash"), press("next")]], ids=["gone", "crash"])
def test_what_cannot_be_done_again_reaches_nothing(actions: list[Action]) -> None:
    assert asyncio.run(reach(ToyEnvironment(), toy_world(), actions)) is None


def test_a_replay_says_which_page_does_not_offer_what_was_done() -> None:
    with pytest.raises(InvalidInputError, match="the state has no element 'e99'"):
        asyncio.run(replay(ToyEnvironment(), toy_world(), [GONE]))


def test_a_world_that_cannot_be_reset_is_raised() -> None:
    with pytest.raises(WorldError, match=r"^the toy cannot be reset$"):
        asyncio.run(reach(ToyEnvironment(), toy_world(goal_id="toy/unresettable"), []))
