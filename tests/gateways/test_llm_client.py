"""The client against a real local server that speaks the protocol, well and badly."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.chat_server import Turn, chat_server, says
from wm_pipeline.domain.chat import LlmSettings, Message, Speaker
from wm_pipeline.domain.errors import AnswerError, BudgetError, ServiceError, SettingsError
from wm_pipeline.gateways.llm_client import LlmClient

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"risk": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["risk"],
    "additionalProperties": False,
}
ASKED = [Message(Speaker.SYSTEM, "You judge actions."), Message(Speaker.USER, "How risky is this?")]
SPEAKS_NOT = "does not speak chat completions"
SOON = (("retry-after-ms", "5"),)


def client(url: str, **settings: Any) -> LlmClient:
    return LlmClient(LlmSettings(url, "judge-1", **settings), api_key="k-1")


def test_an_answer_comes_as_an_object_with_what_it_cost() -> None:
    with chat_server(says(risk=0.25)) as server:
        asking = client(server.url, price_per_million_in=1.0, price_per_million_out=2.0)
        answer = asking.answer(ASKED, schema=SCHEMA)

    assert answer.content == {"risk": 0.25}
    assert (answer.input_tokens, answer.output_tokens) == (7, 2)
    assert answer.cost == pytest.approx((7 * 1.0 + 2 * 2.0) / 1e6)
    assert asking.spent.tokens == 9
    request = server.requests[0]
    assert request["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [turn["role"] for turn in request["messages"]] == ["system", "user"]
    assert server.keys == ["Bearer k-1"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_endpoint_is_asked_again(status: int) -> None:
    with chat_server(Turn(status=status, headers=SOON), Turn(status=status, headers=SOON), says(risk=1)) as server:
        answer = client(server.url).answer(ASKED, schema=SCHEMA)

    assert answer.content == {"risk": 1}
    assert len(server.requests) == 3


def test_an_endpoint_that_stays_broken_is_told_with_its_status() -> None:
    with chat_server(Turn(status=500, headers=SOON)) as server, pytest.raises(ServiceError, match="answered 500"):
        client(server.url, max_retries=2).answer(ASKED, schema=SCHEMA)

    assert len(server.requests) == 3


def test_a_slow_endpoint_times_out() -> None:
    with chat_server(Turn("{}", delay_s=1.0)) as server, pytest.raises(ServiceError, match="cannot be reached"):
        client(server.url, timeout_s=0.1, max_retries=0).answer(ASKED, schema=SCHEMA)


def test_nobody_listening_is_told() -> None:
    with pytest.raises(ServiceError, match="cannot be reached"):
        client("http://127.0.0.1:9/v1", max_retries=0).answer(ASKED, schema=SCHEMA)


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (Turn("Quite risky, I think."), "the answer is not JSON: 'Quite risky, I think.'"),
        (Turn('{"risk": 0.', finish="length"), "cut off at its token limit"),
        (says(risk=7), "risk: 7 is greater than the maximum of 1"),
        (says(danger=1), "the object: 'risk' is a required property"),
        (Turn("[1, 2]"), "the answer is not JSON"),
    ],
    ids=["words", "cut", "range", "name", "list"],
)
def test_an_answer_of_another_form_is_sent_back_once_and_then_told(turn: Turn, told: str) -> None:
    with chat_server(turn) as server:
        with pytest.raises(AnswerError, match=told.replace("[", r"\[")):
            client(server.url).answer(ASKED, schema=SCHEMA)
        assert len(server.requests) == 2
        assert "That cannot be used" in server.requests[1]["messages"][-1]["content"]

    with chat_server(turn, says(risk=0.5)) as server:
        assert client(server.url).answer(ASKED, schema=SCHEMA).content == {"risk": 0.5}


def test_a_refusal_is_told() -> None:
    with (
        chat_server(Turn(refusal="I cannot help with that.")) as server,
        pytest.raises(AnswerError, match="the model refused: I cannot help"),
    ):
        client(server.url, max_repairs=0).answer(ASKED, schema=SCHEMA)


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (Turn(body="<html>Bad gateway</html>", mimetype="text/html"), SPEAKS_NOT),
        (Turn(body='{"error": {"message": "overloaded"}}'), SPEAKS_NOT),
        (Turn(body='{"choices": [{"index": 0}]}'), SPEAKS_NOT),
        (Turn(body='{"choices": [{"ind'), SPEAKS_NOT),
        (Turn("{}", headers=(("Content-Length", "4000"),)), "cannot be reached"),
        (Turn(hangs_up=True), "cannot be reached"),
    ],
    ids=["a page", "an error", "no message", "half an object", "cut on the way", "hung up"],
)
def test_an_endpoint_that_speaks_something_else_is_told(turn: Turn, told: str) -> None:
    with chat_server(turn) as server, pytest.raises(ServiceError, match=told):
        client(server.url, max_retries=0).answer(ASKED, schema=SCHEMA)


def test_what_a_refusal_cost_is_counted() -> None:
    with chat_server(Turn(refusal="I cannot help with that.")) as server:
        asking = client(server.url)
        with pytest.raises(AnswerError):
            asking.answer(ASKED, schema=SCHEMA)

    assert asking.spent.calls == 1
    assert asking.spent.tokens == 7


def test_no_more_questions_are_in_flight_than_allowed() -> None:
    with chat_server(Turn('{"risk": 0.5}', delay_s=0.05)) as server:
        asking = client(server.url, max_concurrent=2)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: asking.answer(ASKED, schema=SCHEMA), range(8)))

    assert server.most_at_once == 2


def test_an_object_among_words_is_found() -> None:
    with chat_server(Turn('Sure!\n```json\n{"risk": 0.5}\n```')) as server:
        assert client(server.url).answer(ASKED, schema=SCHEMA).content == {"risk": 0.5}


def test_nothing_is_asked_once_the_budget_is_spent() -> None:
    with chat_server(says(risk=0.5)) as server:
        asking = client(server.url, max_tokens=10)
        asking.answer(ASKED, schema=SCHEMA)
        asking.answer(ASKED, schema=SCHEMA)
        with pytest.raises(BudgetError, match="18 of 10 tokens are spent after 2 calls"):
            asking.answer(ASKED, schema=SCHEMA)

    assert len(server.requests) == 2


def test_what_was_answered_once_is_not_asked_again(tmp_path: Path) -> None:
    with chat_server(says(risk=0.5)) as server:
        first = client(server.url, cache_folder=str(tmp_path)).answer(ASKED, schema=SCHEMA)
        again = client(server.url, cache_folder=str(tmp_path))
        second = again.answer(ASKED, schema=SCHEMA)
        other = client(server.url, cache_folder=str(tmp_path), temperature=0.5).answer(ASKED, schema=SCHEMA)

    assert (second.content, second.text, second.tokens) == (first.content, first.text, 0)
    assert second.is_cached
    assert not other.is_cached
    assert again.spent.cached == 1
    assert len(server.requests) == 2


def test_a_client_serves_several_threads() -> None:
    with chat_server(says(risk=0.5)) as server:
        asking = client(server.url)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: asking.answer(ASKED, schema=SCHEMA), range(12)))

    assert asking.spent.calls == 12
    assert asking.spent.tokens == sum(answer.tokens for answer in answers)


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"llm\.url: expected an address"):
        LlmSettings("127.0.0.1:8000", "judge-1")
