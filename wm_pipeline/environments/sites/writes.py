"""Operations in short: forms of a table, what they need, and what they write, as rows with values by column."""

from dataclasses import dataclass

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.entities import Words
from wm_pipeline.environments.sites.wording import phrase

FIELD = s.Value(s.ValueSource.FIELD)
"""In a write: the field that has the column's name."""
RECORD = s.Value(s.ValueSource.RECORD)
"""In a write: the record's column of the same name."""
USER_EMAIL = s.Value(s.ValueSource.USER_EMAIL)


def must_be(column: str, value: str, *refusal: str) -> s.Precondition:
    """The record's column has this value, or the site refuses in these words."""
    return s.Precondition(column, (value,), phrase(*refusal))


def next_key(prefix: str) -> s.Value:
    return s.Value(s.ValueSource.NEXT_KEY, prefix)


def inserts(table: str, **columns: s.Value | str) -> s.Write:
    """A new row. A text is what the column gets; FIELD and RECORD stand for a value that has the column's name."""
    return s.Write(ChangeOperation.INSERTED, table, _values(columns))


def updates(table: str, **columns: s.Value | str) -> s.Write:
    """A change of the operation's record, written like `inserts`."""
    return s.Write(ChangeOperation.UPDATED, table, _values(columns))


def deletes(table: str) -> s.Write:
    """The operation's record goes."""
    return s.Write(ChangeOperation.DELETED, table, {})


def _values(columns: dict[str, s.Value | str]) -> dict[str, s.Value]:
    return {name: _value(name, value) for name, value in columns.items()}


def _value(column: str, value: s.Value | str) -> s.Value:
    if isinstance(value, str):
        return s.constant(value)
    return s.Value(value.source, column) if value in (FIELD, RECORD) else value


def comments(field_name: str) -> s.Write:
    """A comment of the user's on the operation's record, with what the field says."""
    return inserts(
        "comments",
        comment_id=next_key("C"),
        about=s.Value(s.ValueSource.ABOUT),
        author=USER_EMAIL,
        body=s.field(field_name),
    )


def attaches(field_name: str) -> s.Write:
    """The file that the field brings, put on the operation's record."""
    return inserts(
        "files",
        file_name=s.field(field_name),
        about=s.Value(s.ValueSource.ABOUT),
        author=USER_EMAIL,
        content=s.Value(s.ValueSource.FILE_TEXT, field_name),
        content_type=s.Value(s.ValueSource.FILE_TYPE, field_name),
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
        *fields: s.Field,
        writes: s.Write | tuple[s.Write, ...] | None = None,
        needs: s.Precondition | None = None,
        roles: tuple[str, ...] | None = None,
        ask: Words | None = None,
        is_on_list: bool = False,
        is_csrf_protected: bool = True,
        limits: tuple[s.Limit, ...] = (),
        about: Words | None = None,
        confirm: Words | None = None,
        is_async: bool = False,
        control: s.Control = s.Control.BUTTON,
        is_checked_by_page: bool = False,
        mail: s.Mail | None = None,
        hidden_forward: s.HiddenForward | None = None,
    ) -> s.Operation:
        """One of them. With no `writes`, each field is written to the record's column of its name."""
        named = updates(self.table, **{item.name: FIELD for item in fields})
        return s.Operation(
            name,
            label,
            self.table,
            writes if isinstance(writes, tuple) else (writes or named,),
            notice,
            fields,
            roles=self.roles if roles is None else roles,
            ask=ask,
            is_on_list=is_on_list,
            is_csrf_protected=is_csrf_protected,
            preconditions=() if needs is None else (needs,),
            limits=limits,
            about=about,
            confirm=confirm,
            is_async=is_async,
            control=control,
            is_checked_by_page=is_checked_by_page,
            mail=mail,
            hidden_forward=hidden_forward,
        )
