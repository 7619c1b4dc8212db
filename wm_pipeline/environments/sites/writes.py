"""Operations in short: forms of a table, what they need, and what they write, as rows with values by column."""

from dataclasses import dataclass

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites.entities import Words
from wm_pipeline.environments.sites.schema import (
    Field,
    HiddenForward,
    Limit,
    Mail,
    Operation,
    Precondition,
    Value,
    ValueSource,
    Write,
    constant,
    field,
)
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


@dataclass(frozen=True, slots=True)
class FormsOn:
    """The forms on one table's pages."""

    table: str
    roles: tuple[str, ...] = ()
    """Who may send them, where a form says nothing else; empty: everybody who is signed in."""

    def form(
        self,
        name: str,
        label: Words,
        notice: Words,
        *fields: Field,
        writes: Write | tuple[Write, ...] | None = None,
        needs: Precondition | None = None,
        roles: tuple[str, ...] | None = None,
        is_on_list: bool = False,
        is_csrf_protected: bool = True,
        limits: tuple[Limit, ...] = (),
        confirm: Words | None = None,
        is_async: bool = False,
        is_modal: bool = False,
        is_checked_by_page: bool = False,
        mail: Mail | None = None,
        hidden_forward: HiddenForward | None = None,
    ) -> Operation:
        """One of them. With no `writes`, each field is written to the record's column of its name."""
        named = updates(self.table, **{item.name: FIELD for item in fields})
        return Operation(
            name,
            label,
            self.table,
            writes if isinstance(writes, tuple) else (writes or named,),
            notice,
            fields,
            roles=self.roles if roles is None else roles,
            is_on_list=is_on_list,
            is_csrf_protected=is_csrf_protected,
            preconditions=() if needs is None else (needs,),
            limits=limits,
            confirm=confirm,
            is_async=is_async,
            is_modal=is_modal,
            is_checked_by_page=is_checked_by_page,
            mail=mail,
            hidden_forward=hidden_forward,
        )
