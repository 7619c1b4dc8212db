"""A policy and a guard for ToyEnvironment, by the names of its buttons."""

from collections.abc import Callable, Mapping

from tests.fakes.predictor import FakePredictor
from tests.fakes.toy_environment import BUTTONS, press
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import PolicyError
from wm_pipeline.domain.ports import Environment, Policy
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy, Verdict
from wm_pipeline.domain.world import Episode

LATENCY_MS = 20.0
TOKENS = 100


class ListedPolicy:
    """Presses the named buttons one after the other, whatever comes of it."""

    def __init__(self, *names: str) -> None:
        self._names = list(names)
        self._is_started = False

    @property
    def proposed_by(self) -> str:
        return ProposedBy.LLM

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self._is_started = True

    def propose(self, state: State) -> Action | None:
        if not self._is_started:
            raise PolicyError("the listed policy was asked before start()")
        return press(self._names.pop(0)) if self._names else None

    def on_refusal(self, action: Action) -> None:
        """It goes on with its list."""


def listed(*names: str) -> Callable[[], Policy]:
    return lambda: ListedPolicy(*names)


class ButtonGuard:
    """Executes what it has no rule for; a rule is a verdict, or the button to press instead.

    `risks`: the risk it says a button has; without one it says that no prediction was made.
    """

    def __init__(self, rules: Mapping[str, Verdict | str], *, risks: Mapping[str, float] | None = None) -> None:
        self._rules = rules
        self._risks = risks or {}

    def decide(self, state: State, action: Action) -> Decision:
        name = BUTTONS[int((action.target_ref or "e1")[1:]) - 1]
        rule = self._rules.get(name, Verdict.EXECUTE)
        outcome = None
        if name in self._risks:
            outcome = FakePredictor({action: self._risks[name]}).predict_outcomes(state, [action])[0]
        if isinstance(rule, Verdict):
            executed = action if rule is Verdict.EXECUTE else None
            return Decision(rule, executed, "a rule", outcome, LATENCY_MS, TOKENS)
        return Decision(Verdict.SWITCH, press(rule), "a rule", outcome, LATENCY_MS, TOKENS)
