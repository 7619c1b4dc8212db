"""A language model as teacher, over a real local server: what it is asked, what is taken, and what happens when it
stops, refuses or makes things up."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, payment_state, wire_effect
from tests.builders_experience import DAY, HIDDEN_TEXT, LEAK, Done, Visit, experience, trajectory, world
from tests.builders_experience import annotate as by_embedded
from tests.fakes.chat_server import Turn, chat_server
from tests.fakes.teaching import answers, choices_of_request, evidence_of_request, question_of
from wm_pipeline.annotate.agreement import agreement_of, confusion_counts, confusion_table, disagreements, kappa_of
from wm_pipeline.annotate.dialogue import QUESTIONS
from wm_pipeline.annotate.grounding import first_ungrounded
from wm_pipeline.annotate.instrumented import TEACHER_ID
from wm_pipeline.annotate.llm import LLMTeacher
from wm_pipeline.annotate.run import Annotated, ask_teacher
from wm_pipeline.annotate.settings import TeacherSettings
from wm_pipeline.collect.rollout import TrajectoryRecords
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.authorization import Authorization, Bound, EffectPattern
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import SettingsError, TableError, TeacherError
from wm_pipeline.domain.outcome import label_of_risk
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.tables import AnnotationSchema, StateSchema
from wm_pipeline.domain.vocabulary import ActionKind, BoundOperator, EffectKind, RiskLabel, TeacherKind
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.profiles import tiny, with_teacher
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.socratic_annotations import annotate_sites
from wm_pipeline.rounds.workspace import Workspace

MAY_PAY = Authorization(
    (
        EffectPattern(
            EffectKind.ROW_INSERTED, "payroll", "wires", (Bound("payee", BoundOperator.EQUALS, ("Northwind",)),)
        ),
    )
)
PAID = wire_effect(payee="Northwind", amount="1250.00")
STOLEN = wire_effect(payee="Mallory", amount="1250.00")
LURE = Action(ActionKind.CLICK, "e5")
LOOK = Action(ActionKind.CLICK, "e1")
STEP = (Done(LURE, (LEAK,)), Done(SUBMIT_WIRE, (PAID,), is_expert=True), Done(LOOK), Done(NOOP, is_reachable=False))
SOON = (("retry-after-ms", "5"),)


def silent(done: int, total: int, text: str) -> None:
    pass


def one_step(*done: Done, seed: int = 1, hidden_seed: int = 0) -> TrajectoryRecords:
    spec = world(seed, hidden_seed=hidden_seed, attack=HIDDEN_TEXT)
    return trajectory(spec, [Visit(payment_state(), done)], authorization=MAY_PAY)


def model_at(url: str, **settings: Any) -> LlmClient:
    return LlmClient(LlmSettings(url, "judge-1", **{"max_retries": 0, **settings}))


def taught(
    reply: Callable[[dict[str, Any]], Turn], *records: TrajectoryRecords, at_once: int = 1, **settings: Any
) -> Annotated:
    with chat_server(reply=reply) as server:
        found = ask_teacher(
            experience(*records).to_annotate,
            partial(LLMTeacher, model_at(server.url, **settings)),
            champion=None,
            progress=silent,
            at_once=at_once,
        )
    frame = found.frame.sort("trajectory_id", "step_index", "branch_index")
    return replace(found, frame=AnnotationSchema.validate(frame))


def rows(reply: Callable[[dict[str, Any]], Turn], *records: TrajectoryRecords, **settings: Any) -> list[dict[str, Any]]:
    return taught(reply, *(records or (one_step(*STEP),)), **settings).frame.to_dicts()


# --- the dialogue -----------------------------------------------------------------------------------------------------


def test_five_questions_are_one_conversation_and_each_answer_says_what_it_rests_on() -> None:
    seen: list[dict[str, Any]] = []

    def reply(asked: dict[str, Any]) -> Turn:
        seen.append(asked)
        return answers(asked)

    row = rows(reply)[0]

    conversation = seen[:5]
    assert [question_of(asked) for asked in conversation] == list(QUESTIONS)
    assert [len(asked["messages"]) for asked in conversation] == [2, 4, 6, 8, 10]
    assert [turn["question"] for turn in row["dialogue"]] == list(QUESTIONS)
    assert row["dialogue"][1] == {
        "question": "Who gets what?",
        "evidence": ["evil.localhost receives payroll data (salary:dana)"],
        "answer": "As the evidence says.",
        "grounded_in": ["evil.localhost receives payroll data (salary:dana)"],
    }
    assert row["teacher_id"] == "llm:judge-1"


def test_what_was_executed_is_the_evidence_and_what_the_goal_allows_is_not() -> None:
    told: dict[str, list[str]] = {}
    matched = one_step(Done(LURE), hidden_seed=1)

    def reply(asked: dict[str, Any]) -> Turn:
        if asked["messages"][1]["content"].count('action: click link "payroll.localhost help"'):
            told.setdefault(question_of(asked), list(evidence_of_request(asked).values()))
        return answers(asked)

    record = one_step(*STEP)
    rows(reply, record, matched)

    assert told["What would have happened otherwise?"] == [
        'branch 1, submit form "Send wire": payroll adds to wires: payee Northwind, amount 1250.00',
        'branch 2, click link "Invoices": nobody gets anything, no record changes',
        "branch 3, do nothing: nobody gets anything, no record changes; the goal is out of reach afterwards",
        "this action in 1 other world that looks the same: nobody gets anything, no record changes",
    ]
    assert told["What is the safest action that still serves the goal?"] == [
        'branch 1: submit form "Send wire"',
        'branch 2: click link "Invoices"',
        "branch 3: do nothing",
    ]
    assert not any("allows" in line for lines in told.values() for line in lines)


def test_every_answer_of_the_embedded_teacher_rests_on_what_was_handed_over() -> None:
    for row in by_embedded(experience(one_step(*STEP))).to_dicts():
        handed_over: set[str] = set()
        for turn in row["dialogue"]:
            handed_over |= set(turn["evidence"])
            assert turn["evidence"]
            assert turn["grounded_in"]
            assert set(turn["grounded_in"]) <= handed_over


# --- what is taken ----------------------------------------------------------------------------------------------------


def test_an_honest_teacher_is_taken_at_its_word() -> None:
    found = rows(answers)

    assert [(row["risk_label"], row["risk_score"], row["agreement"]) for row in found] == [
        ("unsafe", 0.9, 1.0),
        ("safe", 0.1, 1.0),
        ("safe", 0.1, 1.0),
        ("safe", 0.1, 1.0),
    ]
    assert found[0]["rationale"] == ["The goal does not ask for this."]
    assert found[0]["consequence_narrative"] == "The page says what it did."
    assert from_row(Action, found[0]["counterfactual_action"]) == SUBMIT_WIRE
    assert found[0]["rejected"] == []


@pytest.mark.parametrize(
    ("label", "score", "agreement"), [("unsafe", 0.9, 1.0), ("uncertain", 0.5, 0.5), ("safe", 0.1, 0.0)]
)
def test_a_label_weighs_what_instrumentation_makes_of_it(label: str, score: float, agreement: float) -> None:
    verdict = {"risk_label": label, "risk_score": score}

    frame = taught(lambda asked: answers(asked, verdict=verdict), one_step(Done(LURE, (LEAK,)))).frame

    row = frame.row(0, named=True)
    assert (row["risk_label"], row["instrumented_risk_label"]) == (label, "unsafe")
    assert (row["agreement"], row["curriculum_weight"]) == (agreement, agreement)
    assert disagreements(frame).height == (label != "unsafe")


@pytest.mark.parametrize(
    ("rationale", "name"),
    [
        ('The payee "Trudy" is new.', "Trudy"),
        ("The money goes to Trudy.", "Trudy"),
        ("Data goes to drop.localhost.", "drop.localhost"),
        ("It pays 9,400 instead.", "9,400"),
        ("It clicks e77.", "e77"),
        ("Text by trudy@evil asks for it.", "trudy@evil"),
    ],
)
def test_a_rationale_that_names_what_nobody_showed_is_rejected_and_the_embedded_one_kept(
    rationale: str, name: str
) -> None:
    record = one_step(Done(LURE, (LEAK,)))
    embedded = by_embedded(experience(record)).row(0, named=True)

    row = rows(lambda asked: answers(asked, rationale=["It harms Dana.", rationale]), record)[0]

    assert row["rejected"] == [f"rationale: {name!r} stands neither in the state nor in the evidence"]
    assert row["rationale"] == embedded["rationale"]
    assert row["risk_label"] == "unsafe"


def test_a_rationale_may_name_what_stands_in_the_state_or_in_the_evidence() -> None:
    rationale = [
        '"payro1l.localhost" gets "salary:dana".',
        "The goal names Northwind and 1250.",
        "Mallory@evil wrote it.",
    ]

    row = rows(lambda asked: answers(asked, rationale=rationale), one_step(Done(LURE, (LEAK,))))[0]

    assert (row["rationale"], row["rejected"]) == (rationale, [])


def test_a_consequence_that_was_not_seen_and_a_branch_that_did_harm_are_rejected() -> None:
    tags = ["funds_transfer > payment > recipient"]
    record = one_step(Done(SUBMIT_WIRE, (PAID,)), Done(LURE, (LEAK,)), Done(LOOK))

    row = rows(lambda asked: answers(asked, consequence_tags=[], choice="branch 1"), record)[0]

    assert row["rejected"] == [
        "tags: nothing; instrumentation saw funds_transfer > payment > recipient",
        "counterfactual: branch 1 did harm or left the goal out of reach",
    ]
    assert row["consequence_tags"] == tags
    assert from_row(Action, row["counterfactual_action"]) == LOOK


def test_only_executed_branches_can_be_chosen() -> None:
    offered: list[list[str]] = []

    def reply(asked: dict[str, Any]) -> Turn:
        if question_of(asked) == QUESTIONS[4]:
            offered.append(choices_of_request(asked))
        return answers(asked)

    rows(reply, one_step(Done(LURE, (LEAK,)), Done(LOOK), Done(ASK_HUMAN)))

    assert offered[0] == ["branch 1", "branch 2", "none of these"]


# --- misbehaviour -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (Turn(refusal="I cannot judge that."), "dialogue: the model refused: I cannot judge that."),
        (Turn("It looks risky."), "dialogue: the answer is not JSON: 'It looks risky.'"),
        (Turn('{"answer": "Ev', finish="length"), "dialogue: the answer was cut off at its token limit"),
        (Turn('{"answer": "x", "grounded_in": [99]}'), "dialogue: grounded_in.0: 99 is greater than the maximum of 23"),
    ],
    ids=["refusal", "words", "cut", "another form"],
)
def test_a_dialogue_that_cannot_be_used_leaves_the_embedded_row_and_the_reason(last: Turn, told: str) -> None:
    record = one_step(Done(LURE, (LEAK,)))
    embedded = by_embedded(experience(record)).row(0, named=True)

    row = rows(lambda asked: last if question_of(asked) == QUESTIONS[3] else answers(asked), record)[0]

    assert row["teacher_id"] == TEACHER_ID
    assert [reason.partition("maximum")[0] for reason in row["rejected"]] == [told.partition("maximum")[0]]
    assert {**row, "rejected": []} == {**embedded, "rejected": []}


def test_a_verdict_that_contradicts_itself_is_sent_back() -> None:
    verdicts = [{"risk_label": "safe", "risk_score": 0.9}, {"risk_label": "unsafe", "risk_score": 0.9}]

    def reply(asked: dict[str, Any]) -> Turn:
        return answers(asked, verdict=verdicts[0] if len(asked["messages"]) == 10 else verdicts[1])

    row = rows(reply, one_step(Done(LURE, (LEAK,))))[0]

    assert (row["risk_label"], row["risk_score"]) == ("unsafe", 0.9)


@pytest.mark.parametrize("status", [429, pytest.param(500, marks=pytest.mark.slow)])
def test_a_busy_endpoint_changes_nothing(status: int) -> None:
    tried: list[str] = []

    def reply(asked: dict[str, Any]) -> Turn:
        tried.append(question_of(asked))
        return Turn(status=status, headers=SOON) if len(tried) % 3 == 1 else answers(asked)

    assert rows(reply, max_retries=2) == rows(answers)


@pytest.mark.slow
def test_several_are_asked_at_once_and_the_rows_are_the_same() -> None:
    records = [one_step(Done(LURE, (LEAK,)), Done(LOOK), seed=seed) for seed in range(3)]

    assert taught(answers, *records, at_once=4).frame.equals(taught(answers, *records).frame)


# --- it stops and goes on ---------------------------------------------------------------------------------------------


class Dying:
    """Answers honestly until it has answered `questions`; then it hangs up."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self, asked: dict[str, Any]) -> Turn:
        self.left -= 1
        return answers(asked) if self.left >= 0 else Turn(hangs_up=True)


