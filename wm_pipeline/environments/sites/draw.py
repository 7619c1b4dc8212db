"""Everything a world is made of, drawn from its seed: people, companies, amounts, accounts, layout and words.

Each draw has a key of its own, so that adding a draw does not move the others.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from random import Random
from typing import Self, TypeVar

from wm_pipeline.domain.ids import digest, seed_of
from wm_pipeline.environments.sites.wording import Phrase, expand

T = TypeVar("T")

_FIRST = (
    *("Dana", "Omar", "Priya", "Luca", "Mei", "Tomas", "Aisha", "Jonas", "Ines", "Kofi", "Nora", "Pavel", "Ruth"),
    *("Samir", "Tess", "Ugo", "Vera", "Wim", "Yara", "Zoe", "Anton", "Bela", "Carla", "Derek", "Elif", "Farid"),
    *("Greta", "Hugo", "Irma", "Jalal", "Kira", "Leon", "Marta", "Nils", "Olga", "Petra", "Quinn", "Rosa", "Stefan"),
)
_LAST = (
    *("Kim", "Haddad", "Nair", "Conti", "Lin", "Novak", "Diallo", "Berg", "Costa", "Mensah", "Weiss", "Orlov"),
    *("Stone", "Aziz", "Moreau", "Ricci", "Sand", "Vos", "Halabi", "Grant", "Petrov", "Szabo", "Lopez", "Hahn"),
    *("Kaya", "Rahimi", "Lund", "Meyer", "Duarte", "Okoye", "Ivanov", "Fischer", "Silva", "Holm", "Popova", "Jansen"),
)
_COMPANY = (
    *("northmill", "harborline", "brightfen", "oakreach", "lumenary", "stonebay", "fairholt", "windmere", "clearford"),
    *("redquarry", "silverlea", "westbrook", "eastmoor", "hillcrest", "bluefield", "greyson"),
)
_VENDOR_FIRST = (
    *("Alder", "Borel", "Cinder", "Delta", "Ember", "Fjord", "Garnet", "Helix", "Ionic", "Juniper", "Kestrel"),
    *("Lattice", "Marlow", "Nimbus", "Onyx", "Pinecrest", "Quartz", "Rowan", "Sable", "Tundra", "Umbra", "Vireo"),
)
_VENDOR_LAST = ("Supply", "Works", "Freight", "Print", "Studio", "Catering", "Tools", "Energy", "Cleaning", "Media")
_DEPARTMENTS = ("Sales", "Finance", "Support", "Design", "Legal", "Logistics", "Research", "Facilities")
_BANKS = ("NO", "BE", "DK", "FI", "AT", "LU", "EE", "SI")
_OUTSIDE = (
    *("quick", "prime", "swift", "open", "true", "first", "smart", "metro", "vital", "polar", "rapid", "solid"),
    *("civic", "urban", "delta9", "nova", "omni", "apex"),
)
_OUTSIDE_LAST = ("desk", "hub", "portal", "relay", "cloud", "center", "point", "line", "works", "base", "gate", "net")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    handle: str
    email: str
    phone: str
    iban: str
    department: str


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    domain: str
    email: str
    iban: str


def columns_of(who: Person | Company, *names: str) -> dict[str, str]:
    """What is known of somebody, for columns of the same names."""
    return {name: str(getattr(who, name)) for name in names}


class PageEngine(StrEnum):
    """How pages are built, which real sites do differently; the content is the same."""

    FORMS = "forms"
    """The server writes a form for each operation."""
    BUTTONS = "buttons"
    """One form holds a page's operations, and each of its buttons sends it to an address of its own."""
    APP = "app"
    """There are no forms: a script sends what stands beside a button as JSON, and loads the next page's parts."""
    FRAMES = "frames"
    """A part of the page stands in a frame: the forms, or what people wrote."""
    COMPONENTS = "components"
    """Forms, and what people wrote, stand in components with open shadow roots and slots."""


ENGINES = (PageEngine.FORMS, PageEngine.BUTTONS, PageEngine.APP, PageEngine.FRAMES)
"""Those that worlds draw from. The one that is missing belongs to the site that is held out (Theme.engine)."""
_TOKEN_NAMES = ("csrf_token", "authenticity_token", "_csrf", "__RequestVerificationToken", "csrfmiddlewaretoken")
_TOKEN_HEADERS = ("X-CSRF-Token", "X-XSRF-TOKEN", "X-CSRFToken")


class FramedPart(StrEnum):
    """What stands in a frame, where one does."""

    ACTIONS = "actions"
    """Forms, but for those that open first."""
    WORDS = "words"
    """A record's text, its files and its comments."""
    WORDS_ELSEWHERE = "words_elsewhere"
    """The same, under a subdomain of the site."""


class Habit(StrEnum):
    """What many sites have on every page, whatever they are about."""

    ANALYTICS = "analytics"
    """A visitor's number stays in the browser's storage."""
    CONSENT = "consent"
    """A question about cookies, until somebody answers it."""
    MENU = "menu"
    """Links that nobody sees before the menu is opened."""
    READERS = "readers"
    """Words and a link that only screen readers tell of."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the same content is laid out."""

    engine: PageEngine
    framed: FramedPart | None
    """With the engine of frames."""
    habit: Habit | None
    """At most one, so that pages stay small."""
    token_name: str
    """What the forms' request token is called."""
    token_header: str
    """Where a script sends it."""
    list_style: str
    """table or cards."""
    nav_side: str
    """top or side."""
    field_order: str
    """given or reversed."""
    density: str
    """plain, or wordy: with a tip and a footer."""
    colour: str
    byline: str
    """How the author of a text is printed: above, by, sender, bubble or wrote."""


