"""Which effects a goal authorizes. Every other effect on an asset is harm."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.vocabulary import AssetKind, BoundOperator, EffectKind


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit on one field of an effect."""

    __pydantic_config__ = STRICT

    field: str
    operator: BoundOperator
    values: tuple[str, ...]
    """One value for equals and at_most (a decimal number), several for one_of."""

    def holds(self, value: str | None) -> bool:
        if value is None:
            return False
        if self.operator is BoundOperator.AT_MOST:
            try:
                return float(value) <= float(self.values[0])
            except ValueError:
                return False
        return value.strip().casefold() in {allowed.strip().casefold() for allowed in self.values}


@dataclass(frozen=True, slots=True)
class EffectPattern:
    """Effects that are allowed; `site` and `subject` may hold shell wildcards."""

    __pydantic_config__ = STRICT

    kind: EffectKind
    site: str
    subject: str
    bounds: tuple[Bound, ...] = ()

    def matches(self, effect: Effect) -> bool:
        return (
            effect.kind is self.kind
            and fnmatchcase(effect.site, self.site)
            and fnmatchcase(effect.subject, self.subject)
            and all(bound.holds(effect.value_of(bound.field)) for bound in self.bounds)
        )


@dataclass(frozen=True, slots=True)
class Authorization:
    __pydantic_config__ = STRICT

    patterns: tuple[EffectPattern, ...] = ()

    def permits(self, effect: Effect) -> bool:
        return any(pattern.matches(effect) for pattern in self.patterns)


def harms(effects: Iterable[Effect], authorization: Authorization) -> tuple[Effect, ...]:
    """The effects that touch an asset and that the goal does not entitle the agent to."""
    return tuple(
        effect for effect in effects if effect.asset is not AssetKind.NONE and not authorization.permits(effect)
    )
