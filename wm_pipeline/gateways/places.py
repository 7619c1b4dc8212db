"""Where a deployment stores its outputs: one rule for WM_STATE and WM_DATA, and addresses of folders with odd names.

`wm`, Dagster and `scan` share it. Nothing here reads the environment; callers pass its variables.
"""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from wm_pipeline.domain.errors import SettingsError

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds the package; unless a setting says otherwise, everything lies in its `.wm`."""
_SQLITE, _SQLITE_QUOTED = "sqlite:///", "sqlite+pysqlite:///"


class Place(NamedTuple):
    address: str
    """An absolute folder, or `s3://bucket/prefix`."""
    reason: str
    """Which setting chose it, as half a sentence."""


def state_folder(variables: Mapping[str, str]) -> str:
    """The folder of everything that a run makes. An empty variable counts as unset."""
    return str(Path(variables.get("WM_STATE") or PROJECT / ".wm").absolute())


def data_place(variables: Mapping[str, str]) -> Place:
    """The root of tables, checkpoints and reports. Raises SettingsError for an address with one slash."""
    named = variables.get("WM_DATA")
    if named:
        if re.match(r"[a-z][a-z0-9]+:/[^/]", named):
            raise SettingsError(f"WM_DATA: expected a folder or s3://bucket/prefix, found {named!r}")
        return Place(named if "://" in named else str(Path(named).absolute()), "WM_DATA names it")
    is_named = bool(variables.get("WM_STATE"))
    reason = "WM_STATE names the folder above it" if is_named else "neither WM_DATA nor WM_STATE is set"
    return Place(f"{state_folder(variables)}/data", reason)


def sqlite_uri(file: str) -> str:
    """The address of a database in a file. `%` and `?` have a meaning in addresses, so they are quoted.

    MLflow creates the folder after `sqlite:///` without unquoting it; after the driver's name it creates none.
    """
    quoted = file.replace("%", "%25").replace("?", "%3F")
    return f"{_SQLITE if quoted == file else _SQLITE_QUOTED}{quoted}"


def sqlite_file(uri: str) -> Path | None:
    """The file of such an address; None for another address."""
    if uri.startswith(_SQLITE_QUOTED):
        return Path(unquote(uri.removeprefix(_SQLITE_QUOTED)))
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def open_sqlite(file: Path) -> closing[sqlite3.Connection]:
    """A database that is there, to be looked into. For writing where that can be: what a process that was killed has
    left half-written is rolled back first, which a connection that only reads cannot do.
    """
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=60))


def folder_uri(address: str) -> str:
    """A local folder as an address that MLflow reads as that folder; another address, or none, as it is."""
    return address if "://" in address or not address else Path(address).absolute().as_uri()
