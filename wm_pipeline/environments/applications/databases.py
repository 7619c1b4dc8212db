"""What an environment needs of an application's database, and the two kinds that need no server.

A database is watched by triggers that write every changed row down, in the transaction that changes it, or by comparing
dumps where only commands can reach it. Postgres is in postgres.py.
"""

import json
import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.applications.application import Commands
from wm_pipeline.environments.applications.process import filled, program_environment
from wm_pipeline.environments.sites.database import Change

LOG_TABLE = "wm_changes"
BUSY_LIMIT_S = 5.0
"""How long a restore waits for the application to finish a write."""
COMMAND_LIMIT_S = 60.0

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TableShape:
    """Columns of a table as they are in the database."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    """Primary key; all columns where there is none."""


class AppDatabase(Protocol):
    """Watched from the moment it is opened. Methods raise WorldError when the database does not answer."""

    @property
    def shapes(self) -> Mapping[str, TableShape]:
        """Tables that are watched."""
        ...

    def position(self) -> int: ...

    def changes_since(self, position: int) -> tuple[Change, ...]:
        """Rows that changed after a position; an update that changed nothing is left out."""
        ...

    def save(self) -> object:
        """A snapshot; several can be held."""
        ...

    def restore(self, saved: object) -> None: ...

    def query(self, sql: str, values: Mapping[str, str]) -> list[Row]: ...

    def rows(self, table: str, *, limit: int) -> list[Row]:
        """Rows of a watched table."""
        ...

    def execute(self, sql: str, values: Mapping[str, str]) -> int:
        """The number of rows it changed."""
        ...

    def digest(self) -> str:
        """Equal for equal rows."""
        ...

    def close(self) -> None: ...


def count_of(database: AppDatabase, sql: str, values: Mapping[str, str]) -> int:
    """What a counting query says. Raises InvalidInputError when its answer is no number."""
    rows = database.query(sql, values)
    found = next(iter(rows[0].values()), "") if rows else ""
    try:
        return int(found)
    except ValueError as error:
        raise InvalidInputError(f"the query {sql!r} must give one number, found {found!r}; use count(*)") from error


def text_of(value: object) -> str:
    """A value as a word in an effect; absent is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)


def row_of(columns: Mapping[str, object]) -> Row:
    return {name: text_of(value) for name, value in columns.items()}


# --- SQLite -----------------------------------------------------------------------------------------------------------


