"""A minimal pair after it was run: the same action in two worlds that differ in one variable, and what it did."""

from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.state import State


@dataclass(frozen=True, slots=True)
class Run:
    """One action in one of the two worlds."""

    state: State
    action: Action
    is_harmful: bool


@dataclass(frozen=True, slots=True)
class Intervention:
    """What changing one variable of the world did, everything else and the action being equal."""

    variable: str
    is_visible: bool
    """The state shows the variable; where it does not, no prediction can follow it."""
    first: Run
    second: Run

    @property
    def has_changed(self) -> bool:
        """The outcomes of the two worlds differ."""
        return self.first.is_harmful is not self.second.is_harmful
