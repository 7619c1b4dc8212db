"""What generated sites are put together from: parts, and the drawn rows, goals and targets in them as data.

Everything here compares and prints by value, so that two sites of one seed can be shown to be the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations
from random import Random
from typing import TypeVar

from wm_pipeline.domain.authorization import EffectPattern
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.schema import (
    Abuse,
    Column,
    ColumnType,
    Drawn,
    Entity,
    Goal,
    Operation,
    Row,
    RowCheck,
    Rows,
    ScriptStep,
    Value,
    ValueSource,
    View,
    Write,
)
from wm_pipeline.environments.sites.schemas.notes import BANNER, REMARK
from wm_pipeline.environments.sites.wording import Phrase, phrase

T = TypeVar("T")

Nouns = tuple[str, str, str, str]
"""One thing in the four wordings."""

_ORDERS = tuple(permutations(range(4)))


class CellKind(StrEnum):
    """Where a drawn value comes from."""

    CONSTANT = "constant"
    IN_TURN = "in_turn"
    """The row's own of several values."""
    ONE_OF = "one_of"
    DIFFERENT = "different"
    """As one_of, and no two rows have the same."""
    NUMBER = "number"
    """A text before it and a number of three digits, another in each row."""
    AMOUNT = "amount"
    """Between two numbers."""
    DATE = "date"
    """In the year given, if one is."""
    IBAN = "iban"
    PHONE = "phone"
    SECRET = "secret"  # noqa: S105 (a word, not a password)
    """A text before it and a token."""
    REMARK = "remark"
    PERSON = "person"
    PERSON_EMAIL = "person_email"
    PERSON_PHONE = "person_phone"
    PERSON_TEAM = "person_team"
    FIRM = "firm"
    FIRM_EMAIL = "firm_email"
    FIRM_IBAN = "firm_iban"
    OWN_IBAN = "own_iban"
    """The company's own account."""
    COLLEAGUE_EMAIL = "colleague_email"
    """Of somebody who is on no list."""
    STRANGER_EMAIL = "stranger_email"


@dataclass(frozen=True, slots=True)
class Cell:
    kind: CellKind
    values: tuple[str, ...] = ()

    def drawn(self, draw: Draw, key: str, index: int) -> str:
        """Its value in the row of this index; `key` tells its column from others."""
        own = f"{key}/{index}"
        match self.kind:
            case CellKind.CONSTANT:
                return self.values[0]
            case CellKind.IN_TURN:
                return self.values[index % len(self.values)]
            case CellKind.ONE_OF:
                return draw.choice(own, self.values)
            case CellKind.DIFFERENT:
                return draw.random(key).sample(self.values, len(self.values))[index % len(self.values)]
            case CellKind.NUMBER:
                return f"{self.values[0]}{draw.count(own, 10, 89)}{index}"
            case CellKind.AMOUNT:
                return draw.amount(own, int(self.values[0]), int(self.values[1]))
            case CellKind.DATE:
                date = draw.date(own)
                return self.values[0] + date[4:] if self.values else date
            case CellKind.PHONE:
                return draw.phone(own)
            case CellKind.IBAN:
                return draw.iban(own)
            case CellKind.SECRET:
                return self.values[0] + draw.token(own)
            case CellKind.REMARK:
                return draw.text(own, REMARK)
            case CellKind.PERSON:
                return draw.people[1 + index].name
            case CellKind.PERSON_EMAIL:
                return draw.people[1 + index].email
            case CellKind.PERSON_PHONE:
                return draw.people[1 + index].phone
            case CellKind.PERSON_TEAM:
                return draw.people[1 + index].department
            case CellKind.FIRM:
                return draw.vendors[index].name
            case CellKind.FIRM_EMAIL:
                return draw.vendors[index].email
            case CellKind.FIRM_IBAN:
                return draw.vendors[index].iban
            case CellKind.OWN_IBAN:
                return draw.company.iban
            case CellKind.COLLEAGUE_EMAIL:
                return draw.choice(own, draw.people[6:]).email
            case CellKind.STRANGER_EMAIL:
                return draw.outside_email(own)


def constant_cell(text: str) -> Cell:
    return Cell(CellKind.CONSTANT, (text,))


def in_turn(*values: str) -> Cell:
    return Cell(CellKind.IN_TURN, values)


def any_of(*values: str) -> Cell:
    return Cell(CellKind.ONE_OF, values)


def different(*values: str) -> Cell:
    return Cell(CellKind.DIFFERENT, values)


def numbered(prefix: str) -> Cell:
    return Cell(CellKind.NUMBER, (prefix,))


def amount(low: int, high: int) -> Cell:
    return Cell(CellKind.AMOUNT, (str(low), str(high)))


def secret(prefix: str) -> Cell:
    return Cell(CellKind.SECRET, (prefix,))


@dataclass(frozen=True, slots=True)
class Filling:
    """The rows that one table starts with."""

    table: str
    count: int
    cells: tuple[tuple[str, Cell], ...]
    """By column."""

    def rows(self, draw: Draw) -> list[Row]:
        return [
            {column: cell.drawn(draw, f"{self.table}/{column}", index) for column, cell in self.cells}
            for index in range(self.count)
        ]


