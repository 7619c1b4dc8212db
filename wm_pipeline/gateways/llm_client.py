"""Any endpoint that speaks OpenAI's chat completions: structured answers, retries, a token budget, a cache on disk."""

import email.utils
import json
import math
import random
import re
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage, ChatCompletionMessageFunctionToolCall

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.chat import ChatAnswer, LlmSettings, Message, Speaker, first_line, object_in
from wm_pipeline.domain.errors import AnswerError, BudgetError, ServiceError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.well_formed import well_formed
from wm_pipeline.gateways.proxies import proxy_words, unproxied


def print_to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a client has used so far."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class LlmClient:
    """Implements ports.ChatModel; may be used from several threads."""

    def __init__(
        self, settings: LlmSettings, *, api_key: str = "", announce: Callable[[str], None] = print_to_stderr
    ) -> None:
        """`announce` receives a line about each wait for the endpoint."""
        self._settings = settings
        self._client = openai.OpenAI(
            base_url=settings.url,
            # A local server needs no key, but the library does.
            api_key=api_key or "none",
            timeout=settings.timeout_s,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(mounts=unproxied(settings.url)),
        )
        # The library does not close an httpx client that it was given.
        weakref.finalize(self, self._client.close)
        # The environment variables for these may be another program's.
        self._client.organization = self._client.project = None
        self._through = proxy_words(settings.url)
        self._request = _RequestForm(settings)
        """The form that the endpoint has accepted so far."""
        self._announce = announce
        self._stopped = threading.Event()
        self._not_before = 0.0
        """Seconds of the monotonic clock; nobody asks the endpoint before it."""
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(settings.max_concurrent)
        self._spent = Spent()

    @property
    def name(self) -> str:
        return self._settings.model

    @property
    def max_concurrent(self) -> int:
        """Limit of requests at a time; further threads wait."""
        return self._settings.max_concurrent

    @property
    def cost(self) -> float | None:
        """The cost of all requests so far, in the currency of the prices; None without prices."""
        spent = self.spent
        return self._cost(spent.input_tokens, spent.output_tokens)

    @property
    def spent(self) -> Spent:
        with self._lock:
            return self._spent

    def answer(self, messages: Sequence[Message], *, schema: Mapping[str, Any]) -> ChatAnswer:
        """See ports.ChatModel. Raises AnswerError when an answer has the wrong form after `max_repairs` repairs."""
        key = self._key(messages, schema)
        cached = self._read_cache(key)
        if cached is not None:
            self._count(cached=1)
            return cached
        conversation = list(messages)
        input_tokens = output_tokens = 0
        for attempt in range(self._settings.max_repairs + 1):
            with self._places:
                self._check_budget()
                said = self._ask(conversation, schema)
                self._count(calls=1, input_tokens=said.input_tokens, output_tokens=said.output_tokens)
            input_tokens, output_tokens = input_tokens + said.input_tokens, output_tokens + said.output_tokens
            if said.refusal:
                raise AnswerError(f"the model refused: {first_line(said.refusal)}")
            if said.finish == "content_filter":
                raise AnswerError("stopped by the endpoint's content filter")
            text = said.text
            try:
                content = _object_in(said, schema)
            except AnswerError as error:
                if attempt == self._settings.max_repairs:
                    raise
                conversation += [
                    Message(Speaker.ASSISTANT, text),
                    Message(Speaker.USER, f"That cannot be used: {error}. Answer again, with the JSON object alone."),
                ]
                continue
            cost = self._cost(input_tokens, output_tokens)
            answer = ChatAnswer(content, text, input_tokens, output_tokens, cost)
            self._write_cache(key, answer)
            return answer
        raise AssertionError("the loop returns or raises")

    def stop(self) -> None:
        """End every wait of this client, those of other threads too: each raises ServiceError."""
        self._stopped.set()

    def _ask(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> "_Said":
        """One answer, after retries, in a form of the request that the endpoint accepts."""
        waited_s, retries = 0.0, 0
        while True:
            waited_s += self._wait_for_others()
            request = self._request
            try:
                return self._said(self._client.chat.completions.create(**request.arguments(messages, schema)))
            except openai.APIStatusError as error:
                other = request.without_what(error)
                if other is not None:
                    self._request = other
                    continue
                reason = f"answered {error.status_code}: {first_line(error.message)}"
                delay_s = _asked_delay_s(error.response.headers)
                is_final = not _is_passing(error) or retries == self._settings.max_retries
                advice = _ADVICE.get(error.status_code, "")
                failure: Exception = error
            except openai.OpenAIError as error:
                reason, delay_s, advice, failure = f"cannot be reached{self._through}: {_cause(error)}", None, "", error
                is_final = retries == self._settings.max_retries or not isinstance(error, openai.APIConnectionError)
            except json.JSONDecodeError as error:
                raise self._speaks_something_else() from error
            if is_final:
                raise ServiceError(f"{self._settings.url} {reason}{advice}") from failure
            if delay_s is None:
                delay_s = min(_FIRST_DELAY_S * 2**retries, _LONGEST_DELAY_S) * random.uniform(0.75, 1.0)
            if waited_s + delay_s > self._settings.max_wait_s:
                raise ServiceError(
                    f"{self._settings.url} {reason}; waiting another {delay_s:.0f} s would exceed "
                    f"llm.max_wait_s, which is {self._settings.max_wait_s:.0f}{advice}"
                ) from failure
            retries += 1
            self._hold(delay_s, reason)

    def _hold(self, delay_s: float, reason: str) -> None:
        """Let nobody ask before this delay has passed."""
        until = time.monotonic() + delay_s
        with self._lock:
            is_longer = until > self._not_before
            self._not_before = max(self._not_before, until)
        if is_longer and delay_s >= _WORTH_A_LINE_S:
            self._announce(f"{self._settings.url} {reason}; waiting {delay_s:.0f} s")

    def _wait_for_others(self) -> float:
        """Wait until the endpoint may be asked again; return the time waited, in seconds."""
        started = time.monotonic()
        while (left_s := self._not_before - time.monotonic()) > 0:
            if self._stopped.wait(left_s):
                break
        if self._stopped.is_set():
            raise ServiceError(f"{self._settings.url} is not asked any more: somebody stopped the run")
        return time.monotonic() - started

    def _said(self, completion: object) -> "_Said":
        # The library returns every body with status 200, even a web page or another object.
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise self._speaks_something_else()
        choice, usage = completion.choices[0], completion.usage
        if not isinstance(choice.message, ChatCompletionMessage):
            raise self._speaks_something_else()
        used = (0, 0) if usage is None else (usage.prompt_tokens or 0, usage.completion_tokens or 0)
        text = _text_of(choice.message)
        if text is None:
            raise self._speaks_something_else()
        # Endpoints of reasoning models return the reasoning in a separate field.
        extra = choice.message.model_extra or {}
        has_thought = bool(extra.get("reasoning_content") or extra.get("reasoning"))
        refusal = choice.message.refusal
        return _Said(well_formed(text), choice.finish_reason or "", refusal, *used, has_thought=has_thought)

    def _speaks_something_else(self) -> ServiceError:
        return ServiceError(
            f"{self._settings.url} answered with status 200 and does not speak chat completions; check WM_LLM_URL"
        )

    def _check_budget(self) -> None:
        spent = self.spent
        if spent.tokens >= self._settings.max_tokens:
            raise BudgetError(
                f"{spent.tokens} of {self._settings.max_tokens} tokens are spent after {spent.calls} calls; "
                "raise llm.max_tokens to go on, what has been answered is kept"
            )

    def _count(self, *, calls: int = 0, input_tokens: int = 0, output_tokens: int = 0, cached: int = 0) -> None:
        with self._lock:
            old = self._spent
            self._spent = replace(
                old,
                calls=old.calls + calls,
                input_tokens=old.input_tokens + input_tokens,
                output_tokens=old.output_tokens + output_tokens,
                cached=old.cached + cached,
            )

    def _cost(self, input_tokens: int, output_tokens: int) -> float | None:
        prices = self._settings.price_per_million_in, self._settings.price_per_million_out
        if prices[0] is None or prices[1] is None:
            return None
        return (input_tokens * prices[0] + output_tokens * prices[1]) / 1e6

    # --- cache --------------------------------------------------------------------------------------------------------

    def _key(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        settings = self._settings
        asked = [settings.url, settings.model, settings.temperature, settings.max_answer_tokens]
        return digest(json.dumps([asked, [asdict(message) for message in messages], schema], sort_keys=True))

    def _path(self, key: str) -> Path | None:
        folder = self._settings.cache_folder
        return None if folder is None else Path(folder) / key[:2] / f"{key}.json"

    def _read_cache(self, key: str) -> ChatAnswer | None:
        path = self._path(key)
        if path is None or not path.exists():
            return None
        kept = json.loads(path.read_text())
        return ChatAnswer(kept["content"], kept["text"], 0, 0, None if kept["cost"] is None else 0.0, is_cached=True)

    def _write_cache(self, key: str, answer: ChatAnswer) -> None:
        path = self._path(key)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(asdict(answer)))


_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 8.0
"""Of the exponential back-off, where the endpoint does not say how long to wait."""
_WORTH_A_LINE_S = 2.0
_ADVICE: Mapping[int, str] = {
    401: "; check the key in WM_LLM_KEY",
    402: "; the account has nothing left to spend",
    403: "; check the key in WM_LLM_KEY",
    404: "; check WM_LLM_URL and the model's name in WM_LLM_MODEL",
    429: "; it limits the rate or the amount of what is asked: ask less at once (llm.max_concurrent), or later",
    503: "; it is busy: ask later",
    529: "; it is busy: ask later",
}
_FORMS = ("json_schema", "json_object", "text")
"""Ways to ask for the form of an answer, the strictest first."""
_NOT_TAKEN = re.compile(r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|not allowed|extra ")


@dataclass(frozen=True, slots=True)
class _RequestForm:
    """The dialect of chat completions that an endpoint understands."""

    settings: LlmSettings
    limit: str | None = "max_tokens"
    """Name of the parameter that limits an answer's tokens; None: it is not sent."""
    has_temperature: bool = True
    form: str = _FORMS[0]
    has_system: bool = True
    """Whether the endpoint takes a speaker `system`; else its text begins the first turn."""

    def arguments(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> dict[str, Any]:
        turns = [{"role": message.speaker.value, "content": message.text} for message in messages]
        if not self.has_system and len(turns) > 1 and turns[0]["role"] == Speaker.SYSTEM:
            turns[:2] = [{"role": turns[1]["role"], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}]
        arguments: dict[str, Any] = {"model": self.settings.model, "messages": turns}
        if self.form == "json_schema":
            described = {"name": "answer", "schema": dict(schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": described}
        else:
            turns[-1]["content"] += f"\n\nAnswer with one JSON object of this JSON schema: {json.dumps(schema)}"
            if self.form != "text":
                arguments["response_format"] = {"type": self.form}
        if self.has_temperature:
            arguments["temperature"] = self.settings.temperature
        if self.limit is not None:
            arguments[self.limit] = self.settings.max_answer_tokens
        return arguments

    def without_what(self, error: openai.APIStatusError) -> "_RequestForm | None":
        """The form without the parameter that was refused; None when the refusal is about something else."""
        if error.status_code not in {400, 422}:
            return None
        words = f"{error.body} {error.message}".lower()
        is_refused = _NOT_TAKEN.search(words) is not None
        if self.limit is not None and self.limit in words and is_refused:
            is_other_known = self.limit == "max_tokens"
            return replace(self, limit="max_completion_tokens" if is_other_known else None)
        if self.has_temperature and "temperature" in words:
            return replace(self, has_temperature=False)
        if self.form != _FORMS[-1] and re.search("response_format|schema|strict|grammar", words):
            return replace(self, form=_FORMS[_FORMS.index(self.form) + 1])
        if self.has_system and "system" in words and (is_refused or "role" in words):
            return replace(self, has_system=False)
        return None


def _is_passing(error: openai.APIStatusError) -> bool:
    """Whether the same question may be answered later."""
    if error.response.headers.get("x-should-retry") == "false":
        return False
    return error.status_code in {408, 409, 429} or error.status_code >= 500


def _asked_delay_s(headers: Mapping[str, str]) -> float | None:
    """How long the endpoint asks to wait, in seconds; None when it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            delay_s = float(text) * unit_s
        except ValueError:
            date = email.utils.parsedate_tz(text)
            if date is None:
                continue
            delay_s = email.utils.mktime_tz(date) - time.time()
        if math.isfinite(delay_s):
            return max(0.0, delay_s)
    return None


def _cause(error: Exception) -> str:
    """The library's message, and that of its cause."""
    below = "" if error.__cause__ is None else first_line(str(error.__cause__))
    return first_line(str(error)).rstrip(".") + (f" ({below})" if below else "")


def _text_of(message: ChatCompletionMessage) -> str | None:
    """The text of the model's answer, joined from its parts; None when its form is unknown."""
    content: object = message.content
    if content is None:
        calls = message.tool_calls or []
        functions = (call.function for call in calls if isinstance(call, ChatCompletionMessageFunctionToolCall))
        return next((function.arguments for function in functions), "")
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return json.dumps(content)
    if not isinstance(content, list):
        return None
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") != "thinking"]
    return "".join(text for text in texts if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class _Said:
    """One attempt at an answer."""

    text: str
    finish: str
    """Why it ended."""
    refusal: str | None
    input_tokens: int
    output_tokens: int
    has_thought: bool
    """Whether it came with reasoning beside its text."""


def _object_in(said: _Said, schema: Mapping[str, Any]) -> dict[str, Any]:
    if said.finish == "length":
        raise AnswerError("the answer was cut off at its token limit")
    if not said.text.strip() and said.has_thought:
        raise AnswerError("no content, the model only reasoned")
    return object_in(said.text, schema)