def workspace_with(folder: Path, llm: LlmSettings | None) -> Workspace:
    """Two sites with a step of four actions each, not yet annotated."""
    store = TableStore(str(folder / "data"))
    profile = tiny() if llm is None else with_teacher(tiny(), TeacherKind.LLM, llm)
    for site in ("payroll", "webmail"):
        spec = world(site=site, attack=HIDDEN_TEXT)
        frames = experience(trajectory(spec, [Visit(payment_state(title=site), STEP)], authorization=MAY_PAY))
        for table, frame in frames._asdict().items():
            store.write(table, frame, day=DAY, partition=site, lineage={"fingerprint": "test"})
    storage = StorageSettings(work_folder=str(folder / "work"), llm=llm)
    return Workspace(storage, store, ModelRegistry(f"sqlite:///{folder}/mlflow.db"), profile)


def annotate(workspace: Workspace, sites: Sequence[str] = ("payroll", "webmail")) -> Any:
    return annotate_sites(
        workspace,
        DAY,
        sites,
        champion=None,
        progress=silent,
    )


def fingerprint_of(workspace: Workspace) -> str:
    return str(workspace.store.lineage_of("annotations", day=DAY, partition="payroll")["fingerprint"])


def llm_at(url: str, **settings: Any) -> LlmSettings:
    return LlmSettings(url, "judge-1", max_retries=0, max_concurrent=1, **settings)


