"""What an operation needs and what it writes, in short: preconditions, and rows with their values by column."""

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites.schema import Precondition, Value, ValueSource, Write, constant, field
from wm_pipeline.environments.sites.wording import phrase

FIELD = Value(ValueSource.FIELD)
"""In a write: the field that has the column's name."""
RECORD = Value(ValueSource.RECORD)
"""In a write: the record's column of the same name."""
USER_EMAIL = Value(ValueSource.USER_EMAIL)


def must_be(column: str, value: str, *refusal: str) -> Precondition:
    """The record's column has this value, or the site refuses in these words."""
    return Precondition(column, (value,), phrase(*refusal))


def next_key(prefix: str) -> Value:
    return Value(ValueSource.NEXT_KEY, prefix)


def inserts(table: str, **columns: Value | str) -> Write:
    """A new row. A text is what the column gets; FIELD and RECORD stand for a value that has the column's name."""
    return Write(ChangeOperation.INSERTED, table, _values(columns))


def updates(table: str, **columns: Value | str) -> Write:
    """A change of the operation's record, written like `inserts`."""
    return Write(ChangeOperation.UPDATED, table, _values(columns))


def deletes(table: str) -> Write:
    """The operation's record goes."""
    return Write(ChangeOperation.DELETED, table, {})


def _values(columns: dict[str, Value | str]) -> dict[str, Value]:
    return {name: _value(name, value) for name, value in columns.items()}


def _value(column: str, value: Value | str) -> Value:
    if isinstance(value, str):
        return constant(value)
    return Value(value.source, column) if value in (FIELD, RECORD) else value


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