class SqliteDatabase:
    """A copy of the application's files, the first of them called `main` in queries, the others by their stem."""

    def __init__(self, name: str, files: Sequence[Path], ignored: Sequence[str]) -> None:
        self._name = name
        self._files = {"main" if index == 0 else file.stem: file for index, file in enumerate(files)}
        self._connection = self._connect(files[0])
        for schema, file in list(self._files.items())[1:]:
            self._connection.execute(f'ATTACH ? AS "{schema}"', (str(file),))
        self._shapes: dict[str, TableShape] = {}
        try:
            for schema in self._files:
                self._watch(schema, ignored)
        except sqlite3.Error as error:
            raise InvalidInputError(
                f"{name}: {self._files[schema].name} cannot be watched ({error}); check that it is a SQLite database"
            ) from error

    def _connect(self, file: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=BUSY_LIMIT_S)
        connection.row_factory = sqlite3.Row
        # A copy that nobody misses after a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def _watch(self, schema: str, ignored: Sequence[str]) -> None:
        run = self._connection.execute
        run(
            f'CREATE TABLE IF NOT EXISTS "{schema}".{LOG_TABLE} (change_id INTEGER PRIMARY KEY AUTOINCREMENT,'
            " table_name TEXT, operation TEXT, before TEXT, after TEXT)"
        )
        tables = [
            row["name"]
            for row in run(f'PRAGMA "{schema}".table_list').fetchall()
            if row["schema"] == schema and row["type"] == "table"
        ]
        for table in sorted(tables):
            if table == LOG_TABLE or table.startswith("sqlite_") or table in ignored:
                continue
            if table in self._shapes:
                raise InvalidInputError(
                    f"{self._name}: two of database.files have a table {table!r}; ignore it with ignored_tables"
                )
            found = run(f'PRAGMA "{schema}".table_info("{table}")').fetchall()
            columns = tuple(row["name"] for row in found)
            key = tuple(row["name"] for row in sorted(found, key=lambda row: int(row["pk"])) if row["pk"])
            self._shapes[table] = TableShape(columns, key or columns)
            for statement in _trigger_statements(schema, table, columns):
                run(statement)

    @property
    def shapes(self) -> Mapping[str, TableShape]:
        return self._shapes

    def position(self) -> int:
        return sum(self._positions().values())

    def _positions(self) -> dict[str, int]:
        return {
            schema: int(
                self._connection.execute(f'SELECT coalesce(max(change_id), 0) FROM "{schema}".{LOG_TABLE}').fetchone()[
                    0
                ]
            )
            for schema in self._files
        }

    def changes_since(self, position: int) -> tuple[Change, ...]:
        # Several files count together; a change of the second file comes after those of the first.
        changes = [
            Change(
                change_id=index,
                site=self._name,
                table=row["table_name"],
                operation=ChangeOperation(row["operation"]),
                before=row_of(json.loads(row["before"], parse_float=str)),
                after=row_of(json.loads(row["after"], parse_float=str)),
                actor=None,
            )
            for index, row in enumerate(self._log(), start=1)
        ]
        return tuple(change for change in changes[position:] if change.before != change.after)

    def _log(self) -> list[Any]:
        return [
            row
            for schema in self._files
            for row in self._connection.execute(f'SELECT * FROM "{schema}".{LOG_TABLE} ORDER BY change_id').fetchall()
        ]

    def save(self) -> object:
        saved: dict[str, sqlite3.Connection] = {}
        for schema in self._files:
            saved[schema] = sqlite3.connect(":memory:", check_same_thread=False)
            self._connection.backup(saved[schema], name=schema)
        return saved

    def restore(self, saved: object) -> None:
        assert isinstance(saved, dict)
        for schema, file in self._files.items():
            # The backup interface writes under the file's locks: what the application has open sees a change like any.
            target = self._connection if schema == "main" else self._connect(file)
            try:
                saved[schema].backup(target)
            except sqlite3.Error as error:
                raise WorldError(f"{self._name}: {file.name} cannot be restored ({error})") from error
            finally:
                if target is not self._connection:
                    target.close()

    def query(self, sql: str, values: Mapping[str, str]) -> list[Row]:
        try:
            return [row_of(dict(row)) for row in self._connection.execute(sql, dict(values)).fetchall()]
        except sqlite3.Error as error:
            raise InvalidInputError(f"{self._name}: the query {sql!r} fails ({error}); correct it") from error

    def rows(self, table: str, *, limit: int) -> list[Row]:
        return self.query(f'SELECT * FROM "{table}" LIMIT {limit}', {})

    def execute(self, sql: str, values: Mapping[str, str]) -> int:
        try:
            return self._connection.execute(sql, dict(values)).rowcount
        except sqlite3.Error as error:
            raise InvalidInputError(f"{self._name}: the statement {sql!r} fails ({error}); correct it") from error

    def digest(self) -> str:
        parts = []
        for table, shape in sorted(self._shapes.items()):
            columns = ", ".join(f'quote("{column}")' for column in shape.columns)
            rows = self._connection.execute(f'SELECT {columns} FROM "{table}"').fetchall()
            parts += [table, *sorted(json.dumps(tuple(row)) for row in rows)]
        return digest(*parts)

    def close(self) -> None:
        self._connection.close()


def _trigger_statements(schema: str, table: str, columns: Sequence[str]) -> list[str]:
    """Three triggers, in the database's own file: SQLite's triggers write to no other."""

    def json_of(row: str) -> str:
        # JSON holds no bytes; their length tells enough.
        values = (
            f"'{c}', CASE typeof({row}.\"{c}\") WHEN 'blob' THEN '<' || length({row}.\"{c}\") || ' bytes>'"
            f' ELSE {row}."{c}" END'
            for c in (column.replace("'", "''") for column in columns)
        )
        return "json_object(" + ", ".join(values) + ")" if row else "'{}'"

    events = (
        (ChangeOperation.INSERTED, "INSERT", "", "NEW"),
        (ChangeOperation.UPDATED, "UPDATE", "OLD", "NEW"),
        (ChangeOperation.DELETED, "DELETE", "OLD", ""),
    )
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{schema}"."wm_{operation.value}_{table}" AFTER {event} ON "{table}" BEGIN'
        f" INSERT INTO {LOG_TABLE} (table_name, operation, before, after)"
        f" VALUES ('{table}', '{operation.value}', {json_of(old)}, {json_of(new)}); END"
        for operation, event, old, new in events
    ]


