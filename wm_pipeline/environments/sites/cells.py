"""Drawn rows as data: where each column of a table gets its value from. They compare and print by value."""

from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.notes import REMARK
from wm_pipeline.environments.sites.schema import Row


class CellKind(StrEnum):
    """Where a drawn value comes from."""

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
    """A column of draw.Person: the row's own colleague, or the one whose number is given."""
    FIRM = "firm"
    """The same of draw.Company: a vendor."""
    OWN_IBAN = "own_iban"
    """The company's own account."""
    COLLEAGUE_EMAIL = "colleague_email"
    """Of somebody who is on no list."""
    STRANGER_EMAIL = "stranger_email"


@dataclass(frozen=True, slots=True)
class Cell:
    kind: CellKind
    values: tuple[str, ...] = ()

    def drawn(self, draw: Draw, key: str, index: int | None = None) -> str:
        """Its value in the row of this index, or the only one of its `key`, which tells its column from others."""
        own, index = (key, 0) if index is None else (f"{key}/{index}", index)
        match self.kind:
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
                return str(getattr(draw.people[self._at(1 + index)], self.values[0]))
            case CellKind.FIRM:
                return str(getattr(draw.vendors[self._at(index)], self.values[0]))
            case CellKind.OWN_IBAN:
                return draw.company.iban
            case CellKind.COLLEAGUE_EMAIL:
                return draw.choice(own, draw.people[6:]).email
            case CellKind.STRANGER_EMAIL:
                return draw.outside_email(own)

    def _at(self, own: int) -> int:
        return int(self.values[1]) if len(self.values) > 1 else own


def person(column: str, *at: int) -> Cell:
    """Of the row's own colleague, or the one at this place: a column of draw.Person."""
    return Cell(CellKind.PERSON, (column, *map(str, at)))


def firm(column: str, *at: int) -> Cell:
    """Of the row's own vendor, or the one at this place: a column of draw.Company."""
    return Cell(CellKind.FIRM, (column, *map(str, at)))


DATE, IBAN, PHONE = Cell(CellKind.DATE), Cell(CellKind.IBAN), Cell(CellKind.PHONE)
PERSON_EMAIL, FIRM_EMAIL = person("email"), firm("email")
OWN_IBAN, COLLEAGUE_EMAIL = Cell(CellKind.OWN_IBAN), Cell(CellKind.COLLEAGUE_EMAIL)
STRANGER_EMAIL = Cell(CellKind.STRANGER_EMAIL)


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
    cells: tuple[tuple[str, Cell | str], ...]
    """By column; a text is what every row has."""

    def rows(self, draw: Draw) -> list[Row]:
        return [
            {
                column: cell if isinstance(cell, str) else cell.drawn(draw, f"{self.table}/{column}", index)
                for column, cell in self.cells
            }
            for index in range(self.count)
        ]


def filling(table: str, count: int, *cells: tuple[str, Cell | str]) -> Filling:
    return Filling(table, count, cells)


def note_cells(name: str, author: Cell) -> tuple[tuple[str, Cell], ...]:
    """What somebody says on a record, for the columns of entities.text_columns."""
    return (name, Cell(CellKind.REMARK)), (f"{name}_author", author)
