"""Steps put together as they are read from a recording: trajectories, and what was left out and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from wm_pipeline.collect.imported import TRAJECTORY_FORMAT, ImportedStep, ImportedTrajectory
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ProposedBy, StopReason

_SEEN = ("url", "title", "elements", "texts", "forms")
"""What two states show alike when nothing has happened between them."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was read from one or several files."""

    trajectories: tuple[ImportedTrajectory, ...]
    left_out: Mapping[str, int]
    """Steps that are in none of them, by what they were."""

    @property
    def steps(self) -> int:
        return sum(len(one.steps) for one in self.trajectories)


def joined(recordings: list[Recording]) -> Recording:
    left_out = Counter[str]()
    for one in recordings:
        left_out.update(one.left_out)
    return Recording(tuple(each for one in recordings for each in one.trajectories), dict(left_out))


@dataclass(slots=True)
class StepRecorder:
    """States and actions as they come. Where a step was left out that changed the page, a new trajectory begins."""

    name: str
    left_out: Counter[str] = field(default_factory=Counter)
    _parts: list[list[ImportedStep]] = field(default_factory=lambda: [[]])
    _last: State | None = None
    """What the last step of the present part led to."""
    _begun: tuple[State, Action, float] | None = None
    """What was done and has led nowhere yet."""

    @property
    def is_waiting(self) -> bool:
        """Whether it needs to know what the last action led to."""
        return self._begun is not None

    def see(self, state: State) -> State:
        """The page before the next action, or after the last; the state by which it is known from now on."""
        if self._begun is not None:
            before, action, elapsed_ms = self._begun
            self._parts[-1].append(ImportedStep(before, action, state, effects=None, elapsed_ms=elapsed_ms))
            self._begun = None
        elif self._last is not None:
            if all(getattr(state, name) == getattr(self._last, name) for name in _SEEN):
                state = self._last
            else:
                self._parts.append([])
        self._last = state
        return state

    def do(self, state: State, action: Action, *, elapsed_ms: float) -> None:
        """`state`: as see() has returned it."""
        self._begun = (state, action, max(0.0, elapsed_ms))

    def leave_out(self, what: str) -> None:
        self.left_out[what] += 1

    def lose_sight(self) -> None:
        """There is no page that can be seen: an action that led there is left out."""
        if self._begun is not None:
            self.leave_out(f"{self._begun[1].kind.value} that led to nothing that can be shown")
        self._begun, self._last = None, None
        self._parts.append([])

    def recording(self) -> Recording:
        """Nobody said whether the goal was reached, nor watched what happened on the server."""
        parts = [part for part in self._parts if part]
        trajectories = (
            ImportedTrajectory(
                format_version=TRAJECTORY_FORMAT,
                name=self.name if len(parts) == 1 else f"{self.name}#{number}",
                policy=ProposedBy.SCRIPTED,
                stop_reason=StopReason.POLICY_STOPPED,
                benign_success=False,
                authorization=Authorization(),
                steps=tuple(part),
                group=self.name,
            )
            for number, part in enumerate(parts, start=1)
        )
        return Recording(tuple(trajectories), dict(self.left_out))
