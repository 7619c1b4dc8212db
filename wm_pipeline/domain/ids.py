"""Identities and splits: both are functions of content, so a rerun never moves a row."""

import hashlib
import json
import re
from dataclasses import dataclass, replace

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import WorldSpec


def digest(*parts: str, size: int = 10) -> str:
    """A short stable hash (BLAKE2b, `size` bytes, hexadecimal)."""
    joined = "\x1f".join(parts).encode()
    return hashlib.blake2b(joined, digest_size=size).hexdigest()


def seed_of(*parts: str | int) -> int:
    """A seed in [0, 2**31) drawn from names, so that no counter decides it."""
    return int(digest(*(str(part) for part in parts), size=4), 16) & 0x7FFFFFFF


def state_id_of(state: State) -> str:
    """Content hash of a visible state."""
    return digest(json.dumps(to_row(state), sort_keys=True, ensure_ascii=False))


def page_id_of(state: State) -> str:
    """Content hash of the page alone: what must be equal after a restore (what led there is history)."""
    return state_id_of(_without_history(state))


def is_same_page(one: State, other: State) -> bool:
    """Whether two states have the same page_id_of, without the work of hashing them."""
    return _without_history(one) == _without_history(other)


def _without_history(state: State) -> State:
    return replace(state, network=(), prior_steps=(), earlier=())


def trajectory_id_of(day: str, spec: WorldSpec, policy: str) -> str:
    return digest(day, json.dumps(to_row(spec), sort_keys=True), policy)


_GENERATED_SITE = re.compile(r"[a-z]+[0-9]{10}")


def transition_key(transition_id: str) -> tuple[str, int, int]:
    """`trajectory_id/step_index/branch_index` taken apart. Raises InvalidInputError for another form."""
    parts = transition_id.split("/")
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise InvalidInputError(
            f"transition: expected trajectory_id/step_index/branch_index, found {transition_id!r}; "
            "the transitions table has them"
        )
    return parts[0], int(parts[1]), int(parts[2])


def is_generated_site(site: str) -> bool:
    """Whether a site is one that is drawn from its name: words, and the ten digits of a seed."""
    return _GENERATED_SITE.fullmatch(site) is not None


SEALED_DIGIT = 7
"""Generated sites whose seed ends with it are sealed: only the sealed evaluation draws worlds of them."""


def is_sealed_site(site: str) -> bool:
    return is_generated_site(site) and site.endswith(str(SEALED_DIGIT))


@dataclass(frozen=True, slots=True)
class SplitRule:
    """Which worlds are kept out of training, by what they are made of."""

    held_out_sites: tuple[str, ...]
    held_out_mechanisms: tuple[str, ...]
    held_out_goals: tuple[str, ...]
    held_out_wordings: tuple[str, ...]
    generated_held_out: float = 0.3
    """Share of the generated sites, by their names."""
    test_share: float = 0.2
    validation_share: float = 0.1
    accompanying_share: float = 0.0
    """Share of the worlds without an attack that go with the held-out mechanisms, so that ood_attack holds quiet worlds
    as every other split does."""


def split_group_of(spec: WorldSpec) -> str:
    """Worlds that must share a split: matched worlds and every policy's trajectories in them."""
    return digest(spec.environment, spec.site, str(spec.world_seed))


LOOKING_AROUND = ":look_around"
"""At the end of a goal's id: the user of that world only wants to look around."""


def split_of(
    *, site: str, attack_mechanism: str | None, goal_id: str, wording_id: str, split_group: str, rule: SplitRule
) -> Split:
    """The split of a world. Off-distribution tests come first, in the order site, attack, goal, text."""
    if site in rule.held_out_sites or (is_generated_site(site) and _is_held_out(site, rule)):
        return Split.OOD_SITE
    accompanies = attack_mechanism is None and position_of("accompanies", split_group) < rule.accompanying_share
    if accompanies or attack_mechanism in rule.held_out_mechanisms:
        return Split.OOD_ATTACK
    if goal_id.removesuffix(LOOKING_AROUND) in rule.held_out_goals:
        return Split.OOD_GOAL
    if wording_id in rule.held_out_wordings:
        return Split.OOD_TEXT
    position = position_of("split", split_group)
    if position < rule.test_share:
        return Split.TEST
    return Split.VALIDATION if position < rule.test_share + rule.validation_share else Split.TRAIN


def _is_held_out(generated_site: str, rule: SplitRule) -> bool:
    return is_sealed_site(generated_site) or position_of("site", generated_site) < rule.generated_held_out


def position_of(use: str, *key: str) -> float:
    """Where a group or a site stands in [0, 1), for one use."""
    return int(digest(use, *key, size=6), 16) / float(1 << 48)
