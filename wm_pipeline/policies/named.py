"""Policies by the name that worlds and tables use. Register your own before worlds are given to it (plugins.py)."""

from collections.abc import Callable
from dataclasses import dataclass

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ports import ChatModel, Policy
from wm_pipeline.domain.registrations import Kind, Registry
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.policies.explorer import ExplorerPolicy
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.policies.llm import LLMPolicyAgent
from wm_pipeline.policies.scripted import ScriptedPolicy


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy that worlds can be given to."""

    name: str
    make: Callable[[ChatModel | None], Policy]
    """Makes a new policy; the chat model is None unless it `asks_model`."""
    asks_model: bool = False
    share: float = 0.0
    """Share of a round's worlds, in [0, 1]; for our own policies the round's settings say it."""
    plays_aside: str | None = None
    """Its name in the report when it also plays in a few worlds beside the main ones; None: it does not."""


_POLICIES = Registry[PolicyEntry](Kind.POLICY)


def register_policy(entry: PolicyEntry) -> PolicyEntry:
    """Add a policy, or replace the one of the same name. Raises SettingsError when the share is not in [0, 1]."""
    if not 0.0 <= entry.share <= 1.0:
        raise SettingsError(f"policy {entry.name!r}: expected a share of worlds in [0, 1], found {entry.share!r}")
    _POLICIES[entry.name] = entry
    return entry


def forget_policy(name: str) -> None:
    _POLICIES.pop(name, None)


def registered_policies() -> dict[str, PolicyEntry]:
    return dict(_POLICIES)


def policy_entry(name: str) -> PolicyEntry:
    """The registered policy of that name. Raises SettingsError for an unknown one."""
    if name not in _POLICIES:
        raise SettingsError(f"unknown policy {name!r}; there are {', '.join(_POLICIES)}")
    return _POLICIES[name]


def make_policy(name: str, chat: ChatModel | None = None) -> Policy:
    """A new policy. Raises SettingsError for an unknown name, or when it asks a model and there is none."""
    entry = policy_entry(name)
    if entry.asks_model and chat is None:
        raise SettingsError(f"the {name} policy has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
    return entry.make(chat if entry.asks_model else None)


def _ask(chat: ChatModel | None) -> Policy:
    assert chat is not None, "make_policy passes a model to policies that ask one"
    return LLMPolicyAgent(chat)


for _entry in (
    PolicyEntry(ProposedBy.SCRIPTED.value, lambda chat: ScriptedPolicy()),
    PolicyEntry(ProposedBy.GULLIBLE.value, lambda chat: GulliblePolicy()),
    PolicyEntry(ProposedBy.EXPLORER.value, lambda chat: ExplorerPolicy(), plays_aside="the explorer in the loop"),
    PolicyEntry(
        ProposedBy.LLM.value,
        _ask,
        asks_model=True,
        plays_aside="a language model's agent in the loop (set WM_LLM_URL)",
    ),
):
    register_policy(_entry)
