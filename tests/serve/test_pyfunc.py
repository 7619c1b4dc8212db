"""A version in MLflow answers what the predictor answers, through MLflow's own loader."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders_model import save_tiny_checkpoint
from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.gateways.mlflow_registry import MODEL_NAME, ModelRegistry
from wm_pipeline.rounds.model_version import MODEL_CODE, MODEL_NEEDS, PACKAGE, model_requirements
from wm_pipeline.serve.predictor import WorldModelPredictor

pytestmark = [
    pytest.mark.slow,
    # All from MLflow's own code, whose version is pinned: its queries, its own types at import, its use of pandas.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """MLflow keeps a tracking URI in the process, and writes beside where it runs when it has none."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type] # forgets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type] # forgets it


def without_time(outcome: Outcome) -> dict[str, object]:
    told: dict[str, object] = json.loads(to_json(outcome))
    del told["latency_ms"]
    return told


def register(folder: Path, uri: str, artifacts: Path) -> dict[str, list[str]]:
    """A tiny checkpoint made in `folder` as the challenger; the input example it was registered with."""
    saved = save_tiny_checkpoint(folder, seed=3)
    registry = ModelRegistry(uri, artifact_root=str(artifacts))
    example = {"state": [to_json(payment_state())], "action": [to_json(NOOP)]}
    found = registry.register(
        round_run_id=registry.round_run("2026-11-22", profile="tiny", dagster_run_id="d1"),
        checkpoint_folder=folder,
        checkpoint_place=str(folder),
        model_version=saved.manifest.model_version,
        report_place="none",
        model_code=MODEL_CODE,
        package=PACKAGE,
        input_example=example,
        output_example={"outcome": ["{}"]},
        requirements=model_requirements(),
    )
    registry.make_challenger(found.version, description="It knows two pages.")
    return example


def test_a_registered_model_predicts_what_the_predictor_predicts(tmp_path: Path) -> None:
    import mlflow
    import pandas as pd

    folder = tmp_path / "checkpoint"
    uri = f"sqlite:///{tmp_path}/state/mlflow.db"
    example = register(folder, uri, tmp_path / "artifacts")
    state, other = payment_state(), payment_state(goal="Look at the open invoices.")
    actions = [SUBMIT_WIRE, Action(ActionKind.CLICK, "e1"), NOOP]
    asked = [(state, actions[0]), (other, NOOP), (state, actions[1]), (state, actions[2])]

    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@challenger")
    answer = model.predict(
        pd.DataFrame({"state": [to_json(s) for s, _ in asked], "action": [to_json(a) for _, a in asked]})
    )

    predictor = WorldModelPredictor.load(folder)
    together = predictor.predict_outcomes(state, actions)
    expected = [together[0], predictor.predict_outcome(other, NOOP), together[1], together[2]]
    told = [from_json(Outcome, text, what="outcome") for text in answer["outcome"]]
    assert [without_time(outcome) for outcome in told] == [without_time(outcome) for outcome in expected]
    assert model.metadata.signature.inputs.input_names() == ["state", "action"]
    assert model.metadata.signature.outputs.input_names() == ["outcome"]
    assert model.input_example.to_dict("list") == example


ALONE = """
import sys
sys.path.append(sys.argv[1])
import importlib.util
assert importlib.util.find_spec("wm_pipeline") is None
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[2])
print(model.predict(pandas.DataFrame(model.input_example)).to_json(orient="records"))
"""


def test_a_registered_model_brings_its_code_and_names_its_requirements(tmp_path: Path) -> None:
    register(tmp_path / "checkpoint", f"sqlite:///{tmp_path}/state/mlflow.db", tmp_path / "artifacts")
    [described] = (tmp_path / "artifacts").rglob("MLmodel")
    packages = sysconfig.get_path("purelib")

    # -I -S: neither the folder it is run in nor what site-packages point to, so no wm_pipeline of this project.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, packages, str(described.parent)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    [answer] = json.loads(done.stdout.splitlines()[-1])
    assert from_json(Outcome, answer["outcome"], what="outcome").risk_label
    wanted = {line.partition("==")[0] for line in (described.parent / "requirements.txt").read_text().splitlines()}
    assert wanted == set(MODEL_NEEDS)
