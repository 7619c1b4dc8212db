"""A Postgres database: watched by triggers, restored by undoing what they wrote down.

Copying a template database back takes several times longer, however little has changed, and cuts the application's
connections; undoing a step's few rows takes milliseconds (docs/environments.md has the numbers).
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2

from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.applications.databases import Row, TableShape, row_of
from wm_pipeline.environments.sites.database import Change

LOCK_LIMIT = "5s"
"""How long a restore waits for the application to finish a write."""

_WATCH = """
CREATE SCHEMA wm;
CREATE TABLE wm.changes (
  change_id bigserial PRIMARY KEY, relation oid, table_name text, operation text, before jsonb, after jsonb);
CREATE FUNCTION wm.write_down() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO wm.changes (relation, table_name, operation, before, after) VALUES (
    TG_RELID, TG_TABLE_NAME,
    CASE TG_OP WHEN 'INSERT' THEN 'inserted' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END,
    CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END,
    CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE FUNCTION wm.write_all_down() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('INSERT INTO wm.changes (relation, table_name, operation, before)
                  SELECT %s, %L, ''deleted'', to_jsonb(t) FROM %s t', TG_RELID, TG_TABLE_NAME, TG_RELID::regclass);
  RETURN NULL;
END $$;
"""

_TABLES = """
SELECT c.oid, c.relname AS table_name, c.oid::regclass::text AS full_name,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS writable,
       coalesce((SELECT array_agg(k.attname::text) FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid
                 AND k.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'wm')
GROUP BY c.oid, c.relname ORDER BY c.relname
"""

_SEQUENCES = """
SELECT format('%I.%I', schemaname, sequencename) AS sequence_name, start_value, last_value
FROM pg_sequences WHERE schemaname <> 'wm' ORDER BY 1
"""


class PostgresDatabase:
    """Open one with `open_postgres`. Tables that are ignored make no changes, and go back all the same."""

    def __init__(self, name: str, url: str, ignored: Sequence[str], *, copied_from: str | None) -> None:
        self._name = name
        self._copied_from = copied_from
        self._ignored = frozenset(ignored)
        self.url = url
        self._connection = _connect(name, url)
        # Left over from a run that was killed, where a database is watched in place.
        self._run("DROP SCHEMA IF EXISTS wm CASCADE")
        self._run(_WATCH)
        self._tables = {int(row["oid"]): row for row in self._run(_TABLES)}
        for row in self._tables.values():
            self._run(
                f"CREATE TRIGGER wm_rows AFTER INSERT OR UPDATE OR DELETE ON {row['full_name']}"
                " FOR EACH ROW EXECUTE FUNCTION wm.write_down();"
                f"CREATE TRIGGER wm_all_rows BEFORE TRUNCATE ON {row['full_name']}"
                " FOR EACH STATEMENT EXECUTE FUNCTION wm.write_all_down()"
            )
        self._shapes = {
            str(row["table_name"]): TableShape(tuple(row["columns"]), tuple(row["key"]) or tuple(row["columns"]))
            for row in self._tables.values()
            if row["table_name"] not in self._ignored
        }

    @property
    def shapes(self) -> Mapping[str, TableShape]:
        return self._shapes

    def position(self) -> int:
        return int(self._run("SELECT coalesce(max(change_id), 0) AS last FROM wm.changes")[0]["last"])

    def changes_since(self, position: int) -> tuple[Change, ...]:
        found = self._run(
            "SELECT change_id, table_name, operation, before::text AS before, after::text AS after"
            " FROM wm.changes WHERE change_id > %s ORDER BY change_id",
            (position,),
        )
        changes = (
            Change(
                change_id=row["change_id"],
                site=self._name,
                table=row["table_name"],
                operation=ChangeOperation(row["operation"]),
                # A decimal keeps its digits: 1500.00 is not 1500.0 to who reads it.
                before=row_of(json.loads(row["before"] or "{}", parse_float=str)),
                after=row_of(json.loads(row["after"] or "{}", parse_float=str)),
                actor=None,
            )
            for row in found
            if row["table_name"] not in self._ignored
        )
        return tuple(change for change in changes if change.before != change.after)

    def save(self) -> object:
        return self.position(), self._sequences()

    def _sequences(self) -> dict[str, tuple[int, int | None]]:
        return {row["sequence_name"]: (row["start_value"], row["last_value"]) for row in self._run(_SEQUENCES)}

    def restore(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        position, sequences = saved
        with self._transaction():
            # Neither the application's triggers nor ours, nor foreign keys, have a say in going back.
            self._run(f"SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '{LOCK_LIMIT}'")
            undone = self._run(
                "DELETE FROM wm.changes WHERE change_id > %s"
                " RETURNING change_id, relation, before::text AS before, after::text AS after",
                (position,),
            )
            for row in sorted(undone, key=lambda row: -int(row["change_id"])):
                self._undo(row)
            for name, (start, last) in self._sequences().items():
                if sequences.get(name, (start, last)) != (start, last):
                    was = sequences[name][1]
                    self._run("SELECT setval(%s, %s, %s)", (name, start if was is None else was, was is not None))

    def _undo(self, row: Mapping[str, Any]) -> None:
        table = self._tables[int(row["relation"])]
        full_name, writable = table["full_name"], ", ".join(table["writable"])
        if row["after"] is not None and table["key"]:
            same = " AND ".join(f't."{column}" = r."{column}"' for column in table["key"])
            self._run(
                f"DELETE FROM {full_name} t USING jsonb_populate_record(NULL::{full_name}, %s::jsonb) r WHERE {same}",
                (row["after"],),
            )
        elif row["after"] is not None:
            self._run(
                f"DELETE FROM {full_name} WHERE ctid ="
                f" (SELECT ctid FROM {full_name} t WHERE to_jsonb(t) = %s::jsonb LIMIT 1)",
                (row["after"],),
            )
        if row["before"] is not None:
            self._run(
                f"INSERT INTO {full_name} ({writable}) OVERRIDING SYSTEM VALUE"
                f" SELECT {writable} FROM jsonb_populate_record(NULL::{full_name}, %s::jsonb)",
                (row["before"],),
            )

    def query(self, sql: str, values: Mapping[str, str]) -> list[Row]:
        try:
            return [row_of(row) for row in self._run(_bound(sql), dict(values))]
        except (WorldError, KeyError) as error:
            raise InvalidInputError(f"{self._name}: the query {sql!r} fails ({error}); correct it") from error

    def rows(self, table: str, *, limit: int) -> list[Row]:
        return self.query(f'SELECT * FROM "{table}" LIMIT {limit}', {})

    def execute(self, sql: str, values: Mapping[str, str]) -> int:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_bound(sql), dict(values))
                return int(cursor.rowcount)
        except (psycopg2.Error, KeyError) as error:
            raise InvalidInputError(f"{self._name}: the statement {sql!r} fails ({error}); correct it") from error

    def digest(self) -> str:
        parts = []
        for row in self._tables.values():
            if row["table_name"] in self._ignored:
                continue
            rows = self._run(
                f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) AS found"
                f" FROM {row['full_name']} t"
            )
            parts += [row["full_name"], rows[0]["found"]]
        return digest(*parts)

    def close(self) -> None:
        """The copy is dropped; a database that was watched in place loses its triggers."""
        if self._copied_from is None:
            self._run("DROP SCHEMA wm CASCADE")
            self._connection.close()
            return
        self._connection.close()
        with contextlib.closing(_connect(self._name, with_database(self.url, "postgres"))) as server:
            server.cursor().execute(f'DROP DATABASE IF EXISTS "{database_of(self.url)}" WITH (FORCE)')

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _run(self, sql: str, values: Any = None) -> list[dict[str, Any]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, values)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise WorldError(f"{self._name}: Postgres refused: {_first_line(error)}") from error


def open_postgres(name: str, url: str, ignored: Sequence[str], *, is_copied: bool) -> PostgresDatabase:
    """Watch a database, or a copy of it. Raises InvalidInputError with what the role or the server lacks."""
    if not is_copied:
        return PostgresDatabase(name, url, ignored, copied_from=None)
    source = database_of(url)
    copy = f"wm_{name}_{uuid4().hex[:8]}"
    with contextlib.closing(_connect(name, with_database(url, "postgres"))) as server:
        try:
            server.cursor().execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
        except psycopg2.Error as error:
            raise InvalidInputError(
                f"{name}: {source!r} cannot be copied ({_first_line(error)}); end what is connected to it, and give "
                "the role of database.url the right to create databases"
            ) from error
    copy_url = with_database(url, copy)
    try:
        return PostgresDatabase(name, copy_url, ignored, copied_from=source)
    except BaseException:
        with contextlib.closing(_connect(name, with_database(url, "postgres"))) as server:
            server.cursor().execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        raise


def _connect(name: str, url: str) -> Any:
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
    except psycopg2.Error as error:
        raise InvalidInputError(
            f"{name}: database.url cannot be connected to ({_first_line(error)}); start the server or correct it"
        ) from error
    connection.autocommit = True
    return connection


def database_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _bound(sql: str) -> str:
    """`:name` as the driver wants it; casts (`::text`) are left alone."""
    return re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
