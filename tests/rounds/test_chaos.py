"""Disturbed rounds and what is proved afterwards: five of the faults of `make chaos`, and sixty flipped bits."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos import disk
from benchmarks.chaos.expected import Expectation, redone_by
from benchmarks.chaos.faults import FAULT, Place
from benchmarks.chaos.play import Base, Plan, make_base, play, proved
from benchmarks.chaos.scene import START, copy_state, environment_of

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 600
PLANS = (
    Plan(1, "kill_everything", "model_version", "model_version", 4.0),
    Plan(2, "two_runs", "attack_curriculum", "attack_curriculum", 0.0),
    Plan(3, "lose_mlflow", "finished", START, 0.0),
    Plan(9, "flip_bit", "finished", START, 0.0),  # of the curriculum
    Plan(5, "full_disk", "model_version", "model_version", 1.0),
)
"""The cheapest of their kinds: each begins near the end of a round."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_base(tmp_path_factory.mktemp("base"), limit_s=LIMIT_S)


@pytest.mark.parametrize("plan", PLANS, ids=[plan.fault for plan in PLANS])
def test_a_disturbed_round_ends_well_and_loses_nothing(base: Base, tmp_path: Path, plan: Plan) -> None:
    if FAULT[plan.fault].place is Place.SMALL_DISK and (reason := disk.why_not()) is not None:
        pytest.skip(f"no small disk can be made here: {reason}")

    told = play(plan, base, tmp_path / "round", store=None, limit_s=LIMIT_S)

    assert told.problems == ()
    assert told.did


def test_the_proof_sees_what_is_wrong(base: Base, tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    state = tmp_path / "state"
    copy_state(base.state, state)
    expected = Expectation(base.state, base.day, base.day, frozenset({"reviewed_decisions"}))
    assert proved(environment, expected).problems == ()
    plot = next((state / "data" / "reports").rglob("*.png"))
    plot.write_bytes(plot.read_bytes()[:-1])
    (state / "data" / ".commits" / "gone-1-1-ab").mkdir(parents=True)
    (state / "data" / ".commits" / "gone-1-1-ab" / "staged").touch()
    shutil.rmtree(state / "dagster" / "history")
    (tmp_path / "tmp" / "wm-commit-gone-1-1-ab").mkdir()

    found = proved(environment, dataclasses.replace(expected, redone=redone_by("eval_report")))

    wrong = {problem.partition(":")[0] for problem in found.problems}
    assert {"doctor", "plan", "leftovers"} <= wrong


def test_sixty_flipped_bits_are_noticed(base: Base, tmp_path: Path) -> None:
    results = tmp_path / "flips.json"
    command = [sys.executable, "-m", "benchmarks.bit_flips", "--state", str(base.state), "--day", base.day]

    done = subprocess.run(
        [*command, "--profile", "brief", "--flips", "30", "--results", str(results)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(results.read_text())
    counted = [found[name]["by_kind"].values() for name in ("drawn_by_files", "drawn_by_bytes")]
    assert [sum(sum(words.values()) for words in kinds) for kinds in counted] == [30, 30]
