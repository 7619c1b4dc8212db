"""Training through real DeepSpeed processes: it learns, resumes exactly, and stops on nonsense."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.builders_model import TINY_MODEL, tiny_run, tiny_train, write_config, write_midtrain, write_sft
from tests.forked import run_module
from wm_pipeline.domain.errors import SettingsError, TrainingError
from wm_pipeline.gateways.process import training_command
from wm_pipeline.model.backbone import build_tiny_backbone
from wm_pipeline.model.checkpoint import read_manifest
from wm_pipeline.model.engine import is_out_of_memory, memory_of_step
from wm_pipeline.model.settings import Stage, Trained
from wm_pipeline.model.world_model import WorldModel
from wm_pipeline.train.loop import _memory_advice
from wm_pipeline.train.parameters import freeze_parameters

pytestmark = pytest.mark.slow


def start(config: Path, *more: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    arguments = ["--config", str(config), *more]
    if processes == 1:
        return run_module("wm_pipeline.train.run", arguments, config.parent)
    command = [*training_command("wm_pipeline.train.run", config, processes=processes), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)


def run(config: Path, *more: str, processes: int = 1) -> dict[str, Any]:
    done = start(config, *more, processes=processes)
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sft(tmp_path_factory.mktemp("data") / "sft.parquet", 150)


@pytest.fixture(scope="module")
def unbroken(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of six steps in one process without interruption."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(write_config(folder / "c.json", tiny_run(dataset, folder / "out")))
    return folder / "out"


def test_a_few_seconds_teach_the_relation_between_goal_and_value(dataset: Path, tmp_path: Path) -> None:
    settings = tiny_train(max_steps=40, batch_size=8)

    result = run(write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings)))

    assert result["validation"]["risk_auroc"] > 0.9
    assert result["validation"]["tag_f1"] > 0.9
    assert result["validation"]["thresholds"]["is_guaranteed"]
    assert result["last_loss"] < 0.8 * result["first_loss"]
    assert result["reload_difference"] == 0.0
    assert result["skipped_heads"] == []
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert not (tmp_path / "out" / "resume").exists()
    manifest = read_manifest(Path(result["checkpoint"]))
    assert manifest.calibration.rows == result["validation"]["rows"] == 120
    assert (manifest.model_version, manifest.step, manifest.data_version) == (result["model_version"], 40, "d1")


def test_every_step_tells_the_processor_time_it_took(unbroken: Path) -> None:
    lines = [json.loads(line) for line in (unbroken / "metrics.jsonl").read_text().splitlines()]

    assert len(lines) == 6
    assert all(line["processor_seconds"] > 0 for line in lines)


def test_a_killed_run_goes_on_to_the_same_numbers(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    broken = tiny_run(dataset, tmp_path / "b", train=tiny_train(save_steps=3))
    config = write_config(tmp_path / "b.json", broken)
    process = subprocess.Popen(
        [sys.executable, "-m", "wm_pipeline.train.run", "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("b 5/6 "):
            break
    process.kill()
    process.wait()
    process.stderr.close()
    assert (tmp_path / "b" / "resume" / "step3").exists()

    refused = start(config, processes=2)
    resumed = run(config)

    assert refused.returncode != 0
    assert (
        f"the interrupted run in {str(tmp_path / 'b' / 'resume')!r} differs in processes (1 there, 2 now); "
        "delete that folder to start again, or go on with its settings\n"
    ) in refused.stderr
    assert losses(tmp_path / "b") == losses(unbroken)
    assert len(losses(tmp_path / "b")) == 6
    for name in ("judge.safetensors", "backbone/model.safetensors"):
        left, right = (load_file(folder / name) for folder in (unbroken / "checkpoint", Path(resumed["checkpoint"])))
        assert left.keys() == right.keys()
        assert all(left[key].equal(right[key]) for key in left)


def run_plain(config: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run_module("tests.fakes.plain_engine", ["--config", str(config), *more], config.parent)


@pytest.mark.parametrize("parts", [{}, {"micro_batch_size": 1}], ids=["whole steps", "steps in parts"])
def test_another_engine_trains_to_the_same_losses_without_deepspeed(
    parts: dict[str, int], dataset: Path, unbroken: Path, tmp_path: Path
) -> None:
    settings = tiny_train(engine="plain", **parts)
    config = write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings))

    done = run_plain(config)

    assert done.returncode == 0, done.stderr[-4000:]
    ours, theirs = (
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "out", unbroken)
    )
    for name in ("loss", "gradient_norm", "learning_rate"):
        assert [row[name] for row in ours] == pytest.approx([row[name] for row in theirs], rel=1e-4)
    assert json.loads(done.stdout.splitlines()[-1])["reload_difference"] == 0.0


def test_another_engine_goes_on_from_the_state_that_it_saved(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    settings = tiny_train(engine="plain", save_steps=2)
    config = write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings))

    killed = run_plain(config, "--dies-at", "6")
    kept = {path.name for path in (tmp_path / "out" / "resume").glob("step*")}
    resumed = run_plain(config, "--dies-at", "3")

    assert (killed.returncode, kept) == (9, {"step2", "step4"})
    assert resumed.returncode == 0, resumed.stderr[-4000:]
    assert losses(tmp_path / "out") == pytest.approx(losses(unbroken), rel=1e-4)


def flip_a_bit(state: Path) -> None:
    file = next(path for path in state.rglob("*") if path.is_file() and path.stat().st_size > 1000)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def cut_short(state: Path) -> None:
    (state / "digests.json").unlink()


def empty_it(state: Path) -> None:
    shutil.rmtree(state)
    state.mkdir()


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, empty_it])
def test_a_damaged_saved_state_is_passed_over_for_the_one_before(
    damage: Callable[[Path], None], dataset: Path, unbroken: Path, tmp_path: Path
) -> None:
    settings = tiny_train(engine="plain", save_steps=2)
    config = write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings))
    run_plain(config, "--dies-at", "6")
    damage(tmp_path / "out" / "resume" / "step4")

    resumed = run_plain(config)

    assert resumed.returncode == 0, resumed.stderr[-4000:]
    assert "3/6" in resumed.stderr
    assert "2/6" not in resumed.stderr
    assert losses(tmp_path / "out") == pytest.approx(losses(unbroken), rel=1e-4)


def test_training_starts_anew_where_no_saved_state_is_whole(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    settings = tiny_train(engine="plain", save_steps=2)
    config = write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings))
    run_plain(config, "--dies-at", "6")
    (tmp_path / "out" / "resume" / "plan.json").write_text('{"max_steps": 4}')

    resumed = run_plain(config)

    assert resumed.returncode == 0, resumed.stderr[-4000:]
    assert losses(tmp_path / "out") == pytest.approx(losses(unbroken), rel=1e-4)


def test_an_unknown_engine_is_refused(dataset: Path, tmp_path: Path) -> None:
    run_of = tiny_run(dataset, tmp_path / "out", train=tiny_train(engine="none"))

    refused = start(write_config(tmp_path / "c.json", run_of))

    assert (refused.returncode, refused.stderr) == (1, "unknown engine 'none'; there are deepspeed\n")


@pytest.mark.parametrize("rank", [0, 1])
def test_a_training_process_that_is_killed_ends_the_others_and_is_told(
    rank: int, dataset: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "b.json", tiny_run(dataset, tmp_path / "b", train=tiny_train(max_steps=60)))
    command = training_command("wm_pipeline.train.run", config, processes=2)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as launcher:
        assert launcher.stderr is not None
        next(line for line in launcher.stderr if line.startswith("b 2/60 "))
        ranks = psutil.Process(launcher.pid).children(recursive=True)

        next(one for one in ranks if one.environ().get("RANK") == str(rank)).kill()

        said = launcher.stderr.read()
    assert launcher.returncode == 1
    assert f"training process {rank} of this group was ended by SIGKILL" in said
    assert "Traceback" not in said
    assert not any(one.is_running() for one in ranks)
    assert [path.name for path in temporary.iterdir() if path.name.startswith(("torchelastic", "wm-"))] == []


def test_two_processes_train_like_one(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    two = run(write_config(tmp_path / "b.json", tiny_run(dataset, tmp_path / "b")), processes=2)

    assert two["processes"] == 2
    assert losses(tmp_path / "b") == pytest.approx(losses(unbroken), rel=1e-4)


def test_processes_whose_trees_have_labels_for_other_heads_train_together(tmp_path: Path) -> None:
    """Mid-training has texts alone, and few: a process without any exchanges the same weights' gradients."""
    pages = write_midtrain(tmp_path / "mid.parquet", 40)
    settings = tiny_train(max_steps=4, batch_size=2, actions_per_tree=1, text_share=0.3)

    def midtrained(name: str, *, processes: int) -> list[float]:
        config = tiny_run(pages, tmp_path / name, stage=Stage.MIDTRAIN, train=settings)
        run(write_config(tmp_path / f"{name}.json", config), processes=processes)
        return losses(tmp_path / name)

    assert midtrained("two", processes=2) == pytest.approx(midtrained("one", processes=1), rel=1e-4)


