"""One browser a test file, on the site of tests/pages."""

from collections.abc import Iterator

import pytest

from tests.fakes.page_site import BrowserWorld


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[BrowserWorld]:
    """With the file's SETTINGS, where it has some."""
    world = BrowserWorld(getattr(request.module, "SETTINGS", None))
    yield world
    world.close()
