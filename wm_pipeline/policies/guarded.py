"""GuardedPolicy: another policy's proposals, each put to a guard first; what a person would be asked is not done."""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.ports import Environment, Guard, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy, Verdict
from wm_pipeline.domain.world import Episode


class GuardedPolicy:
    """Executes what the guard lets through or switches to; stops where it would escalate."""

    def __init__(self, policy: Policy, guard: Guard) -> None:
        self._policy = policy
        self._guard = guard

    @property
    def proposed_by(self) -> ProposedBy:
        return self._policy.proposed_by

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._policy.start(episode, environment, seed=seed)

    def propose(self, state: State) -> Action | None:
        proposed = self._policy.propose(state)
        if proposed is None:
            return None
        decision = self._guard.decide(state, proposed)
        return None if decision.verdict is Verdict.ESCALATE else decision.executed
