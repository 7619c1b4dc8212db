"""Django's admin and django-helpdesk, as they are, hold in every point of the check; the admin on Postgres as well.

They run when `make third-party` has installed them.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.postgres import PostgresServer
from wm_pipeline.environments.applications.check import CheckReport, Result, check_application
from wm_pipeline.environments.browser.chromium import find_chromium

ROOT = Path(__file__).resolve().parents[3]
APPLICATIONS = ROOT / "applications"
PYTHON = ROOT / ".local" / "third-party" / "venv" / "bin" / "python"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.is_file(), reason="the applications are not installed: run `make third-party`"),
]


def check(file: Path) -> CheckReport:
    return asyncio.run(check_application(file, find_chromium(None)))


@pytest.mark.parametrize("name", ["office", "tickets"])
def test_an_application_of_others_holds_in_every_point_of_the_check(name: str) -> None:
    report = check(APPLICATIONS / f"{name}.toml")

    assert [finding.verdict for finding in report.findings] == [Result.HOLDS] * 8, report.as_table()


@pytest.fixture
def office_on_postgres(tmp_path: Path) -> Iterator[Path]:
    """The office's file with its database in Postgres."""
    server = PostgresServer()
    url = server.url("postgres")
    seeding = f"import psycopg; psycopg.connect({url!r}, autocommit=True).execute('CREATE DATABASE office')"
    subprocess.run([PYTHON, "-c", seeding], check=True)
    environment = {**os.environ, "DATABASE": server.url("office")}
    subprocess.run([PYTHON, APPLICATIONS / "office" / "manage.py", "seed"], env=environment, check=True)
    shutil.copytree(APPLICATIONS / "office", tmp_path / "office")
    file = tmp_path / "office.toml"
    text = (APPLICATIONS / "office.toml").read_text()
    sqlite = 'kind = "sqlite"\nfiles = ["../.local/third-party/office.sqlite3"]'
    assert sqlite in text
    text = text.replace(sqlite, f'kind = "postgres"\nurl = "{server.url("office")}"')
    file.write_text(text.replace("../.local/third-party/venv/bin/python", str(PYTHON)))
    yield file
    server.close()


def test_an_application_on_postgres_holds_in_every_point_of_the_check(office_on_postgres: Path) -> None:
    report = check(office_on_postgres)

    assert [finding.verdict for finding in report.findings] == [Result.HOLDS] * 8, report.as_table()