def test_sharded_weights_train_like_whole_ones(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    settings = tiny_train(zero_stage=3)

    result = run(write_config(tmp_path / "b.json", tiny_run(dataset, tmp_path / "b", train=settings)))

    assert losses(tmp_path / "b") == pytest.approx(losses(unbroken), rel=1e-4)
    weights = "checkpoint/backbone/model.safetensors"
    left, right = (load_file(folder / weights) for folder in (tmp_path / "b", unbroken))
    assert all(left[key].allclose(right[key], atol=1e-4) for key in right)
    # The heads are fitted afterwards, up to a millionth of the loss: their answers agree, single weights need not.
    whole = json.loads((unbroken / "result.json").read_text())
    assert result["validation"]["rows"] == whole["validation"]["rows"] == 120
    assert result["validation"]["risk_loss"] == pytest.approx(whole["validation"]["risk_loss"], rel=1e-2)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_rows(dataset: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    poison = (pl.col("trajectory_id") == "t0-7") & (pl.col("branch_index") == 0)
    # A weight that a column of doubles holds and a loss in floats does not.
    weight = pl.when(poison).then(1e300).otherwise(pl.col("weight"))
    pl.read_parquet(dataset).with_columns(weight=weight).write_parquet(broken)
    settings = tiny_train(max_steps=40, save_steps=1)

    failed = start(write_config(tmp_path / "c.json", tiny_run(broken, tmp_path / "out", train=settings)))

    assert failed.returncode == 1
    assert "is not finite" in failed.stderr
    assert "t0-7/0/0" in failed.stderr
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_sft_goes_on_from_midtraining_and_names_heads_without_labels(dataset: Path, tmp_path: Path) -> None:
    pages = write_midtrain(tmp_path / "mid.parquet", 40)
    mid = run(write_config(tmp_path / "m.json", tiny_run(pages, tmp_path / "m", stage=Stage.MIDTRAIN)))
    sft = run(
        write_config(tmp_path / "s.json", tiny_run(dataset, tmp_path / "s", initial_checkpoint=mid["checkpoint"]))
    )

    assert mid["trained_heads"] == ["rationale", "next_state"]
    assert mid["skipped_heads"] == []
    assert mid["validation"] is None
    assert sft["parents"] == [mid["model_version"]]
    assert "next_state" in read_manifest(Path(sft["checkpoint"])).trained_heads


def test_a_budget_of_seconds_lowers_the_number_of_steps(dataset: Path, tmp_path: Path) -> None:
    settings = tiny_train(max_steps=100_000, max_seconds=2.0)

    result = run(write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out", train=settings)))

    assert 1 <= result["steps"] < 2000
    assert result["seconds"] < 20


def test_a_step_in_parts_with_activations_computed_again_is_the_same_step(
    dataset: Path, unbroken: Path, tmp_path: Path
) -> None:
    settings = tiny_train(micro_batch_size=1, gradient_checkpointing=True)

    run(write_config(tmp_path / "b.json", tiny_run(dataset, tmp_path / "b", train=settings)))

    assert losses(tmp_path / "b") == pytest.approx(losses(unbroken), rel=1e-4)


@pytest.mark.parametrize("trained", [Trained.LAST_LAYERS, Trained.LORA])
def test_parts_of_a_backbone_are_trained_and_come_back_as_a_plain_model(
    trained: Trained, dataset: Path, unbroken: Path, tmp_path: Path
) -> None:
    settings = tiny_train(trained=trained, trained_layers=1, lora_rank=4)

    result = run(write_config(tmp_path / "b.json", tiny_run(dataset, tmp_path / "b", train=settings)))

    assert result["reload_difference"] == 0.0
    found, full = (load_file(folder / "checkpoint/backbone/model.safetensors") for folder in (tmp_path / "b", unbroken))
    base = build_tiny_backbone(seed=settings.seed).model.state_dict()
    assert found.keys() == full.keys()
    changed = {name for name in found if not found[name].equal(base[name])}
    linear = {name for name in found if "proj" in name}
    if trained is Trained.LORA:
        # Adapters stand at every linear layer and nowhere else.
        assert changed == linear
    else:
        assert {name for name in changed if ".layers.0." in name} == set()
        assert {name for name in linear if ".layers.1." in name} <= changed


def test_parts_that_cannot_be_trained_are_refused(dataset: Path, tmp_path: Path) -> None:
    model = WorldModel(build_tiny_backbone(seed=0).model, TINY_MODEL, seed=0)

    with pytest.raises(SettingsError, match=r"train\.trained_layers: expected 1 to 2 layers .*, found 3"):
        freeze_parameters(model, tiny_train(trained=Trained.LAST_LAYERS, trained_layers=3))
    with pytest.raises(SettingsError, match=r"train\.zero_stage: adapters are merged .*; take 2 at most with LoRA"):
        freeze_parameters(model, tiny_train(trained=Trained.LORA, zero_stage=3))


def test_running_out_of_memory_names_the_settings_to_change(tmp_path: Path) -> None:
    errors = (torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryError())

    assert all(is_out_of_memory(error) for error in errors)
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    for error in errors:
        with (
            pytest.raises(TrainingError) as caught,
            memory_of_step(3, tiny_train(batch_size=8), advice=_memory_advice(tmp_path)),
        ):
            raise error
        told = str(caught.value)
        assert told.startswith("step 4 does not fit into memory with 8 states of")
    with pytest.raises(RuntimeError, match="shapes differ"), memory_of_step(0, tiny_train(), advice=""):
        raise RuntimeError("shapes differ")
    assert all(
        name in told for name in ("train.micro_batch_size", "train.gradient_checkpointing", "model.max_state_tokens")
    )
