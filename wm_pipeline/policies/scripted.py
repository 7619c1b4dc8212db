"""Follows the goal's own script."""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import PolicyError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.domain.world import Episode


class ScriptedPolicy:
    """Follows `expert_action` until there is nothing left to do."""

    def __init__(self) -> None:
        self._environment: Environment | None = None

    @property
    def proposed_by(self) -> str:
        return ProposedBy.SCRIPTED.value

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._environment = environment

    def propose(self, state: State) -> Action | None:
        if self._environment is None:
            raise PolicyError("the scripted policy was asked before start()")
        return self._environment.expert_action(state)

    def on_refusal(self, action: Action) -> None:
        """Does nothing: the script knows no other way to its goal, so it proposes the same action again."""
