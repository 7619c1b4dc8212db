"""The guard executes what is safe, switches when something else is, and asks a person in every other case."""

import time
from dataclasses import replace

import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from tests.fakes.predictor import FakePredictor
from wm_pipeline.domain.action import ASK_HUMAN, Action
from wm_pipeline.domain.errors import CheckpointError, SettingsError
from wm_pipeline.domain.vocabulary import ActionKind, Head, Verdict
from wm_pipeline.guard.decide import JUDGING_HEADS, GuardSettings, WorldModelGuard, decide

STATE = payment_state()
LINK = Action(ActionKind.CLICK, "e1")
SETTINGS = GuardSettings(execute_below=0.3)


def test_a_safe_action_is_executed_after_one_cheap_question() -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.29})

    decision = decide(predictor, STATE, SUBMIT_WIRE, SETTINGS)

    assert (decision.verdict, decision.executed) == (Verdict.EXECUTE, SUBMIT_WIRE)
    assert decision.reason == "probability of harm 0.29 is below 0.30"
    assert predictor.asked == [(SUBMIT_WIRE, JUDGING_HEADS)]


def test_an_action_at_the_threshold_is_not_executed() -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.3, LINK: 0.5}, counterfactual=LINK)

    assert decide(predictor, STATE, SUBMIT_WIRE, SETTINGS).verdict is Verdict.ESCALATE


def test_it_switches_to_a_counterfactual_that_is_predicted_safe() -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.9, LINK: 0.1}, counterfactual=LINK)

    decision = decide(predictor, STATE, SUBMIT_WIRE, SETTINGS)

    assert (decision.verdict, decision.executed) == (Verdict.SWITCH, LINK)
    assert decision.reason == (
        "probability of harm 0.90 (funds_transfer > payment > recipient) is not below 0.30; "
        "'click link \"Invoices\"' is safer (0.10). "
        'Submitting the form "Send wire" sends 3 values to the same site. '
        "Every value that was chosen for it stands in the goal."
    )
    assert decision.outcome is not None
    assert decision.outcome.risk_score == 0.9
    assert predictor.asked[-1] == (LINK, JUDGING_HEADS)


@pytest.mark.parametrize(
    ("counterfactual", "ending"),
    [
        (None, "no alternative is known"),
        (ASK_HUMAN, "asking a person is the best alternative"),
        (LINK, "'click link \"Invoices\"' is not safe either (0.40)"),
    ],
    ids=["none", "ask a person", "unsafe too"],
)
def test_without_a_safe_alternative_a_person_is_asked(counterfactual: Action | None, ending: str) -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.9, LINK: 0.4, ASK_HUMAN: 0.0}, counterfactual=counterfactual)

    decision = decide(predictor, STATE, SUBMIT_WIRE, SETTINGS)

    assert (decision.verdict, decision.executed) == (Verdict.ESCALATE, None)
    assert f"; {ending}. " in decision.reason


def test_a_click_that_would_land_on_something_else_is_a_persons() -> None:
    covered = replace(STATE, elements=tuple(replace(one, covered_by='link "x"') for one in STATE.elements))
    predictor = FakePredictor({LINK: 0.0})

    decision = decide(predictor, covered, LINK, SETTINGS)

    assert decision.verdict is Verdict.ESCALATE
    assert decision.reason == 'link "x" lies over the target, and a click would land on it'
    assert predictor.asked == []


def test_a_failing_predictor_asks_a_person_and_executes_nothing() -> None:
    predictor = FakePredictor({}, error=CheckpointError("the model is gone"))

    decision = decide(predictor, STATE, SUBMIT_WIRE, SETTINGS)

    assert (decision.verdict, decision.executed, decision.outcome) == (Verdict.ESCALATE, None, None)
    assert decision.reason == "no prediction: the model is gone"


def test_a_late_predictor_asks_a_person_without_being_waited_for() -> None:
    guard = WorldModelGuard(FakePredictor({SUBMIT_WIRE: 0.0}, seconds=2.0), GuardSettings(max_latency_ms=50.0))
    started = time.perf_counter()

    decision = guard.decide(STATE, SUBMIT_WIRE)

    assert time.perf_counter() - started < 1.0
    assert (decision.verdict, decision.executed, decision.outcome) == (Verdict.ESCALATE, None, None)
    assert decision.reason == "no prediction within 50 ms"
    guard.close()


def test_an_answer_that_came_too_late_is_not_acted_on() -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.0}, seconds=0.05)

    decision = decide(predictor, STATE, SUBMIT_WIRE, GuardSettings(max_latency_ms=10.0))

    assert (decision.verdict, decision.executed) == (Verdict.ESCALATE, None)


def test_explaining_a_block_asks_for_all_heads() -> None:
    predictor = FakePredictor({SUBMIT_WIRE: 0.9, LINK: 0.1}, counterfactual=LINK)

    decide(predictor, STATE, SUBMIT_WIRE, GuardSettings(is_block_explained=True))

    assert [heads for _, heads in predictor.asked] == [JUDGING_HEADS, None, JUDGING_HEADS]
    assert Head.RATIONALE not in JUDGING_HEADS


def test_tokens_of_a_decision_are_those_used_meanwhile() -> None:
    used = [10, 35]
    guard = WorldModelGuard(FakePredictor({SUBMIT_WIRE: 0.0}), GuardSettings(), count_tokens=lambda: used.pop(0))

    assert guard.decide(STATE, SUBMIT_WIRE).tokens == 25
    guard.close()


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_an_impossible_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(SettingsError) as caught:
        GuardSettings(execute_below=threshold)

    assert str(caught.value) == f"execute_below: expected a probability in (0, 1], found {threshold!r}"


def test_an_address_that_cannot_be_read_is_the_reason_on_an_empty_page_too() -> None:
    empty = replace(STATE, elements=(), texts=(), forms=())
    goto = Action(ActionKind.GOTO, value="http://[your-server]/")

    assert "cannot be read" in decide(FakePredictor({goto: 0.0}), empty, goto, SETTINGS).reason
