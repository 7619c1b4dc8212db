"""Any endpoint that speaks OpenAI's chat completions: structured answers, retries, a token budget, a cache on disk."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from wm_pipeline.domain.chat import ChatAnswer, LlmSettings, Message, Speaker, first_line, object_in
from wm_pipeline.domain.errors import AnswerError, BudgetError, ServiceError
from wm_pipeline.domain.ids import digest


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

    def __init__(self, settings: LlmSettings, *, api_key: str = "") -> None:
        self._settings = settings
        self._client = openai.OpenAI(
            base_url=settings.url,
            # A local server wants none, the library wants one.
            api_key=api_key or "none",
            timeout=settings.timeout_s,
            max_retries=settings.max_retries,
        )
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(settings.max_concurrent)
        self._spent = Spent()

    @property
    def name(self) -> str:
        return self._settings.model

    @property
    def max_concurrent(self) -> int:
        """More threads than this wait for each other."""
        return self._settings.max_concurrent

    @property
    def cost(self) -> float | None:
        """Of everything asked so far, in the currency of the prices; None without prices."""
        spent = self.spent
        return self._cost(spent.input_tokens, spent.output_tokens)

    @property
    def spent(self) -> Spent:
        with self._lock:
            return self._spent

    def answer(self, messages: Sequence[Message], *, schema: Mapping[str, Any]) -> ChatAnswer:
        """See ports.ChatModel. An answer of another form is sent back `max_repairs` times before AnswerError."""
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

    def _ask(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> "_Said":
        turns: Any = [{"role": message.speaker.value, "content": message.text} for message in messages]
        form: Any = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
        }
        try:
            completion = self._client.chat.completions.create(
                model=self._settings.model,
                messages=turns,
                response_format=form,
                temperature=self._settings.temperature,
                max_tokens=self._settings.max_answer_tokens,
            )
        except openai.APIStatusError as error:
            raise ServiceError(
                f"{self._settings.url} answered {error.status_code}: {first_line(error.message)}; "
                "check the model's name and the key in WM_LLM_KEY"
            ) from error
        except openai.OpenAIError as error:
            raise ServiceError(f"{self._settings.url} cannot be reached: {first_line(str(error))}") from error
        except json.JSONDecodeError as error:
            raise self._speaks_something_else() from error
        # The library hands on whatever comes with status 200, be it a page or another object.
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise self._speaks_something_else()
        choice, usage = completion.choices[0], completion.usage
        if not isinstance(choice.message, ChatCompletionMessage):
            raise self._speaks_something_else()
        used = (0, 0) if usage is None else (usage.prompt_tokens or 0, usage.completion_tokens or 0)
        return _Said(choice.message.content or "", choice.finish_reason or "", choice.message.refusal, *used)

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
        temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        temporary.write_text(json.dumps(asdict(answer)))
        temporary.replace(path)


@dataclass(frozen=True, slots=True)
class _Said:
    """One attempt at an answer."""

    text: str
    finish: str
    """Why it ended."""
    refusal: str | None
    input_tokens: int
    output_tokens: int


def _object_in(said: _Said, schema: Mapping[str, Any]) -> dict[str, Any]:
    if said.finish == "length":
        raise AnswerError("the answer was cut off at its token limit")
    return object_in(said.text, schema)
