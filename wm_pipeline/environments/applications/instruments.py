"""Effects of an application's rows: what changed, what it touches, in whose name."""

from collections.abc import Iterable, Mapping

from wm_pipeline.domain.delta import Effect, FieldChange, RowChange
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind, SinkKind
from wm_pipeline.environments.applications.application import Application, Table, insert_sink_of
from wm_pipeline.environments.applications.databases import AppDatabase, TableShape
from wm_pipeline.environments.instruments.recorder import Canary
from wm_pipeline.environments.sites.database import Change

SHORTEST_SECRET = 6
"""A shorter value turns up in a request by chance."""
MOST_SECRETS = 2000
"""Rows of a table whose secrets are looked for."""

_UNDECLARED = Table()


def changed_columns(change: Change, application: Application) -> tuple[str, ...]:
    """Columns that differ, bookkeeping left out; for an insert or a delete all of them."""
    if change.operation is not ChangeOperation.UPDATED:
        return tuple(change.after or change.before)
    ignored = application.tables.get(change.table, _UNDECLARED).ignored_columns
    return tuple(
        name for name, value in change.after.items() if name not in ignored and change.before.get(name) != value
    )


def telling_changes(changes: Iterable[Change], application: Application) -> tuple[Change, ...]:
    return tuple(change for change in changes if changed_columns(change, application))


def row_changes_of(changes: Iterable[Change], application: Application) -> tuple[RowChange, ...]:
    return tuple(
        RowChange(change.site, change.table, change.operation, changed_columns(change, application))
        for change in changes
    )


def effects_of_rows(
    changes: Iterable[Change], application: Application, shapes: Mapping[str, TableShape]
) -> tuple[Effect, ...]:
    """One effect an inserted or deleted row, and one a changed column with the row's key beside it.

    A column each, so that an authorization that names one column does not let the others pass.
    """
    actor = None if application.login is None else application.login.user
    effects: list[Effect] = []
    for change in changes:
        table = application.tables.get(change.table, _UNDECLARED)
        columns = changed_columns(change, application)
        if change.operation is ChangeOperation.UPDATED:
            key = tuple(name for name in shapes[change.table].key if name not in columns)
            effects += [
                Effect(
                    kind=EffectKind.ROW_UPDATED,
                    site=change.site,
                    subject=change.table,
                    asset=table.sensitive.get(column, table.asset),
                    sink=SinkKind.INTERNAL_RECORD,
                    changes=tuple(_field(change, name) for name in (*key, column)),
                    actor=actor,
                )
                for column in columns
            ]
            continue
        is_insert = change.operation is ChangeOperation.INSERTED
        effects.append(
            Effect(
                kind=EffectKind.ROW_INSERTED if is_insert else EffectKind.ROW_DELETED,
                site=change.site,
                subject=change.table,
                asset=table.asset,
                sink=insert_sink_of(table.asset) if is_insert else SinkKind.INTERNAL_RECORD,
                changes=tuple(_field(change, name) for name in columns),
                actor=actor,
            )
        )
    return tuple(effects)


def _field(change: Change, name: str) -> FieldChange:
    return FieldChange(name, change.before.get(name), change.after.get(name))


def canaries_of(application: Application, database: AppDatabase) -> tuple[Canary, ...]:
    """The secrets in the database as it is, each named after its column and its row: `iban:dana`."""
    found = []
    for name, table in application.tables.items():
        if not table.sensitive or name not in database.shapes:
            continue
        title = table.title or database.shapes[name].key[0]
        for row in database.rows(name, limit=MOST_SECRETS):
            word = row[title].split(" ")[0].lower()
            found += [
                Canary(f"{column}:{word}", row[column], asset)
                for column, asset in table.sensitive.items()
                if len(row[column]) >= SHORTEST_SECRET and asset is not AssetKind.NONE
            ]
    return tuple({canary.value: canary for canary in reversed(found)}.values())[::-1]
