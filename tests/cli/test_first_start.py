"""The first commands of a deployment, at once and under an odd name: both work, and so do those after them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def start(state: Path, *options: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WM_", "DAGSTER_"))}
    return subprocess.Popen(
        [sys.executable, *options, "-m", "wm_pipeline.cli", "doctor", "--json"],
        env={**kept, "WM_STATE": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(started: "subprocess.Popen[str]") -> dict[str, tuple[bool, str]]:
    out, err = started.communicate(timeout=300)
    assert "Traceback" not in err, err
    return {one["what"]: (one["holds"], one["told"]) for one in json.loads(out)}


@pytest.mark.parametrize("loaded", ["typer", "pydantic"])
def test_an_interrupt_while_modules_are_loaded_is_no_traceback(tmp_path: Path, loaded: str) -> None:
    started = start(tmp_path, "-X", "importtime")
    assert started.stderr is not None
    next(line for line in started.stderr if line.endswith(f" {loaded}\n"))

    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)

    assert started.returncode == 130
    assert "Aborted" in err
    assert "Traceback" not in err


def test_two_first_commands_at_once_make_one_set_of_databases(tmp_path: Path) -> None:
    state = tmp_path / "a b [1] 50% #2 ä?c"

    both = [start(state) for _ in range(2)]

    for found in (*map(told, both), told(start(state))):
        assert found["Dagster"] == (True, "0 runs in the history, none of a killed process")
        assert found["registry"][0], found["registry"]
        assert found["outputs"][0], found["outputs"]
    assert (state / "dagster" / "history" / "runs.db").exists()
    assert (state / "mlflow.db").exists()
