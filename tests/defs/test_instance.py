"""A run that is killed leaves its pool's slot taken: the next one frees it and goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from wm_pipeline.defs.instance import _may_have_runs_in_progress

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

HOME = """
storage:
  sqlite:
    base_dir: {folder}
concurrency:
  pools:
    default_limit: 1
telemetry:
  enabled: false
"""
ROUND = """
import json, sys, time
import dagster as dg
from wm_pipeline.defs.instance import end_dead_runs, process_tags
from wm_pipeline.defs.orphans import heed_no_interrupt
from wm_pipeline.domain import processes

seconds, has_to_end, host = float(sys.argv[1]), sys.argv[2] == "end", sys.argv[3]
if host:
    processes._host = lambda: host

@dg.op(pool="browser")
def roll_out():
    print("held", flush=True)
    time.sleep(seconds)

@dg.job
def experience():
    roll_out()

heed_no_interrupt()
instance = dg.DagsterInstance.get()
before = end_dead_runs(instance, is_alone=True) if has_to_end else []
done = experience.execute_in_process(instance=instance, tags=process_tags())
statuses = {run.run_id: run.status.value for run in instance.get_runs()}
print(json.dumps([before, done.run_id, statuses]), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dagster.yaml").write_text(HOME.format(folder=tmp_path / "dagster"))
    return {**os.environ, "DAGSTER_HOME": str(tmp_path)}


def killed_round(home: dict[str, str], *, host: str = "") -> None:
    code = [sys.executable, "-c", ROUND, "60", "begin", host]
    with subprocess.Popen(code, env=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        first.kill()


@pytest.mark.parametrize("host", ["", "former_name"])
def test_a_slot_of_a_killed_run_is_freed_at_the_next_start(home: dict[str, str], host: str) -> None:
    """Also where the state folder was copied from another host, or a container has got another name."""
    killed_round(home, host=host)
    history = Path(home["DAGSTER_HOME"], "dagster")
    before = _may_have_runs_in_progress(history)

    second = subprocess.run(
        [sys.executable, "-c", ROUND, "0", "end", ""], env=home, capture_output=True, text=True, timeout=60, check=True
    )

    held, told = second.stdout.splitlines()
    (dead,), done, statuses = json.loads(told)
    assert held == "held"
    assert statuses == {dead: "FAILURE", done: "SUCCESS"}
    assert (before, _may_have_runs_in_progress(history)) == (True, False)
    assert _may_have_runs_in_progress(history / "elsewhere")


def begun_round(home: dict[str, str]) -> subprocess.Popen[str]:
    """One that holds its slot for a minute."""
    code = [sys.executable, "-c", ROUND, "60", "begin", ""]
    begun = subprocess.Popen(code, env=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert begun.stdout is not None
    assert begun.stdout.readline() == "held\n"
    return begun


def test_in_a_copy_of_the_history_a_run_does_not_go_on_even_while_its_process_lives(
    home: dict[str, str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with begun_round(home) as first:
        shutil.copytree(tmp_path / "dagster", copy / "dagster")
        (copy / "dagster.yaml").write_text(HOME.format(folder=copy / "dagster"))
        code = [sys.executable, "-c", ROUND, "0", "end", ""]
        second = subprocess.run(
            code, env={**home, "DAGSTER_HOME": str(copy)}, capture_output=True, text=True, timeout=60, check=True
        )
        first.kill()

    _, told = second.stdout.splitlines()
    (dead,), done, statuses = json.loads(told)
    assert statuses == {dead: "FAILURE", done: "SUCCESS"}


def test_with_the_settings_that_are_shipped_no_step_waits_for_a_slot(home: dict[str, str], tmp_path: Path) -> None:
    """That wait says nothing and does not heed an interrupt; the lock of a round does both."""
    shipped = (ROOT / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(
        HOME.partition("concurrency:")[0].format(folder=tmp_path / "dagster") + shipped
    )
    with begun_round(home) as first:
        code = [sys.executable, "-c", ROUND, "0", "begin", ""]
        subprocess.run(code, env=home, capture_output=True, timeout=60, check=True)
        first.kill()


def test_an_interrupt_of_the_whole_group_is_told_by_the_run_alone(home: dict[str, str]) -> None:
    code = [sys.executable, "-c", ROUND, "60", "begin", ""]
    pipe = subprocess.PIPE
    with subprocess.Popen(code, env=home, start_new_session=True, stdout=pipe, stderr=pipe, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        time.sleep(2)  # the watch over what mirrors the output has begun

        os.killpg(run.pid, signal.SIGINT)
        _, err = run.communicate(timeout=60)

    assert "DagsterExecutionInterruptedError" in err
    assert "watch_orphans" not in err


def test_without_it_the_next_run_waits_for_the_slot(home: dict[str, str]) -> None:
    """What makes the test above one that can fail."""
    killed_round(home)

    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-c", ROUND, "0", "begin", ""], env=home, capture_output=True, timeout=15, check=True
        )
