"""What an operation writes, in short: rows inserted, updated and deleted, with values by column."""

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites.schema import Value, ValueSource, Write, constant, field

FIELD = Value(ValueSource.FIELD)
"""In a write: the field that has the column's name."""
USER_EMAIL = Value(ValueSource.USER_EMAIL)


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
