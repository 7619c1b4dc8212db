"""What generated sites are put together from: parts, and the kit that an archetype draws its part with.

Everything here compares and prints by value, so that two sites of one seed can be shown to be the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import TypeVar

from wm_pipeline.domain.ids import seed_of
from wm_pipeline.environments.sites.cells import Filling
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.entities import Entity
from wm_pipeline.environments.sites.forms import Forms
from wm_pipeline.environments.sites.notes import banner
from wm_pipeline.environments.sites.schema import Abuse, Goal, Operation, Row, Rows, View
from wm_pipeline.environments.sites.wording import Phrase, first_up, phrase
from wm_pipeline.environments.sites.writes import FormsOn

T = TypeVar("T")

Nouns = tuple[str, str, str, str]
"""One thing in the four wordings."""

_ORDERS = tuple(permutations(range(4)))


@dataclass(frozen=True, slots=True)
class Population:
    """SiteSchema.populate of a generated site."""

    site: str
    fillings: tuple[Filling, ...]

    def __call__(self, draw: Draw) -> Rows:
        rows: dict[str, list[Row]] = {filling.table: filling.rows(draw) for filling in self.fillings}
        rows["announcements"] = banner(draw, self.site, author=draw.people[7].email)
        return rows


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a site and everything that can be done with its records."""

    entities: tuple[Entity, ...]
    """The listed one first, then those that it only writes to."""
    view: View
    filling: Filling
    """The rows that it is listed with at first."""
    operations: tuple[Operation, ...]
    goals: tuple[Goal, ...]
    abuses: tuple[Abuse, ...]


class Kit:
    """What an archetype draws its part with: the site's name and seed, and a thing's nouns in an order of wordings."""

    def __init__(self, *, site: str, seed: int, archetype: str, nouns: Nouns) -> None:
        self.site = site
        self._seed = seed
        self._archetype = archetype
        order = self.choice("wordings", _ORDERS)
        self._order = order
        self._nouns = nouns
        self.thing = nouns[0].replace(" ", "_")
        self.key = f"{self.thing}_id"
        self.table = _plural(nouns[0]).replace(" ", "_")
        self.on = FormsOn(self.table)

    def random(self, key: str) -> Random:
        return Random(seed_of("generated site", self._seed, self._archetype, key))

    def choice(self, key: str, options: Sequence[T]) -> T:
        return self.random(key).choice(options)

    def chance(self, key: str, probability: float) -> bool:
        return self.random(key).random() < probability

    def count(self, key: str, low: int, high: int) -> int:
        return self.random(key).randint(low, high)

    def say(self, *banks: str | tuple[str, ...]) -> Phrase:
        """A phrase about the thing: `<thing>`, `<things>`, `<Thing>` and `<Things>` are its nouns, bank by bank."""
        given = phrase(*banks)
        full = given.banks * 4 if len(given.banks) == 1 else given.banks
        named = [tuple(_named(text, noun) for text in bank) for bank, noun in zip(full, self._nouns, strict=True)]
        return Phrase(tuple(named[index] for index in self._order))

    def forms(self, entities: tuple[Entity, ...], view: View, operations: tuple[Operation, ...]) -> Forms:
        """What the part's goals and abuses follow from; their texts are about the thing."""
        return Forms(self.site, entities, (view,), operations, self.say)

    @property
    def title(self) -> Phrase:
        """The name of the list."""
        return self.say("<Things>", "[All|Our] <things>", "<Things>", "[List of <things>|<Things>]")


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _named(text: str, noun: str) -> str:
    many = _plural(noun)
    for mark, word in (("thing", noun), ("things", many), ("Thing", first_up(noun)), ("Things", first_up(many))):
        text = text.replace(f"<{mark}>", word)
    return text


Archetype = Callable[[Kit], Part]
