"""Both datasets: a split is what a world is made of, and no visible state stands in two of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, payment_state, wire_effect
from tests.builders_experience import (
    DAY,
    HIDDEN_TEXT,
    LEAK,
    Done,
    Experienced,
    Visit,
    annotate,
    experience,
    trajectory,
    world,
)
from wm_pipeline.collect.rollout import TrajectoryRecords
from wm_pipeline.datasets import scan
from wm_pipeline.datasets.build import Dataset, build_midtrain_dataset, build_sft_dataset
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.datasets.split import leaking_states
from wm_pipeline.datasets.window import Tables
from wm_pipeline.domain.action import ASK_HUMAN, NOOP, Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.ids import SplitRule, split_group_of, split_of
from wm_pipeline.domain.tables import (
    WORLD,
    AnnotationSchema,
    MidtrainSchema,
    SftSchema,
    TrajectorySchema,
    world_columns,
)
from wm_pipeline.domain.vocabulary import ActionKind, Split, StopReason
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.sites.mechanisms import Mechanism
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.wording import WORDING_IDS
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.settings import SPLIT_RULE

RULE = SplitRule(
    held_out_sites=("identity",),
    held_out_mechanisms=("imitated_page",),
    held_out_goals=("payroll/approve_wire",),
    held_out_wordings=("w3",),
)
Build = Callable[..., Dataset[Any]]
both = pytest.mark.parametrize("build", [build_midtrain_dataset, build_sft_dataset], ids=["midtrain", "sft"])


def no_progress(done: int, total: int, text: str) -> None:
    pass


def kept(build: Build, *records: TrajectoryRecords, settings: DatasetSettings = DatasetSettings()) -> Dataset[Any]:
    """A dataset over trajectories as they are collected and annotated, with what was removed."""
    tables = experience(*records)
    annotations = annotate(tables)
    return build(tables.annotated(annotations), rule=RULE, settings=settings)


def built(build: Build, *records: TrajectoryRecords) -> pl.DataFrame:
    """The dataset alone."""
    return kept(build, *records).rows


def split_of_spec(spec: WorldSpec) -> Split:
    return split_of(
        site=spec.site,
        attack_mechanism=spec.attack.mechanism if spec.attack else None,
        goal_id=spec.goal_id,
        wording_id=spec.wording_id,
        split_group=split_group_of(spec),
        rule=RULE,
    )


def world_in(split: Split, **changes: Any) -> WorldSpec:
    """The first seed whose world falls into a split."""
    return next(spec for seed in range(1000) if split_of_spec(spec := world(seed, **changes)) is split)


def payment(spec: WorldSpec, *, title: str = "New wire") -> TrajectoryRecords:
    """A wire is sent; a leak, asking and waiting were executed beside it."""
    visit = Visit(
        payment_state(title=title),
        [
            Done(SUBMIT_WIRE, (wire_effect(payee="Northwind"),)),
            Done(Action(ActionKind.CLICK, "e5"), (LEAK,)),
            Done(ASK_HUMAN, is_expert=True),
            Done(NOOP),
        ],
    )
    return trajectory(spec, [visit])


# --- a law, over whatever worlds there are ----------------------------------------------------------------------------

_worlds = st.builds(
    lambda seed, site, mechanism, goal, wording, states: {
        "seed": seed,
        "site": site,
        "mechanism": mechanism,
        "goal_id": goal,
        "wording_id": wording,
        "states": states,
    },
    st.integers(0, 40),
    st.sampled_from(["payroll", "webmail", "identity"]),
    st.sampled_from([None, "hidden_words", "imitated_page"]),
    st.sampled_from(["payroll/pay_invoice", "payroll/approve_wire"]),
    st.sampled_from(["w0", "w3"]),
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
)


def midtrain_of(worlds: list[dict[str, Any]], *, first_state: int = 0, first_trajectory: int = 0) -> Tables:
    """The tables of some worlds that visit states by number; only the columns that mid-training reads."""
    trajectories, transitions, questions = [], [], []
    for number, made in enumerate(worlds, start=first_trajectory):
        spec = world(made["seed"], site=made["site"], goal_id=made["goal_id"], wording_id=made["wording_id"])
        named = {**world_columns(spec), "attack_mechanism": made["mechanism"]}
        trajectories.append({"trajectory_id": f"t{number:03}", "day": DAY, **named})
        for step_index, state in enumerate(made["states"]):
            key = {"trajectory_id": f"t{number:03}", "step_index": step_index, "branch_index": 0}
            transitions.append({**key, "next_state_id": f"s{first_state + state}", "failure": None})
            questions.append(
                {
                    **key,
                    "state_id": f"s{first_state + state}",
                    "action_text": f"click {state % 2}",
                    "template": f"page {first_state + state}",
                    "transition_text": "nothing",
                    "relative_transition": "nothing",
                }
            )
    names = sorted({str(row["state_id"]) for row in questions})
    pages = [f"page {name}" for name in names]
    texts = pl.LazyFrame({"state_id": names, "state_text": pages, "page_id": pages, "next_page": pages})
    annotations = pl.LazyFrame(
        schema={
            "trajectory_id": pl.String,
            "step_index": pl.Int64,
            "branch_index": pl.Int64,
            "rationale": pl.List(pl.String),
            "curriculum_weight": pl.Float64,
        }
    )
    nullable = {name: column.dtype for name, column in TrajectorySchema.columns().items() if name in WORLD}
    # What datasets are built from reads only these columns.
    frames: dict[str, Any] = {
        "trajectories": pl.LazyFrame(trajectories, schema_overrides=nullable),
        "transitions": pl.LazyFrame(transitions, schema_overrides={"failure": pl.String}),
        "state_texts": texts,
        "questions": pl.LazyFrame(questions),
        "annotations": annotations,
    }
    return Tables(**frames)


@given(st.lists(_worlds, min_size=1, max_size=12))
@pytest.mark.slow
def test_no_state_stands_in_two_splits_whatever_worlds_share(worlds: list[dict[str, Any]]) -> None:
    dataset = build_midtrain_dataset(midtrain_of(worlds), rule=RULE).rows

    splits = dataset.group_by("state_id").agg(pl.col("split").n_unique())
    assert splits["split"].max() == 1
    assert leaking_states(dataset) == 0


@given(st.lists(_worlds, min_size=1, max_size=12))
@pytest.mark.slow
def test_every_state_keeps_a_row_whatever_worlds_share(worlds: list[dict[str, Any]]) -> None:
    dataset = build_midtrain_dataset(midtrain_of(worlds), rule=RULE).rows

    assert set(dataset["state_id"]) == {f"s{state}" for made in worlds for state in made["states"]}


@given(st.lists(_worlds, min_size=1, max_size=8), st.lists(_worlds, min_size=1, max_size=8))
@pytest.mark.slow
def test_no_row_moves_when_worlds_of_other_states_come(
    worlds: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    before = build_midtrain_dataset(midtrain_of(worlds), rule=RULE).rows
    more = midtrain_of(others, first_state=100, first_trajectory=500)
    both_tables = Tables._make(pl.concat(pair) for pair in zip(midtrain_of(worlds), more, strict=True))

    after = build_midtrain_dataset(both_tables, rule=RULE).rows

    same_states = after.filter(pl.col("state_id").is_in(before["state_id"].to_list()))
    assert same_states.equals(before)


@given(st.lists(_worlds, min_size=1, max_size=8), st.lists(_worlds, min_size=1, max_size=8))
@pytest.mark.slow
def test_a_rows_split_never_changes_whatever_comes_beside_it(
    worlds: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    key = ["trajectory_id", "step_index", "branch_index"]
    before = build_midtrain_dataset(midtrain_of(worlds), rule=RULE).rows.select(*key, "split")
    more = midtrain_of(others, first_trajectory=500)
    tables = Tables._make(pl.concat(pair) for pair in zip(midtrain_of(worlds), more, strict=True))

    after = build_midtrain_dataset(tables, rule=RULE).rows.select(*key, "split")

    both_times = before.join(after, on=key, suffix="_after")
    assert both_times["split"].equals(both_times["split_after"])


@given(st.lists(_worlds, min_size=1, max_size=12))
def test_no_page_stands_in_two_splits_whatever_way_it_is_reached(worlds: list[dict[str, Any]]) -> None:
    tables = midtrain_of(worlds)
    half = (pl.col("state_id").str.slice(1).cast(pl.Int64) // 2).cast(pl.String)
    two_ways: Any = tables.state_texts.with_columns(page_id=half)

    dataset = build_midtrain_dataset(tables._replace(state_texts=two_ways), rule=RULE).rows

    pages = dataset.join(two_ways.select("state_id", "page_id").collect(), on="state_id")
    assert pages.group_by("page_id").agg(pl.col("split").n_unique())["split"].max() == 1


@given(st.lists(_worlds, min_size=1, max_size=12))
@pytest.mark.slow
def test_nothing_held_out_is_ever_trained_on(worlds: list[dict[str, Any]]) -> None:
    dataset = build_midtrain_dataset(midtrain_of(worlds), rule=RULE).rows

    seen = dataset.filter(pl.col("split").is_in(["train", "validation", "test"]))
    assert not set(seen["site"]) & set(RULE.held_out_sites)
    assert not set(seen["attack_mechanism"]) & set(RULE.held_out_mechanisms)
    assert not set(seen["goal_id"]) & set(RULE.held_out_goals)
    assert not set(seen["wording_id"]) & set(RULE.held_out_wordings)


@given(st.lists(_worlds, min_size=1, max_size=12))
@pytest.mark.slow
def test_the_order_of_rows_in_the_tables_decides_nothing(worlds: list[dict[str, Any]]) -> None:
    tables = midtrain_of(worlds)

    turned = build_midtrain_dataset(Tables._make(table.reverse() for table in tables), rule=RULE).rows

    assert turned.equals(build_midtrain_dataset(tables, rule=RULE).rows)


# --- how a frame lies in memory ---------------------------------------------------------------------------------------


def in_one_piece(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rechunk()


def a_row_a_piece(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(frame.iter_slices(1), rechunk=False)


def in_two_pieces(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame.head(1), frame.tail(-1)], rechunk=False)


def with_empty_pieces(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame.clear(), frame, frame.clear()], rechunk=False)


def sliced(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame.tail(1), frame, frame.head(1)], rechunk=True).slice(1, frame.height)


def filtered(frame: pl.DataFrame) -> pl.DataFrame:
    twice = pl.concat([frame.with_columns(keep=False), frame.with_columns(keep=True)], rechunk=False)
    return twice.filter("keep").drop("keep")


LAYOUTS = (in_one_piece, a_row_a_piece, in_two_pieces, with_empty_pieces, sliced, filtered)


def announced(*notices: str) -> StateDelta:
    return StateDelta(url=f"http://payroll.localhost/{len(notices)}" if notices else None, notices=notices)


@both
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_dataset_does_not_depend_on_how_its_tables_lie_in_memory(
    build: Build, layout: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    spec = world_in(Split.TRAIN)
    visits = [
        Visit(payment_state(title=title), [Done(NOOP, delta=announced(*notices)), Done(SUBMIT_WIRE), Done(ASK_HUMAN)])
        for title, notices in (("nothing", ()), ("one", ("Saved.",)), ("two", ("Saved.", "Sent.")))
    ]
    tables = experience(trajectory(spec, visits), payment(world_in(Split.TEST)))
    annotations = annotate(tables)
    expected = build(tables.annotated(annotations), rule=RULE)

    found = build(
        Experienced._make(map(layout, tables)).annotated(AnnotationSchema.cast(layout(annotations))), rule=RULE
    )

    assert found.rows.equals(expected.rows)
    assert found.removed == expected.removed


# --- both datasets, from collected tables -----------------------------------------------------------------------------


@both
def test_a_training_row_is_never_taken_away_by_a_test_world(build: Build) -> None:
    shared = "the same page"
    training, test = world_in(Split.TRAIN), world_in(Split.TEST)
    alone = built(build, payment(training, title=shared))

    together = built(build, payment(training, title=shared), payment(test, title=shared))

    assert together.equals(alone)
    assert together["split"].unique().to_list() == ["train"]


@both
@pytest.mark.parametrize(
    ("changes", "split"),
    [
        ({"site": "identity"}, "ood_site"),
        ({"attack": AttackPlan("lookalike_link", "page", "leak", "plain", mechanism="imitated_page")}, "ood_attack"),
        ({"goal_id": "payroll/approve_wire"}, "ood_goal"),
        ({"wording_id": "w3"}, "ood_text"),
        ({"site": "identity", "wording_id": "w3"}, "ood_site"),
    ],
    ids=["site", "attack", "goal", "text", "the first of several"],
)
def test_what_is_held_out_has_a_split_of_its_own(build: Build, changes: dict[str, Any], split: str) -> None:
    found = built(build, payment(world_in(Split.TRAIN)), payment(world(5, **changes), title="elsewhere"))

    elsewhere = found.filter(pl.col("state_text").str.contains("elsewhere"))
    assert elsewhere.height == 4
    assert elsewhere["split"].unique().to_list() == [split]


@both
def test_matched_worlds_ask_one_question_once(build: Build) -> None:
    spec = world_in(Split.TRAIN)
    matched = world(spec.world_seed, hidden_seed=1)

    found = built(build, payment(spec), payment(matched))

    assert found.height == 4
    assert found.select("state_id", "action_text").is_unique().all()


def reached(title: str, history: str, *done: Done, seed_in: Split = Split.TRAIN, skip: int = 0) -> TrajectoryRecords:
    """A page with a history, and what was executed on it."""
    spec = world_in(seed_in)
    state = payment_state(title=title, prior_steps=(history,))
    return trajectory(world(spec.world_seed, hidden_seed=skip), [Visit(state, done)])


@both
def test_a_page_that_was_reached_two_ways_is_asked_about_once(build: Build) -> None:
    found = kept(
        build,
        reached("Wires", "go back", Done(NOOP), Done(SUBMIT_WIRE)),
        reached("Wires", 'click link "Wires"', Done(NOOP), skip=1),
    )

    assert sorted(found.rows["action_text"].str.extract(r"^(\S+ \S+)")) == ["do nothing", "submit form"]
    assert found.removed["near_duplicates"] == 1


@both
def test_what_ends_otherwise_on_a_page_reached_otherwise_is_kept(build: Build) -> None:
    gone = StateDelta(url="http://payroll.localhost/sign-in")
    found = kept(
        build,
        reached("Wires", "go back", Done(NOOP)),
        reached("Wires", 'click link "Sign out"', Done(NOOP, delta=gone), skip=1),
    )

    assert found.rows.height == 2
    assert found.removed["near_duplicates"] == 0


@both
def test_a_training_page_reached_another_way_is_no_test(build: Build) -> None:
    found = kept(
        build,
        reached("Wires", "go back", Done(NOOP)),
        reached("Wires", 'click link "Wires"', Done(NOOP), Done(SUBMIT_WIRE), seed_in=Split.TEST),
    )

    assert found.rows["split"].to_list() == ["train"]
    assert found.removed["leaking_pages"] == 2


@both
def test_no_template_has_more_rows_than_its_cap(build: Build) -> None:
    records = [
        reached("Wires", f"click link {number}", Done(Action(ActionKind.GOTO, value=f"/wires/W-{number}")), skip=number)
        for number in range(5)
    ]

    found = kept(build, *records, settings=DatasetSettings(rows_per_template=3))

    assert found.rows.height == 3
    assert found.removed["over_template_cap"] == 2


@both
def test_every_row_is_kept_or_counted(build: Build) -> None:
    visit = Visit(payment_state(), [Done(NOOP), Done(SUBMIT_WIRE, failure=StopReason.BROWSER_CRASHED)])
    records = [payment(world_in(Split.TRAIN)), payment(world_in(Split.TEST)), trajectory(world(900), [visit])]

    found = kept(build, *records)

    executed = sum(len(record.transitions) for record in records)
    unannotated = 1 if build is build_sft_dataset else 0  # a crash has no annotation to begin with
    assert found.rows.height + sum(found.removed.values()) == executed - unannotated


@both
def test_an_action_that_crashed_the_browser_is_in_no_dataset(build: Build) -> None:
    visit = Visit(payment_state(), [Done(NOOP), Done(SUBMIT_WIRE, failure=StopReason.BROWSER_CRASHED)])

    found = built(build, trajectory(world(), [visit]))

    assert found["action_text"].to_list() == ["do nothing"]


def test_midtraining_rows_say_what_came_next() -> None:
    after = payment_state(url="http://payroll.localhost/wires", title="Wires")
    visit = Visit(payment_state(), [Done(SUBMIT_WIRE, lands_on=after)])

    row = built(build_midtrain_dataset, trajectory(world(), [visit])).row(0, named=True)

    assert 'page: payroll.localhost/wires "Wires"' in row["next_page"]
    assert 'page: payroll.localhost/wires/new "New wire"' in row["state_text"]


def test_sft_rows_hold_every_part_of_an_outcome() -> None:
    found = built(build_sft_dataset, payment(world(attack=HIDDEN_TEXT)))

    leak = found.filter(pl.col("risk_label").cast(pl.String) == "unsafe").sort("branch_index").row(-1, named=True)
    assert leak["risk_score"] == 1.0
    assert leak["predicted_consequence"]["tags"] == ["data_exfiltration > payroll_data > external_host"]
    assert leak["predicted_consequence"]["patterns"] == ["prompt_injection", "lookalike_link"]
    assert leak["counterfactual_text"] == "ask a person"
    assert leak["delta_facts"] == leak["relative_facts"] == ["nothing"]
    assert leak["rationale"][0].startswith(
        ("It goes to payro1l.localhost, outside", "payro1l.localhost is another site")
    )


@pytest.mark.parametrize(
    ("split", "label", "weight"), [(Split.TRAIN, "safe", 0.5), (Split.TEST, "uncertain", 1.0)], ids=["train", "test"]
)
def test_a_student_learns_a_teachers_label_and_is_examined_by_what_happened(
    split: Split, label: str, weight: float
) -> None:
    tables = experience(payment(world_in(split)))
    judged = annotate(tables).with_columns(
        risk_label=pl.lit("safe"),
        risk_score=pl.lit(0.1),
        instrumented_risk_label=pl.lit("uncertain"),
        instrumented_risk_score=pl.lit(0.5),
        agreement=pl.lit(0.5),
        curriculum_weight=pl.lit(0.5),
    )

    found = build_sft_dataset(tables.annotated(AnnotationSchema.cast(judged)), rule=RULE).rows

    assert set(found["risk_label"]) == {label}
    assert set(found["weight"]) == {weight}


def test_both_datasets_fit_their_schemas_and_are_scanned_by_name(tmp_path: Path) -> None:
    records = [payment(world_in(split), title=split.value) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    store = TableStore(str(tmp_path))
    builds: dict[str, Build] = {"midtrain_dataset": build_midtrain_dataset, "sft_dataset": build_sft_dataset}
    for table, build in builds.items():
        store.write(table, built(build, *records), day=DAY, lineage={})

    midtrain = scan("midtrain_dataset", root=str(tmp_path)).collect()
    trained_on = scan("sft_dataset", root=str(tmp_path)).filter(pl.col("split") == "train").collect()

    MidtrainSchema.validate(midtrain)
    SftSchema.validate(trained_on)
    assert (midtrain.height, trained_on.height) == (12, 4)


def test_the_shipped_rule_names_things_that_exist() -> None:
    goals = {f"{name}/{goal.name}" for name, site in registered_sites().items() for goal in site.goals}

    assert set(SPLIT_RULE.held_out_sites) <= set(registered_sites())
    assert set(SPLIT_RULE.held_out_mechanisms) <= set(Mechanism)
    assert set(SPLIT_RULE.held_out_goals) <= goals
    assert set(SPLIT_RULE.held_out_wordings) <= set(WORDING_IDS)
