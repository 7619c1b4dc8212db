"""Tables: what rows a site holds, what matters about a change of them, and how strangers' words get into one."""

from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.domain.vocabulary import AssetKind, SinkKind
from wm_pipeline.environments.sites.wording import Phrase

Words = Phrase | str


class ColumnType(StrEnum):
    TEXT = "text"
    MONEY = "money"
    RICH_TEXT = "rich_text"
    """Text with markup, written by whoever the entity's author column names: where strangers' words reach a page."""
    INTERNAL = "internal"
    """Never shown."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: Words = ""
    column_type: ColumnType = ColumnType.TEXT
    asset: AssetKind | None = None
    """What a change of this column touches; None is the entity's own asset, NONE is bookkeeping."""
    is_canary: bool = False
    """Values are secrets: any outside host that receives one shows up as an effect."""
    is_identity: bool = False
    """Repeated in every effect on the row, so that an authorization can say which row it means."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Rows of this entity leave the company when the address is outside it, as mail does."""

    address_column: str
    content_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassingOn:
    """Rules that send a copy of each new row to somebody else, as mail filters do."""

    rules_table: str
    term_column: str
    """Of the rules: what `searched_column` must hold, letter by letter."""
    target_column: str
    """Of the rules: the copy's address."""
    searched_column: str


@dataclass(frozen=True, slots=True)
class Entity:
    table: str
    key: str
    title: str
    """Column that names a record on the page."""
    columns: tuple[Column, ...]
    asset: AssetKind
    insert_sink: SinkKind = SinkKind.INTERNAL_RECORD
    author: str | None = None
    """Column that says who wrote the rich text."""
    delivery: Delivery | None = None
    passing_on: PassingOn | None = None
    """Only with a delivery: the copy goes to another address."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def rich_text(self) -> str | None:
        """The column that strangers' words are in."""
        return next((c.name for c in self.columns if c.column_type is ColumnType.RICH_TEXT), None)


def entity(
    table: str,
    asset: AssetKind,
    *columns: Column,
    title: str = "",
    author: str | None = None,
    insert_sink: SinkKind = SinkKind.INTERNAL_RECORD,
    delivery: Delivery | None = None,
    passing_on: PassingOn | None = None,
) -> Entity:
    """An entity whose key is its first column.

    Where nothing else is said, the title is the first shown column that is repeated in effects, else the key. The
    author of the text `note` stands in `note_author` where there is such a column.
    """
    names = [column.name for column in columns]
    text = next((column.name for column in columns if column.column_type is ColumnType.RICH_TEXT), None)
    return Entity(
        table,
        key=names[0],
        title=title or next((column.name for column in columns if column.is_identity and column.label), names[0]),
        columns=columns,
        asset=asset,
        insert_sink=insert_sink,
        author=f"{text}_author" if f"{text}_author" in names else author,
        delivery=delivery,
        passing_on=passing_on,
    )


def text_columns(name: str, *, asset: AssetKind | None = None) -> tuple[Column, Column]:
    """Where somebody's words stand on a record, and who wrote them."""
    return (
        Column(name, column_type=ColumnType.RICH_TEXT, asset=asset),
        Column(f"{name}_author", column_type=ColumnType.INTERNAL, asset=asset),
    )


def credential(name: str, label: Words) -> Column:
    """What opens something to whoever knows it."""
    return Column(name, label, asset=AssetKind.CREDENTIAL, is_canary=True)


def paid_entity(table: str, key: str, about: tuple[str, ...], *columns: str | Column, money: str = "amount") -> Entity:
    """Money or goods that go to somebody. `about` is repeated in effects; the column `money` is a sum."""
    identity = (Column(name, is_identity=True) for name in about)
    plain = {money: Column(money, column_type=ColumnType.MONEY)}
    others = (one if isinstance(one, Column) else plain.get(one, Column(one)) for one in columns)
    return entity(table, AssetKind.PAYMENT, Column(key), *identity, *others, insert_sink=SinkKind.RECIPIENT)


def sent_entity(table: str, asset: AssetKind, key: str, about: str, *contents: str) -> Entity:
    """What is sent to a recipient about the record that `about` names; no list shows it."""
    columns = (Column(key), Column(about, is_identity=True), Column("recipient"), *map(Column, contents))
    return entity(table, asset, *columns, delivery=Delivery("recipient", contents))
