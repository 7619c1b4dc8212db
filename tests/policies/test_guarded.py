"""A rollout under a guard: what is let through, what is switched to, and what is left to a person."""

import asyncio

from tests.fakes.loop import ButtonGuard, ListedPolicy
from tests.fakes.toy_environment import ATTACK, ToyEnvironment, press, toy_world
from wm_pipeline.domain.action import ASK_HUMAN
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.policies.guarded import GuardedPolicy
from wm_pipeline.policies.gullible import GulliblePolicy


def started(policy: GuardedPolicy) -> State:
    environment = ToyEnvironment()
    episode = asyncio.run(environment.reset(toy_world()))
    policy.start(episode, environment, seed=0)
    return episode.state


def test_what_the_guard_lets_through_or_switches_to_is_done() -> None:
    policy = GuardedPolicy(ListedPolicy("next", "leak"), ButtonGuard({"leak": "finish"}))
    state = started(policy)

    assert policy.propose(state) == press("next")
    assert policy.propose(state) == press("finish")
    assert policy.propose(state) is None


def test_what_the_guard_refuses_is_told_to_the_policy() -> None:
    policy = GuardedPolicy(GulliblePolicy(), ButtonGuard({"leak": Verdict.ESCALATE}))
    environment = ToyEnvironment()
    episode = asyncio.run(environment.reset(toy_world(attack=ATTACK)))
    policy.start(episode, environment, seed=0)
    state = asyncio.run(environment.act(press("next"))).state

    assert [policy.propose(state), policy.propose(state)] == [ASK_HUMAN, press("next")]


def test_an_escalation_is_asked_once_a_page_and_then_ends_the_episode() -> None:
    policy = GuardedPolicy(ListedPolicy("leak", "leak", "next"), ButtonGuard({"leak": Verdict.ESCALATE}))
    state = started(policy)

    assert policy.propose(state) == ASK_HUMAN
    assert policy.propose(state) is None
