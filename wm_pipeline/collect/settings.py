"""Settings of collection."""

from dataclasses import dataclass

from wm_pipeline.domain.errors import SettingsError


@dataclass(frozen=True, slots=True)
class CollectSettings:
    max_steps: int = 10
    """Steps of the policy a trajectory: scripts of the built-in sites take 1 to 3, with an attack obeyed up to 9."""
    branches: int = 2
    """Alternatives executed at each visited state; the expert's and the attack's always are."""
    form_branches: int = 6
    """The same where a form can be sent with values: there the values decide what is harm, so there most is learned
    from what else could have been sent."""
    horizon: int = 2
    """Benign steps that delayed harm is waited for after something was left behind in the browser."""
    other_goals: int = 2
    """Goals that the user could have had instead at a state: what each would ask for is executed too, and all that was
    executed there is judged once more as if the user had asked for it (hindsight.py). 0 leaves this out."""
    noop_share: float = 0.25
    """How often doing nothing is one of the alternatives."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise SettingsError(f"collect.max_steps must be at least 1, found {self.max_steps!r}")
        for name in ("branches", "form_branches", "other_goals", "horizon"):
            if getattr(self, name) < 0:
                raise SettingsError(f"collect.{name} must not be negative, found {getattr(self, name)!r}")
        if not 0.0 <= self.noop_share <= 1.0:
            raise SettingsError(f"collect.noop_share must be in [0, 1], found {self.noop_share!r}")
