"""The client against a real local server that speaks the protocol, well and badly."""

import email.utils
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.chat_server import Turn, chat_server, says
from wm_pipeline.domain.chat import LlmSettings, Message, Speaker
from wm_pipeline.domain.errors import AnswerError, BudgetError, ServiceError, SettingsError
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.policies.llm import ACTION_SCHEMA

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"risk": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["risk"],
    "additionalProperties": False,
}
ASKED = [Message(Speaker.SYSTEM, "You judge actions."), Message(Speaker.USER, "How risky is this?")]
CALLED = {"name": "answer", "arguments": '{"risk": 0.5}'}
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
        (Turn("[1, 2]"), "expected an object, found [1, 2]"),
        (Turn("null"), "expected an object, found null"),
        (Turn('{"risk": NaN}'), "risk: expected a number, found NaN"),
        (Turn("[" * 100_000), "the answer is nested too deep"),
        (Turn(" "), "the answer is empty"),
        (Turn(message={"content": None, "reasoning_content": "{}"}), "no content, the model only reasoned"),
        (Turn('<think>{"risk": 0.5}'), "no content, the model only reasoned"),
    ],
    ids=[
        *("words", "cut", "range", "name", "list", "null", "no number", "deep", "empty", "thoughts beside it"),
        "thoughts alone",
    ],
)
def test_an_answer_of_another_form_is_sent_back_once_and_then_told(turn: Turn, told: str) -> None:
    with chat_server(turn) as server:
        with pytest.raises(AnswerError, match=re.escape(told)):
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


@pytest.mark.parametrize(
    "turn",
    [
        Turn('Sure!\n```json\n{"risk": 0.5}\n```'),
        Turn('<think>The form is {f1}; maybe {"risk": 1}?</think>\n{"risk": 0.5}'),
        Turn('maybe {"risk": 1}?</think>\n{"risk": 0.5}'),
        Turn('{"risk": 0.5}\n\n{"risk": 0.5}'),
        Turn('[{"risk": 0.5}]'),
        Turn('{"risk": 0.5}\nI used {braces} in "a \\"note".'),
        Turn(json.dumps('{"risk": 0.5}')),
        Turn(
            message={
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": '{"risk": 1}'}]},
                    {"type": "text", "text": '{"risk": '},
                    {"type": "text", "text": "0.5}"},
                ]
            }
        ),
        Turn(message={"content": {"risk": 0.5}}),
        Turn(message={"content": None, "tool_calls": [{"id": "1", "type": "function", "function": CALLED}]}),
    ],
    ids=[
        *("fences", "thoughts", "end of thoughts", "twice", "list", "note behind", "in a string", "parts", "object"),
        "tool call",
    ],
)
def test_an_object_in_any_wrapping_is_found_with_one_question(turn: Turn) -> None:
    with chat_server(turn) as server:
        assert client(server.url).answer(ASKED, schema=SCHEMA).content == {"risk": 0.5}

    assert len(server.requests) == 1


def test_half_a_character_is_replaced() -> None:
    schema = {"type": "object", "properties": {"why": {"type": "array", "items": {"type": "string"}}}}
    with chat_server(Turn('{"why": ["caf\\ud83d", "\\ud83d\\ude00"]}')) as server:
        answer = client(server.url).answer(ASKED, schema=schema)

    assert answer.content == {"why": ["caf\ufffd", "\U0001f600"]}


def test_a_filtered_answer_is_told_and_not_asked_for_again() -> None:
    with (
        chat_server(Turn(message={"content": None}, finish="content_filter")) as server,
        pytest.raises(AnswerError, match=r"^stopped by the endpoint's content filter$"),
    ):
        client(server.url).answer(ASKED, schema=SCHEMA)

    assert len(server.requests) == 1


# --- what an endpoint does not take -----------------------------------------------------------------------------------


def refusing(*names: str) -> Callable[[dict[str, Any]], Turn]:
    """A server that refuses these in the words that such servers use."""
    words = {
        "max_tokens": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "max_completion_tokens": "Unrecognized request argument supplied: max_completion_tokens",
        "temperature": "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) "
        "value is supported.",
        "json_schema": "This response_format type is unavailable now",
        "json_object": "'response_format.type' must be 'json_schema' or 'text'",
        "system": "System role not supported",
    }

    def reply(asked: dict[str, Any]) -> Turn:
        has = {*asked, asked.get("response_format", {}).get("type"), *(turn["role"] for turn in asked["messages"])}
        refused = next((name for name in names if name in has), None)
        if refused is None:
            return says(risk=0.5)
        return Turn(status=400, body=json.dumps({"error": {"message": words[refused], "param": None}}))

    return reply


