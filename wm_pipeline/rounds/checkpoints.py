"""The three checkpoints: configures a training process for each, and publishes what the process leaves behind.

Only the process imports torch (`python -m wm_pipeline.train.run`, the same by hand as from an asset).
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wm_pipeline.domain.atomic import commit_file, discard_folder, replace_text, unfinished_file
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import DamagedError, MissingUpstreamError, ServiceError, TrainingError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.ports import Progress
from wm_pipeline.gateways.mlflow_runs import StageStatus
from wm_pipeline.gateways.process import training_command
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.graph import ASSET, DISTILLED, MIDTRAIN, SFT, TRAINING, Training
from wm_pipeline.rounds.models import local_checkpoint
from wm_pipeline.rounds.names import CHECKPOINT, TRAININGS
from wm_pipeline.rounds.visits import collect_visited
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of

_RESULT, _CONFIG, _MADE_FOR = "result.json", "config.json", "made_for.txt"
_RUN_FILE = "mlflow_run.txt"
"""File in a job's output with the id of its MLflow run."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training process that is ready to start."""

    training: Training
    command: tuple[str, ...]
    processes: int
    output: Path
    data: Mapping[str, tuple[str, str]]
    """Datasets by name: (address, data version)."""
    parent: str = ""
    """The model version that it starts from; empty for the base weights."""


def prepare_training(workspace: Workspace, day: str, training: Training) -> TrainingJob:
    """The job of mid-training, SFT or its ablation; it resumes from its output folder."""
    profile = workspace.profile
    is_midtraining = training is MIDTRAIN
    data = _data_of(workspace, training, day)
    output = _output_of(workspace, training, day)
    initial, parent = None, ""
    if training.starts_from is not None:
        initial = local_checkpoint(workspace, MIDTRAIN.folder(day))
        parent = _model_version(workspace, MIDTRAIN, day)
    config = {
        "stage": (MIDTRAIN if is_midtraining else SFT).name,
        "dataset_paths": [str(_local_dataset(workspace, training, day))],
        "output_folder": str(output),
        "cache_folder": str(workspace.cache.absolute()),
        "data_version": data[training.dataset][1],
        "code_version": ASSET[training.asset].code_version,
        "initial_checkpoint": None if initial is None else str(initial.absolute()),
        "model": asdict(profile.model),
        "train": asdict(profile.midtrain if is_midtraining else profile.sft),
    }
    command = _write_config(output, config, "wm_pipeline.train.run", profile.processes, parent=parent)
    return TrainingJob(training, command, profile.processes, output, data, parent)


def prepare_distillation(workspace: Workspace, day: str, *, progress: Progress) -> TrainingJob:
    """Roll the student out under its guard in fresh worlds; return the job that distils on the visited states."""
    profile = workspace.profile
    data = _data_of(workspace, DISTILLED, day)
    output = _output_of(workspace, DISTILLED, day)
    student = local_checkpoint(workspace, SFT.folder(day))
    parent = _model_version(workspace, SFT, day)
    visited_path = output / _visited_name(parent)
    if not _is_readable(visited_path):
        visited = collect_visited(workspace, day, student, progress=progress)
        output.mkdir(parents=True, exist_ok=True)
        with unfinished_file(visited_path) as unfinished:
            visited.write_parquet(unfinished)
            commit_file(unfinished, visited_path)
    config = {
        "visited_paths": [str(visited_path)],
        "dataset_paths": [str(_local_dataset(workspace, DISTILLED, day))],
        "output_folder": str(output),
        "data_version": data[DISTILLED.dataset][1],
        "code_version": ASSET[DISTILLED.asset].code_version,
        "student_checkpoint": str(student.absolute()),
        "distill": asdict(profile.distill),
    }
    command = _write_config(
        output, config, "wm_pipeline.distill.run", profile.processes, parent=parent, kept=visited_path
    )
    return TrainingJob(DISTILLED, command, profile.processes, output, data, parent)


def _is_readable(table: Path) -> bool:
    """Whether a table that an earlier run left can be read: work in progress has no record."""
    try:
        pl.read_parquet(table)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True


def _output_of(workspace: Workspace, training: Training, day: str) -> Path:
    return (workspace.work / TRAININGS / day / training.name).absolute()


