"""What a step trains on, what a run costs, and what a wrong configuration is told; all without DeepSpeed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.builders import action_in
from tests.builders_model import build_rows, tiny_run, tiny_train, write_config, write_sft
from wm_pipeline.domain.errors import CheckpointError, InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.tables import SftSchema
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.backbone import build_tiny_tokenizer
from wm_pipeline.model.engine import OptimizerSettings, learning_rate_at
from wm_pipeline.model.examples import Example, group_by_state, midtrain_examples, read_dataset, sft_examples
from wm_pipeline.model.losses import class_balance, counts_of
from wm_pipeline.model.prompt import PromptRenderer
from wm_pipeline.model.settings import Decay, Stage, TrainSettings, head_weights_of
from wm_pipeline.train.batches import plan_batches, share_of_process
from wm_pipeline.train.resume import check_identity, write_identity
from wm_pipeline.train.run import main

OPTIMIZER = OptimizerSettings(1.0, 0.1, Decay.COSINE, 0.0, 1.0, 1)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    frame = SftSchema.validate(pl.DataFrame(build_rows(40), schema=SftSchema.create_empty().schema))
    return sft_examples(frame, Split.TRAIN)


@pytest.fixture(scope="module")
def renderer() -> PromptRenderer:
    return PromptRenderer(build_tiny_tokenizer(), max_state_tokens=96)


def test_with_equal_weights_every_example_is_seen_once_an_epoch(
    examples: list[Example], renderer: PromptRenderer
) -> None:
    sizes = {key: sum(e.state_id == key for e in examples) for key in {e.state_id for e in examples}}
    even = [replace(example, weight=1.0 / sizes[example.state_id]) for example in examples]
    plan = plan_batches(even, renderer, tiny_train(batch_size=6))

    steps = int(plan.steps_per_epoch)
    keys = [action.row_key for step in range(steps) for tree in plan.trees_of_step(step) for action in tree.actions]

    assert steps * 6 == len(plan.groups)
    assert sorted(keys) == sorted(example.row_key for example in examples)


def test_a_state_comes_as_often_as_its_weight_says_and_counts_that_much_less(
    examples: list[Example], renderer: PromptRenderer
) -> None:
    first = examples[0].state_id
    weighted = [replace(example, weight=5.0 if example.state_id == first else 1.0) for example in examples]
    plan = plan_batches(weighted, renderer, tiny_train())
    heaviest = {example.row_key: example.weight for example in weighted if example.state_id == first}

    seen: dict[str, list[float]] = {}
    epochs = 50
    for tree in (plan._tree(position) for position in range(epochs * len(plan.groups))):
        for action in tree.actions:
            seen.setdefault(action.row_key, []).append(action.weight)

    assert set(seen) == {example.row_key for example in examples}
    for example in weighted:
        assert sum(seen[example.row_key]) / epochs == pytest.approx(example.weight, rel=0.25)
    assert all(len(seen[key]) > 2 * epochs for key in heaviest)


def test_a_step_is_a_function_of_seed_and_step(examples: list[Example], renderer: PromptRenderer) -> None:
    settings = tiny_train()
    first, again = (plan_batches(examples, renderer, settings) for _ in range(2))
    other = plan_batches(examples, renderer, replace(settings, seed=1))

    assert first.trees_of_step(7) == again.trees_of_step(7)
    assert first.trees_of_step(7) != other.trees_of_step(7)
    assert first.trees_of_step(0) != first.trees_of_step(len(first.groups) // settings.batch_size)


def test_processes_share_a_step_without_overlap(examples: list[Example], renderer: PromptRenderer) -> None:
    trees = plan_batches(examples, renderer, tiny_train(batch_size=5)).trees_of_step(0)

    shares = [share_of_process(trees, rank=rank, processes=2) for rank in range(2)]

    assert sorted(map(len, shares)) == [2, 3]
    assert {id(tree) for share in shares for tree in share} == {id(tree) for tree in trees}


def test_texts_are_trained_for_the_given_share_of_actions(examples: list[Example], renderer: PromptRenderer) -> None:
    plan = plan_batches(examples, renderer, tiny_train(text_share=0.25))
    actions = [action for tree in plan.sample(len(plan.groups)) for action in tree.actions]

    share = sum(bool(action.texts) for action in actions) / len(actions)

    assert 0.15 < share < 0.35


def test_both_stages_write_what_changed_relative_to_where_the_agent_stands() -> None:
    row = {
        **build_rows(3)[8],
        "delta_facts": ["url payroll.localhost/vendors", "request POST payroll.localhost"],
        "relative_facts": ["url @target", "request POST @site"],
        "transition_text": "url payroll.localhost/vendors; appeared: Vendors, North",
        "relative_transition": "url @target; appeared: Vendors, North",
        "next_page": "page: payroll.localhost/vendors",
    }

    rows: Any = pl.DataFrame([row])
    sft, mid = sft_examples(rows, Split.TRAIN), midtrain_examples(rows, Split.TRAIN)

    assert sft[0].texts[Head.STATE_DELTA] == "url @target\nrequest POST @site"
    assert mid[0].texts[Head.NEXT_STATE] == "url @target; appeared: Vendors, North\npage: payroll.localhost/vendors"


def test_deltas_may_be_trained_for_more_actions_than_other_texts(
    examples: list[Example], renderer: PromptRenderer
) -> None:
    def heads(**settings: float) -> list[set[str]]:
        plan = plan_batches(examples, renderer, tiny_train(**settings))
        trees = plan.sample(len(plan.groups))
        return [{text.head for text in action.texts} for tree in trees for action in tree.actions]

    usual, more = heads(text_share=0.25), heads(text_share=0.25, delta_share=1.0)

    assert all(Head.STATE_DELTA in trained for trained in more)
    assert [trained - {Head.STATE_DELTA} for trained in more] == [trained - {Head.STATE_DELTA} for trained in usual]
    assert heads(text_share=0.25, delta_share=0.25) == usual


def test_a_text_beyond_the_limit_is_left_out_and_never_cut(examples: list[Example], renderer: PromptRenderer) -> None:
    long = replace(examples[0], texts={Head.RATIONALE: "word " * 500, Head.STATE_DELTA: "nothing"})

    tree = plan_batches([long], renderer, tiny_train(text_share=1.0)).trees_of_step(0)[0]

    assert [text.head for text in tree.actions[0].texts] == [Head.STATE_DELTA]


def test_the_same_action_in_the_same_state_becomes_one_with_the_mean_label(examples: list[Example]) -> None:
    harmful = replace(examples[0], labels={**examples[0].labels, Head.RISK: (1.0,)}, weight=1.0)
    harmless = replace(harmful, labels={**harmful.labels, Head.RISK: (0.0,)}, weight=3.0, row_key="other")

    (group,) = group_by_state([harmful, harmless], actions_per_tree=4, seed=0)

    assert len(group) == 1
    assert group[0].labels[Head.RISK][0] == 0.25
    assert group[0].weight == 4.0


def test_many_actions_of_a_state_are_shared_out_evenly(examples: list[Example]) -> None:
    many = [replace(examples[0], action_lines=action_in(f"click {n}")) for n in range(5)]

    groups = group_by_state(many, actions_per_tree=4, seed=0)

    assert sorted(map(len, groups)) == [2, 3]


def test_the_rare_class_weighs_as_much_as_the_frequent_one(examples: list[Example], renderer: PromptRenderer) -> None:
    harmless = [e for e in examples if e.labels[Head.RISK][0] == 0.0]
    harmful = [e for e in examples if e.labels[Head.RISK][0] == 1.0]
    plan = plan_batches([*harmless, *harmful[: len(harmless) // 4]], renderer, tiny_train())

    balance = class_balance(plan.examples)

    assert balance.risk_positive_weight == pytest.approx(4.0)


def test_a_head_without_labels_is_not_counted(examples: list[Example], renderer: PromptRenderer) -> None:
    plan = plan_batches(examples, renderer, tiny_train(text_share=0.0))

    assert set(counts_of(plan.trees_of_step(0))) == {Head.RISK, Head.TAGS, Head.COUNTERFACTUAL}


def test_head_weights_are_the_stages_unless_given() -> None:
    assert Head.RISK in head_weights_of(TrainSettings(), Stage.SFT)
    assert set(head_weights_of(TrainSettings(), Stage.MIDTRAIN)) == {Head.NEXT_STATE, Head.RATIONALE}


@pytest.mark.parametrize("decay", list(Decay))
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(decay: Decay) -> None:
    settings = replace(OPTIMIZER, decay=decay)
    rates = [learning_rate_at(step, max_steps=100, settings=settings) for step in range(101)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.1)


def test_an_interrupted_run_does_not_go_on_with_other_settings(tmp_path: Path) -> None:
    write_identity(tmp_path, '{"learning_rate": 1.0, "seed": 0}')

    with pytest.raises(CheckpointError) as caught:
        check_identity(tmp_path, '{"learning_rate": 0.5, "seed": 0}')

    assert str(caught.value) == (
        f"the interrupted run in {str(tmp_path)!r} differs in learning_rate (1.0 there, 0.5 now); "
        "delete that folder to start again, or go on with its settings"
    )


def test_a_dry_run_tells_the_cost_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_sft(tmp_path / "sft.parquet", 150)
    config = write_config(tmp_path / "c.json", tiny_run(dataset, tmp_path / "out"))

    code = main(["--config", str(config), "--dry-run"])

    cost = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (cost["steps"], cost["rows"], cost["trees"]) == (6, 360, 90)
    assert cost["seconds"] > 0
    assert not (tmp_path / "out").exists()


def test_a_wrong_field_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path / "c.json", tiny_run(tmp_path / "d", tmp_path / "out"))
    values = json.loads(config.read_text())
    values["train"]["batch_size"] = 0
    config.write_text(json.dumps(values))

    assert main(["--config", str(config)]) == 1
    assert capsys.readouterr().err.startswith(
        "config.train: value error, batch_size: expected a number above 0, found 0"
    )


def test_a_missing_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingUpstreamError, match="expected parquet files of the dataset, found none at"):
        read_dataset([str(tmp_path / "none.parquet")], SftSchema)


def test_rows_of_another_form_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "x.parquet")

    with pytest.raises(InvalidInputError, match="do not have the form of SftSchema: 33 missing columns"):
        read_dataset([str(tmp_path / "x.parquet")], SftSchema)
