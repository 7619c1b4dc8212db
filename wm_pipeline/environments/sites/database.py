"""The database of one world: all sites' tables in memory, and triggers that write down every change of a row."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites.built_in import BUILT_IN_ENTITIES
from wm_pipeline.environments.sites.entities import Entity
from wm_pipeline.environments.sites.schema import RowCheck, Rows, SiteSchema

_TRIGGERS = (
    (ChangeOperation.INSERTED, "INSERT", "", "NEW"),
    (ChangeOperation.UPDATED, "UPDATE", "OLD", "NEW"),
    (ChangeOperation.DELETED, "DELETE", "OLD", ""),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One row as it was and as it is."""

    change_id: int
    site: str
    table: str
    operation: ChangeOperation
    before: Mapping[str, str]
    after: Mapping[str, str]
    actor: str | None


class WorldDatabase:
    """One SQLite connection behind a lock; every site's tables are called `{site}__{table}`."""

    def __init__(self, schemas: Sequence[SiteSchema], rows: Mapping[str, Rows]) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        self._sites = frozenset(schema.name for schema in schemas)
        statements = [
            "CREATE TABLE changes (change_id INTEGER PRIMARY KEY, site TEXT, table_name TEXT, operation TEXT,"
            " before TEXT, after TEXT, actor TEXT)"
        ]
        for schema in schemas:
            for entity in (*schema.entities, *BUILT_IN_ENTITIES):
                statements += _table_statements(schema.name, entity)
        self._connection.deserialize(_empty_database(";".join(statements)))
        self._connection.execute("BEGIN")
        for schema in schemas:
            for table, drawn in rows[schema.name].items():
                for row in drawn:
                    self._insert(schema.name, table, row)
        self._connection.execute("DELETE FROM changes")
        self._connection.execute("COMMIT")

    def has_site(self, site: str) -> bool:
        return site in self._sites

    @contextmanager
    def transaction(self, actor: str | None) -> Iterator[None]:
        """All or nothing, under the lock; what changes inside is done in the actor's name."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("UPDATE changes SET actor = ? WHERE actor IS NULL", (actor,))
            self._connection.execute("COMMIT")

    def select(
        self, site: str, table: str, where: Mapping[str, str] | None = None, *, limit: int = 1000
    ) -> list[dict[str, str]]:
        """Rows with these values, in the order they were made."""
        conditions = " AND ".join(f"{column} = ?" for column in where or {}) or "1"
        with self._lock:
            found = self._connection.execute(
                f"SELECT * FROM {site}__{table} WHERE {conditions} ORDER BY rowid LIMIT ?",
                (*(where or {}).values(), limit),
            ).fetchall()
        return [dict(row) for row in found]

    def insert(self, site: str, table: str, row: Mapping[str, str]) -> None:
        with self._lock:
            self._insert(site, table, row)

    def _insert(self, site: str, table: str, row: Mapping[str, str]) -> None:
        columns = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self._connection.execute(f"INSERT INTO {site}__{table} ({columns}) VALUES ({marks})", tuple(row.values()))

    def update(self, site: str, table: str, where: Mapping[str, str], values: Mapping[str, str]) -> None:
        assignments = ", ".join(f"{column} = ?" for column in values)
        conditions = " AND ".join(f"{column} = ?" for column in where)
        with self._lock:
            self._connection.execute(
                f"UPDATE {site}__{table} SET {assignments} WHERE {conditions}", (*values.values(), *where.values())
            )

    def delete(self, site: str, table: str, where: Mapping[str, str]) -> None:
        conditions = " AND ".join(f"{column} = ?" for column in where)
        with self._lock:
            self._connection.execute(f"DELETE FROM {site}__{table} WHERE {conditions}", tuple(where.values()))

    def holds(self, site: str, check: RowCheck) -> bool:
        count = len(self.select(site, check.table, check.where))
        return count >= check.at_least and (check.at_most is None or count <= check.at_most)

    @property
    def position(self) -> int:
        """How many changes there have been."""
        with self._lock:
            return int(self._connection.execute("SELECT coalesce(max(change_id), 0) FROM changes").fetchone()[0])

    def changes_since(self, position: int) -> tuple[Change, ...]:
        """What changed after a position; an update that changed nothing is left out."""
        with self._lock:
            found = self._connection.execute(
                "SELECT * FROM changes WHERE change_id > ? ORDER BY change_id", (position,)
            ).fetchall()
        changes = (
            Change(
                change_id=row["change_id"],
                site=row["site"],
                table=row["table_name"],
                operation=ChangeOperation(row["operation"]),
                before=json.loads(row["before"]),
                after=json.loads(row["after"]),
                actor=row["actor"],
            )
            for row in found
        )
        return tuple(change for change in changes if change.before != change.after)

    def snapshot(self) -> bytes:
        with self._lock:
            return self._connection.serialize()

    def restore(self, saved: bytes) -> None:
        with self._lock:
            self._connection.deserialize(saved)

    def dump(self) -> str:
        """The whole database as SQL text: equal for equal worlds."""
        with self._lock:
            return "\n".join(self._connection.iterdump())

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@lru_cache(maxsize=8)
def _empty_database(statements: str) -> bytes:
    """Tables and triggers, made once for the registered schemas: a third of a reset's time on the server's side."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(statements)
    empty = connection.serialize()
    connection.close()
    return empty


def _table_statements(site: str, entity: Entity) -> list[str]:
    table = f"{site}__{entity.table}"
    columns = ", ".join(
        f"{column.name} TEXT NOT NULL{' PRIMARY KEY' if column.name == entity.key else ' DEFAULT ' + repr('')}"
        for column in entity.columns
    )
    statements = [f"CREATE TABLE {table} ({columns})"]
    for operation, event, old, new in _TRIGGERS:
        before, after = (
            "json_object(" + ", ".join(f"'{c.name}', {row}.{c.name}" for c in entity.columns) + ")" if row else "'{}'"
            for row in (old, new)
        )
        statements.append(
            f"CREATE TRIGGER {table}_{operation.value} AFTER {event} ON {table} BEGIN"
            f" INSERT INTO changes (site, table_name, operation, before, after)"
            f" VALUES ('{site}', '{entity.table}', '{operation.value}', {before}, {after}); END"
        )
    return statements
