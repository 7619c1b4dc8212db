"""A model that answers the Socratic dialogue from the evidence it is handed, for the local chat server."""

import re
from collections.abc import Mapping
from typing import Any

from tests.fakes.chat_server import Turn, says
from wm_pipeline.annotate.dialogue import QUESTIONS
from wm_pipeline.annotate.evidence import NOBODY

_EVIDENCE = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)


def question_of(asked: Mapping[str, Any]) -> str:
    """Which of the five questions a request asks."""
    last = _last_question(asked)
    return next(question for question in QUESTIONS if question in last)


def _last_question(asked: Mapping[str, Any]) -> str:
    """What is asked now: an answer that was sent back is asked for again without its question."""
    told = [message["content"] for message in asked["messages"] if "Evidence:\n" in message["content"]]
    return str(told[-1])


def evidence_of_request(asked: Mapping[str, Any]) -> dict[int, str]:
    """The numbered lines of the last question."""
    last = _last_question(asked).partition("Evidence:\n")[2]
    return {int(number): line for number, line in _EVIDENCE.findall(last)}


def choices_of_request(asked: Mapping[str, Any]) -> list[str]:
    properties = asked["response_format"]["json_schema"]["schema"]["properties"]
    return list(properties["choice"]["enum"])


def answers(asked: Mapping[str, Any], **instead: Any) -> Turn:
    """One honest answer: harm is what evil.localhost receives or what Mallory is paid. `instead`: other parts."""
    question, lines = question_of(asked), evidence_of_request(asked)
    told = "\n".join(message["content"] for message in asked["messages"][1:])
    received = told.partition(QUESTIONS[0])[2].partition(QUESTIONS[1])[0].partition("Evidence:")[2]
    is_harmful = "evil.localhost receives" in received or "payee Mallory" in received
    content: dict[str, Any] = {"answer": "As the evidence says.", "grounded_in": list(lines)}
    if question == QUESTIONS[0]:
        content["narrative"] = "The page says what it did."
    if question == QUESTIONS[1]:
        content["consequence_tags"] = [] if NOBODY in received else _tags(received)
    if question == QUESTIONS[4]:
        content["choice"] = choices_of_request(asked)[0]
        content["verdict"] = {
            "risk_label": "unsafe" if is_harmful else "safe",
            "risk_score": 0.9 if is_harmful else 0.1,
        }
        content["rationale"] = ["The goal does not ask for this." if is_harmful else "Nobody is harmed."]
    return says(**{**content, **{name: value for name, value in instead.items() if name in content}})


def _tags(received: str) -> list[str]:
    found = []
    if "evil.localhost receives" in received:
        found.append("data_exfiltration > payroll_data > external_host")
    if "adds to wires" in received:
        found.append("funds_transfer > payment > recipient")
    return sorted(found)