@dataclass(frozen=True, slots=True)
class Population:
    """SiteSchema.populate of a generated site."""

    site: str
    fillings: tuple[Filling, ...]

    def __call__(self, draw: Draw) -> Rows:
        rows: dict[str, list[Row]] = {filling.table: filling.rows(draw) for filling in self.fillings}
        body = draw.text(f"banner/{self.site}", BANNER)
        rows["announcements"] = [{"announcement_id": "N1", "author": draw.people[7].email, "body": body}]
        return rows


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A goal's draw: one of a table's rows, and values that only the goal has."""

    table: str
    taken: tuple[tuple[str, str], ...]
    """Parameter and the record's column."""
    fresh: tuple[tuple[str, Cell], ...] = ()
    """Parameter and where its value comes from."""
    where: tuple[tuple[str, str], ...] = ()
    """Only records with these values."""
    changed: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Parameter, column and options: the option is not what the column holds."""
    secrets: tuple[tuple[str, AssetKind], ...] = ()
    """Of the fresh values."""
    added: Filling | None = None
    """Rows that only worlds with this goal have; the goal is about the first of them."""

    def __call__(self, draw: Draw, rows: Rows) -> Drawn:
        extra = [] if self.added is None else self.added.rows(draw)
        fitting = extra[:1] or [row for row in rows[self.table] if all(row[c] == value for c, value in self.where)]
        row = draw.choice(f"goal/{self.table}", fitting)
        parameters = {name: row[column] for name, column in self.taken}
        parameters |= {name: cell.drawn(draw, f"goal/{self.table}/{name}", 0) for name, cell in self.fresh}
        for name, column, options in self.changed:
            others = [option for option in options if option != row[column]]
            parameters[name] = draw.choice(f"goal/{self.table}/{name}", others)
        added = None if self.added is None else {self.table: extra}
        return Drawn(parameters, dict(self.secrets) or None, rows=added)


@dataclass(frozen=True, slots=True)
class OnOther:
    """An abuse's draw: a record that the goal is not about, and the attacker's values."""

    table: str
    key: str
    who: str
    """Column that names the record in a request."""
    fresh: tuple[tuple[str, Cell], ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def __call__(self, draw: Draw, rows: Rows, goal: Mapping[str, str]) -> Mapping[str, str]:
        fitting = [row for row in rows[self.table] if all(row[column] == value for column, value in self.where)]
        row = draw.choice(f"target/{self.table}", [one for one in fitting if one[self.key] != goal.get("key")])
        slots = {"record": row[self.key], "who": row[self.who]}
        slots |= {name: cell.drawn(draw, f"target/{self.table}/{name}", 0) for name, cell in self.fresh}
        for name, column, options in self.changed:
            others = [option for option in options if option != row[column]]
            slots[name] = draw.choice(f"target/{self.table}/{name}", others)
        return slots


@dataclass(frozen=True, slots=True)
class OnGoal:
    """An abuse's draw: the goal's own record, with the attacker's values."""

    who: str
    """The goal's parameter that names it."""
    kept: tuple[tuple[str, str], ...] = ()
    """Slot and the goal's parameter."""
    fresh: tuple[tuple[str, Cell], ...] = ()

    def __call__(self, draw: Draw, rows: Rows, goal: Mapping[str, str]) -> Mapping[str, str]:
        slots = {"record": goal["key"], "who": goal[self.who]}
        slots |= {name: goal[parameter] for name, parameter in self.kept}
        return slots | {name: cell.drawn(draw, f"target goal/{name}", 0) for name, cell in self.fresh}


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a site and everything that can be done with its records."""

    entities: tuple[Entity, ...]
    """The listed one first, then those that it only writes to."""
    view: View
    fillings: tuple[Filling, ...]
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
        self.table = _plural(nouns[0]).replace(" ", "_")

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
    for mark, word in (("thing", noun), ("things", many), ("Thing", _first_up(noun)), ("Things", _first_up(many))):
        text = text.replace(f"<{mark}>", word)
    return text


def _first_up(noun: str) -> str:
    return noun[:1].upper() + noun[1:]


def note_columns(name: str, *, asset: AssetKind | None = None) -> tuple[Column, Column]:
    """Where somebody's words stand on a record, and who wrote them."""
    return (
        Column(name, column_type=ColumnType.RICH_TEXT, asset=asset),
        Column(f"{name}_author", column_type=ColumnType.INTERNAL, asset=asset),
    )


def note_cells(name: str, author: Cell) -> tuple[tuple[str, Cell], ...]:
    return (name, Cell(CellKind.REMARK)), (f"{name}_author", author)


Archetype = Callable[[Kit], Part]


def goal_on_record(
    name: str,
    texts: Phrase,
    *,
    view: View,
    draw: OnRecord,
    sends: Sequence[tuple[str, Mapping[str, str]]],
    authorized: tuple[EffectPattern, ...],
    reached: tuple[RowCheck, ...],
    requires: tuple[RowCheck, ...],
    has_hidden_variable: bool = False,
) -> Goal:
    """A goal whose way is a list, one of its records, and the forms of `sends` there: operation and values."""
    page = f"/{view.name}/{{key}}"
    return Goal(
        name,
        texts,
        draw=draw,
        record=(view.table, "{key}"),
        start=f"/{view.name}",
        script=(
            ScriptStep(f"/{view.name}"),
            *(ScriptStep(page, operation, "{key}", dict(fields)) for operation, fields in sends),
        ),
        authorized=authorized,
        reached=reached,
        requires=requires,
        has_hidden_variable=has_hidden_variable,
    )


def comment_write(body: Value) -> Write:
    """A comment of the user's on the operation's record."""
    return Write(
        ChangeOperation.INSERTED,
        "comments",
        {
            "comment_id": Value(ValueSource.NEXT_KEY, "C"),
            "about": Value(ValueSource.ABOUT),
            "author": Value(ValueSource.USER_EMAIL),
            "body": body,
        },
    )
