"""The one step under a guard: what is executed, and that nothing is when the guard fails or is late."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

import wm_pipeline
from tests.builders import SUBMIT_WIRE, payment_state
from tests.fakes.predictor import FakePredictor
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import CheckpointError, ServiceError
from wm_pipeline.domain.ports import Guard
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, Verdict
from wm_pipeline.guard.decide import GuardSettings, WorldModelGuard
from wm_pipeline.guard.step import GuardedStep, guarded_step

STATE = payment_state()
LINK = Action(ActionKind.CLICK, "e1")


@dataclass(frozen=True)
class FixedGuard:
    verdict: Verdict
    executed: Action | None = None

    def decide(self, state: State, action: Action) -> Decision:
        return Decision(self.verdict, self.executed, "a rule", None, 1.0)


class UnreachableGuard:
    def decide(self, state: State, action: Action) -> Decision:
        raise ServiceError("the guard cannot be reached")


@pytest.mark.parametrize(
    ("guard", "executed"),
    [
        (FixedGuard(Verdict.EXECUTE, SUBMIT_WIRE), SUBMIT_WIRE),
        (FixedGuard(Verdict.SWITCH, LINK), LINK),
        (FixedGuard(Verdict.SWITCH), None),
        (FixedGuard(Verdict.ESCALATE), None),
        (FixedGuard(Verdict.ESCALATE, SUBMIT_WIRE), None),
    ],
    ids=["execute", "switch", "switch to nothing", "escalate", "escalate with an action"],
)
def test_the_verdict_decides_what_is_executed(guard: Guard, executed: Action | None) -> None:
    assert guarded_step(guard, STATE, SUBMIT_WIRE).executed == executed


@pytest.mark.parametrize("instead", [None, ASK_HUMAN])
def test_a_guard_that_raises_refuses(instead: Action | None) -> None:
    step = guarded_step(UnreachableGuard(), STATE, SUBMIT_WIRE, instead=instead)

    assert (step.decision.verdict, step.decision.executed, step.executed) == (Verdict.ESCALATE, None, instead)
    assert step.decision.reason == "no decision: the guard cannot be reached"
    assert not step.is_as_proposed


@pytest.mark.parametrize(
    ("predictor", "max_latency_ms", "reason"),
    [
        (FakePredictor({SUBMIT_WIRE: 0.0}, seconds=0.5), 20.0, "no prediction within 20 ms"),
        (FakePredictor({}, error=CheckpointError("the model is gone")), 30_000.0, "no prediction: the model is gone"),
    ],
    ids=["late", "failing"],
)
def test_a_model_that_is_late_or_fails_executes_nothing(
    predictor: FakePredictor, max_latency_ms: float, reason: str
) -> None:
    guard = WorldModelGuard(predictor, GuardSettings(max_latency_ms=max_latency_ms))

    step = guarded_step(guard, STATE, SUBMIT_WIRE)

    assert (step.executed, step.decision.reason) == (None, reason)
    guard.close()


def test_an_action_that_the_guard_executes_is_not_refused() -> None:
    step = guarded_step(FixedGuard(Verdict.EXECUTE), STATE, SUBMIT_WIRE)

    assert (step.is_as_proposed, step.refused, step.is_insisting) == (True, frozenset(), False)


def after_a_refusal(second: Action, *, has_one_refusal_a_page: bool) -> GuardedStep:
    guard = FixedGuard(Verdict.ESCALATE)
    first = guarded_step(guard, STATE, SUBMIT_WIRE, instead=NOOP)
    return guarded_step(
        guard,
        STATE,
        second,
        refused=first.refused,
        instead=NOOP,
        has_one_refusal_a_page=has_one_refusal_a_page,
    )


@pytest.mark.parametrize(
    ("second", "has_one_refusal_a_page", "is_insisting"),
    [(SUBMIT_WIRE, False, True), (LINK, False, False), (SUBMIT_WIRE, True, True), (LINK, True, True)],
    ids=["the same again", "another one", "the same again, by page", "another one, by page"],
)
def test_a_policy_insists_with_the_same_action_or_by_page_with_any(
    second: Action, has_one_refusal_a_page: bool, is_insisting: bool
) -> None:
    step = after_a_refusal(second, has_one_refusal_a_page=has_one_refusal_a_page)

    assert (step.is_insisting, step.executed) == (is_insisting, None if is_insisting else NOOP)


def test_nothing_else_in_the_package_asks_a_guard() -> None:
    package = Path(wm_pipeline.__file__).parent

    asking = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "decide(" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "decide"
    ]

    assert asking == ["guard/step.py"]