_OF_THE_WORLD = ("company", "people", "vendors", "layout")


class Draw:
    """Draws from a world's visible seed. Every method is a function of (seed, wording, key)."""

    def __init__(self, world_seed: int, wording_id: str, engine: PageEngine | None = None) -> None:
        """`engine`: in place of the one that the world draws."""
        self.world_seed = world_seed
        self.wording_id = wording_id
        self._engine = engine

    def again(self, turn: int) -> Self:
        """Other choices among the same people and companies; `turn` counts from 1."""
        own = {name: getattr(self, name) for name in _OF_THE_WORLD}
        other = copy(self)
        other.world_seed = seed_of("again", self.world_seed, turn)
        vars(other).update(own)
        return other

    def random(self, *key: str) -> Random:
        return Random(seed_of("draw", self.world_seed, *key))

    def choice(self, key: str, options: Sequence[T]) -> T:
        return self.random(key).choice(options)

    def chance(self, key: str, probability: float) -> bool:
        return self.random(key).random() < probability

    def count(self, key: str, low: int, high: int) -> int:
        return self.random(key).randint(low, high)

    def text(self, key: str, words: Phrase | str, /, **slots: str) -> str:
        """A phrase in this world's wording."""
        random = self.random("text", key, self.wording_id)
        templates = (words,) if isinstance(words, str) else words.templates(self.wording_id)
        return expand(random.choice(templates), random, slots)

    def texts(self, key: str, words: Phrase, count: int, /, **slots: str) -> list[str]:
        """So many different sentences of a phrase, in this world's wording."""
        random = self.random("texts", key, self.wording_id)
        return [expand(one, random, slots) for one in random.sample(words.templates(self.wording_id), count)]

    def amount(self, key: str, low: int, high: int) -> str:
        random = self.random("amount", key)
        return f"{random.randint(low, high)}.{random.choice(('00', '50', '20', '75', '40', '90'))}"

    def iban(self, key: str) -> str:
        random = self.random("iban", key)
        return random.choice(_BANKS) + "".join(str(random.randint(0, 9)) for _ in range(13))

    def phone(self, key: str) -> str:
        random = self.random("phone", key)
        return "+" + str(random.randint(30, 49)) + "".join(str(random.randint(0, 9)) for _ in range(8))

    def token(self, *key: str) -> str:
        return digest("token", str(self.world_seed), *key, size=8)

    def date(self, key: str) -> str:
        random = self.random("date", key)
        return f"2026-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"

    def outside_host(self, key: str) -> str:
        """A host that belongs to nobody the user knows."""
        random = self.random("host", key)
        return f"{random.choice(_OUTSIDE)}-{random.choice(_OUTSIDE_LAST)}.localhost"

    def outside_email(self, key: str) -> str:
        random = self.random("email", key)
        box = random.choice(("desk", "office", "intake", "records", "audit", "help", "team", "archive"))
        return f"{box}@{random.choice(_OUTSIDE)}{random.choice(_OUTSIDE_LAST)}.example"

    @cached_property
    def company(self) -> Company:
        name = self.choice("company", _COMPANY)
        return Company(name.capitalize(), f"{name}.example", f"office@{name}.example", self.iban("company"))

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Ten people with different first names; the first one is signed in."""
        random = self.random("people")
        firsts = random.sample(_FIRST, 10)
        lasts = random.sample(_LAST, 10)
        return tuple(
            Person(
                name=f"{first} {last}",
                handle=first.lower(),
                email=f"{first.lower()}@{self.company.domain}",
                phone=self.phone(first),
                iban=self.iban(first),
                department=random.choice(_DEPARTMENTS),
            )
            for first, last in zip(firsts, lasts, strict=True)
        )

    @property
    def user(self) -> Person:
        return self.people[0]

    @cached_property
    def vendors(self) -> tuple[Company, ...]:
        random = self.random("vendors")
        firsts = random.sample(_VENDOR_FIRST, 6)
        return tuple(
            Company(
                f"{first} {random.choice(_VENDOR_LAST)}",
                f"{first.lower()}.example",
                f"billing@{first.lower()}.example",
                self.iban(first),
            )
            for first in firsts
        )

    @cached_property
    def layout(self) -> Layout:
        engine = self._engine or self.choice("engine", ENGINES)
        framed = self.choice("framed", tuple(FramedPart))
        return Layout(
            engine=engine,
            framed=framed if engine is PageEngine.FRAMES else None,
            habit=self.choice("habit", (None, None, *Habit)),
            token_name=self.choice("token name", _TOKEN_NAMES),
            token_header=self.choice("token header", _TOKEN_HEADERS),
            list_style=self.choice("list_style", ("table", "cards")),
            nav_side=self.choice("nav_side", ("top", "side")),
            field_order=self.choice("field_order", ("given", "reversed")),
            density=self.choice("density", ("plain", "plain", "wordy")),
            colour=self.choice("colour", ("#204a87", "#4e5d2c", "#5c3566", "#8f4a1b")),
            byline=self.choice("byline", ("above", "by", "sender", "bubble", "wrote")),
        )
