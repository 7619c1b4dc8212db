"""What the service does with callers that are strange, slow, many or wrong: every one is answered, none with a 5xx."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from tests.builders import SUBMIT_WIRE, payment_state
from tests.fakes.predictor import FakePredictor
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.records import to_row
from wm_pipeline.guard.decide import GuardSettings, WorldModelGuard
from wm_pipeline.guard.model_queue import ModelQueue
from wm_pipeline.serve import bounds
from wm_pipeline.serve.app import AppSettings, build_app
from wm_pipeline.serve.bounds import TimedProtocol

STATE = to_row(payment_state())
BODY = {"state": STATE, "action": to_row(SUBMIT_WIRE)}
JSON = {"content-type": "application/json"}
RISKS = {SUBMIT_WIRE: 0.01, NOOP: 0.0}


class Counting(FakePredictor):
    """Knows how many questions were in it at once."""

    inside = most = 0

    def predict_outcomes(self, *args: object, **more: object):  # type: ignore[no-untyped-def]
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            return super().predict_outcomes(*args, **more)  # type: ignore[arg-type]
        finally:
            self.inside -= 1


def client_of(
    predictor: FakePredictor, *, limit_ms: float = 30_000, settings: AppSettings | None = None, max_waiting: int = 16
) -> TestClient:
    guard = WorldModelGuard(
        predictor, GuardSettings(max_latency_ms=limit_ms), queue=ModelQueue(max_waiting=max_waiting)
    )
    app = build_app(predictor, guard, settings or AppSettings(), queue=guard.queue)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@contextmanager
def served(predictor: FakePredictor, **more: object) -> Iterator[int]:
    """The service on a port of this machine."""
    app = client_of(predictor, **more).app  # type: ignore[arg-type]
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        config = uvicorn.Config(app, http=TimedProtocol, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def changed(field: str, value: str) -> str:
    """The body with what no JSON library would write in place of a field of the state."""
    return json.dumps({**BODY, "state": {**STATE, field: "@@"}}).replace('"@@"', value)


@pytest.mark.parametrize("path", ["/decide", "/predict_outcome"])
@pytest.mark.parametrize(
    ("body", "location"),
    [
        (changed("title", "NaN"), ["body", "state", "title"]),
        (changed("title", "-Infinity"), ["body", "state", "title"]),
        (changed("more_texts", "1e400"), ["body", "state", "more_texts"]),
        (changed("more_texts", "1" * 5000), ["body", 0]),
        (json.dumps({**BODY, "surplus": "@@"}).replace('"@@"', "NaN"), ["body", "surplus"]),
        (json.dumps(BODY)[:-1] + ', "action": {"kind": "noop"}}', ["body", 0]),
        (json.dumps({"state": STATE, "action": {"kind": "\ud83d"}}), ["body", "action", "kind"]),
        ("[" * 100_000, ["body", 0]),
        ("\x00", ["body", 0]),
        ("", ["body"]),
    ],
    ids=["NaN", "infinity", "exponent", "digits", "unknown", "key twice", "half a kind", "brackets", "NUL", "empty"],
)
def test_json_that_is_none_is_told_where(body: str, location: list[str], path: str) -> None:
    response = client_of(FakePredictor(RISKS)).post(path, content=body, headers=JSON)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == location


def test_half_a_character_is_replaced_and_judged() -> None:
    body = json.dumps({"state": {**STATE, "title": "a\ud83d"}, "action": to_row(SUBMIT_WIRE)})

    response = client_of(FakePredictor(RISKS)).post("/decide", content=body, headers=JSON)

    assert (response.status_code, response.json()["verdict"]) == (200, "execute")


@pytest.mark.parametrize("path", ["/decide", "/predict_outcome"])
def test_a_name_that_two_elements_have_is_refused(path: str) -> None:
    twice = {**STATE, "elements": [*STATE["elements"], STATE["elements"][0]]}

    response = client_of(FakePredictor(RISKS)).post(path, json={**BODY, "state": twice})

    detail = response.json()["detail"][0]
    assert (response.status_code, detail["loc"][-1]) == (422, "element_ref")
    assert detail["msg"].endswith("stands twice")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebind.example:8080"}, 421),
        ({"host": "localhost.rebind.example"}, 421),
        ({"host": "0.0.0.0:8080"}, 421),
        ({"host": "localhost", "origin": "http://rebind.example"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": "chrome-extension://abcdef"}, 403),
        ({"host": "localhost:8080", "origin": "http://localhost:3000"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "guard.example"}, 200),
    ],
)
def test_only_this_machines_pages_may_ask_without_a_token(headers: dict[str, str], status: int) -> None:
    client = client_of(FakePredictor(RISKS), settings=AppSettings(hosts=("guard.example",)))

    assert client.post("/decide", json=BODY, headers=headers).status_code == status


def test_with_a_token_any_name_will_do() -> None:
    client = client_of(FakePredictor(RISKS), settings=AppSettings(token="t0p"))

    response = client.post("/decide", json=BODY, headers={"host": "guard.example", "authorization": "Bearer t0p"})

    assert response.status_code == 200


def test_waiting_in_the_queue_counts() -> None:
    with served(FakePredictor(RISKS, seconds=1.5), limit_ms=2500) as port, ThreadPoolExecutor(6) as pool:
        url = f"http://localhost:{port}/decide"
        answers = list(pool.map(lambda _: httpx.post(url, json=BODY, timeout=30).json(), range(6)))

    assert sorted(answer["verdict"] for answer in answers) == ["escalate"] * 5 + ["execute"]
    assert all(answer["latency_ms"] < 4500 for answer in answers)


def test_a_question_that_was_given_up_keeps_the_model() -> None:
    predictor = Counting(RISKS, seconds=0.8)
    client = client_of(predictor, limit_ms=100)

    late = client.post("/decide", json=BODY).json()
    response = client.post("/predict_outcome", json=BODY)

    assert (late["verdict"], late["reason"]) == ("escalate", "no prediction within 100 ms")
    assert (response.status_code, predictor.most) == (200, 1)


def test_health_answers_and_too_many_are_turned_away() -> None:
    with served(FakePredictor(RISKS, seconds=0.4), max_waiting=3) as port, ThreadPoolExecutor(50) as pool:
        root = f"http://localhost:{port}"
        asked = [pool.submit(httpx.post, f"{root}/predict_outcome", json=BODY, timeout=60) for _ in range(50)]
        time.sleep(0.2)
        began = time.perf_counter()
        health = httpx.get(f"{root}/health", timeout=30)
        waited = time.perf_counter() - began
        responses = [one.result() for one in asked]

    assert health.status_code == 200
    assert waited < 5
    turned_away = [one for one in responses if one.status_code == 429]
    assert {one.status_code for one in responses} == {200, 429}
    assert {one.headers["retry-after"] for one in turned_away} == {"1"}


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyError("x"), MemoryError()])
def test_a_predictor_that_fails_in_its_own_way_asks_a_person(error: Exception) -> None:
    client = client_of(FakePredictor({}, error=error))

    decided, asked = client.post("/decide", json=BODY), client.post("/predict_outcome", json=BODY)

    assert (decided.status_code, decided.json()["verdict"]) == (200, "escalate")
    assert decided.json()["reason"].startswith(f"no prediction: {type(error).__name__}")
    assert asked.status_code == 503


HALF_HEADER = b"POST /decide HTTP/1.1\r\nHost: localhost\r\nX-a: "
HALF_BODY = b"POST /decide HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n{"


@pytest.mark.parametrize(("sent", "said"), [(HALF_HEADER, b""), (HALF_BODY, b"HTTP/1.1 408")], ids=["header", "body"])
def test_half_a_request_is_not_waited_for(sent: bytes, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "READ_LIMIT_S", 0.5)
    with served(FakePredictor(RISKS), settings=AppSettings(read_limit_s=0.5)) as port:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as half:
            half.sendall(sent)
            answer = everything(half.recv)
        assert httpx.get(f"http://localhost:{port}/health").status_code == 200

    assert answer.startswith(said)
    assert bool(answer) == bool(said)


def everything(receive: Callable[[int], bytes]) -> bytes:
    """What comes until the other side closes."""
    received = b""
    while part := receive(4096):
        received += part
    return received
