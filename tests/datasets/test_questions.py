"""Questions rendered from stored tables: one a transition, without a browser."""

from pathlib import Path

from tests.builders import SUBMIT_WIRE, asked, payment_state
from tests.builders_experience import DAY, Done, Visit, experience, trajectory, world
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.relations import ActionRelations
from wm_pipeline.domain.tables import QuestionSchema, StateTextSchema
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.questions import refresh_questions, render_sites
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

TABLES = experience(trajectory(world(), [Visit(payment_state(), [Done(SUBMIT_WIRE), Done(NOOP)])]))


def stored(folder: Path) -> Workspace:
    """What a rollout leaves behind, without its questions."""
    store = TableStore(str(folder / "data"))
    for table in ("states", "transitions", "trajectories"):
        store.write(table, TABLES._asdict()[table], day=DAY, partition="payroll", lineage={"fingerprint": "f"})
    return Workspace(StorageSettings(), store, ModelRegistry(f"sqlite:///{folder}/mlflow.db"), tiny())


def silent(done: int, total: int, text: str) -> None:
    pass


def test_rows_say_what_the_typed_question_says() -> None:
    row = TABLES.questions.row(0, named=True)
    question = asked(payment_state(), SUBMIT_WIRE)

    assert QuestionSchema.validate(TABLES.questions).height == TABLES.transitions.height
    assert StateTextSchema.validate(TABLES.state_texts)["state_text"].to_list() == [read_state(payment_state()).text]
    assert row["action_text"] == question.text
    assert row["template"] == question.template
    assert (row["request"], row["request_address"]) == ("POST to same site", "/wires")
    assert from_row(ActionRelations, row["relations"]) == question.relations
    assert row["patterns"] == [pattern.value for pattern in question.patterns]


def test_a_stored_round_is_rendered_without_a_browser(tmp_path: Path) -> None:
    workspace = stored(tmp_path)

    output = render_sites(workspace, DAY, ["payroll"], progress=silent)

    assert output.rows == 2
    assert workspace.store.read(QuestionSchema).equals(QuestionSchema.validate(TABLES.questions))
    assert workspace.store.read(StateTextSchema).equals(StateTextSchema.validate(TABLES.state_texts))


def test_what_another_version_of_the_renderer_rendered_is_rendered_again(tmp_path: Path) -> None:
    workspace = stored(tmp_path)
    old = TABLES.questions.with_columns(action_text=TABLES.questions["action_text"].str.to_uppercase())
    note = {"fingerprint": "f", "code_version": "before"}
    workspace.store.write("questions", old, day=DAY, partition="payroll", lineage=note)
    workspace.store.write("state_texts", TABLES.state_texts, day=DAY, partition="payroll", lineage=note)

    refresh_questions(workspace, [DAY])

    assert workspace.store.read(QuestionSchema).equals(QuestionSchema.validate(TABLES.questions))


def test_what_is_rendered_by_this_version_is_left_alone(tmp_path: Path) -> None:
    workspace = stored(tmp_path)
    render_sites(workspace, DAY, ["payroll"], progress=silent)
    path = Path(workspace.store.address_of(f"tables/questions/round_day={DAY}/payroll.parquet"))
    before = path.stat().st_mtime_ns

    refresh_questions(workspace, [DAY])

    assert path.stat().st_mtime_ns == before