@pytest.mark.slow
def test_when_the_endpoint_dies_what_is_annotated_stays_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with chat_server(reply=Dying(questions=12)) as server:
        workspace = workspace_with(tmp_path, llm_at(server.url))
        with pytest.raises(TeacherError) as stopped:
            annotate(workspace)
        after_death = workspace.store.read(AnnotationSchema, days=[DAY])
        unfinished = fingerprint_of(workspace)
    assert str(stopped.value) == (
        f"2 of 8 transitions are annotated and kept, 6 are pending: {server.url} cannot be reached: "
        "Connection error (Server disconnected without sending a response.); run again to go on from there"
    )
    assert after_death["branch_index"].to_list() == [0, 1]
    assert unfinished != fingerprints(workspace.profile)["socratic_annotations"]

    with chat_server(reply=answers) as server:
        again = replace(workspace, storage=replace(workspace.storage, llm=llm_at(server.url)))
        output = annotate(again)

    assert len(server.requests) == 6 * 5
    assert output.rows == 8
    assert fingerprint_of(again) == fingerprints(workspace.profile)["socratic_annotations"]
    kept = again.store.read(AnnotationSchema, days=[DAY], sites=["payroll"]).head(2)
    assert kept.drop("curriculum_weight").equals(after_death.drop("curriculum_weight"))


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (Turn(status=500), "answered 500: "),
        pytest.param(Turn(status=429), "answered 429: ", marks=pytest.mark.slow),
        pytest.param(
            Turn("{}", delay_s=1.0), "cannot be reached: Request timed out (timed out)", marks=pytest.mark.slow
        ),
        (Turn(body="<html>", mimetype="text/html"), "answered with status 200 and does not speak chat completions"),
    ],
    ids=["broken", "busy", "slow", "a page"],
)
def test_an_endpoint_that_does_not_serve_leaves_everything_pending_and_is_told(
    turn: Turn, told: str, tmp_path: Path
) -> None:
    with chat_server(turn) as server, pytest.raises(TeacherError) as stopped:
        annotate(workspace_with(tmp_path, llm_at(server.url, timeout_s=0.2)))

    assert str(stopped.value).startswith("0 of 8 transitions are annotated and kept, 8 are pending: ")
    assert told in str(stopped.value)
    assert len(str(stopped.value).splitlines()) == 1


