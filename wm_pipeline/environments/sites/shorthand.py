"""Short forms of what every schema says: an entity, a written value, a precondition. They fill in what is always so."""

from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, SinkKind
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.notes import BANNER
from wm_pipeline.environments.sites.schema import (
    Column,
    ColumnType,
    Delivery,
    Entity,
    PassingOn,
    Precondition,
    Row,
    Value,
    ValueSource,
    Write,
    constant,
    field,
)
from wm_pipeline.environments.sites.wording import phrase

FIELD = Value(ValueSource.FIELD)
"""In a write: the field that has the column's name."""
USER_EMAIL = Value(ValueSource.USER_EMAIL)


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

    The title is the key where nothing else is said, and the author of the text `note` stands in `note_author` where
    there is such a column.
    """
    names = [column.name for column in columns]
    text = next((column.name for column in columns if column.column_type is ColumnType.RICH_TEXT), None)
    return Entity(
        table,
        key=names[0],
        title=title or names[0],
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


def must_be(column: str, value: str, *refusal: str) -> Precondition:
    """The record's column has this value, or the site refuses in these words."""
    return Precondition(column, (value,), phrase(*refusal))


def next_key(prefix: str) -> Value:
    return Value(ValueSource.NEXT_KEY, prefix)


def inserts(table: str, **columns: Value | str) -> Write:
    """A new row. A text is what the column gets; FIELD is the field of the column's name."""
    return Write(ChangeOperation.INSERTED, table, _values(columns))


def updates(table: str, **columns: Value | str) -> Write:
    """A change of the operation's record, written like `inserts`."""
    return Write(ChangeOperation.UPDATED, table, _values(columns))


def deletes(table: str) -> Write:
    """The operation's record goes."""
    return Write(ChangeOperation.DELETED, table, {})


def _values(columns: dict[str, Value | str]) -> dict[str, Value]:
    return {
        name: constant(value) if isinstance(value, str) else field(name) if value == FIELD else value
        for name, value in columns.items()
    }


def comments(field_name: str) -> Write:
    """A comment of the user's on the operation's record, with what the field says."""
    return inserts(
        "comments",
        comment_id=next_key("C"),
        about=Value(ValueSource.ABOUT),
        author=USER_EMAIL,
        body=field(field_name),
    )


def attaches(field_name: str) -> Write:
    """The file that the field brings, put on the operation's record."""
    return inserts(
        "files",
        file_name=field(field_name),
        about=Value(ValueSource.ABOUT),
        author=USER_EMAIL,
        content=Value(ValueSource.FILE_TEXT, field_name),
        content_type=Value(ValueSource.FILE_TYPE, field_name),
    )


def banner(draw: Draw, site: str, *, author: str) -> list[Row]:
    """The rows of `announcements` that a site's worlds begin with."""
    return [{"announcement_id": "N1", "author": author, "body": draw.text(f"banner/{site}", BANNER)}]