@pytest.mark.parametrize(
    ("names", "calls"),
    [
        (("max_tokens",), 2),
        (("max_tokens", "max_completion_tokens"), 3),
        (("temperature",), 2),
        (("json_schema",), 2),
        (("json_schema", "json_object"), 3),
        (("system",), 2),
        (("max_tokens", "temperature", "json_schema", "system"), 5),
    ],
    ids=["limit", "any limit", "temperature", "schema", "any form", "system", "all"],
)
def test_what_an_endpoint_does_not_take_is_left_out_and_that_is_remembered(names: tuple[str, ...], calls: int) -> None:
    with chat_server(reply=refusing(*names)) as server:
        asking = client(server.url, max_retries=0, max_repairs=0)
        first = asking.answer(ASKED, schema=SCHEMA)
        asking.answer(ASKED, schema=SCHEMA)

    assert first.content == {"risk": 0.5}
    assert len(server.requests) == calls + 1
    last = server.requests[-1]
    assert "You judge actions." in last["messages"][0]["content"]
    assert ("json_schema" in names) == ("JSON schema" in last["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (400, "'max_tokens' is too large: 600", ""),
        (400, "no such thing", ""),
        (401, "no key", "; check the key in WM_LLM_KEY"),
        (403, "wrong key", "; check the key in WM_LLM_KEY"),
        (402, "no money", "; the account has nothing left to spend"),
        (404, "no model", "; check WM_LLM_URL and the model's name in WM_LLM_MODEL"),
    ],
)
def test_what_is_refused_for_good_is_told_in_the_endpoints_words(status: int, words: str, advice: str) -> None:
    turn = Turn(status=status, body=json.dumps({"error": {"message": words}}))
    with chat_server(turn) as server, pytest.raises(ServiceError) as refused:
        client(server.url).answer(ASKED, schema=SCHEMA)

    assert str(refused.value).startswith(f"{server.url} answered {status}: ")
    assert words in str(refused.value)
    assert ("WM_LLM_KEY" in str(refused.value)) == (status in {401, 403})
    assert str(refused.value).endswith(advice)
    assert len(server.requests) == 1


def test_every_property_of_an_action_has_a_type() -> None:
    fields = ACTION_SCHEMA["properties"]["fields"]["items"]

    assert all("type" in part for part in (*ACTION_SCHEMA["properties"].values(), *fields["properties"].values()))


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_a_wait_says_how_long_and_why_and_the_end_speaks_of_the_rate() -> None:
    lines: list[str] = []
    turn = Turn(status=429, headers=(("Retry-After", "2"),))
    with chat_server(turn) as server, pytest.raises(ServiceError) as refused:
        LlmClient(LlmSettings(server.url, "judge-1", max_wait_s=3), announce=lines.append).answer(ASKED, schema=SCHEMA)

    reason = f"{server.url} answered 429: Error code: 429 - told to answer 429"
    rate = "it limits the rate or the amount of what is asked: ask less at once (llm.max_concurrent), or later"
    assert lines == [f"{reason}; waiting 2 s"]
    assert str(refused.value) == (f"{reason}; waiting another 2 s would exceed llm.max_wait_s, which is 3; {rate}")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "after"),
    [(429, lambda: "3600"), (503, lambda: email.utils.formatdate(time.time() + 3600)), (529, lambda: "3600")],
    ids=["seconds", "date", "busy"],
)
def test_nobody_waits_longer_than_the_setting_says(status: int, after: Callable[[], str]) -> None:
    with (
        chat_server(Turn(status=status, headers=(("Retry-After", after()),))) as server,
        pytest.raises(ServiceError, match=r"another 3\d{3} s would exceed llm.max_wait_s, which is 600;.* later$"),
    ):
        client(server.url).answer(ASKED, schema=SCHEMA)

    assert len(server.requests) == 1


def test_several_workers_share_a_wait() -> None:
    turns = [Turn(status=429, headers=(("Retry-After", "1"),)), says(risk=0.5)]
    with chat_server(*turns) as server:
        asking = client(server.url)
        started = time.monotonic()
        first = threading.Thread(target=asking.answer, args=(ASKED,), kwargs={"schema": SCHEMA})
        first.start()
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.2)
        asking.answer(ASKED, schema=SCHEMA)
        took_s = time.monotonic() - started
        first.join()

    assert took_s >= 1
    assert len(server.requests) == 3


def test_a_wait_ends_when_the_run_is_stopped() -> None:
    with chat_server(Turn(status=429, headers=(("Retry-After", "500"),))) as server:
        asking = LlmClient(LlmSettings(server.url, "judge-1"), announce=lambda line: None)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(asking.answer, ASKED, schema=SCHEMA)
            while not server.requests:
                time.sleep(0.01)
            time.sleep(0.2)
            asking.stop()
            with pytest.raises(ServiceError, match="is not asked any more: somebody stopped the run"):
                waiting.result(timeout=10)


# --- what the environment says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_model_on_this_machine_is_asked_directly(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with chat_server(says(risk=0.5)) as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            client(url, max_retries=0).answer(ASKED, schema=SCHEMA)

    assert len(server.requests) == 2


def test_an_error_names_the_proxy_that_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")

    with pytest.raises(ServiceError) as refused:
        client("http://model.example/v1", max_retries=0).answer(ASKED, schema=SCHEMA)

    assert str(refused.value).startswith(
        "http://model.example/v1 cannot be reached through the proxy of HTTP_PROXY (http://127.0.0.1:9): "
    )
    assert "secret" not in str(refused.value)


def test_the_account_of_another_program_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    with chat_server(says(risk=0.5)) as server:
        LlmClient(LlmSettings(server.url, "judge-1")).answer(ASKED, schema=SCHEMA)

    assert server.keys == ["Bearer none"]
    assert not {"Openai-Organization", "Openai-Project"} & set(server.headers[0])


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
