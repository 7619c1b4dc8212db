"""The three checkpoints: a configuration for a process of its own, and what is done with what it leaves behind.

Imports no torch: the process does (`python -m wm_pipeline.train.run`, the same by hand as from an asset).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.domain.ports import Progress
from wm_pipeline.gateways.process import training_command
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.settings import CODE_VERSION, Profile
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of, write_lineage

if TYPE_CHECKING:
    pass
from wm_pipeline.rounds.names import CHECKPOINT
from wm_pipeline.rounds.visits import collect_visited


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training process that is ready to start."""

    stage: str
    command: tuple[str, ...]
    processes: int
    output: Path
    data: Mapping[str, tuple[str, str]]
    """Datasets by name: (address, data version)."""


def prepare_training(workspace: Workspace, profile: Profile, day: str, stage: str) -> TrainingJob:
    """The job of `midtrain`, `sft` or the ablation `without_midtraining`; its output folder is resumed from."""
    table = "midtrain_dataset" if stage == "midtrain" else "sft_dataset"
    settings = profile.midtrain if stage == "midtrain" else profile.sft
    data_version = data_version_of(workspace.store, table, day)
    output = (workspace.work / "training" / day / stage).absolute()
    initial, parent = None, ""
    if stage == "sft":
        initial = workspace.store.local_folder(f"checkpoints/midtrain/{day}", cache=workspace.cache) / CHECKPOINT
        parent = _model_version(workspace, "midtrain", day)
    config = {
        "stage": "midtrain" if stage == "midtrain" else "sft",
        "dataset_paths": [str(_local_dataset(workspace, table, day))],
        "output_folder": str(output),
        "cache_folder": str(workspace.cache.absolute()),
        "data_version": data_version,
        "code_version": CODE_VERSION,
        "initial_checkpoint": None if initial is None else str(initial.absolute()),
        "model": asdict(profile.model),
        "train": asdict(settings),
    }
    command = _write_config(output, config, "wm_pipeline.train.run", profile.processes, parent=parent)
    address = workspace.store.address_of(f"tables/{table}/day={day}/all.parquet")
    return TrainingJob(stage, command, profile.processes, output, {table: (address, data_version)})


def prepare_distillation(workspace: Workspace, profile: Profile, day: str, *, progress: Progress) -> TrainingJob:
    """Roll the student out under its guard in fresh worlds, then the job that distils on what it visited."""
    output = (workspace.work / "training" / day / "distill").absolute()
    student = workspace.store.local_folder(f"checkpoints/sft/{day}", cache=workspace.cache) / CHECKPOINT
    parent = _model_version(workspace, "sft", day)
    visited_path = output / f"visited-{parent}.parquet"
    if not visited_path.exists():
        visited = collect_visited(workspace, profile, day, student, progress=progress)
        output.mkdir(parents=True, exist_ok=True)
        visited.write_parquet(visited_path)
    data_version = data_version_of(workspace.store, "sft_dataset", day)
    dataset = _local_dataset(workspace, "sft_dataset", day)
    config = {
        "visited_paths": [str(visited_path)],
        "dataset_paths": [str(dataset)],
        "output_folder": str(output),
        "data_version": data_version,
        "code_version": CODE_VERSION,
        "student_checkpoint": str(student.absolute()),
        "distill": asdict(profile.distill),
    }
    command = _write_config(
        output, config, "wm_pipeline.distill.run", profile.processes, parent=parent, kept=visited_path
    )
    address = workspace.store.address_of(f"tables/sft_dataset/day={day}/all.parquet")
    return TrainingJob("distill", command, profile.processes, output, {"sft_dataset": (address, data_version)})


