"""GuardedPolicy: another policy's proposals, each put to a guard first."""

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.ports import Environment, Guard, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.world import Episode
from wm_pipeline.guard.step import Refused, guarded_step


class GuardedPolicy:
    """Proposes the action that the guard executes or switches to; stops when the policy insists on a refused one."""

    def __init__(self, policy: Policy, guard: Guard, *, instead: Action, has_one_refusal_a_page: bool) -> None:
        """`instead`: proposed where the guard escalates, since a policy has to propose something to go on."""
        self._policy = policy
        self._guard = guard
        self._instead = instead
        self._has_one_refusal_a_page = has_one_refusal_a_page
        self._refused: Refused = frozenset()

    @property
    def proposed_by(self) -> str:
        return self._policy.proposed_by

    @property
    def tokens(self) -> int:
        return self._policy.tokens

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._refused = frozenset()
        self._policy.start(episode, environment, seed=seed)

    def propose(self, state: State) -> Action | None:
        action = self._policy.propose(state)
        if action is None:
            return None
        step = guarded_step(
            self._guard,
            state,
            action,
            refused=self._refused,
            instead=self._instead,
            has_one_refusal_a_page=self._has_one_refusal_a_page,
            can_hold=True,  # nothing that leaves a page of the lab does harm
        )
        self._refused = step.refused
        if not step.is_as_proposed:
            self._policy.on_refusal(action)
        return step.executed

    def on_refusal(self, action: Action) -> None:
        self._policy.on_refusal(action)
