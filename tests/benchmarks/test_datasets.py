"""The benchmark of datasets: it runs, all tools do the same work, and nothing is reported that was not measured."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.datasets import days_of, same_rows, work
from benchmarks.datasets_synthetic import write_annotated_day, write_day
from benchmarks.datasets_tools import build_window
from benchmarks.reporting import spread
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.table_store import TableStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_all_tools_keep_the_same_rows(tmp_path: Path) -> None:
    day, rows = days_of(3000)[0]
    write_day(tmp_path / "inputs", day, rows, seed=0)

    found = {tool: work(tool, tmp_path, rows) for tool in ("wm_pipeline", "pandas", "pyarrow")}

    assert len({measured["rows_kept"] for measured in found.values()}) == 1
    assert 2000 < found["wm_pipeline"]["rows_kept"] < rows  # repetitions are there to be removed
    assert same_rows(tmp_path, day, list(found))


@pytest.mark.parametrize(
    ("table", "write"), [("midtrain_dataset", write_day), ("sft_dataset", write_annotated_day)], ids=["midtrain", "sft"]
)
@pytest.mark.slow
def test_a_window_of_synthetic_days_is_built_as_the_product_builds_it(
    table: str, write: Callable[[Path, str, int, int], None], tmp_path: Path
) -> None:
    days = ["2026-01-01", "2026-01-02"]
    for seed, day in enumerate(days):
        write(tmp_path / "inputs", day, 1500, seed)

    kept = build_window(tmp_path / "inputs", tmp_path / "output", days, table=table)

    stored = TableStore(str(tmp_path / "output")).read(TABLES[table])
    assert stored.height == kept
    assert 2000 < kept < 3000  # repetitions are there to be removed
    assert sorted(stored["day"].unique()) == days


@pytest.mark.slow
def test_other_rows_are_noticed(tmp_path: Path) -> None:
    day, rows = days_of(3000)[0]
    for seed, tool in enumerate(("wm_pipeline", "pandas")):
        write_day(tmp_path / "inputs", day, rows, seed=seed)
        work(tool, tmp_path, rows)

    assert not same_rows(tmp_path, day, ["wm_pipeline", "pandas"])


def test_a_spread_of_one_measurement_is_that_measurement() -> None:
    assert spread([2.0]) == {
        **dict.fromkeys(("median", "lower_quartile", "upper_quartile", "least", "most"), 2.0),
        "measured": 1,
    }


@pytest.mark.slow
def test_the_command_writes_its_json_and_its_plot(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.datasets", "--rows", "2000", "--tools", "wm_pipeline", "pyarrow"),
            *("--results", str(tmp_path / "results.json"), "--folder", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result == json.loads((tmp_path / "results.json").read_text())
    assert set(result["tools"]) == {"wm_pipeline", "pyarrow"}
    assert result["transitions"] == 2000
    assert (result["windows"]["midtrain_dataset"]["transitions"], result["windows"]["sft_dataset"]["transitions"]) == (
        2000,
        200,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.png"}
