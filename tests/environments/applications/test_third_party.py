"""I Hate Money and PocketBase, as they are, hold in every point of the check.

They run when `make third-party` has installed them.
"""

import asyncio
from pathlib import Path

import pytest

from wm_pipeline.environments.applications.check import Result, check_application
from wm_pipeline.environments.browser.chromium import find_chromium

ROOT = Path(__file__).resolve().parents[3]
THIRD_PARTY = ROOT / ".local" / "third-party"
FILLED = {"expenses": "expenses.sqlite3", "rentals": "rentals/data/data.db"}

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("name", FILLED)
def test_an_application_of_others_holds_in_every_point_of_the_check(name: str) -> None:
    if not (THIRD_PARTY / FILLED[name]).is_file():
        pytest.skip("the application is not installed: run `make third-party`")

    report = asyncio.run(check_application(ROOT / "applications" / f"{name}.toml", find_chromium(None)))

    assert [finding.verdict for finding in report.findings] == [Result.HOLDS] * 8, report.as_table()