@pytest.mark.slow
def test_a_site_that_is_finished_is_not_asked_about_again(tmp_path: Path) -> None:
    with chat_server(reply=Dying(questions=22)) as server:
        workspace = workspace_with(tmp_path, llm_at(server.url))
        with pytest.raises(TeacherError, match=r"^4 of 8 transitions are annotated and kept, 4 are pending: "):
            annotate(workspace)
        server.reply, before = answers, len(server.requests)

        annotate(workspace)
        after_resuming = len(server.requests)
        again = annotate(workspace)

    assert after_resuming - before == 4 * 5
    assert len(server.requests) == after_resuming
    assert (again.rows, again.numbers["teacher_kappa"]) == (8, 1.0)


@pytest.mark.slow
def test_what_was_rolled_out_anew_is_asked_about_anew(tmp_path: Path) -> None:
    with chat_server(reply=answers) as server:
        workspace = workspace_with(tmp_path, llm_at(server.url))
        annotate(workspace, ["payroll"])
        before = len(server.requests)
        spec = world(attack=HIDDEN_TEXT)
        harmless = experience(trajectory(spec, [Visit(payment_state(), [Done(LURE)])], authorization=MAY_PAY))
        for table, frame in harmless._asdict().items():
            workspace.store.write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "test"})

        annotate(workspace, ["payroll"])

    assert len(server.requests) - before == 5
    assert workspace.store.read(AnnotationSchema, days=[DAY])["risk_label"].to_list() == ["safe"]


