"""MLflow: one parent run a round, a child a stage, registered model versions with aliases and reasons.

mlflow is imported when first used: it takes seconds and most of what imports this module does not need it.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from wm_pipeline.domain.atomic import share_storage
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import DamagedError, InvalidInputError, MachineError, MissingUpstreamError, ServiceError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.numbers import flat_numbers
from wm_pipeline.domain.processes import is_alive, process_mark
from wm_pipeline.domain.records import from_json
from wm_pipeline.domain.scratch import scratch_folder, temporary_files_in
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.user_files import make_folder
from wm_pipeline.domain.vocabulary import ChampionMove
from wm_pipeline.gateways.locks import alone
from wm_pipeline.gateways.mlflow_home import has_running_runs, renew_addresses, stored_tag
from wm_pipeline.gateways.mlflow_runs import StageRun, commit_tag, metric_names, metrics_of, parameters_of
from wm_pipeline.gateways.places import sqlite_file

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

EXPERIMENT = "wm_pipeline"
MODEL_NAME = "world_model_of_consequence"
_PROCESS = "wm.process"
"""Tag of a run in progress: the mark of the process that follows it."""
_MODEL_VERSION = "wm.model_version"
_DELETED = "wm.weights_deleted"
"""Tag of a version whose weights were deleted; the value is when."""
CHAMPION, CHALLENGER = "champion", "challenger"
_ABOUT_MODEL = "Predicts what an action of a browser agent leads to: risk, consequence, alternative, state delta."
_MOVED = "wm.champion."
"""Prefix of a tag of the registered model for each change of champion: the time follows it, the value is the change."""
_ABOUT_EXPERIMENT = {
    # Says which of MLflow's two interfaces opens: runs and models, not traces and prompts.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": "Rounds of wm_pipeline: a run a day, and in it one for each training.",
}
MAX_REASON = 1000
"""Characters of a reason; a tag of a registered model holds 5000."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    version: str
    run_id: str
    checkpoint_place: str
    """Where the checkpoint folder of this version was committed, relative to the store's root."""
    model_version: str
    """Content version of the checkpoint, the one predictions carry."""
    report_place: str
    gate_reason: str | None = None
    """The gate's reason; None before it was asked."""


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """One change of champion."""

    __pydantic_config__ = STRICT

    changed_at: str
    """UTC, ISO 8601."""
    version: str
    previous: str | None
    """The champion before; None for the first one."""
    move: ChampionMove
    reason: str


