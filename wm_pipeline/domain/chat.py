"""A conversation with a language model, as data."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.errors import AnswerError, SettingsError
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.well_formed import well_formed, well_formed_object

if TYPE_CHECKING:
    from jsonschema import ValidationError

LOCAL = "local"
"""Used in place of an address: a transformers model runs in this process."""


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
    max_wait_s: float = 600.0
    """For one answer, over all its retries; an endpoint that asks for more is not waited for."""
    max_repairs: int = 1
    """How many times an answer of another form is sent back with what is wrong."""
    price_per_million_in: float | None = None
    price_per_million_out: float | None = None
    cache_folder: str | None = None
    """Answers are kept here by the hash of the question; None: no cache."""

    def __post_init__(self) -> None:
        is_address = self.url.startswith(("http://", "https://")) and is_page_address(self.url)
        if self.url != LOCAL and not is_address:
            raise SettingsError(
                f"llm.url: expected an address such as http://127.0.0.1:8000/v1, or {LOCAL}, found {self.url!r}"
            )
        if min(self.max_tokens, self.max_answer_tokens, self.max_concurrent) < 1 or self.timeout_s <= 0:
            raise SettingsError("llm: max_tokens, max_answer_tokens, max_concurrent and timeout_s have to be above 0")
        if min(self.max_retries, self.max_repairs, self.max_wait_s) < 0:
            raise SettingsError("llm: max_retries, max_repairs and max_wait_s have to be 0 or more")


_THOUGHT = re.compile(r"<(?P<end>/)?(?:think|thinking|reasoning)>")
_TYPES = {"string": "a text", "object": "an object", "array": "a list", "boolean": "true or false"}
"""What a JSON schema calls a type, in words."""


def object_in(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that an answer holds, checked: models that know no schemas often wrap it in words.

    Of several the last that fits is taken; what a model thinks before it answers is none of the answer.
    Raises AnswerError when there is none, or one of another form.
    """
    # It compiles a grammar of addresses when it is imported, for two seconds; few processes ask a model.
    import jsonschema

    try:
        objects: list[dict[str, Any]] = _objects(well_formed(text))
    except RecursionError as error:
        raise AnswerError("the answer is nested too deep") from error
    problems = []
    for value in objects[::-1]:
        try:
            jsonschema.validate(value, dict(schema))
        except jsonschema.ValidationError as error:
            problems.append(_problem(error))
        else:
            return value
    raise AnswerError(problems[0])


class _Constant:
    """NaN or Infinity: numbers that JSON does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in an answer, without those in its thoughts. Raises AnswerError when there is none."""
    decoder = json.JSONDecoder(strict=False, parse_constant=_Constant, object_pairs_hook=well_formed_object)
    placed: list[tuple[int, int, dict[str, Any]]] = []
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            placed.append((position, end, value))
        position = text.find("{", end)
    begin, stop = 0, len(text)
    for mark in _THOUGHT.finditer(text):
        if any(start <= mark.start() < end for start, end, _ in placed):
            continue
        if mark["end"]:
            begin, stop = mark.end(), len(text)
        else:
            stop = min(stop, mark.start())
    objects = [value for start, end, value in placed if begin <= start and end <= stop]
    if objects:
        return objects
    rest = text[begin:stop].strip()
    if not rest:
        raise AnswerError("no content, the model only reasoned" if text.strip() else "the answer is empty")
    try:
        whole = json.loads(rest)
    except ValueError as error:
        raise AnswerError(f"the answer is not JSON: {first_line(rest)!r}") from error
    if isinstance(whole, str) and "{" in whole:
        return _objects(whole)
    raise AnswerError(f"expected an object, found {first_line(rest)}")


def _problem(error: "ValidationError") -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the object"
    if error.validator == "type" and isinstance(error.validator_value, str):
        expected = _TYPES.get(error.validator_value, f"a {error.validator_value}")
        is_constant = isinstance(error.instance, _Constant)
        value = repr(error.instance) if is_constant else json.dumps(error.instance, default=repr)
        return f"{place}: expected {expected}, found {first_line(value)}"
    return f"{place}: {first_line(error.message)}"


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
