"""GuardedPolicy: another policy's proposals, each put to a guard first.

Where the guard escalates, a person is asked (which does nothing here), so that the state is still experienced; a
second escalation on the same page ends the episode.
"""

from wm_pipeline.domain.action import ASK_HUMAN, Action
from wm_pipeline.domain.ids import page_id_of
from wm_pipeline.domain.ports import Environment, Guard, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy, Verdict
from wm_pipeline.domain.world import Episode


class GuardedPolicy:
    """Executes what the guard lets through or switches to."""

    def __init__(self, policy: Policy, guard: Guard) -> None:
        self._policy = policy
        self._guard = guard
        self._asked: set[str] = set()

    @property
    def proposed_by(self) -> ProposedBy:
        return self._policy.proposed_by

    @property
    def tokens(self) -> int:
        return self._policy.tokens

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._asked.clear()
        self._policy.start(episode, environment, seed=seed)

    def propose(self, state: State) -> Action | None:
        proposed = self._policy.propose(state)
        if proposed is None:
            return None
        decision = self._guard.decide(state, proposed)
        if decision.verdict is not Verdict.EXECUTE:
            self._policy.hear_refusal(proposed)
        if decision.verdict is not Verdict.ESCALATE:
            return decision.executed
        page_id = page_id_of(state)
        if page_id in self._asked:
            return None
        self._asked.add(page_id)
        return ASK_HUMAN

    def hear_refusal(self, action: Action) -> None:
        self._policy.hear_refusal(action)