def trainings_in_progress(workspace: Workspace) -> Iterator[tuple[str, Training, Path]]:
    """Day, training and folder of each that has left something in the scratch space."""
    for folder in sorted((workspace.work / TRAININGS).glob("*/*")):
        if folder.name in TRAINING:
            yield folder.parent.name, TRAINING[folder.name], folder


def is_published(workspace: Workspace, day: str, training: Training) -> bool:
    """Whether what a training has left is published: a kill came before its folder went."""
    file = _output_of(workspace, training, day) / _RESULT
    with suppress(MissingUpstreamError, DamagedError):
        return file.exists() and workspace.store.read_bytes(f"{training.folder(day)}/{_RESULT}") == file.read_bytes()
    return False


def is_resumable(workspace: Workspace, day: str, training: Training) -> bool:
    """Whether what an interrupted training has left would be used: data, code and parent model are still the same."""
    output = _output_of(workspace, training, day)
    try:
        data_version = data_version_of(workspace.store, training.dataset, day)
        parent = training.starts_from and _model_version(workspace, TRAINING[training.starts_from], day)
    except MissingUpstreamError:
        return False
    if (output / _visited_name(parent)).exists():
        return True
    if not (output / _MADE_FOR).exists() or not (output / _CONFIG).exists():
        return False
    config = json.loads((output / _CONFIG).read_text())
    made_for = (output / _MADE_FOR).read_text().partition("\n")[0], config["data_version"], config["code_version"]
    return made_for == (parent or "", data_version, ASSET[training.asset].code_version)


def _visited_name(parent: str | None) -> str:
    """File with the states that a parent model has visited."""
    return f"visited-{parent}.parquet"


def _data_of(workspace: Workspace, training: Training, day: str) -> dict[str, tuple[str, str]]:
    version = data_version_of(workspace.store, training.dataset, day)
    return {training.dataset: (ASSET[training.dataset].file(day), version)}


def finish_training(
    workspace: Workspace,
    day: str,
    jobs: Sequence[TrainingJob],
    *,
    dagster_run_id: str,
) -> StageOutput:
    """Publish the first job's checkpoint (and the others beside it), log every job's result to MLflow.

    Then the jobs' folders go: what is published has taken their weights' place. Raises TrainingError when a process
    ended without a result.
    """
    asset = jobs[0].training.asset
    files: dict[str, bytes | Path] = {}
    results: dict[str, dict[str, Any]] = {}
    links: dict[str, str] = {}
    for job in jobs:
        name = job.training.name
        results[name] = read_result(job)
        beside = "" if job is jobs[0] else f"{name}/"
        files |= {f"{beside}{file}": (job.output / file).read_bytes() for file in ("metrics.jsonl", _RESULT)}
        weights = files_in(job.output / CHECKPOINT)
        files |= {f"{beside}{CHECKPOINT}/{file}": path for file, path in weights.items()}
        run_id = _run_of(workspace, day, job, dagster_run_id)
        workspace.registry.log_numbers(run_id, results[name])
        links[f"mlflow_run_{name}"] = workspace.registry.run_url(run_id)
    main = {**results[jobs[0].training.name], **_fall_of(read_curve(jobs[0].output))}
    lineage = lineage_of(
        workspace,
        asset,
        day,
        content=digest(*(result["model_version"] for result in results.values())),
        parents=main.get("parents", []),
        model_version=main["model_version"],
    )
    address = workspace.store.write_folder(ASSET[asset].folder(day), files, note=lineage)
    for job in jobs:
        discard_folder(job.output)
        with suppress(OSError):  # of another training of the day
            job.output.parent.rmdir()
    rows = main["visited_rows"] if jobs[0].training is DISTILLED else main["rows"]
    return StageOutput(address, int(rows), main, links=links)


