"""Drawn rows as data: where each column of a table gets its value from. They compare and print by value."""

from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.notes import REMARK
from wm_pipeline.environments.sites.schema import Row


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


DATE, IBAN, PHONE = Cell(CellKind.DATE), Cell(CellKind.IBAN), Cell(CellKind.PHONE)
PERSON, PERSON_EMAIL = Cell(CellKind.PERSON), Cell(CellKind.PERSON_EMAIL)
PERSON_PHONE, PERSON_TEAM = Cell(CellKind.PERSON_PHONE), Cell(CellKind.PERSON_TEAM)
FIRM, FIRM_EMAIL, FIRM_IBAN = Cell(CellKind.FIRM), Cell(CellKind.FIRM_EMAIL), Cell(CellKind.FIRM_IBAN)
OWN_IBAN, COLLEAGUE_EMAIL = Cell(CellKind.OWN_IBAN), Cell(CellKind.COLLEAGUE_EMAIL)
STRANGER_EMAIL = Cell(CellKind.STRANGER_EMAIL)


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


def filling(table: str, count: int, *cells: tuple[str, Cell]) -> Filling:
    return Filling(table, count, cells)


def note_cells(name: str, author: Cell) -> tuple[tuple[str, Cell], ...]:
    """What somebody says on a record, for the columns of entities.text_columns."""
    return (name, Cell(CellKind.REMARK)), (f"{name}_author", author)