def finish_training(
    workspace: Workspace,
    profile: Profile,
    day: str,
    jobs: Sequence[TrainingJob],
    *,
    asset: str,
    fingerprint: str,
    dagster_run_id: str,
) -> StageOutput:
    """Publish the first job's checkpoint (and the others beside it), log every job to MLflow.

    Raises TrainingError when a process ended without a result.
    """
    name = {"midtrain_checkpoint": "midtrain", "sft_checkpoint": "sft", "distilled_checkpoint": "distilled"}[asset]
    folder = workspace.work / "published" / day / name
    shutil.rmtree(folder, ignore_errors=True)
    results: dict[str, dict[str, Any]] = {}
    round_run = workspace.registry.round_run(day, profile=profile.name, dagster_run_id=dagster_run_id)
    for job in jobs:
        results[job.stage] = read_result(job)
        target = folder if job is jobs[0] else folder / job.stage
        shutil.copytree(job.output / CHECKPOINT, target / CHECKPOINT)
        for file in ("metrics.jsonl", "result.json"):
            shutil.copy(job.output / file, target / file)
        result = results[job.stage]
        with workspace.registry.stage_run(
            job.stage, round_run_id=round_run, dagster_run_id=dagster_run_id, parents=result.get("parents", [])
        ) as run_id:
            config = json.loads((job.output / "config.json").read_text())
            workspace.registry.log_parameters(run_id, {k: v for k, v in config.items() if isinstance(v, dict)})
            workspace.registry.log_curve(run_id, read_curve(job.output))
            workspace.registry.log_numbers(run_id, result)
            workspace.registry.log_datasets(run_id, job.data)
    path = f"checkpoints/{name}/{day}"
    address = workspace.store.publish_folder(folder, path)
    main = {**results[jobs[0].stage], **_fall_of(read_curve(jobs[0].output))}
    lineage = lineage_of(profile, fingerprint, parents=main.get("parents", []), model_version=main["model_version"])
    write_lineage(workspace, path, lineage)
    shutil.rmtree(folder)
    rows = main["visited_rows"] if asset == "distilled_checkpoint" else main["rows"]
    return StageOutput(address, int(rows), {**main, "mlflow_run": workspace.registry.run_url(round_run)})


def read_result(job: TrainingJob) -> dict[str, Any]:
    """What the process left as result.json."""
    path = job.output / "result.json"
    if not path.exists():
        raise TrainingError(
            f"{job.stage} ended without {path}; its last lines say why, the same run goes on from its last checkpoint"
        )
    return dict(json.loads(path.read_text()))


def read_curve(output: Path) -> list[dict[str, float]]:
    """The numbers of every step of a job."""
    return parse_curve((output / "metrics.jsonl").read_text())


def parse_curve(text: str) -> list[dict[str, float]]:
    """The numbers in a metrics.jsonl, one step a line; what is no number is left out."""
    return [{k: v for k, v in json.loads(line).items() if isinstance(v, int | float)} for line in text.splitlines()]


def _fall_of(curve: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """`first_loss` and `last_loss`: each head's mean over the first and last quarter of its steps, summed over heads.

    One step is no measure: which heads have labels differs from batch to batch.
    """
    first, last = 0.0, 0.0
    heads = {name for point in curve for name in point if name.startswith("loss_")}
    for head in heads:
        values = [point[head] for point in curve if head in point]
        quarter = max(1, len(values) // 4)
        first += sum(values[:quarter]) / quarter
        last += sum(values[-quarter:]) / quarter
    return {"first_loss": first, "last_loss": last} if heads else {"first_loss": None, "last_loss": None}


def _model_version(workspace: Workspace, stage: str, day: str) -> str:
    return str(json.loads(workspace.store.read_bytes(f"checkpoints/{stage}/{day}/result.json"))["model_version"])


def _write_config(
    output: Path,
    config: Mapping[str, Any],
    module: str,
    processes: int,
    *,
    parent: str,
    kept: Path | None = None,
) -> tuple[str, ...]:
    """Write the configuration; an output folder of another one, or of another parent model, is emptied but for `kept`.

    The same one is resumed.
    """
    path = output / "config.json"
    text = json.dumps(config, indent=1)
    made_for = output / "made_for.txt"
    wanted = f"{parent}\n{text}"
    output.mkdir(parents=True, exist_ok=True)
    if not made_for.exists() or made_for.read_text() != wanted:
        for item in output.iterdir():
            if item != kept:
                shutil.rmtree(item) if item.is_dir() else item.unlink()
    made_for.write_text(wanted)
    path.write_text(text)
    return tuple(training_command(module, path, processes=processes))


def _local_dataset(workspace: Workspace, table: str, day: str) -> Path:
    """The dataset's file on this machine, which is what training processes read."""
    path = f"tables/{table}/day={day}/all.parquet"
    if not workspace.store.is_remote:
        return Path(workspace.store.address_of(path)).absolute()
    local = (workspace.cache / path).absolute()
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_bytes(workspace.store.read_bytes(path))
    return local
