"""Settings every test shares: property tests are repeatable and have no deadline on a busy machine."""

import os
from pathlib import Path

# Test processes share the cores, and so do the processes they start: more threads only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read when Polars is imported

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.command_line import Wm, wm_in
from wm_pipeline.gateways.process import heed_interrupts

heed_interrupts()

settings.register_profile(
    "wm", deadline=None, max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("wm")

st.register_type_strategy(int, st.integers(-(2**53), 2**53))  # what a table's Int64 and JSON both hold


@pytest.fixture
def wm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Wm:
    """The command line, with a state folder of its own."""
    return wm_in(tmp_path / "state", monkeypatch, capsys)


LONGEST = (
    *("rounds/test_round", "docs/test_notebooks", "train/test_run", "collect/test_kills", "distill/test_run"),
    "collect/test_run",
)
"""Minutes each: begun first, so that no process waits alone for one of them at the end."""
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(str(item.path.relative_to(TESTS).with_suffix("")), len(LONGEST)))
