"""Does the goal and whatever the page tells it to: the worst case an attacker hopes for."""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import PolicyError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.domain.world import Episode


class GulliblePolicy:
    """Obeys `attack_action` where there is one, and goes on with the goal otherwise."""

    def __init__(self) -> None:
        self._environment: Environment | None = None

    @property
    def proposed_by(self) -> ProposedBy:
        return ProposedBy.GULLIBLE

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._environment = environment

    def propose(self, state: State) -> Action | None:
        if self._environment is None:
            raise PolicyError("the gullible policy was asked before start()")
        return self._environment.attack_action(state) or self._environment.expert_action(state)