class ModelRegistry:
    """Runs and versions under one tracking URI."""

    def __init__(self, tracking_uri: str, *, artifact_root: str | None = None, ui_url: str | None = None) -> None:
        self._tracking_uri = tracking_uri
        self._artifact_root = artifact_root
        self._ui_url = ui_url
        self._is_ready = False

    def _client(self) -> "MlflowClient":
        from mlflow.tracking import MlflowClient

        file = sqlite_file(self._tracking_uri)
        if file is None or self._is_ready:
            return MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)
        make_folder(file.parent)
        if file.exists() and not (file.is_file() and os.access(file, os.R_OK)):
            # MLflow would try for minutes, with a page of warnings.
            raise MachineError(f"{file} is no file that this user may read; move it away, or change its permissions")
        # Two processes that made the tables at once would leave a database that neither can use. One that cannot be
        # written has its tables.
        with ExitStack() as held:
            if not file.exists() or os.access(file, os.W_OK):
                lock = file.with_name(f"{file.name}.lock")
                held.enter_context(alone(lock, "opening MLflow's database", say=lambda told: None))
                renew_addresses(file, self._artifact_root or "", experiment=EXPERIMENT)
            client = MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)
            client.search_experiments(max_results=1)
        self._is_ready = True
        return client

    def _experiment_id(self, client: "MlflowClient") -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            return str(
                client.create_experiment(EXPERIMENT, artifact_location=self._artifact_root, tags=_ABOUT_EXPERIMENT)
            )
        for name, value in _ABOUT_EXPERIMENT.items():  # of a release before these tags
            if name not in found.tags:
                client.set_experiment_tag(found.experiment_id, name, value)
        return str(found.experiment_id)

    def find_round(self, day: str, *, profile: str) -> str | None:
        """The parent run of a round; None before its first training."""
        client = self._client()
        found = client.search_runs(
            [self._experiment_id(client)],
            f"tags.`wm.day` = '{day}' and tags.`wm.stage` = 'round' and tags.`wm.profile` = '{profile}'",
        )
        return str(found[0].info.run_id) if found else None

    def round_run(self, day: str, *, profile: str, dagster_run_id: str) -> str:
        """The parent run of a round, made when there is none yet. The last caller sets its code version."""
        client = self._client()
        touched = {"dagster_run_id": dagster_run_id, **commit_tag()}
        known = self.find_round(day, profile=profile)
        if known is not None:
            for name, value in touched.items():
                client.set_tag(known, name, value)
            return known
        run = client.create_run(
            self._experiment_id(client),
            run_name=f"round {day}",
            tags={
                "wm.day": day,
                "wm.stage": "round",
                "wm.profile": profile,
                "mlflow.note.content": f"The round of {day}, profile {profile}: trainings, report, registered version.",
                **touched,
            },
        )
        client.set_terminated(run.info.run_id, "FINISHED")
        return str(run.info.run_id)

    def start_stage(
        self, stage: str, *, round_run_id: str, dagster_run_id: str, parents: Sequence[str], description: str
    ) -> StageRun:
        """Start a child run of a round for one stage; the round's run is marked as running."""
        client = self._client()
        run = client.create_run(
            self._experiment_id(client),
            run_name=stage,
            tags={
                "mlflow.parentRunId": round_run_id,
                "wm.stage": stage,
                "wm.parents": ", ".join(parents),
                _PROCESS: process_mark(),
                "dagster_run_id": dagster_run_id,
                "mlflow.note.content": description,
                **commit_tag(),
            },
        )
        client.set_tag(round_run_id, _PROCESS, process_mark())
        client.update_run(round_run_id, status="RUNNING")
        return StageRun(str(run.info.run_id), round_run_id, client, self._tracking_uri)

    def end_dead_runs(self) -> list[str]:
        """Mark runs as killed whose processes are gone: they would seem to go on for ever. Returns their ids."""
        file = sqlite_file(self._tracking_uri)
        if file is not None and not has_running_runs(file):
            return []
        client = self._client()
        experiment = client.get_experiment_by_name(EXPERIMENT)
        found = (
            []
            if experiment is None
            else client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
        )
        marks = {str(run.info.run_id): str(run.data.tags.get(_PROCESS, "")) for run in found}
        dead = [run_id for run_id, mark in marks.items() if mark and not is_alive(mark)]
        for run_id in dead:
            client.set_terminated(run_id, "KILLED")
        return dead

    def has_run(self, run_id: str) -> bool:
        """Whether this MLflow knows the run."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client().get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def end_round(self, round_run_id: str) -> None:
        """Mark the run of a round as finished."""
        self._client().set_terminated(round_run_id, "FINISHED")

    def log_parameters(self, run_id: str, parameters: Mapping[str, Any]) -> None:
        flat = parameters_of(parameters)
        client = self._client()
        for start in range(0, len(flat), 100):
            client.log_batch(run_id, params=flat[start : start + 100])

    def log_numbers(self, run_id: str, numbers: Mapping[str, Any]) -> None:
        """Every number of nested mappings and lists, by `metric_names` of what domain/numbers.py calls it."""
        flat = flat_numbers(numbers)
        names = metric_names(flat)
        self.log_curve(run_id, [{"step": 0, **{names[name]: value for name, value in flat.items()}}])

    def log_curve(self, run_id: str, points: Sequence[Mapping[str, float]]) -> None:
        """Numbers over steps; each point holds `step`. Raises ServiceError when MLflow does not take them."""
        from mlflow.exceptions import MlflowException

        flat = metrics_of(points)
        client = self._client()
        try:
            for start in range(0, len(flat), 900):
                client.log_batch(run_id, metrics=flat[start : start + 900])
        except MlflowException as error:
            raise ServiceError(
                f"MLflow at {self._tracking_uri} does not take the numbers of run {run_id}: {error}"
            ) from error

    def log_datasets(self, run_id: str, datasets: Mapping[str, tuple[str, str]]) -> None:
        """Data lineage: name -> (place in the store, data version)."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name=name, digest=digest[:36], source_type="local", source=json.dumps({"uri": address})),
                [InputTag("mlflow.data.context", "training")],
            )
            for name, (address, digest) in datasets.items()
        ]
        self._client().log_inputs(run_id, datasets=inputs)

    def log_bytes(self, run_id: str, name: str, content: bytes) -> None:
        with scratch_folder("mlflow") as folder:
            path = folder / name
            path.write_bytes(content)
            self._client().log_artifact(run_id, str(path))

    def read_bytes(self, run_id: str, name: str) -> bytes:
        """The bytes that `log_bytes` stored. Raises MissingUpstreamError when there are none."""
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        with scratch_folder("mlflow") as folder:
            try:
                path = download_artifacts(
                    run_id=run_id, artifact_path=name, dst_path=str(folder), tracking_uri=self._tracking_uri
                )
            except (MlflowException, OSError) as error:
                raise MissingUpstreamError(f"MLflow has no {name} of run {run_id}; make the round again") from error
            return Path(path).read_bytes()

    def register(
        self,
        *,
        round_run_id: str,
        checkpoint_folder: Path,
        checkpoint_place: str,
        model_version: str,
        report_place: str,
        model_code: Path,
        package: Path,
        input_example: Mapping[str, list[str]],
        output_example: Mapping[str, list[str]],
        requirements: Sequence[str],
        plugin_files: Sequence[Path] = (),
    ) -> RegisteredModel:
        """Log the checkpoint as a pyfunc model and register it.

        `package` and the files of plug-ins go with it, so that the requirements are all that an environment needs to
        load the model.
        """
        import mlflow
        import pandas as pd
        from mlflow.models import infer_signature

        client = self._client()
        mlflow.set_tracking_uri(self._tracking_uri)
        mlflow.set_registry_uri(self._tracking_uri)
        example = pd.DataFrame(dict(input_example))
        client.set_tag(round_run_id, _PROCESS, process_mark())
        with mlflow.start_run(run_id=round_run_id), scratch_folder("mlflow") as scratch, temporary_files_in(scratch):
            logged = mlflow.pyfunc.log_model(
                name="world_model",
                python_model=str(model_code),
                artifacts={
                    "checkpoint": str(checkpoint_folder),
                    **{f"plugin_{at:03}": str(file) for at, file in enumerate(plugin_files)},
                },
                signature=infer_signature(example, pd.DataFrame(dict(output_example))),
                input_example=example,
                pip_requirements=list(requirements),
                code_paths=[str(package)],
            )
        tags = {
            "wm.checkpoint": checkpoint_place,
            _MODEL_VERSION: model_version,
            "wm.report": report_place,
            **commit_tag(),
        }
        # With its tags from its first moment: one without them would be registered again after a kill.
        found = mlflow.register_model(logged.model_uri, MODEL_NAME, tags=tags)
        self.share_weights(found.version, checkpoint_folder)
        return self._registered(client.get_model_version(MODEL_NAME, found.version))

    def make_challenger(self, version: str, *, description: str) -> None:
        """Say of a registered version what it is, and that it is the one that stands before the gate."""
        client = self._client()
        client.update_registered_model(MODEL_NAME, description=_ABOUT_MODEL)
        client.update_model_version(MODEL_NAME, version, description=description)
        client.set_registered_model_alias(MODEL_NAME, CHALLENGER, version)

    def share_weights(self, version: str, checkpoint_folder: Path) -> None:
        """Store what MLflow keeps of a version and its checkpoint once, where both lie on one disk."""
        kept = self.kept_in(version)
        if kept is None:
            return
        copies = _checkpoint_in(kept)
        for name, file in files_in(checkpoint_folder).items():
            if (copies / name).is_file():
                share_storage(file, copies / name)

    def find(self, model_version: str) -> RegisteredModel | None:
        """The registered version that holds a checkpoint, by the checkpoint's content version."""
        known = (one for one in self._versions() if one.tags.get(_MODEL_VERSION) == model_version)
        return next(map(self._registered, known), None)

    def versions(self) -> tuple[str, ...]:
        """Every registered version, oldest first."""
        return tuple(sorted((str(one.version) for one in self._versions()), key=int))

    def version(self, version: str) -> RegisteredModel | None:
        """The registered version of that number; None when there is none."""
        known = (one for one in self._versions() if str(one.version) == version)
        return next(map(self._registered, known), None)

    def holds(self, version: str, model_version: str) -> bool:
        """Whether the registered version of that number holds that checkpoint, by its content version."""
        file = sqlite_file(self._tracking_uri)
        if file is not None:
            return stored_tag(file, MODEL_NAME, version, _MODEL_VERSION) == model_version
        found = self.version(version)
        return found is not None and found.model_version == model_version

    def _versions(self) -> "Sequence[ModelVersion]":
        found: Sequence[ModelVersion] = self._client().search_model_versions(f"name = '{MODEL_NAME}'")
        return found

    def champion(self) -> RegisteredModel | None:
        """The version in use; None before the first promotion."""
        found = self._champion()
        return None if found is None else self._registered(found)

    def champion_version(self) -> str | None:
        """The champion's number, even when another program registered it."""
        found = self._champion()
        return None if found is None else str(found.version)

    def _champion(self) -> "ModelVersion | None":
        from mlflow.exceptions import MlflowException

        try:
            return self._client().get_model_version_by_alias(MODEL_NAME, CHAMPION)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def checkpoint_of(self, version: str, *, cache: Path) -> Path:
        """MLflow's own copy of a version's checkpoint folder, fetched once where it is not on this machine: a day that
        is made again replaces the folder that the version was registered from.

        Raises MissingUpstreamError when MLflow cannot give it, DamagedError when it does not say where it lies.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        gone = f"MLflow has no copy of the checkpoint of version {version}"
        if self._are_weights_deleted(version):
            raise MissingUpstreamError(f"{gone}, `wm gc` deleted its weights; choose another version")
        kept, folder = self.kept_in(version), self.copy_of(version, cache=cache)
        if kept is None and not folder.is_dir():
            with scratch_folder(".fetched", parent=folder.parent) as temporary:
                try:
                    fetched = download_artifacts(
                        artifact_uri=self._source_of(version),
                        dst_path=str(temporary),
                        tracking_uri=self._tracking_uri,
                    )
                except (MlflowException, OSError) as error:
                    raise MissingUpstreamError(f"{gone}; choose another version") from error
                os.rename(fetched, folder)
        try:
            return _checkpoint_in(kept or folder)
        except DamagedError:
            if kept is None:
                shutil.rmtree(folder)  # it is fetched again from what is mended
            raise

    def weights_of(self, version: str) -> dict[str, int]:
        """The addresses of all files that MLflow keeps of a version, with their sizes; none once they were deleted."""
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(self._source_of(version), tracking_uri=self._tracking_uri)
        found: dict[str, int] = {}
        folders: list[str | None] = [None]
        while folders:
            try:
                listed = repository.list_artifacts(folders.pop())
            except (MlflowException, OSError):
                continue  # of a folder that is gone
            folders += [one.path for one in listed if one.is_dir]
            found |= {one.path: int(one.file_size or 0) for one in listed if not one.is_dir}
        kept = self.kept_in(version)
        root = self._source_of(version) if kept is None else str(kept)
        return {f"{root}/{path}": size for path, size in found.items()}

    def delete_weights(self, version: str) -> None:
        """Delete the files of a version. It stays listed, with its numbers and its gate's reason, and says that.

        Raises InvalidInputError for the champion.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if version == self.champion_version():
            raise InvalidInputError(f"version {version} is the champion: its weights stay")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # First, so that what a kill leaves of them is taken for nothing.
        self._client().set_model_version_tag(MODEL_NAME, version, _DELETED, now)
        repository: Any = get_artifact_repository(self._source_of(version), tracking_uri=self._tracking_uri)
        repository.delete_artifacts()

    def _are_weights_deleted(self, version: str) -> bool:
        return _DELETED in self._client().get_model_version(MODEL_NAME, version).tags

    def copy_of(self, version: str, *, cache: Path) -> Path:
        """Where what MLflow has of a version lies once it is fetched: a database that was restored from a backup gives
        numbers out again, so it is named after where it was fetched from."""
        return cache / "registered" / digest(self._tracking_uri, self._source_of(version))

    def _source_of(self, version: str) -> str:
        return str(self._client().get_model_version_download_uri(MODEL_NAME, version))

    def kept_in(self, version: str) -> Path | None:
        """The folder in which MLflow keeps a version; None where that is not on this machine, or is gone."""
        source = self._source_of(version)
        folder = Path(unquote(urlsplit(source).path))
        return folder if urlsplit(source).scheme in {"", "file"} and (folder / "MLmodel").is_file() else None

    def champion_changes(self) -> tuple[ChampionChange, ...]:
        """Who became champion when, how and why, oldest first."""
        models = self._client().search_registered_models(f"name = '{MODEL_NAME}'")
        tags = dict(models[0].tags) if models else {}
        return tuple(
            from_json(ChampionChange, tags[name], what=name) for name in sorted(tags) if name.startswith(_MOVED)
        )

    def move_champion(self, version: str, *, move: ChampionMove, reason: str) -> None:
        """Make a version the champion and record the change; does nothing when it is the champion already."""
        if len(reason) > MAX_REASON:
            raise InvalidInputError(f"reason: expected at most {MAX_REASON} characters, found {len(reason)}")
        champion = self.champion_version()
        if champion == version:
            return
        client = self._client()
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        change = ChampionChange(now, version, champion, move, reason)
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, version)
        client.set_registered_model_tag(MODEL_NAME, f"{_MOVED}{now[:-6]}Z", json.dumps(asdict(change)))

    def record_gate(self, version: str, *, promoted: bool, reason: str) -> None:
        """Store the gate's reason with the version; move the champion alias only when promoted.

        A decision that is already stored moves nothing, so that later promotions and rollbacks stay in force.
        """
        client = self._client()
        word = "promoted" if promoted else "refused"
        tags = client.get_model_version(MODEL_NAME, version).tags
        if promoted and (tags.get("wm.gate"), tags.get("wm.gate_reason")) != (word, reason):
            self.move_champion(version, move=ChampionMove.GATE, reason=reason)
        client.set_model_version_tag(MODEL_NAME, version, "wm.gate", word)
        client.set_model_version_tag(MODEL_NAME, version, "wm.gate_reason", reason)

    def run_url(self, run_id: str) -> str:
        """Address of a run in the MLflow UI; the tracking address when no UI is configured."""
        if self._ui_url is None:
            return f"{self._tracking_uri}#{run_id}"
        return f"{self._ui_url}/#/experiments/{self._experiment_id(self._client())}/runs/{run_id}"

    def _registered(self, found: "ModelVersion") -> RegisteredModel:
        try:
            return RegisteredModel(
                version=str(found.version),
                run_id=str(found.run_id),
                checkpoint_place=found.tags["wm.checkpoint"],
                model_version=found.tags[_MODEL_VERSION],
                report_place=found.tags["wm.report"],
                gate_reason=found.tags.get("wm.gate_reason"),
            )
        except KeyError as error:
            raise MissingUpstreamError(
                f"version {found.version} of {MODEL_NAME} has no tag {error}; it was not registered by wm_pipeline"
            ) from error


def _checkpoint_in(folder: Path) -> Path:
    """The checkpoint in a registered model's folder. Raises DamagedError when its description does not name it."""
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model
    from yaml import YAMLError

    try:
        path = Model.load(str(folder)).flavors["python_function"]["artifacts"]["checkpoint"]["path"]
    except (MlflowException, YAMLError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            f"{folder / 'MLmodel'} is damaged; restore MLflow's artifacts from a backup, or choose another version"
        ) from error
    return folder / str(path)