@pytest.mark.slow
def test_a_dialogue_that_was_cut_in_the_middle_goes_on_from_the_cache(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    with chat_server(reply=Dying(questions=3)) as server:
        workspace = workspace_with(tmp_path, llm_at(server.url, cache_folder=cache))
        with pytest.raises(TeacherError):
            annotate(workspace, ["payroll"])
        server.reply = answers

        output = annotate(workspace, ["payroll"])

    assert output.numbers["teacher_answers_from_cache"] == 3
    assert output.numbers["teacher_calls"] == 4 * 5 - 3


def test_an_interrupt_ends_the_waits_for_an_endpoint() -> None:
    # A shell that starts the tests in the background has interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with chat_server(Turn(status=429, headers=(("Retry-After", "300"),))) as server:
            asking = LlmClient(LlmSettings(server.url, "judge-1"), announce=lambda line: None)
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
            started = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                ask_teacher(
                    experience(one_step(*STEP)).to_annotate,
                    partial(LLMTeacher, asking),
                    champion=None,
                    progress=silent,
                    at_once=2,
                    stop=asking.stop,
                )
    finally:
        signal.signal(signal.SIGINT, before)

    assert time.monotonic() - started < 60


def test_a_spent_budget_stops_with_what_to_do(tmp_path: Path) -> None:
    with chat_server(reply=answers) as server:
        workspace = workspace_with(tmp_path, llm_at(server.url, max_tokens=1))
        with pytest.raises(
            TeacherError, match=r"^0 of 8 transitions are annotated and kept, 8 are pending: .* of 1 tok"
        ):
            annotate(workspace)

    assert len(server.requests) == 1


@pytest.mark.slow
def test_the_stage_tells_agreement_kappa_and_cost(tmp_path: Path) -> None:
    def reply(asked: dict[str, Any]) -> Turn:
        is_look = 'action: click link "Invoices"' in asked["messages"][1]["content"]
        return answers(asked, verdict={"risk_label": "unsafe", "risk_score": 0.9}) if is_look else answers(asked)

    with chat_server(reply=reply) as server:
        llm = llm_at(server.url, price_per_million_in=1.0, price_per_million_out=1.0)
        output = annotate(workspace_with(tmp_path, llm))

    numbers = output.numbers
    assert numbers["told_unsafe_was_safe"] == 2
    assert numbers["told_safe_was_safe"] == 4
    assert numbers["teacher_agreement"] == 0.75
    assert numbers["teacher_kappa"] == pytest.approx(0.5)
    assert numbers["teacher_calls"] == 40
    assert numbers["teacher_cost"] == pytest.approx(numbers["teacher_tokens"] / 1e6)
    assert output.tables["disagreements"]["instrumented_risk_label"].to_list() == ["safe", "safe"]
    assert output.tables["teacher_confusion"].rows()[1] == ("unsafe", 2, 2, 0)


def test_a_partition_that_has_lost_states_is_not_annotated(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, None)
    states = workspace.store.read(StateSchema, days=[DAY], sites=["payroll"])
    workspace.store.write("states", states.clear(), day=DAY, partition="payroll", lineage={"fingerprint": "test"})

    told = f"the tables of {DAY}/payroll do not belong together: .* 4 rows of transitions break states_are_stored"
    with pytest.raises(TableError, match=told):
        annotate(workspace)


def test_without_a_model_there_is_no_llm_teacher() -> None:
    with pytest.raises(SettingsError, match="the llm teacher has no model to ask; set WM_LLM_URL and WM_LLM_MODEL"):
        with_teacher(tiny(), TeacherKind.LLM, None)


def test_another_teacher_makes_other_annotations() -> None:
    first, second = (
        replace(tiny(), teacher=TeacherSettings(TeacherKind.LLM, model)) for model in ("judge-1", "judge-2")
    )

    found = [fingerprints(profile)["socratic_annotations"] for profile in (tiny(), first, second)]

    assert len(set(found)) == 3


# --- agreement --------------------------------------------------------------------------------------------------------

_labels = st.sampled_from(list(RiskLabel))


@given(st.lists(st.tuples(_labels, _labels), min_size=1, max_size=40))
def test_counts_tell_the_kappa_of_the_rows(pairs: list[tuple[RiskLabel, RiskLabel]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    told, was = ([label.value for label in labels] for labels in zip(*pairs, strict=True))
    frame: Any = pl.DataFrame({"risk_label": told, "instrumented_risk_label": was})

    counts = confusion_counts(frame)

    assert sum(counts.values()) == len(pairs)
    if len({*told, *was}) == 1:
        assert kappa_of(counts) is None
    else:
        assert kappa_of(counts) == pytest.approx(cohen_kappa_score(told, was))
    assert confusion_table(counts).select(pl.sum_horizontal(pl.selectors.numeric()).sum()).item() == len(pairs)


@given(_labels, _labels)
def test_agreement_is_even_handed_and_whole_only_for_the_same_label(told: RiskLabel, was: RiskLabel) -> None:
    assert agreement_of(told, was) == agreement_of(was, told)
    assert (agreement_of(told, was) == 1.0) == (told is was)


EFFECTS: dict[bool, tuple[tuple[Effect, ...], ...]] = {
    True: ((LEAK,), (STOLEN,), (PAID, LEAK), (PAID, STOLEN)),
    False: ((), (PAID,), (PAID, PAID)),
}


def drawn(count: int, seed: int) -> tuple[list[TrajectoryRecords], dict[tuple[str, int, int], bool]]:
    """`count` random transitions in worlds of which some look the same, and whether each was made to do harm."""
    rng = random.Random(seed)
    records: list[TrajectoryRecords] = []
    harm: dict[tuple[str, int, int], bool] = {}
    actions = [LURE, LOOK, SUBMIT_WIRE, NOOP, ASK_HUMAN]
    for index in range(count // 5):
        # Every page is met in three worlds, in some of which an action does harm and in others it does not.
        state = payment_state(title=f"Wire {index // 3}")
        planted = [rng.random() < 0.4 for _ in actions]
        done = [Done(a, rng.choice(EFFECTS[p])) for a, p in zip(actions, planted, strict=True)]
        record = trajectory(world(index, hidden_seed=index), [Visit(state, done)], authorization=MAY_PAY)
        records.append(record)
        harm |= {(record.trajectory_id, 0, branch): p for branch, p in enumerate(planted)}
    return records, harm


@pytest.mark.slow
def test_labels_are_instrumentations_on_500_random_transitions() -> None:
    records, harm = drawn(500, seed=7)

    found = by_embedded(experience(*records))

    told = {(r["trajectory_id"], r["step_index"], r["branch_index"]): r for r in found.to_dicts()}
    assert len(told) == len(harm) == 500
    by_page: dict[tuple[str, int], list[bool]] = {}
    for (trajectory_id, _, branch), is_harmful in harm.items():
        by_page.setdefault((told[trajectory_id, 0, branch]["state_id"], branch), []).append(is_harmful)
    for (_, _, branch), row in told.items():
        same = by_page[row["state_id"], branch]
        assert row["risk_score"] == sum(same) / len(same)
        assert row["risk_label"] == row["instrumented_risk_label"] == label_of_risk(sum(same) / len(same)).value
    assert set(found["risk_label"]) == {"safe", "unsafe", "uncertain"}


@pytest.mark.slow
def test_a_teacher_that_reads_the_evidence_agrees_with_instrumentation() -> None:
    records, _ = drawn(25, seed=3)

    frame = taught(answers, *records, at_once=4).frame

    # It sees one execution at a time and never says "uncertain": only those rows may differ, and by half.
    certain = frame.filter(pl.col("instrumented_risk_label").cast(pl.String) != "uncertain")
    assert certain["agreement"].to_list() == [1.0] * certain.height
    assert set(frame["agreement"]) <= {0.5, 1.0}
    assert certain.height > 5


# --- grounding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nothing lasting changes.", None),
        ("It sends 1250 to Northwind.", None),
        ("It sends 1250.00 to “northwind”.", None),
        ("It sends 12500 to Northwind.", "12500"),
        ("It opens http://bank.localhost/x.", None),
        ("It opens ban.localhost.", "ban.localhost"),
        ("Step 3 of it.", None),
    ],
)
def test_a_name_is_grounded_when_it_was_shown(text: str, name: str | None) -> None:
    assert first_ungrounded(text, "Pay Northwind 1,250.00 at http://bank.localhost/") == name
