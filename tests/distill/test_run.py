"""On-policy distillation: who writes, who is told what, and that the result is never worse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from tests.builders_model import TINY_MODEL, build_rows, save_tiny_checkpoint, write_config, write_sft
from tests.forked import run_module
from wm_pipeline.distill.on_policy import DistillPlan
from wm_pipeline.distill.run import DistillRun
from wm_pipeline.distill.trees import (
    generate_texts,
    observed_text,
    teacher_outputs,
    visited_tree,
    with_privileged_context,
    with_risk_targets,
)
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.records import from_json
from wm_pipeline.domain.tables import SftSchema
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.checkpoint import Checkpoint, read_manifest
from wm_pipeline.model.examples import Example, group_by_state, sft_examples
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.settings import Compute, DistillSettings, Stage
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.serve.predictor import WorldModelPredictor

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("student") / "c", seed=2)


@pytest.fixture(scope="module")
def group() -> tuple[Example, ...]:
    frame = SftSchema.validate(pl.DataFrame(build_rows(10), schema=SftSchema.create_empty().schema))
    return group_by_state(sft_examples(frame, Split.TRAIN), actions_per_tree=2, seed=0)[0]


def plan_of(group: tuple[Example, ...], **changes: Any) -> DistillPlan:
    return DistillPlan((group,) * 5, (group,) * 7, DistillSettings(**changes))


def test_the_share_of_on_policy_steps_is_lmbda(group: tuple[Example, ...]) -> None:
    for lmbda in (0.0, 0.3, 1.0):
        share = sum(plan_of(group, lmbda=lmbda).is_on_policy(step) for step in range(500)) / 500

        assert share == pytest.approx(lmbda, abs=0.06)


def test_a_step_mixes_visited_and_replayed_states(group: tuple[Example, ...]) -> None:
    visited, replayed = plan_of(group, batch_size=4, replay_share=0.5).groups_of_step(3)
    only_visited, none = plan_of(group, batch_size=2, replay_share=0.0).groups_of_step(0)
    at_least_one, _ = plan_of(group, batch_size=2, replay_share=1.0).groups_of_step(0)

    assert (len(visited), len(replayed)) == (2, 2)
    assert (len(only_visited), len(none)) == (2, 0)
    assert len(at_least_one) == 1


def test_the_teacher_is_told_what_happened_and_the_student_is_not(
    student: Checkpoint, group: tuple[Example, ...]
) -> None:
    renderer = student.renderer
    tree = visited_tree(group, renderer)

    told = with_privileged_context(tree, group, renderer)

    observed = observed_text(group[0])
    assert observed == f"rows @site wires inserted\n{group[0].texts[Head.RATIONALE]}"
    assert observed in renderer.decode(told.actions[0].token_ids)
    assert observed not in renderer.decode(tree.actions[0].token_ids)
    assert told.actions[0].texts == tree.actions[0].texts


def test_teacher_and_student_judge_the_same_tokens(student: Checkpoint, group: tuple[Example, ...]) -> None:
    renderer = student.renderer
    tree = visited_tree(group, renderer)
    told = with_privileged_context(tree, group, renderer)

    logits_PV, risks = teacher_outputs(student, renderer, [told], ALONE)

    own = pack_trees([tree], pad_id=renderer.end_id).readouts.text_target_P
    theirs = pack_trees([told], pad_id=renderer.end_id).readouts.text_target_P
    assert own.equal(theirs)
    assert logits_PV is not None
    assert logits_PV.shape[0] == len(own) > 0
    assert len(risks) == len(group)


def test_the_student_writes_its_own_texts_at_the_same_places(student: Checkpoint, group: tuple[Example, ...]) -> None:
    renderer = student.renderer
    tree = visited_tree(group, renderer)
    settings = DistillSettings(max_new_tokens=5)

    (written,) = generate_texts(student, renderer, [tree], settings, seed=1)
    (again,) = generate_texts(student, renderer, [tree], settings, seed=1)

    assert written == again
    assert [text.head for text in written.actions[0].texts] == [text.head for text in tree.actions[0].texts]
    assert all(1 <= len(text.target_ids) <= 5 for text in written.actions[0].texts)
    assert written.actions[0].texts != tree.actions[0].texts


@pytest.mark.parametrize("compute", [Compute.FP32, Compute.BF16])
def test_writing_leaves_the_weights_as_they_were(tmp_path: Path, group: tuple[Example, ...], compute: Compute) -> None:
    student = save_tiny_checkpoint(tmp_path / "c", seed=2, settings=replace(TINY_MODEL, compute=compute))
    before = {name: (weight, weight.clone()) for name, weight in student.model.named_parameters()}
    tree = visited_tree(group, student.renderer)

    generate_texts(student, student.renderer, [tree], DistillSettings(max_new_tokens=3), seed=1)

    for name, weight in student.model.named_parameters():
        assert weight is before[name][0]
        assert weight.equal(before[name][1])
    assert student.model.training


def test_the_risk_target_lies_between_label_and_teacher(student: Checkpoint, group: tuple[Example, ...]) -> None:
    unlabelled = replace(group[1], labels={})
    labelled = replace(group[0], labels={**group[0].labels, Head.RISK: (1.0,)})
    tree = visited_tree((labelled, unlabelled), student.renderer)

    (mixed,) = with_risk_targets([tree], [0.5, 0.3], DistillSettings(label_share=0.8))

    assert mixed.actions[0].labels[Head.RISK][0] == pytest.approx(0.9)
    assert mixed.actions[1].labels[Head.RISK][0] == pytest.approx(0.3)


def test_sharded_weights_are_refused_before_anything_starts(tmp_path: Path) -> None:
    run = run_of(tmp_path, tmp_path, tmp_path)
    text = write_config(tmp_path / "c.json", run).read_text().replace('"zero_stage": 1', '"zero_stage": 3')

    with pytest.raises(InvalidInputError, match="expected 0, 1 or 2, found 3"):
        from_json(DistillRun, text, what="config")


def run_of(data: Path, student: Path, folder: Path, **changes: Any) -> DistillRun:
    values: dict[str, Any] = {"max_steps": 10, "batch_size": 6, "max_new_tokens": 6, "threads": 1} | changes
    return DistillRun(
        visited_paths=(str(data / "visited.parquet"),),
        dataset_paths=(str(data / "sft.parquet"),),
        output_folder=str(folder),
        student_checkpoint=str(student),
        data_version="d2",
        code_version="c1",
        distill=DistillSettings(**values),
    )


def start(config: Path) -> dict[str, Any]:
    done = run_module("wm_pipeline.distill.run", ["--config", str(config)], config.parent)
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_sft(folder / "sft.parquet", 60)
    write_sft(folder / "visited.parquet", 40, seed=5)
    return folder


@pytest.mark.slow
def test_a_distilled_checkpoint_is_better_on_validation_rows_and_predicts(data: Path, tmp_path: Path) -> None:
    student = save_tiny_checkpoint(tmp_path / "student", seed=2)
    run = run_of(data, tmp_path / "student", tmp_path / "out", learning_rate=5e-3, max_steps=30)

    result = start(write_config(tmp_path / "c.json", run))

    assert result["kept"]
    assert result["risk_loss_after"] <= result["risk_loss_before"]
    assert 0 < result["on_policy_steps"] < 30
    assert result["generated_tokens"] > 0
    assert result["last_divergence"] is not None
    manifest = read_manifest(tmp_path / "out" / "checkpoint")
    assert (manifest.stage, manifest.parents) == (Stage.DISTILL, (student.manifest.model_version,))
    assert manifest.calibration.rows == result["validation"]["rows"] > 0
    assert WorldModelPredictor.load(tmp_path / "out" / "checkpoint").model_version == result["model_version"]
    assert len((tmp_path / "out" / "metrics.jsonl").read_text().splitlines()) == 30


@pytest.mark.slow
def test_a_step_in_parts_is_the_same_step(data: Path, tmp_path: Path) -> None:
    student = save(tmp_path / "student")
    metrics = []
    for micro_batch_size in (None, 4, 1):
        folder = tmp_path / str(micro_batch_size)
        run = run_of(data, student, folder, learning_rate=5e-3, max_steps=4, micro_batch_size=micro_batch_size)
        start(write_config(tmp_path / "c.json", run))
        metrics.append([json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()])

    whole, *others = metrics
    for other in others:
        for name in ("loss", "loss_risk", "loss_divergence", "tokens", "is_on_policy"):
            assert [row[name] for row in other] == pytest.approx([row[name] for row in whole], rel=1e-4)


@pytest.mark.slow
def test_a_checkpoint_that_got_worse_keeps_the_weights_it_came_from(data: Path, tmp_path: Path) -> None:
    first = start(
        write_config(
            tmp_path / "a.json",
            run_of(data, save(tmp_path / "student"), tmp_path / "good", learning_rate=5e-3, max_steps=30),
        )
    )
    good = Path(first["checkpoint"])

    result = start(write_config(tmp_path / "b.json", run_of(data, good, tmp_path / "bad", learning_rate=1.0)))

    assert not result["kept"]
    assert result["risk_loss_after"] > result["risk_loss_before"]
    assert result["validation"]["risk_loss"] == result["risk_loss_before"]
    left, right = (load_file(folder / "judge.safetensors") for folder in (good, Path(result["checkpoint"])))
    assert all(left[name].equal(right[name]) for name in left)
    assert result["parents"][0] == first["model_version"]


def save(folder: Path) -> Path:
    save_tiny_checkpoint(folder, seed=2)
    return folder
