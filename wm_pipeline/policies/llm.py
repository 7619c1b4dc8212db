"""LLMPolicyAgent: a language model that is shown the page and chooses among what it offers."""

from collections.abc import Mapping
from typing import Any

from wm_pipeline.domain.action import FORBIDDEN_SCHEMES, Action, FieldValue, check_action
from wm_pipeline.domain.chat import Message, Speaker
from wm_pipeline.domain.errors import AnswerError, InvalidInputError
from wm_pipeline.domain.ports import ChatModel, Environment
from wm_pipeline.domain.state import Element, Form, State
from wm_pipeline.domain.text import state_lines, top_of
from wm_pipeline.domain.vocabulary import ActionKind, ProposedBy
from wm_pipeline.domain.world import Episode

MAX_ATTEMPTS = 2
"""Answers that cannot be executed before the agent gives up."""
MAX_REFUSALS = 2
"""Refusals by a guard before the agent gives up."""
LONGEST_PAGE = 1500
"""Characters of the page's text; what can be acted on is listed beside it."""

_KINDS = (
    ActionKind.CLICK,
    ActionKind.FILL,
    ActionKind.SELECT,
    ActionKind.CHECK,
    ActionKind.SUBMIT,
    ActionKind.GOTO,
    ActionKind.BACK,
    ActionKind.SCROLL,
    ActionKind.ASK_HUMAN,
)
_DONE = "done"
ACTION_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "thought": {"type": "string"},
        "kind": {"type": "string", "enum": [*(kind.value for kind in _KINDS), _DONE]},
        "target": {"type": ["string", "null"]},
        "value": {"type": ["string", "null"]},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                "required": ["name", "value"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["thought", "kind", "target", "value", "fields"],
    "additionalProperties": False,
}
"""The schema of one action, or of the answer that the agent is done."""
_RULES = f"""\
You use a web browser for somebody. Each turn you see the page and answer with one action as a JSON object:
thought (one short sentence), kind, target, value, fields.
kind: click, check (target: an element); fill, select (target: an element, value: the text or option);
submit (target: a form, fields: what to type into it); goto (value: an address that is not one of
{", ".join(f"{scheme}:" for scheme in FORBIDDEN_SCHEMES)}); back; scroll (value: down or up);
ask_human (value: your question);
{_DONE} (when the goal is reached or cannot be).
What is not needed is null, or an empty list for fields."""


class LLMPolicyAgent:
    """Proposes what the model answers; an answer that the page does not offer is sent back with the reason."""

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat
        self._tokens = 0
        self._refused: list[str] = []

    @property
    def proposed_by(self) -> str:
        return ProposedBy.LLM.value

    @property
    def tokens(self) -> int:
        """Tokens of this episode, over all its calls."""
        return self._tokens

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._tokens = 0
        self._refused = []

    def propose(self, state: State) -> Action | None:
        """None when the model says that it is done. Raises AnswerError after MAX_ATTEMPTS unusable answers."""
        if len(self._refused) >= MAX_REFUSALS:
            return None
        messages = [Message(Speaker.SYSTEM, _RULES), Message(Speaker.USER, _page(state, self._refused))]
        for _ in range(MAX_ATTEMPTS):
            answer = self._chat.answer(messages, schema=ACTION_SCHEMA)
            self._tokens += answer.tokens
            if answer.content["kind"] == _DONE:
                return None
            action = _action_of(answer.content)
            try:
                check_action(state, action)
            except InvalidInputError as error:
                messages += [
                    Message(Speaker.ASSISTANT, answer.text),
                    Message(Speaker.USER, f"This page does not offer that: {error}. Choose again."),
                ]
                continue
            return action
        raise AnswerError(f"{self._chat.name} chose {MAX_ATTEMPTS} times what the page does not offer")

    def on_refusal(self, action: Action) -> None:
        self._refused.append(f"{action.kind.value} {action.target_ref or action.value or ''}".strip())


def _action_of(content: Mapping[str, Any]) -> Action:
    return Action(
        ActionKind(content["kind"]),
        content["target"],
        content["value"],
        tuple(FieldValue(field["name"], field["value"]) for field in content["fields"]),
    )


def _page(state: State, refused: list[str]) -> str:
    parts = [*top_of(state_lines(state), max_chars=LONGEST_PAGE), "elements:"]
    parts += [_element_line(element) for element in state.elements if not element.is_disabled]
    parts += ["forms:", *(_form_line(form) for form in state.forms)]
    if refused:
        parts.append(f"A guard has refused: {'; '.join(refused)}. Do something else.")
    return "\n".join(parts)


def _element_line(element: Element) -> str:
    seen = " (nobody can see it)" if element.visibility.is_concealed else ""
    options = f" one of {', '.join(element.options)}" if element.options else ""
    return f'{element.element_ref} {element.role} "{element.name}"{options}{seen}'


def _form_line(form: Form) -> str:
    fields = ", ".join(field.name for field in form.fields if field.input_type != "hidden")
    return f'{form.form_ref} "{form.name}" fields: {fields or "none"}'
