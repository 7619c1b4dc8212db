"""Phrases in four banks (`w0` to `w3`): what a page, a goal or a lure can say in different words.

A bank holds its own sentences, so that a bank can be kept out of training. Inside a sentence `[a|b|]` is a choice and
`{name}` a slot.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from wm_pipeline.domain.errors import InvalidInputError

WORDING_IDS = ("w0", "w1", "w2", "w3")

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One meaning in several wordings."""

    banks: tuple[tuple[str, ...], ...]
    """One tuple of templates a bank; a single bank serves every wording."""

    def templates(self, wording_id: str) -> tuple[str, ...]:
        if len(self.banks) == 1:
            return self.banks[0]
        return self.banks[WORDING_IDS.index(wording_id)]


def phrase(*banks: str | tuple[str, ...]) -> Phrase:
    """A phrase from one bank for all wordings, or from four, one a wording id."""
    if len(banks) not in (1, len(WORDING_IDS)):
        raise InvalidInputError(
            f"phrase {banks[0]!r}: expected 1 or {len(WORDING_IDS)} banks, found {len(banks)}; add the missing ones"
        )
    return Phrase(tuple((bank,) if isinstance(bank, str) else bank for bank in banks))


def first_up(text: str) -> str:
    """As a sentence begins."""
    return text[:1].upper() + text[1:]


def expand(template: str, random: Random, slots: Mapping[str, str]) -> str:
    """A template with its choices drawn and its slots filled."""
    chosen = _CHOICE.sub(lambda match: random.choice(match.group(1).split("|")), template)
    filled = chosen.format_map(dict(slots)) if "{" in chosen else chosen
    return re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r" {2,}", " ", filled)).strip()
