"""The HTTP service answers as the predictor does, and says which field of a bad request is wrong."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.builders import SUBMIT_WIRE, payment_state
from tests.fakes.predictor import FakePredictor
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import CheckpointError, TableError
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.records import from_json, to_row
from wm_pipeline.domain.state import State
from wm_pipeline.guard.decide import GuardSettings, WorldModelGuard
from wm_pipeline.serve.app import AppSettings, build_app

STATE = to_row(payment_state())
ACTION = to_row(SUBMIT_WIRE)
RISKS = {SUBMIT_WIRE: 0.9, NOOP: 0.0}


def client_of(predictor: FakePredictor, settings: AppSettings | None = None, **more: Any) -> TestClient:
    guard = WorldModelGuard(predictor, GuardSettings())
    app = build_app(predictor, guard, settings or AppSettings(), queue=guard.queue, **more)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture
def client() -> TestClient:
    return client_of(FakePredictor(RISKS, counterfactual=NOOP))


def test_an_outcome_comes_back_as_its_type(client: TestClient) -> None:
    response = client.post("/predict_outcome", json={"state": STATE, "action": ACTION, "heads": ["risk", "tags"]})

    outcome = from_json(Outcome, response.content, what="outcome")
    assert response.status_code == 200
    assert outcome.risk_score == 0.9
    assert outcome.predicted_consequence is not None


def test_several_actions_give_as_many_outcomes(client: TestClient) -> None:
    response = client.post("/predict_outcomes", json={"state": STATE, "actions": [ACTION, to_row(NOOP)]})

    assert [outcome["risk_score"] for outcome in response.json()] == [0.9, 0.0]


def test_a_decision_is_made_and_shown_to_the_log() -> None:
    seen: list[tuple[State, Action, Decision]] = []
    client = client_of(FakePredictor(RISKS, counterfactual=NOOP), on_decision=lambda *entry: seen.append(entry))

    response = client.post("/decide", json={"state": STATE, "action": ACTION})

    decision = from_json(Decision, response.content, what="decision")
    assert (decision.verdict.value, decision.executed) == ("switch", NOOP)
    assert [(state, action) for state, action, _ in seen] == [(payment_state(), SUBMIT_WIRE)]


def test_a_decision_that_cannot_be_recorded_is_a_persons() -> None:
    def is_full(state: State, action: Action, decision: Decision) -> None:
        raise TableError("the disk of /data is full")

    client = client_of(FakePredictor(RISKS, counterfactual=NOOP), on_decision=is_full)

    response = client.post("/decide", json={"state": STATE, "action": ACTION})

    decision = from_json(Decision, response.content, what="decision")
    assert (response.status_code, decision.verdict.value, decision.executed) == (200, "escalate", None)
    assert decision.reason == "the decision cannot be recorded: the disk of /data is full"
    assert decision.outcome is not None


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"action": {"kind": "fly"}}, ["body", "action", "kind"]),
        ({"action": {"kind": "click", "target_ref": "e99"}}, ["body", "action", "target_ref"]),
        ({"heads": ["mood"]}, ["body", "heads", 0]),
        ({"extra": 1}, ["body", "extra"]),
        ({"state": {"url": "http://a"}}, ["body", "state", "title"]),
    ],
    ids=["unknown kind", "absent element", "unknown head", "unknown field", "missing field"],
)
def test_bad_input_names_the_field(change: dict[str, Any], location: list[Any]) -> None:
    response = client_of(FakePredictor(RISKS)).post(
        "/predict_outcome", json={"state": STATE, "action": ACTION} | change
    )

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == location


def test_an_action_the_state_does_not_offer_is_bad_input_to_the_guard_too(client: TestClient) -> None:
    body = {"state": STATE, "action": {"kind": "click", "target_ref": "e99"}}

    response = client.post("/decide", json=body)

    assert response.status_code == 422
    assert response.json() == {
        "detail": [
            {
                "type": "invalid_input",
                "loc": ["body", "action", "target_ref"],
                "msg": "the state has no element 'e99'",
            }
        ]
    }


def test_a_token_is_asked_for_everywhere_but_health() -> None:
    client = client_of(FakePredictor(RISKS), AppSettings(token="t0p"))
    body = {"state": STATE, "action": ACTION}

    assert client.get("/health").json() == {"status": "ok", "model_version": "fake"}
    for path in ("/predict_outcome", "/predict_outcomes", "/decide"):
        assert client.post(path, json=body).status_code == 401
    assert client.post("/predict_outcome", json=body, headers={"authorization": "Bearer no"}).status_code == 401
    assert client.post("/predict_outcome", json=body, headers={"authorization": "Bearer t0p"}).status_code == 200


def test_a_body_beyond_the_limit_is_refused_unread() -> None:
    client = client_of(FakePredictor(RISKS), AppSettings(max_body_bytes=100))

    response = client.post("/predict_outcome", json={"state": STATE, "action": ACTION})

    assert response.status_code == 413
    assert response.json()["detail"].startswith("expected at most 100 bytes, found ")


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    response = client.post("/predict_outcome", content=(part for part in [b"{", b"}"]))

    assert response.status_code == 411


def test_a_failing_model_is_unavailable_but_the_guard_still_answers() -> None:
    client = client_of(FakePredictor({}, error=CheckpointError("the model is gone")))
    body = {"state": STATE, "action": ACTION}

    assert client.post("/predict_outcome", json=body).status_code == 503
    assert client.post("/decide", json=body).json()["verdict"] == "escalate"


def test_openapi_describes_the_contract(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()

    assert {"/predict_outcome", "/predict_outcomes", "/decide", "/health"} <= set(schema["paths"])
    assert "risk_score" in schema["components"]["schemas"]["Outcome"]["properties"]