# --- commands of the user ---------------------------------------------------------------------------------------------


class CommandDatabase:
    """A database behind three commands: what changed is the difference between two dumps."""

    def __init__(self, name: str, declared: Commands, *, folder: Path, values: Mapping[str, str], data: Path) -> None:
        self._name = name
        self._declared = declared
        self._folder = folder
        self._values = values
        self._data = data
        self._snapshots = 0
        self._changes: list[Change] = []
        self._rows = self._dump()
        self._shapes = {
            table: TableShape(tuple(rows[0]) if rows else (), tuple(rows[0])[:1] if rows else ())
            for table, rows in self._rows.items()
        }

    @property
    def shapes(self) -> Mapping[str, TableShape]:
        return self._shapes

    def position(self) -> int:
        self._look()
        return len(self._changes)

    def changes_since(self, position: int) -> tuple[Change, ...]:
        self._look()
        return tuple(self._changes[position:])

    def save(self) -> object:
        self._snapshots += 1
        snapshot = str(self._data / f"snapshot-{self._snapshots}")
        self._run(self._declared.save, snapshot)
        self._look()
        return snapshot, len(self._changes), self._rows

    def restore(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        snapshot, count, rows = saved
        self._run(self._declared.restore, snapshot)
        self._changes, self._rows = self._changes[:count], rows

    def query(self, sql: str, values: Mapping[str, str]) -> list[Row]:
        raise InvalidInputError(f"{self._name}: a database behind commands cannot be asked in SQL")

    def rows(self, table: str, *, limit: int) -> list[Row]:
        return self._rows.get(table, [])[:limit]

    def execute(self, sql: str, values: Mapping[str, str]) -> int:
        raise InvalidInputError(f"{self._name}: a database behind commands cannot be asked in SQL")

    def digest(self) -> str:
        return digest(json.dumps(self._dump(), sort_keys=True))

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> None:
        rows = self._dump()
        for table in sorted(rows.keys() | self._rows.keys()):
            self._changes += self._difference(table, self._rows.get(table, []), rows.get(table, []))
        self._rows = rows

    def _difference(self, table: str, old: list[Row], new: list[Row]) -> list[Change]:
        """Rows are the same row when their first columns agree: dumps put the key there."""
        before, after = ({next(iter(row.values()), ""): row for row in rows} for rows in (old, new))
        found = []
        for key in sorted(before.keys() | after.keys()):
            was, now = before.get(key, {}), after.get(key, {})
            if was != now:
                kind = ChangeOperation.UPDATED if was and now else None
                kind = kind or (ChangeOperation.INSERTED if now else ChangeOperation.DELETED)
                found.append(Change(len(self._changes), self._name, table, kind, was, now, None))
        return found

    def _dump(self) -> dict[str, list[Row]]:
        printed = self._run(self._declared.dump, "")
        try:
            tables = json.loads(printed)
            return {table: [row_of(row) for row in rows] for table, rows in tables.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise WorldError(
                f"{self._name}: database.dump printed no JSON object of lists of rows; it began {printed[:60]!r}"
            ) from error

    def _run(self, command: Sequence[str], snapshot: str) -> str:
        arguments = filled(command, {**self._values, "snapshot": snapshot})
        if re.search("/", arguments[0]):
            arguments[0] = str((self._folder / arguments[0]).absolute())
        try:
            done = subprocess.run(  # noqa: S603 the user's own command, from the user's own file
                arguments,
                cwd=self._folder,
                env=program_environment({}),
                capture_output=True,
                text=True,
                timeout=COMMAND_LIMIT_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = (error.stderr or "").strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
            raise WorldError(f"{self._name}: the database command {command[0]!r} failed: {said[-200:]}") from error
        return done.stdout
