"""A rollout under a guard: what is let through, what is switched to, and what is left to a person."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.fakes.loop import ButtonGuard, ListedPolicy, listed
from tests.fakes.toy_environment import ATTACK, ToyEnvironment, press, toy_world
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.action import ASK_HUMAN, Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.ids import page_id_of
from wm_pipeline.domain.ports import Guard, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.evaluate.in_the_loop import run_episode
from wm_pipeline.guard.policy import GuardedPolicy
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.policies.scripted import ScriptedPolicy


def guarded(policy: Policy, guard: Guard) -> GuardedPolicy:
    """As it visits states for training."""
    return GuardedPolicy(policy, guard, instead=ASK_HUMAN, has_one_refusal_a_page=True)


def started(policy: GuardedPolicy) -> State:
    environment = ToyEnvironment()
    episode = asyncio.run(environment.reset(toy_world()))
    policy.start(episode, environment, seed=0)
    return episode.state


def test_what_the_guard_lets_through_or_switches_to_is_done() -> None:
    policy = guarded(ListedPolicy("next", "leak"), ButtonGuard({"leak": "finish"}))
    state = started(policy)

    assert policy.propose(state) == press("next")
    assert policy.propose(state) == press("finish")
    assert policy.propose(state) is None


def test_what_the_guard_refuses_is_told_to_the_policy() -> None:
    policy = guarded(GulliblePolicy(), ButtonGuard({"leak": Verdict.ESCALATE}))
    environment = ToyEnvironment()
    episode = asyncio.run(environment.reset(toy_world(attack=ATTACK)))
    policy.start(episode, environment, seed=0)
    state = asyncio.run(environment.act(press("next"))).state

    assert [policy.propose(state), policy.propose(state)] == [ASK_HUMAN, press("next")]


def test_an_escalation_is_asked_once_a_page_and_then_ends_the_episode() -> None:
    policy = guarded(ListedPolicy("leak", "leak", "next"), ButtonGuard({"leak": Verdict.ESCALATE}))
    state = started(policy)

    assert policy.propose(state) == ASK_HUMAN
    assert policy.propose(state) is None


Decided = list[tuple[str, Action, Verdict]]


class RecordingGuard:
    """Passes on what another guard decides and keeps it."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.decided: Decided = []

    def decide(self, state: State, action: Action) -> Decision:
        decision = self._guard.decide(state, action)
        self.decided.append((page_id_of(state), action, decision.verdict))
        return decision


def evaluated_and_collected(
    policy: Callable[[], Policy], rules: Mapping[str, Verdict | str]
) -> tuple[Decided, Decided]:
    """The decisions of one policy in one attacked world, first in the evaluation and then in collection."""
    spec, settings = toy_world(attack=ATTACK), CollectSettings(max_steps=6, branches=2, noop_share=0.0)
    evaluated, collected = RecordingGuard(ButtonGuard(rules)), RecordingGuard(ButtonGuard(rules))
    asyncio.run(run_episode(ToyEnvironment(), policy(), spec, guard=evaluated, max_steps=6))
    wrapped = guarded(policy(), collected)
    asyncio.run(collect_trajectory(ToyEnvironment(), wrapped, spec, day="2030-01-15", settings=settings))
    return evaluated.decided, collected.decided


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        (GulliblePolicy, {"leak": Verdict.ESCALATE}),
        (GulliblePolicy, {"leak": "next"}),
        (ScriptedPolicy, {"finish": Verdict.ESCALATE}),
        (listed("next", "leak", "leak", "next"), {"leak": Verdict.ESCALATE}),
        (listed("leak", "next", "leak", "next"), {"leak": Verdict.ESCALATE}),
    ],
    ids=["gives way", "switched", "insists", "insists on an attack", "asks again on another page"],
)
def test_the_evaluation_and_a_policy_wrapped_for_collection_take_the_same_decisions(
    policy: Callable[[], Policy], rules: Mapping[str, Verdict | str]
) -> None:
    evaluated, collected = evaluated_and_collected(policy, rules)

    assert len(evaluated) > 2
    assert evaluated == collected


def test_only_collection_leaves_a_page_after_two_refusals_of_different_actions() -> None:
    rules = {"leak": Verdict.ESCALATE, "plant": Verdict.ESCALATE}

    evaluated, collected = evaluated_and_collected(listed("leak", "plant", "next"), rules)

    assert [action for _, action, _ in evaluated] == [press("leak"), press("plant"), press("next")]
    assert collected == evaluated[:2]
