"""The benchmarks of the model: they run, both sides do the same work, and nothing is reported that was not measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.training import build_examples, one_row_an_action
from tests.builders_model import write_sft
from wm_pipeline.model.backbone import build_tiny_tokenizer
from wm_pipeline.model.examples import TextChoice, build_tree
from wm_pipeline.model.losses import counts_of
from wm_pipeline.model.prompt import PromptRenderer
from wm_pipeline.model.tree import pack_trees

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_row_an_action_holds_the_same_examples() -> None:
    renderer = PromptRenderer(build_tiny_tokenizer(), max_state_tokens=64)
    groups = build_examples(2, 4, state_words=80)
    trees = [build_tree(group, renderer, TextChoice(1.0, 500, 0)) for group in groups]

    rows = one_row_an_action(trees)

    assert len(rows) == 8
    assert counts_of(rows) == counts_of(trees)
    assert {row.state_ids for row in rows} == {tree.state_ids for tree in trees}
    assert all(60 <= len(row.state_ids) <= 64 for row in rows)  # a line is cut in itself and says so
    batch = pack_trees(rows, pad_id=renderer.end_id)
    assert batch.rows.token_ids_BT.shape[0] == 8


@pytest.mark.slow
def test_the_check_of_a_machine_brings_everything_back(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_sft(tmp_path / "data" / "all.parquet", 40)
    output = tmp_path / "out"

    found = run(
        "gpu_check",
        *("--data", str(tmp_path / "data"), "--output", str(output), "--cache", str(tmp_path / "cache")),
        *("--tiny", "--steps", "3", "--rounds", "1"),
    )

    assert found["train"]["steps"] == 3
    assert found["ratios"]["training"]["padded"]["median"] > 0
    predict, training = (json.loads((output / f"{name}.json").read_text()) for name in ("predict", "training"))
    assert set(predict["aims"]) <= set(predict["ratios"]) == set(found["ratios"]["predict"])
    assert predict["questions"]["actions"] == 8
    assert predict["questions"]["written_by_peer_same_text"] == sum(
        predict["questions"]["written_by_our_heads"].values()
    )
    assert training["examples"]["computed_tokens_a_step"]["padded"] > training["examples"]["useful_tokens_a_step"]
    assert json.loads((output / "summary.json").read_text()) == found
    assert {"curves.png", "predict.png", "training.png", "metrics.jsonl", "result.json"} <= {
        path.name for path in output.iterdir()
    }


@pytest.mark.slow
def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--data", str(tmp_path), "--output", str(tmp_path / "o")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 1
    assert done.stderr == (f"gpu-check: {tmp_path} holds no parquet files; give a folder of sft_dataset with --data\n")
