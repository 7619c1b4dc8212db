"""A conversation with a language model, as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jsonschema

from wm_pipeline.domain.errors import AnswerError, SettingsError
from wm_pipeline.domain.state import STRICT

LOCAL = "local"
"""In the place of an address: a model of transformers is run in this process."""


class Speaker(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    content: Mapping[str, Any]
    """The answer as an object of the schema that was asked for."""
    text: str
    """The same as the model wrote it: what goes back into the conversation."""
    input_tokens: int
    output_tokens: int
    """Both over all attempts, failed ones included; 0 for an answer from the cache."""
    cost: float | None = None
    """In the currency of the prices in the settings; None without prices."""
    is_cached: bool = False

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class LlmSettings:
    __pydantic_config__ = STRICT

    url: str
    """Base address, such as http://127.0.0.1:8000/v1, or LOCAL."""
    model: str
    """The endpoint's name for it; the folder of a local one."""
    max_tokens: int = 1_000_000
    """Budget of one client over its lifetime, input and output together; nothing is asked once it is spent.

    What is under way by then is finished: it may be passed by `max_concurrent` answers.
    """
    max_answer_tokens: int = 600
    max_concurrent: int = 4
    """Questions in flight at once."""
    temperature: float = 0.0
    timeout_s: float = 60.0
    """For one attempt."""
    max_retries: int = 4
    """After 429, 5xx, time-outs and lost connections, with exponential back-off or as the endpoint's headers say."""
    max_repairs: int = 1
    """How many times an answer of another form is sent back with what is wrong."""
    price_per_million_in: float | None = None
    price_per_million_out: float | None = None
    cache_folder: str | None = None
    """Answers are kept here by the hash of the question; None: no cache."""

    def __post_init__(self) -> None:
        if self.url != LOCAL and not self.url.startswith(("http://", "https://")):
            raise SettingsError(
                f"llm.url: expected an address such as http://127.0.0.1:8000/v1, or {LOCAL}, found {self.url!r}"
            )
        if min(self.max_tokens, self.max_answer_tokens, self.max_concurrent) < 1 or self.timeout_s <= 0:
            raise SettingsError("llm: max_tokens, max_answer_tokens, max_concurrent and timeout_s have to be above 0")


def object_in(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that an answer holds, checked: models that know no schemas often wrap it in words.

    Raises AnswerError when there is none, or one of another form.
    """
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1])
    except json.JSONDecodeError as error:
        raise AnswerError(f"the answer is not JSON: {first_line(text)!r}") from error
    try:
        jsonschema.validate(found, dict(schema))
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the object"
        raise AnswerError(f"{place}: {first_line(error.message)}") from error
    assert isinstance(found, dict)  # what stands between braces
    return found


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
