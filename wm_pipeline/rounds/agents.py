"""Policies and the chat models behind them, by name."""

from wm_pipeline.domain.chat import LOCAL, LlmSettings
from wm_pipeline.domain.ports import ChatModel, Policy
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.policies.named import make_policy, policy_entry


def policy_of(llm: LlmSettings | None, llm_key: str, name: str) -> Policy:
    """A policy by name, with the configured language model behind it where it asks one; picklable as a partial."""
    return make_policy(name, None if llm is None or not policy_entry(name).asks_model else _chat_model(llm, llm_key))


def _chat_model(llm: LlmSettings, llm_key: str) -> ChatModel:
    if llm.url != LOCAL:
        return LlmClient(llm, api_key=llm_key)
    # Torch is loaded only where a model is run.
    from wm_pipeline.model.local_chat import LocalChatModel

    return LocalChatModel(llm)
