"""Policies by the name that worlds and tables use."""

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ports import Policy
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.policies.explorer import ExplorerPolicy
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.policies.scripted import ScriptedPolicy

POLICIES: dict[str, type[ScriptedPolicy] | type[GulliblePolicy] | type[ExplorerPolicy]] = {
    ProposedBy.SCRIPTED.value: ScriptedPolicy,
    ProposedBy.GULLIBLE.value: GulliblePolicy,
    ProposedBy.EXPLORER.value: ExplorerPolicy,
}
"""Policies that need nothing but the environment."""


def make_policy(name: str) -> Policy:
    """A new policy. Raises SettingsError for an unknown name."""
    if name not in POLICIES:
        raise SettingsError(f"unknown policy {name!r}; there are {', '.join(POLICIES)}")
    return POLICIES[name]()
