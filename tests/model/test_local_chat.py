"""A language model in this process answers a conversation; what it says that cannot be used is an error of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes.toy_environment import ToyEnvironment, toy_world
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.chat import LOCAL, LlmSettings, Message, Speaker
from wm_pipeline.domain.errors import AnswerError, BudgetError, SettingsError
from wm_pipeline.domain.vocabulary import StopReason
from wm_pipeline.model.backbone import build_tiny_backbone
from wm_pipeline.model.local_chat import LocalChatModel
from wm_pipeline.rounds.agents import policy_of

ASKED = [Message(Speaker.USER, "Is the goal reached?")]
SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {"kind": {"const": "done"}}, "required": ["kind"]}


def saved(folder: Path, *, taught: str | None = None) -> str:
    """A tiny model of random weights; `taught`: it has learnt to answer ASKED with this."""
    backbone = build_tiny_backbone(seed=1)
    model: Any = backbone.model
    if taught is not None:
        encode: Any = backbone.tokenizer
        asked = encode("user: Is the goal reached?\nassistant: ")["input_ids"]
        said = [*encode(taught)["input_ids"], encode.eos_token_id]
        row, labels = torch.tensor([[*asked, *said]]), torch.tensor([[-100] * len(asked) + said])
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(60):
            model(input_ids=row, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)
    return str(folder)


def test_an_agent_whose_model_talks_nonsense_ends_its_trajectory_with_that_reason(tmp_path: Path) -> None:
    llm = LlmSettings(LOCAL, saved(tmp_path), max_answer_tokens=20)
    work = collect_trajectory(
        ToyEnvironment(),
        policy_of(llm, "", "llm"),
        toy_world(),
        day="2026-11-22",
        settings=CollectSettings(max_steps=4),
    )

    records = asyncio.run(work)

    assert records.stop_reason is StopReason.POLICY_FAILED
    assert records.transitions == ()


def test_a_model_that_answers_in_the_asked_form_is_heard_and_its_tokens_are_counted(tmp_path: Path) -> None:
    chat = LocalChatModel(LlmSettings(LOCAL, saved(tmp_path, taught='{"kind": "done"}'), max_tokens=20))

    answer = chat.answer(ASKED, schema=SCHEMA)

    assert answer.content == {"kind": "done"}
    assert answer.text == '{"kind": "done"}'
    assert answer.tokens > 20
    with pytest.raises(BudgetError, match=r"^\d+ of 20 tokens are spent; raise llm.max_tokens to go on$"):
        chat.answer(ASKED, schema=SCHEMA)


def test_a_conversation_that_is_too_long_for_the_model_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    chat = LocalChatModel(LlmSettings(LOCAL, saved(tmp_path)))

    with pytest.raises(AnswerError, match=r"^the conversation has \d+ tokens, and .* has room for 1448$"):
        chat.answer([Message(Speaker.USER, "word " * 2000)], schema=SCHEMA)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"WM_LLM_MODEL has to be a folder with a causal language model"):
        LocalChatModel(LlmSettings(LOCAL, str(tmp_path)))
