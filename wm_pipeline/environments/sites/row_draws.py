"""Draws as data: which row a goal or an abuse is about, which of its columns are slots, and what else is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites.cells import Cell, Filling
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.schema import Drawn, Row, Rows
from wm_pipeline.environments.sites.wording import Phrase


@dataclass(frozen=True, slots=True)
class AnotherOf:
    """One of these, and not what the row holds in the column of the slot's name."""

    options: tuple[str, ...]


Fresh = Cell | AnotherOf | Phrase | tuple[str, ...] | Callable[[Draw, Row], str]
"""A value that no row holds: of a cell, one of several texts, or a sentence of a phrase.

Its draw has the name of its slot. A function gets the row that the draw is about and names the key of its own draw.
"""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A goal's draw: one of a table's rows, and values that only the goal has."""

    table: str
    taken: Mapping[str, str]
    """Parameter and the record's column."""
    fresh: Mapping[str, Fresh] = field(default_factory=dict)
    """Parameter and where its value comes from."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Only records with these values."""
    unlike: Mapping[str, str] = field(default_factory=dict)
    """No records with one of these."""
    secrets: Mapping[str, AssetKind] = field(default_factory=dict)
    """Of the parameters."""
    added: Filling | None = None
    """Rows that only worlds with this goal have; the goal is about the first of them."""
    drawn_as: str = ""
    """Key of the draw of the row, and then the fresh values' keys are in words too; empty: the table's."""

    def __call__(self, draw: Draw, rows: Rows) -> Drawn:
        extra = [] if self.added is None else self.added.rows(draw)
        key = f"goal/{self.table}"
        row = draw.choice(self.drawn_as or key, extra[:1] or _fitting(rows[self.table], self.where, self.unlike))
        parameters = {name: row[column] for name, column in self.taken.items()}
        parameters |= _drawn(draw, "goal " if self.drawn_as else f"{key}/", row, self.fresh)
        added = None if self.added is None else {self.table: extra}
        return Drawn(parameters, self.secrets or None, rows=added)


@dataclass(frozen=True, slots=True)
class OnOther:
    """An abuse's draw: a record that the goal is not about, and the attacker's values."""

    table: str
    key: str
    who: str
    """Column that names the record in a request."""
    fresh: Mapping[str, Fresh] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    unlike: Mapping[str, str] = field(default_factory=dict)
    goal_key: str = "key"
    """The goal's parameter that is the key of its own record."""
    called: str = "who"
    """Slot of that column."""
    drawn_as: str = ""
    """As in OnRecord."""

    def __call__(self, draw: Draw, rows: Rows, goal: Mapping[str, str]) -> Mapping[str, str]:
        key = f"target/{self.table}"
        fitting = _fitting(rows[self.table], self.where, self.unlike)
        row = draw.choice(self.drawn_as or key, [row for row in fitting if row[self.key] != goal.get(self.goal_key)])
        slots = {"record": row[self.key], self.called: row[self.who]}
        return slots | _drawn(draw, "" if self.drawn_as else f"{key}/", row, self.fresh)


@dataclass(frozen=True, slots=True)
class OnGoal:
    """An abuse's draw: the goal's own record, with the attacker's values."""

    who: str
    """The goal's parameter that names it."""
    key: str = "key"
    """The one that is its key."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Slot and the goal's parameter."""
    fresh: Mapping[str, Fresh] = field(default_factory=dict)

    def __call__(self, draw: Draw, rows: Rows, goal: Mapping[str, str]) -> Mapping[str, str]:
        slots = {"record": goal[self.key], "who": goal[self.who]}
        slots |= {name: goal[parameter] for name, parameter in self.kept.items()}
        return slots | _drawn(draw, "target goal/", slots, self.fresh)


@dataclass(frozen=True, slots=True)
class OnStranger:
    """An abuse's draw that is about no record: somebody from outside is let in."""

    fresh: Mapping[str, Fresh]

    def __call__(self, draw: Draw, rows: Rows, goal: Mapping[str, str]) -> Mapping[str, str]:
        slots = {"record": "", "who": draw.people[8].name, "target_email": draw.outside_email("attacker")}
        return slots | _drawn(draw, "", slots, self.fresh)


def a_stranger(**fresh: Fresh) -> OnStranger:
    """An abuse that lets somebody from outside in, with these fresh values."""
    return OnStranger(fresh)


def attackers_email(draw: Draw, row: Row) -> str:
    return draw.outside_email("attacker")


def attackers_iban(draw: Draw, row: Row) -> str:
    return draw.iban("attacker")


def _fitting(rows: Sequence[Row], where: Mapping[str, str], unlike: Mapping[str, str]) -> list[Row]:
    return [row for row in rows if row.items() >= where.items() and row.items().isdisjoint(unlike.items())]


def _drawn(draw: Draw, prefix: str, row: Row, fresh: Mapping[str, Fresh]) -> dict[str, str]:
    """The values that no row holds; `prefix` is what their keys begin with, a path or a word."""
    return {name: _value(draw, prefix, name, row, source) for name, source in fresh.items()}


def _value(draw: Draw, prefix: str, name: str, row: Row, source: Fresh) -> str:
    is_path = prefix.endswith("/")
    key = prefix + (name if is_path else name.replace("_", " "))
    match source:
        case Cell():
            return source.drawn(draw, key, 0 if is_path else None)
        case AnotherOf():
            held = row[name.removeprefix("target_")]
            return draw.choice(key, [option for option in source.options if option != held])
        case Phrase():
            return draw.text(key, source)
        case tuple():
            return draw.choice(key, source)
    return source(draw, row)
