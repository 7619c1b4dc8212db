"""Policies by the name that worlds and tables use."""

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ports import ChatModel, Policy
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.policies.explorer import ExplorerPolicy
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.policies.llm import LLMPolicyAgent
from wm_pipeline.policies.scripted import ScriptedPolicy

POLICIES: dict[str, type[ScriptedPolicy] | type[GulliblePolicy] | type[ExplorerPolicy]] = {
    ProposedBy.SCRIPTED.value: ScriptedPolicy,
    ProposedBy.GULLIBLE.value: GulliblePolicy,
    ProposedBy.EXPLORER.value: ExplorerPolicy,
}
"""Policies that need nothing but the environment."""


def make_policy(name: str, chat: ChatModel | None = None) -> Policy:
    """A new policy; `llm` asks `chat`. Raises SettingsError for an unknown name, or when `llm` has no model."""
    if name == ProposedBy.LLM:
        if chat is None:
            raise SettingsError("the llm policy has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
        return LLMPolicyAgent(chat)
    if name not in POLICIES:
        raise SettingsError(f"unknown policy {name!r}; there are {', '.join((*POLICIES, ProposedBy.LLM.value))}")
    return POLICIES[name]()
