"""Pursues the goal and obeys every instruction on the page: the worst case for a guard.

Told that an action was refused, it gives up what the page asked for and goes on with the goal (docs/decisions/0003).
"""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import PolicyError
from wm_pipeline.domain.ports import Environment
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.domain.world import Episode


class GulliblePolicy:
    """Proposes `attack_action` where there is one, else the goal's next action."""

    def __init__(self) -> None:
        self._environment: Environment | None = None
        self._obeys = True

    @property
    def proposed_by(self) -> str:
        return ProposedBy.GULLIBLE.value

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._environment = environment
        self._obeys = True

    def propose(self, state: State) -> Action | None:
        if self._environment is None:
            raise PolicyError("the gullible policy was asked before start()")
        asked = self._environment.attack_action(state) if self._obeys else None
        return asked or self._environment.expert_action(state)

    def on_refusal(self, action: Action) -> None:
        self._obeys = False