class TrainingRun:
    """The MLflow run of a training in progress: `follow` logs its new steps."""

    def __init__(self, workspace: Workspace, day: str, job: TrainingJob, *, dagster_run_id: str) -> None:
        self._registry = workspace.registry
        self._job = job
        self._logged = 0
        round_run = self._registry.round_run(day, profile=workspace.profile.name, dagster_run_id=dagster_run_id)
        self._stage = self._registry.start_stage(
            job.training.name,
            round_run_id=round_run,
            dagster_run_id=dagster_run_id,
            parents=[job.parent] if job.parent else [],
            description=f"{job.training.asset} of {day}: {job.training.dataset}, from {job.parent or 'base weights'}.",
        )
        config = json.loads((job.output / _CONFIG).read_text())
        self._registry.log_parameters(self._stage.run_id, {k: v for k, v in config.items() if isinstance(v, dict)})
        self._registry.log_datasets(self._stage.run_id, job.data)
        replace_text(job.output / _RUN_FILE, self._stage.run_id)

    def follow(self) -> None:
        """Log the new steps. When MLflow does not answer, the next call logs them."""
        with suppress(ServiceError):
            self._log()

    def end(self, status: StageStatus) -> None:
        self._log()
        self._stage.end(status)

    def _log(self) -> None:
        file = self._job.output / "metrics.jsonl"
        whole_lines = file.read_text().rpartition("\n")[0] if file.exists() else ""
        # A resumed training repeats steps, with the same numbers.
        points = [point for point in parse_curve(whole_lines) if point["step"] > self._logged]
        if points:
            self._registry.log_curve(self._stage.run_id, points)
            self._logged = int(points[-1]["step"])


def _run_of(workspace: Workspace, day: str, job: TrainingJob, dagster_run_id: str) -> str:
    """The MLflow run of a training that has ended: its existing run, or a new one with its whole curve."""
    file = job.output / _RUN_FILE
    if not file.exists() or not workspace.registry.has_run(file.read_text()):
        TrainingRun(workspace, day, job, dagster_run_id=dagster_run_id).end("FINISHED")
    return file.read_text()


def read_result(job: TrainingJob) -> dict[str, Any]:
    """The result.json of the process. Raises TrainingError when the process left none."""
    path = job.output / _RESULT
    if not path.exists():
        raise TrainingError(
            f"{job.training.name} ended without {path}; its last lines of output say why; "
            "run again to resume from its last checkpoint"
        )
    return dict(json.loads(path.read_text()))


def read_curve(output: Path) -> list[dict[str, float]]:
    """The numbers of every step of a job."""
    return parse_curve((output / "metrics.jsonl").read_text())


def parse_curve(text: str) -> list[dict[str, float]]:
    """The numbers in a metrics.jsonl, one step a line; other values are left out."""
    return [{k: v for k, v in json.loads(line).items() if isinstance(v, int | float)} for line in text.splitlines()]


def _fall_of(curve: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """`first_loss` and `last_loss`: each head's mean over the first and last quarter of its steps, summed over heads.

    Single steps are not comparable, because different batches have labels for different heads.
    """
    first, last = 0.0, 0.0
    heads = {name for point in curve for name in point if name.startswith("loss_")}
    for head in heads:
        values = [point[head] for point in curve if head in point]
        quarter = max(1, len(values) // 4)
        first += sum(values[:quarter]) / quarter
        last += sum(values[-quarter:]) / quarter
    return {"first_loss": first, "last_loss": last} if heads else {"first_loss": None, "last_loss": None}


def _model_version(workspace: Workspace, training: Training, day: str) -> str:
    return str(json.loads(workspace.store.read_bytes(f"{training.folder(day)}/{_RESULT}"))["model_version"])


def _write_config(
    output: Path,
    config: Mapping[str, Any],
    module: str,
    processes: int,
    *,
    parent: str,
    kept: Path | None = None,
) -> tuple[str, ...]:
    """Write the configuration; the job resumes what the output folder holds.

    First empties the folder, except for `kept`, when it is of another configuration or parent model.
    """
    path = output / _CONFIG
    text = json.dumps(config, indent=1)
    made_for = output / _MADE_FOR
    wanted = f"{parent}\n{text}"
    output.mkdir(parents=True, exist_ok=True)
    if not made_for.exists() or made_for.read_text() != wanted:
        made_for.unlink(missing_ok=True)  # first: what a kill leaves of the rest is nobody's
        for item in output.iterdir():
            if item != kept:
                shutil.rmtree(item) if item.is_dir() else item.unlink()
    replace_text(made_for, wanted)
    replace_text(path, text)
    return tuple(training_command(module, path, processes=processes))


def _local_dataset(workspace: Workspace, training: Training, day: str) -> Path:
    """The dataset's file on this machine, which is what training processes read."""
    return workspace.store.local_file(ASSET[training.dataset].file(day), cache=workspace.cache).absolute()
