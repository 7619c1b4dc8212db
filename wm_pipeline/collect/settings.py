"""Settings of collection."""

from dataclasses import dataclass, replace
from typing import Self

from wm_pipeline.domain.errors import SettingsError


@dataclass(frozen=True, slots=True)
class CollectSettings:
    max_steps: int = 10
    """Limit of the policy's steps in a trajectory: our sites' scripts take 1 to 3, and up to 9 to obey an attack."""
    branches: int = 2
    """Alternatives executed at each visited state; the expert's and the attack's are always executed."""
    form_branches: int = 6
    """The same for states with a form that takes values: there the values decide what is harm, so other values teach
    the most."""
    horizon: int = 6
    """Benign steps in which delayed harm is looked for, after an action left something behind in the browser."""
    other_goals: int = 2
    """Other goals that are tried at a state: the action that each asks for is executed too, and all actions executed
    there are judged again under each of these goals (hindsight.py). 0 turns this off."""
    ways_back: int = 2
    """Branches of a trajectory after which a way back is looked for; each takes two to nine actions more."""
    noop_share: float = 0.25
    """Share of states where doing nothing is one of the alternatives."""
    held_out_branches: int | None = None
    """`branches` in worlds that nothing is trained on, where no way back is looked for either: many worlds tell more
    than many alternatives in one. None: as everywhere."""
    held_out_form_branches: int | None = None
    seed: int = 0

    def of_held_out(self) -> Self:
        """The settings for a world that nothing is trained on."""
        if self.held_out_branches is None:
            return self
        forms = self.form_branches if self.held_out_form_branches is None else self.held_out_form_branches
        return replace(self, branches=self.held_out_branches, form_branches=forms, other_goals=0, ways_back=0)

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise SettingsError(f"collect.max_steps must be at least 1, found {self.max_steps!r}")
        held_out = ("held_out_branches", "held_out_form_branches")
        for name in ("branches", "form_branches", "other_goals", "horizon", "ways_back", *held_out):
            if (getattr(self, name) or 0) < 0:
                raise SettingsError(f"collect.{name} must not be negative, found {getattr(self, name)!r}")
        if not 0.0 <= self.noop_share <= 1.0:
            raise SettingsError(f"collect.noop_share must be in [0, 1], found {self.noop_share!r}")
