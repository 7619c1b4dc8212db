"""Runs, lineage and aliases in a real MLflow (sqlite), with a model of one line."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders_registry import registered
from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import InvalidInputError, MachineError, MissingUpstreamError
from wm_pipeline.domain.vocabulary import ChampionMove
from wm_pipeline.gateways import mlflow_registry
from wm_pipeline.gateways.mlflow_registry import EXPERIMENT, MODEL_NAME, ModelRegistry
from wm_pipeline.gateways.mlflow_runs import StageRun
from wm_pipeline.gateways.places import folder_uri, sqlite_uri

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DAY = "2026-11-22"

pytestmark = [
    pytest.mark.slow,
    # All from MLflow's own code, whose version is pinned: its queries, its own types at import, its use of pandas.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def registry(place: Path) -> ModelRegistry:
    """One database for the module: making its tables takes seconds."""
    return ModelRegistry(f"sqlite:///{place}/state/mlflow.db", artifact_root=str(place / "artifacts"))


@pytest.fixture
def round_run(registry: ModelRegistry) -> str:
    return registry.round_run(DAY, profile="tiny", dagster_run_id="d1")


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """MLflow keeps a tracking URI in the process, and writes beside where it runs when it has none."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type] # forgets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type] # forgets it
    assert list(tmp_path.glob("ml*")) == []


def client_of(registry: ModelRegistry) -> "MlflowClient":
    """MLflow's own client, to see what was stored."""
    from mlflow.tracking import MlflowClient

    uri = registry.run_url("").removesuffix("#")
    return MlflowClient(uri, uri)


def start_stage(registry: ModelRegistry, round_run: str) -> StageRun:
    return registry.start_stage(
        "sft", round_run_id=round_run, dagster_run_id="d1", parents=["midtrain-1"], description="What it is."
    )


def test_before_the_first_promotion_there_is_no_champion(registry: ModelRegistry) -> None:
    assert registry.champion() is None
    assert registry.find("nothing") is None


def test_a_round_has_one_run_however_often_it_is_started(registry: ModelRegistry) -> None:
    first = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    again = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d2")
    other_day = registry.round_run("2026-11-21", profile="tiny", dagster_run_id="d3")
    other_profile = registry.round_run("2026-11-20", profile="laptop", dagster_run_id="d4")

    assert first == again
    assert len({first, other_day, other_profile}) == 3
    run = client_of(registry).get_run(first)
    assert run.data.tags["wm.day"] == "2026-11-20"
    assert run.data.tags["dagster_run_id"] == "d2"  # the newest that touched it


