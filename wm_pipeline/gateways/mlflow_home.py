"""MLflow's database in a file, without MLflow, which takes seconds to import.

It stores absolute addresses of artifacts; where the folder was moved or copied they are renewed. A server has its own.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from wm_pipeline.domain.errors import ServiceError
from wm_pipeline.gateways.places import open_sqlite

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Tables and columns that hold addresses under the artifact root."""


def renew_addresses(database: Path, artifact_root: str, *, experiment: str) -> bool:
    """Point addresses under the experiment's former artifact root to `artifact_root`; whether any was changed.

    Nothing changes unless artifacts that the database knows of lie in the new place, or the former root lies beside
    another database: it is another deployment's then, also where the copy has no artifacts. Raises ServiceError when
    the database cannot be read or written.
    """
    if not database.is_file() or not artifact_root.startswith("file:"):
        return False
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            former = _former_root(connection, experiment)
            if former is None or former == artifact_root:
                return False
            if not _is_of_another(former, database) and not _lies_in(connection, former, artifact_root):
                return False
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608 names of ours
                    (artifact_root, len(former) + 1, len(former) + 1, f"{former}/"),
                )
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (artifact_root, former)
            )
    except sqlite3.Error as error:
        raise ServiceError(f"MLflow's database {database} cannot be read: {error}; restore it from a backup") from error
    return True


def has_running_runs(database: Path) -> bool:
    """Whether the database holds runs that seem to go on. Raises ServiceError when it cannot be read."""
    return bool(_selected(database, "SELECT 1 FROM runs WHERE status = 'RUNNING' LIMIT 1", ()))


def stored_tag(database: Path, model: str, version: str, tag: str) -> str | None:
    """A tag of a registered version; None without such a version or tag. Raises ServiceError when it cannot be read."""
    found = _selected(
        database,
        "SELECT value FROM model_version_tags JOIN model_versions USING (workspace, name, version) "
        "WHERE name = ? AND CAST(version AS TEXT) = ? AND key = ? AND current_stage != 'Deleted_Internal'",
        (model, version, tag),
    )
    return str(found[0][0]) if found else None


def _selected(database: Path, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Rows; none of a database that is not there, or has no tables yet."""
    if not database.is_file():
        return []
    try:
        with open_sqlite(database) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'model_version_tags'").fetchone():
                return []
            return connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise ServiceError(f"MLflow's database {database} cannot be read: {error}; restore it from a backup") from error


def _former_root(connection: sqlite3.Connection, experiment: str) -> str | None:
    """None when there is no such experiment, or its artifacts are not in a folder."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
        return None
    found = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
    return str(found[0]) if found is not None and str(found[0]).startswith("file:") else None


def _is_of_another(former: str, database: Path) -> bool:
    """Whether a former root lies beside a database of its own, as in a state folder that this one was copied from."""
    beside = _folder_of(former).with_name(database.name)
    return beside.is_file() and not beside.samefile(database)


def _folder_of(root: str) -> Path:
    return Path(unquote(urlsplit(root).path))


def _lies_in(connection: sqlite3.Connection, former: str, artifact_root: str) -> bool:
    """Whether something that was kept under the former root lies under the new one."""
    folder = _folder_of(artifact_root)
    kept = connection.execute(
        "SELECT artifact_uri FROM runs WHERE substr(artifact_uri, 1, ?) = ?", (len(former) + 1, f"{former}/")
    )
    return any((folder / unquote(str(uri).removeprefix(f"{former}/"))).exists() for (uri,) in kept)
