"""What may differ after a disturbed round from the one it began from, and what a proof says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.brief import BRIEF
from wm_pipeline.rounds.graph import ASSET, ROUND_ASSETS


@dataclass(frozen=True, slots=True)
class Expectation:
    """What may differ from the finished round that this one began from."""

    base: Path
    """That round's state folder."""
    day: str
    """Of the disturbed round."""
    base_day: str
    redone: frozenset[str]
    """Assets of the base's day that may have been made again."""
    is_fresh: bool = False
    """It began from nothing: what the base holds is only compared with."""
    is_registry_lost: bool = False
    may_drop_branches: bool = False
    """Trajectories in hindsight come from branches, and may be fewer."""
    profile: str = BRIEF


@dataclass(frozen=True, slots=True)
class Proof:
    problems: tuple[str, ...]
    seen: Mapping[str, int]
    """Counts that a reader wants to see: outputs, rows, versions, what lies in the folder for temporary files."""


def redone_by(*assets: str) -> frozenset[str]:
    """These, and all that is made from them; a version is registered again in any case where the registry needs it."""
    found = set(assets)
    for name in ROUND_ASSETS:
        if found & set(ASSET[name].upstream):
            found.add(name)
    return frozenset({*found, "reviewed_decisions"})
