"""An application that runs: started or reached, with its database watched; without a browser."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from wm_pipeline.domain.errors import InvalidInputError, ServiceError, SettingsError, WorldError
from wm_pipeline.domain.scratch import scratch_folder
from wm_pipeline.environments.applications.application import (
    Application,
    ApplicationFile,
    Commands,
    Postgres,
    Sqlite,
)
from wm_pipeline.environments.applications.databases import AppDatabase, CommandDatabase, SqliteDatabase
from wm_pipeline.environments.applications.process import AppProcess, free_port


class RunningApplication:
    """An application with its database, watched; without a browser."""

    def __init__(self, file: ApplicationFile) -> None:
        """Raises InvalidInputError or ServiceError with what the file must say otherwise."""
        self.file = file
        self._stack = ExitStack()
        self.process: AppProcess | None = None
        data = self._stack.enter_context(scratch_folder("app"))
        application = file.application
        values = {"folder": str(file.folder), "data": str(data)}
        try:
            database = self._database_before(values, data)
            start = application.start
            if start is not None:
                values["port"] = str(free_port())
                self.process = AppProcess(
                    application.name,
                    start,
                    folder=file.folder,
                    values=values,
                    log=data / "output.log",
                )
                self._stack.callback(self.process.close)
            self.base_url = f"http://127.0.0.1:{values['port']}" if application.reach is None else application.reach.url
            self.database: AppDatabase = database or self._database_after(values, data)
            if database is None:
                self._stack.callback(self.database.close)
            _check_names(application, self.database)
        except BaseException:
            self._stack.close()
            raise

    def _database_before(self, values: dict[str, str], data: Path) -> AppDatabase | None:
        """What must be there before the application starts; None: what is watched once it runs."""
        application, folder = self.file.application, self.file.folder
        match application.database:
            case Sqlite(files=files):
                for name in files:
                    _copy_sqlite(application, folder / name, data / Path(name).name)
                values["database"] = str(data / Path(files[0]).name)
            case Postgres(url=url):
                try:
                    from wm_pipeline.environments.applications.postgres import open_postgres
                except ImportError as error:
                    raise SettingsError(
                        "the Postgres driver is not installed; run `pip install 'wm_pipeline[postgres]'`"
                    ) from error
                opened = open_postgres(
                    application.name, url, application.ignored_tables, is_copied=application.start is not None
                )
                # Entered before the process: it is closed, and a copy dropped, when the process is gone.
                self._stack.callback(opened.close)
                values["database"] = opened.url
                return opened
            case Commands():
                values["database"] = ""
        return None

    def _database_after(self, values: Mapping[str, str], data: Path) -> AppDatabase:
        application = self.file.application
        match application.database:
            case Sqlite(files=files):
                copies = [data / Path(name).name for name in files]
                return SqliteDatabase(application.name, copies, application.ignored_tables)
            case Commands() as declared:
                return CommandDatabase(application.name, declared, folder=self.file.folder, values=values, data=data)
            case _:
                raise AssertionError("Postgres is opened before the application")

    def check_alive(self) -> None:
        """Raises WorldError, with its last lines, when the application has ended."""
        if self.process is not None and not self.process.is_alive:
            raise WorldError(
                f"{self.file.application.name}: the application ended while it was in use. {self.process.last_words()}"
            )

    def close(self) -> None:
        self._stack.close()


def _copy_sqlite(application: Application, source: Path, target: Path) -> None:
    """A copy that holds what a write-ahead log beside the file holds too."""
    if not source.is_file():
        hint = application.start.install if application.start is not None else ""
        raise ServiceError(
            f"{application.name}: there is no database file {source.name!r}; "
            + (f"run `{hint}`" if hint else "correct database.files")
        )
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise InvalidInputError(
            f"{application.name}: {source.name} cannot be copied ({error}); check that it is a SQLite database"
        ) from error
    shutil.copymode(source, target)


def _check_names(application: Application, database: AppDatabase) -> None:
    """Raises InvalidInputError for a table or column that the database does not have."""
    for name, table in application.tables.items():
        shape = database.shapes.get(name)
        if shape is None:
            known = ", ".join(sorted(database.shapes)[:12])
            raise InvalidInputError(
                f"{application.name}: tables.{name}: the database has no such table; it has {known}"
            )
        titles = () if table.title is None else (table.title,)
        for column in (*titles, *table.sensitive, *table.ignored_columns):
            if column not in shape.columns:
                known = ", ".join(shape.columns)
                raise InvalidInputError(
                    f"{application.name}: tables.{name}: the table has no column {column!r}; it has {known}"
                )
