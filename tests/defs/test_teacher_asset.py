"""The annotations asset with a language model as teacher: what a person sees of it in Dagster."""

import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.annotate.test_llm_teacher import MAY_PAY, STEP, Dying
from tests.builders import payment_state
from tests.builders_experience import DAY, HIDDEN_TEXT, Visit, experience, trajectory, world
from tests.fakes.chat_server import chat_server
from tests.fakes.teaching import answers
from wm_pipeline.domain.errors import TeacherError
from wm_pipeline.domain.vocabulary import TeacherKind
from wm_pipeline.gateways.table_store import TableStore

with warnings.catch_warnings():
    # Dagster announces at import which of its parameters may still change or go: pinned, so nothing changes unseen.
    warnings.filterwarnings("ignore", message="Parameter `(backfill_policy|pool|partitions_def)` of function")
    from wm_pipeline.defs import checks
    from wm_pipeline.defs.experience import socratic_annotations
    from wm_pipeline.defs.resources import WorkspaceResource

pytestmark = [
    pytest.mark.slow,  # importing MLflow takes seconds
    # MLflow's own queries; pinned.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]


def workspace_at(folder: Path, llm_url: str) -> WorkspaceResource:
    return WorkspaceResource(
        profile="tiny",
        data=str(folder / "data"),
        state_folder=str(folder),
        mlflow_uri=f"sqlite:///{folder}/mlflow.db",
        mlflow_artifacts=str(folder / "artifacts"),
        llm_url=llm_url,
        llm_model="judge-1",
        llm_price_in=0.5,
        llm_price_out=1.5,
        teacher=TeacherKind.LLM,
    )


def materialize(folder: Path, llm_url: str) -> dg.ExecuteInProcessResult:
    """Materialize the annotations of one site, on an instance of its own."""
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [socratic_annotations],
            partition_key=dg.MultiPartitionKey({"day": DAY, "site": "payroll"}),
            resources={"workspace": workspace_at(folder, llm_url).workspace()},
            instance=instance,
        )


def collected(folder: Path) -> None:
    record = trajectory(world(attack=HIDDEN_TEXT), [Visit(payment_state(), STEP)], authorization=MAY_PAY)
    store = TableStore(str(folder / "data"))
    for table, frame in experience(record)._asdict().items():
        store.write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "test"})


def test_the_asset_shows_kappa_confusion_and_a_plot_and_its_checks_pass(tmp_path: Path) -> None:
    collected(tmp_path)
    with chat_server(reply=answers) as server:
        done = materialize(tmp_path, server.url)

    metadata = done.asset_materializations_for_node("socratic_annotations")[0].metadata
    assert metadata["teacher_kappa"].value == 1.0
    assert metadata["told_unsafe_was_unsafe"].value == 1.0
    cost, tokens = metadata["teacher_cost"].value, metadata["teacher_tokens"].value
    assert isinstance(cost, float)
    assert isinstance(tokens, float)
    assert 0.5 < cost / tokens * 1e6 < 1.5
    assert "| unsafe | 0 | 1 | 0 |" in str(metadata["teacher_confusion"].value)
    assert "data:image/png;base64," in str(metadata["plots"].value)
    passed = {found.check_name: found.passed for found in done.get_asset_check_evaluations()}
    assert passed == {"teacher_agrees": True, "teacher_beats_chance": True}


def test_the_asset_fails_with_one_sentence_when_the_endpoint_dies_and_goes_on_in_the_next_run(tmp_path: Path) -> None:
    collected(tmp_path)
    with chat_server(reply=Dying(questions=7)) as server:
        with pytest.raises(TeacherError) as stopped:
            materialize(tmp_path, server.url)
        server.reply, before = answers, len(server.requests)

        done = materialize(tmp_path, server.url)

    told = str(stopped.value)
    assert told.endswith("; run again to go on from there")
    assert " transitions are annotated and kept, " in told
    assert len(told.splitlines()) == 1
    assert done.success
    assert len(server.requests) - before == 4 * 5 - 7


@pytest.mark.parametrize(
    ("kappa", "agreement", "passed"),
    [(0.8, 0.95, True), (0.4, 0.95, False), (None, 1.0, True), (None, 0.9, False), (None, None, False)],
    ids=["substantial", "by chance", "one label, all the same", "one label, not the same", "nothing answered"],
)
def test_a_teacher_has_to_beat_chance(kappa: float | None, agreement: float | None, passed: bool) -> None:
    found = checks.teacher_beats_chance({"teacher_kappa": kappa, "teacher_agreement": agreement, "teacher_calls": 5})

    assert found.passed is passed


@pytest.mark.parametrize("check", [checks.teacher_agrees, checks.teacher_beats_chance])
def test_labels_of_instrumentation_are_not_compared_with_instrumentation(check: Any) -> None:
    found = check({"annotations": 8})

    assert found.passed
    assert found.metadata["compared"].value == "nothing: no model was asked"


@pytest.mark.parametrize(("high", "passed"), [(0.01, True), (0.0, True), (-0.02, False), (None, False)])
def test_distilled_weights_that_rank_test_rows_worse_beyond_chance_are_told(high: float | None, passed: bool) -> None:
    assert checks.distillation_holds({"distilled_minus_sft_auroc_high": high}).passed is passed
