"""A training in MLflow: its curve is there while it goes on, and the run says what it is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.checkpoints import TrainingJob, TrainingRun, _is_readable, finish_training
from wm_pipeline.rounds.graph import SFT
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DAY = "2026-11-22"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own queries; its version is pinned
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    return Workspace(StorageSettings(), TableStore(str(tmp_path / "data")), registry, tiny())


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    output = tmp_path / "training"
    output.mkdir()
    (output / "config.json").write_text(json.dumps({"stage": "sft", "train": {"max_steps": 4}}))
    return TrainingJob(SFT, (), 1, output, {"sft_dataset": ("s3://lake/sft.parquet", "v1")}, "midtrain-1")


def write(job: TrainingJob, text: str) -> None:
    with (job.output / "metrics.jsonl").open("a") as file:
        file.write(text)


def client_of(workspace: Workspace) -> "MlflowClient":
    from mlflow.tracking import MlflowClient

    uri = workspace.registry.run_url("").removesuffix("#")
    return MlflowClient(uri, uri)


def test_a_curve_is_in_mlflow_while_a_training_goes_on_each_step_once(workspace: Workspace, job: TrainingJob) -> None:
    run = TrainingRun(workspace, DAY, job, dagster_run_id="d1")
    run_id = (job.output / "mlflow_run.txt").read_text()
    client = client_of(workspace)

    run.follow()  # nothing is written yet
    write(job, '{"step": 1, "loss": 2.0, "note": "words"}\n{"step": 2, "lo')
    run.follow()
    half_way = [(point.step, point.value) for point in client.get_metric_history(run_id, "loss")]
    status = client.get_run(run_id).info.status
    write(job, 'ss": 1.5}\n{"step": 3, "loss": 1.0}\n')
    run.end("FINISHED")

    assert (half_way, status) == ([(1, 2.0)], "RUNNING")
    assert [(point.step, point.value) for point in client.get_metric_history(run_id, "loss")] == [
        (1, 2.0),
        (2, 1.5),
        (3, 1.0),
    ]
    done = client.get_run(run_id)
    assert done.info.status == "FINISHED"
    assert done.data.params == {"train.max_steps": "4"}
    assert done.data.tags["wm.parents"] == "midtrain-1"
    assert done.data.tags["mlflow.note.content"] == "sft_checkpoint of 2026-11-22: sft_dataset, from midtrain-1."
    assert done.inputs is not None
    assert [data.dataset.name for data in done.inputs.dataset_inputs] == ["sft_dataset"]


def test_visits_that_an_earlier_run_left_half_written_are_made_again(tmp_path: Path) -> None:
    """Work in progress has no record, and a training that cannot read it would fail in every round to come."""
    table = tmp_path / "visited.parquet"
    pl.DataFrame({"state_id": ["a"] * 1000}).write_parquet(table)
    whole = table.read_bytes()

    assert _is_readable(table)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        table.write_bytes(whole[:cut])
        assert not _is_readable(table)
    table.unlink()
    assert not _is_readable(table)


def test_a_published_training_leaves_its_output_and_nothing_else(workspace: Workspace, job: TrainingJob) -> None:
    write(job, '{"step": 1, "loss_risk": 2.0}\n')
    (job.output / "result.json").write_text(
        json.dumps({"model_version": "sft-1", "parents": ["midtrain-1"], "rows": 7})
    )
    (job.output / "checkpoint").mkdir()
    (job.output / "checkpoint" / "judge.safetensors").write_bytes(b"weights")
    (job.output / "resume" / "step1").mkdir(parents=True)
    trained = (job.output / "checkpoint" / "judge.safetensors").stat().st_ino

    output = finish_training(workspace, DAY, [job], dagster_run_id="d1")

    published = Path(output.address)
    assert (output.rows, job.output.exists()) == (7, False)
    assert (published / "checkpoint" / "judge.safetensors").read_bytes() == b"weights"
    assert (published / "checkpoint" / "judge.safetensors").stat().st_ino == trained  # not written a second time
    assert (published / "metrics.jsonl").read_text() == '{"step": 1, "loss_risk": 2.0}\n'
    assert workspace.store.problem(f"checkpoints/sft/{DAY}") is None