def test_a_stage_is_a_child_with_its_parameters_curve_and_data(registry: ModelRegistry, round_run: str) -> None:
    stage = start_stage(registry, round_run)
    run_id = stage.run_id
    registry.log_parameters(run_id, {"train": {"max_steps": 8}, "model": {"base": "tiny"}})
    registry.log_curve(run_id, [{"step": 0, "loss": 2.0, "loss/risk": 1.0}, {"step": 1, "loss": 1.5}])
    registry.log_numbers(run_id, {"validation": {"auroc": 0.75, "macro_f1": None, "is_best": True}})
    registry.log_datasets(run_id, {"sft_dataset": ("s3://lake/sft.parquet", "f" * 40)})
    client = client_of(registry)
    statuses = [client.get_run(name).info.status for name in (run_id, round_run)]
    stage.end("FINISHED")

    run, parent = client.get_run(run_id), client.get_run(round_run)
    assert statuses == ["RUNNING", "RUNNING"]
    assert (run.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert parent.info.end_time >= run.info.end_time > run.info.start_time
    assert run.data.tags["mlflow.note.content"] == "What it is."
    assert re.fullmatch(r"[0-9a-f]{40}", run.data.tags["mlflow.source.git.commit"])
    assert run.data.tags["mlflow.parentRunId"] == round_run
    assert (run.data.tags["wm.stage"], run.data.tags["wm.parents"]) == ("sft", "midtrain-1")
    assert run.data.params == {"train.max_steps": "8", "model.base": "tiny"}
    assert run.data.metrics == {"loss": 1.5, "loss/risk": 1.0, "validation.auroc": 0.75}
    assert [(point.step, point.value) for point in client.get_metric_history(run_id, "loss")] == [(0, 2.0), (1, 1.5)]
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("sft_dataset", "f" * 36)
    assert json.loads(data.dataset.source) == {"uri": "s3://lake/sft.parquet"}


def test_what_the_machine_does_is_drawn_beside_a_stage(
    registry: ModelRegistry, round_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")

    stage = start_stage(registry, round_run)
    time.sleep(1)
    stage.end("FINISHED")

    drawn = set(client_of(registry).get_run(stage.run_id).data.metrics)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= drawn


def test_the_experiment_opens_as_one_of_models_also_when_an_earlier_release_made_it(tmp_path: Path) -> None:
    registry = ModelRegistry(f"sqlite:///{tmp_path}/state/mlflow.db")
    client = client_of(registry)
    before = client.create_experiment("wm_pipeline", artifact_location=str(tmp_path / "state"))

    registry.round_run(DAY, profile="tiny", dagster_run_id="d1")

    assert client.get_experiment(before).tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_run_that_mlflow_does_not_know_is_not_there(registry: ModelRegistry, round_run: str) -> None:
    assert registry.has_run(round_run)
    assert not registry.has_run("0" * 32)


def test_a_report_is_kept_with_its_round(registry: ModelRegistry, round_run: str) -> None:
    registry.log_bytes(round_run, "report.html", b"<h1>report</h1>")

    folder = client_of(registry).download_artifacts(round_run, "report.html")
    assert Path(folder).read_bytes() == b"<h1>report</h1>"


def test_the_champion_changes_only_when_the_gate_promotes(
    registry: ModelRegistry, round_run: str, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    first = registered(registry, round_run, folder, "first")
    assert registry.champion() is None
    registry.record_gate(first.version, promoted=True, reason="promoted: first model")
    second = registered(registry, round_run, folder, "second")
    registry.record_gate(second.version, promoted=False, reason="refused: no better than the champion")

    champion = registry.champion()
    client = client_of(registry)
    challenger = client.get_model_version_by_alias(MODEL_NAME, "challenger")

    assert champion == replace(first, gate_reason="promoted: first model")
    assert str(challenger.version) == second.version
    assert challenger.tags["wm.gate"] == "refused"
    assert challenger.tags["wm.gate_reason"] == "refused: no better than the champion"
    assert client.get_model_version(MODEL_NAME, first.version).tags["wm.gate_reason"] == "promoted: first model"

    registry.record_gate(second.version, promoted=True, reason="promoted: better")
    assert registry.champion() == replace(second, gate_reason="promoted: better")


def test_who_became_champion_when_and_why_is_kept(registry: ModelRegistry, round_run: str, tmp_path: Path) -> None:
    before = registry.champion_changes()
    third = registered(registry, round_run, tmp_path, "third")

    registry.record_gate(third.version, promoted=True, reason="promoted: better again")
    registry.move_champion("2", move=ChampionMove.ROLLBACK, reason="It blocks too much.")
    registry.move_champion("2", move=ChampionMove.PROMOTE, reason="It is the champion already.")
    registry.record_gate(third.version, promoted=True, reason="promoted: better again")

    added = registry.champion_changes()[len(before) :]
    assert [(one.version, one.previous, one.move.value, one.reason) for one in before] == [
        ("1", None, "gate", "promoted: first model"),
        ("2", "1", "gate", "promoted: better"),
    ]
    assert [(one.version, one.previous, one.move.value, one.reason) for one in added] == [
        ("3", "2", "gate", "promoted: better again"),
        ("2", "3", "rollback", "It blocks too much."),
    ]
    assert registry.champion_version() == "2"  # the gate's decision, made again, does not undo a person's
    moments = [one.changed_at for one in registry.champion_changes()]
    assert moments == sorted(moments)


def test_a_reason_that_mlflow_could_not_hold_is_refused(registry: ModelRegistry) -> None:
    with pytest.raises(InvalidInputError) as refused:
        registry.move_champion("1", move=ChampionMove.PROMOTE, reason="x" * 1001)

    assert str(refused.value) == "reason: expected at most 1000 characters, found 1001"


def test_a_version_says_where_its_checkpoint_and_report_are(registry: ModelRegistry) -> None:
    found = registry.find("second")

    assert found is not None
    assert found.checkpoint_place == "s3://lake/checkpoints/second"
    stored = client_of(registry).get_model_version(MODEL_NAME, found.version)
    assert stored.description == "It says second."
    assert "mlflow.source.git.commit" in stored.tags
    assert found.report_place == "s3://lake/reports/second/report.html"


def test_a_registered_version_loads_and_answers(registry: ModelRegistry, place: Path) -> None:
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(f"sqlite:///{place}/state/mlflow.db")
    model = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@champion")

    answer = model.predict(pd.DataFrame({"state": ["{}"], "action": ["click"]}))

    assert answer["outcome"].to_list() == ["second: click"]
    assert model.metadata.signature.inputs.input_names() == ["state", "action"]


def test_a_version_somebody_else_registered_is_refused_with_what_it_lacks(registry: ModelRegistry, place: Path) -> None:
    client = client_of(registry)
    foreign = client.create_model_version(MODEL_NAME, source=str(place / "elsewhere"), run_id=None)
    client.set_registered_model_alias(MODEL_NAME, "champion", foreign.version)

    with pytest.raises(MissingUpstreamError) as refused:
        registry.champion()

    assert str(refused.value) == (
        f"version {foreign.version} of {MODEL_NAME} has no tag 'wm.checkpoint'; it was not registered by wm_pipeline"
    )


def test_the_address_of_a_run_leads_to_the_ui_when_there_is_one(place: Path, round_run: str) -> None:
    uri = f"sqlite:///{place}/state/mlflow.db"
    with_ui = ModelRegistry(uri, ui_url="http://127.0.0.1:5000")

    found = with_ui.run_url(round_run)

    assert found == f"http://127.0.0.1:5000/#/experiments/1/runs/{round_run}"
    assert ModelRegistry(uri).run_url(round_run) == f"{uri}#{round_run}"


def test_a_folder_of_any_name_holds_database_and_artifacts(tmp_path: Path) -> None:
    odd = tmp_path / "run[1] a%20b what? 50% #1"
    registry = ModelRegistry(sqlite_uri(f"{odd}/mlflow.db"), artifact_root=folder_uri(f"{odd}/artifacts"))

    run_id = registry.round_run(DAY, profile="tiny", dagster_run_id="d1")
    registry.log_bytes(run_id, "words.txt", b"words")

    assert registry.read_bytes(run_id, "words.txt") == b"words"
    assert list(tmp_path.iterdir()) == [odd]
    assert {path.name for path in odd.iterdir()} == {"mlflow.db", "mlflow.db.lock", "artifacts"}


def test_what_mlflow_keeps_on_this_disk_is_the_checkpoint_under_a_second_name(
    registry: ModelRegistry, round_run: str, tmp_path: Path
) -> None:
    model = registered(registry, round_run, tmp_path, "shared")
    words = tmp_path / "shared" / "words.txt"

    kept = registry.checkpoint_of(model.version, cache=tmp_path / "cache") / "words.txt"
    is_shared = kept.samefile(words)
    replace_text(words, "made again")
    registry.share_weights(model.version, words.parent)
    both = words.read_text(), kept.read_text()
    replace_text(words, "shared")
    registry.share_weights(model.version, words.parent)

    assert is_shared
    assert both == ("made again", "shared")
    assert kept.samefile(words)
    assert not (tmp_path / "cache").exists()


def test_what_mlflow_keeps_elsewhere_is_fetched_once(
    registry: ModelRegistry, round_run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = registered(registry, round_run, tmp_path, "elsewhere")
    monkeypatch.setattr(registry, "kept_in", lambda version: None)

    fetched = registry.checkpoint_of(model.version, cache=tmp_path / "cache")
    registry.delete_weights(registered(registry, round_run, tmp_path, "gone").version)
    again = registry.checkpoint_of(model.version, cache=tmp_path / "cache")

    assert fetched == again
    assert fetched.is_relative_to(registry.copy_of(model.version, cache=tmp_path / "cache"))
    assert (fetched / "words.txt").read_text() == "elsewhere"
    assert len(list((tmp_path / "cache" / "registered").iterdir())) == 1


def test_a_version_is_not_taken_for_another_that_had_its_number_before_a_backup_was_restored(
    registry: ModelRegistry, place: Path, round_run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, backup = tmp_path / "state" / "mlflow.db", tmp_path / "backup.db"
    database.parent.mkdir()
    shutil.copyfile(place / "state" / "mlflow.db", database)
    shutil.copyfile(database, backup)
    monkeypatch.setattr(ModelRegistry, "kept_in", lambda self, version: None)

    def fetched(word: str) -> tuple[str, str]:
        copied = ModelRegistry(f"sqlite:///{database}", artifact_root=str(place / "artifacts"))
        model = registered(copied, round_run, tmp_path, word)
        return model.version, (copied.checkpoint_of(model.version, cache=tmp_path / "cache") / "words.txt").read_text()

    before = fetched("lost")
    shutil.copyfile(backup, database)
    after = fetched("newer")

    assert before[0] == after[0]
    assert (before[1], after[1]) == ("lost", "newer")


def test_runs_of_a_process_that_was_killed_are_ended_and_so_is_its_round(registry: ModelRegistry, place: Path) -> None:
    day = "2026-11-25"
    round_run = registry.round_run(day, profile="tiny", dagster_run_id="d1")
    code = (
        "import os, sys; from wm_pipeline.gateways.mlflow_registry import ModelRegistry; "
        "started = ModelRegistry(sys.argv[1], artifact_root=sys.argv[2]).start_stage('sft', round_run_id=sys.argv[3], "
        "dagster_run_id='d1', parents=[], description=''); print(started.run_id, flush=True); os._exit(1)"
    )
    arguments = [f"sqlite:///{place}/state/mlflow.db", str(place / "artifacts"), round_run]
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    stage = ended.stdout.split()[-1]
    client = client_of(registry)
    before = [client.get_run(run).info.status for run in (stage, round_run)]

    registry.end_dead_runs()

    assert before == ["RUNNING", "RUNNING"]
    assert [client.get_run(run).info.status for run in (stage, round_run)] == ["KILLED", "KILLED"]


class KilledHere(BaseException):
    """In place of a signal that nothing is done upon."""


def test_a_version_whose_registration_is_killed_is_known_by_its_checkpoint(
    registry: ModelRegistry, round_run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next round would register the checkpoint once more."""
    from mlflow.tracking import MlflowClient

    def kill(*arguments: object, **named: object) -> None:
        raise KilledHere

    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    with monkeypatch.context() as patched:
        for name in ("set_model_version_tag", "update_registered_model", "update_model_version"):
            patched.setattr(MlflowClient, name, kill)
        with pytest.raises(KilledHere):
            registered(registry, round_run, checkpoints, "killed")

    found = registry.find("killed")
    assert found is not None
    registry.make_challenger(found.version, description="It says killed.")
    assert registry.find("killed") == registry.version(found.version)
    assert found.checkpoint_place == "s3://lake/checkpoints/killed"


def test_a_folder_in_place_of_the_database_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()

    with pytest.raises(MachineError, match=r"a\.db is no file that this user may read; move it away"):
        ModelRegistry(f"sqlite:///{tmp_path}/a.db").champion()


def test_what_a_version_holds_is_known_without_mlflow(
    registry: ModelRegistry, round_run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").mkdir()
    version = registered(registry, round_run, tmp_path / "checkpoints", "held").version
    deleted = registered(registry, round_run, tmp_path / "checkpoints", "let go").version
    client_of(registry).delete_model_version(MODEL_NAME, deleted)

    def asked(version: str, model_version: str) -> bool:
        fast = registry.holds(version, model_version)
        with monkeypatch.context() as slow:  # as where MLflow is a server
            slow.setattr(mlflow_registry, "sqlite_file", lambda uri: None)
            slow.setattr(registry, "_is_ready", True)
            assert registry.holds(version, model_version) == fast
        return fast

    assert asked(version, "held")
    assert not asked(version, "another")
    assert not asked(deleted, "let go")
    assert not asked("None", "None")
    assert not ModelRegistry(f"sqlite:///{tmp_path}/nowhere.db").holds(version, "held")


def test_where_no_run_goes_on_mlflow_is_not_asked(
    registry: ModelRegistry, round_run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(registry)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    for run in client.search_runs([experiment.experiment_id]):
        client.set_terminated(run.info.run_id, "FINISHED")

    def client_is_asked() -> None:
        raise AssertionError

    monkeypatch.setattr(registry, "_client", client_is_asked)

    assert registry.end_dead_runs() == []
    assert ModelRegistry(f"sqlite:///{tmp_path}/nowhere.db").end_dead_runs() == []
    assert not (tmp_path / "nowhere.db").exists()
