"""An agent that asks a language model: what it is shown, what it may do, and what its failures become."""

import asyncio
from typing import Any

import pytest

from tests.builders import payment_state
from tests.fakes.chat_server import Turn, chat_server, says
from tests.fakes.toy_environment import ToyEnvironment, toy_world
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.errors import AnswerError, SettingsError
from wm_pipeline.domain.vocabulary import ActionKind, ProposedBy, StopReason
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.policies.llm import LLMPolicyAgent
from wm_pipeline.policies.named import make_policy

STATE = payment_state()


def chooses(kind: str, target: str | None = None, value: str | None = None, **fields: str) -> Turn:
    listed = [{"name": name, "value": text} for name, text in fields.items()]
    return says(thought="next", kind=kind, target=target, value=value, fields=listed)


def agent(url: str) -> LLMPolicyAgent:
    return LLMPolicyAgent(LlmClient(LlmSettings(url, "agent-1")))


def test_it_is_shown_goal_elements_and_forms_and_answers_with_an_action() -> None:
    form = STATE.forms[0]
    name = next(field.name for field in form.fields if field.input_type != "hidden")
    with chat_server(chooses("submit", form.form_ref, **{name: "12.50"})) as server:
        policy = agent(server.url)
        action = policy.propose(STATE)

    assert action == Action(ActionKind.SUBMIT, form.form_ref, fields=(FieldValue(name, "12.50"),))
    page = server.requests[0]["messages"][1]["content"]
    assert STATE.goal in page
    for element in STATE.elements:
        assert f'{element.element_ref} {element.role} "{element.name}"' in page
    assert policy.tokens > 0


def test_what_the_page_does_not_offer_is_sent_back_with_the_reason() -> None:
    with chat_server(chooses("click", "e999"), chooses("click", STATE.elements[0].element_ref)) as server:
        action = agent(server.url).propose(STATE)

    assert action == Action(ActionKind.CLICK, STATE.elements[0].element_ref)
    assert "the state has no element 'e999'" in server.requests[1]["messages"][-1]["content"]


def test_it_stops_when_the_model_says_so_and_fails_when_it_cannot_be_executed() -> None:
    with chat_server(chooses("done")) as server:
        assert agent(server.url).propose(STATE) is None
    with (
        chat_server(chooses("goto", value="javascript:alert(1)")) as server,
        pytest.raises(AnswerError, match="agent-1 chose 2 times what the page does not offer"),
    ):
        agent(server.url).propose(STATE)


def test_it_hears_of_refusals_and_gives_up_after_two() -> None:
    click = Action(ActionKind.CLICK, STATE.elements[0].element_ref)
    with chat_server(chooses("back")) as server:
        policy = agent(server.url)
        policy.on_refusal(click)
        assert policy.propose(STATE) == Action(ActionKind.BACK)
        policy.on_refusal(click)
        assert policy.propose(STATE) is None

    assert len(server.requests) == 1
    assert "A guard has refused: click e" in server.requests[0]["messages"][1]["content"]


def rolled_out(reply: Any) -> Any:
    with chat_server(reply=reply) as server:
        return asyncio.run(
            collect_trajectory(
                ToyEnvironment(),
                agent(server.url),
                toy_world(),
                day="2026-11-22",
                settings=CollectSettings(max_steps=4),
            )
        )


def test_its_trajectories_count_tokens_and_its_failures_are_data() -> None:
    def first_button(asked: dict[str, Any]) -> Turn:
        page = asked["messages"][1]["content"]
        line = next(line for line in page.splitlines() if line.startswith("e") and " button " in line)
        return chooses("click", line.split()[0])

    done = rolled_out(first_button)
    failed = rolled_out(lambda asked: Turn("no idea"))

    assert done.policy == ProposedBy.LLM
    assert done.steps > 0
    assert done.tokens > 0
    assert failed.stop_reason is StopReason.POLICY_FAILED
    assert failed.transitions == ()


def test_without_a_model_there_is_no_llm_policy() -> None:
    with pytest.raises(SettingsError, match="set WM_LLM_URL and WM_LLM_MODEL"):
        make_policy("llm")
