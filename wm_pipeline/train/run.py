"""Train one stage in its own process: `python -m wm_pipeline.train.run --config config.json`, alone or under torchrun.

The output folder holds `checkpoint/`, `metrics.jsonl` (one line a step) and `result.json`; while it runs, `resume/`.
"""

import json
import shutil
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.tables import MidtrainSchema, SftSchema
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.backbone import load_backbone
from wm_pipeline.model.checkpoint import (
    CHECKPOINT_FORMAT,
    Checkpoint,
    Manifest,
    load_checkpoint,
    probe_logits,
    reload_difference,
    save_checkpoint,
)
from wm_pipeline.model.examples import Example, kinds_of_judged, midtrain_examples, read_dataset, sft_examples
from wm_pipeline.model.fit import fit_judgement
from wm_pipeline.model.head_registry import every_head
from wm_pipeline.model.heads import start_at_base_rates
from wm_pipeline.model.losses import class_balance
from wm_pipeline.model.processes import Processes, join_processes
from wm_pipeline.model.reporting import progress_lines, run_process
from wm_pipeline.model.settings import ModelSettings, Stage, TrainSettings
from wm_pipeline.model.validation import report_row, store_report, validate_checkpoint
from wm_pipeline.model.world_model import WorldModel
from wm_pipeline.train.batches import BatchPlan, plan_batches
from wm_pipeline.train.loop import LoopResult, measure_tokens_per_second, train
from wm_pipeline.train.parameters import freeze_parameters, merge_adapters
from wm_pipeline.train.resume import identity_of

RUN_FORMAT = 2


@dataclass(frozen=True, slots=True)
class TrainRun:
    """The JSON configuration of one training process."""

    __pydantic_config__ = STRICT

    stage: Stage
    dataset_paths: tuple[str, ...]
    """Parquet files of midtrain_dataset or sft_dataset."""
    output_folder: str
    cache_folder: str
    """Holds the converted embedded base model; shared by all runs."""
    data_version: str
    code_version: str
    initial_checkpoint: str | None = None
    """Folder to go on from; None starts from the base model."""
    model: ModelSettings = field(default_factory=ModelSettings)
    """Settings of a run from the base model; a run from a checkpoint takes the checkpoint's."""
    train: TrainSettings = field(default_factory=TrainSettings)
    max_validation_rows: int = 400
    format_version: int = RUN_FORMAT

    def __post_init__(self) -> None:
        if self.stage not in {Stage.MIDTRAIN, Stage.SFT}:
            raise SettingsError(f"stage: expected 'midtrain' or 'sft', found {self.stage.value!r}")
        if self.format_version != RUN_FORMAT:
            raise SettingsError(f"format_version: this code reads {RUN_FORMAT}, found {self.format_version!r}")


@dataclass(frozen=True, slots=True)
class _Prepared:
    start: Checkpoint
    parents: tuple[str, ...]
    plan: BatchPlan
    validation: list[Example]
    rows: int
    truncated_share: float


def run_training(config: TrainRun) -> dict[str, Any]:
    """Train the stage and return what result.json holds."""
    processes = join_processes(threads=config.train.threads)
    prepared = _prepare(config)
    folder = Path(config.output_folder)
    balance = class_balance(prepared.plan.examples)
    model = prepared.start.model
    if config.stage is Stage.SFT and Head.TAGS not in prepared.start.manifest.trained_heads:
        start_at_base_rates(model.heads, balance.tag_rates)
    identity = identity_of(
        config.train,
        model=json.dumps(asdict(prepared.start.manifest.model)),
        stage=config.stage.value,
        data_version=config.data_version,
        code_version=config.code_version,
        parent=prepared.start.manifest.model_version,
        rows=digest(*(example.row_key for example in prepared.plan.examples)),
        # Each process holds a part of the optimizer's state.
        processes=processes.count,
    )
    adapters = freeze_parameters(model, config.train)
    with progress_lines(folder.name, processes) as progress:
        outcome = train(
            model,
            prepared.plan,
            stage=config.stage,
            balance=balance,
            folder=folder,
            identity=identity,
            processes=processes,
            progress=progress,
        )
        merge_adapters(model, adapters)
        weights = outcome.engine.weights()
        if not processes.is_first:
            return {}
        result = _finish(config, prepared, outcome, weights, processes, progress)
    replace_text(folder / "result.json", json.dumps(result, indent=1) + "\n")
    shutil.rmtree(folder / "resume")
    return result


def _prepare(config: TrainRun) -> _Prepared:
    if config.stage is Stage.MIDTRAIN:
        examples_of = partial(midtrain_examples, read_dataset(config.dataset_paths, MidtrainSchema))
    else:
        examples_of = partial(sft_examples, read_dataset(config.dataset_paths, SftSchema))
    start = _start(config)
    parents = () if config.initial_checkpoint is None else (start.manifest.model_version, *start.manifest.parents)
    examples = examples_of(Split.TRAIN)
    plan = plan_batches(examples, start.renderer, config.train)
    sample = plan.sample(64)
    return _Prepared(
        start=start,
        parents=parents,
        plan=plan,
        validation=examples_of(Split.VALIDATION),
        rows=len(examples),
        truncated_share=sum(tree.is_truncated for tree in sample) / len(sample),
    )


def _start(config: TrainRun) -> Checkpoint:
    if config.initial_checkpoint is not None:
        return load_checkpoint(Path(config.initial_checkpoint), for_training=True)
    backbone = load_backbone(config.model, cache_folder=Path(config.cache_folder), seed=config.train.seed)
    manifest = Manifest(
        format_version=CHECKPOINT_FORMAT,
        model_version="base",
        stage=config.stage,
        step=0,
        seed=config.train.seed,
        model=config.model,
        stage_settings="{}",
        code_version=config.code_version,
        data_version=config.data_version,
        parents=(),
        tag_paths=TAG_PATHS,
        trained_heads=(),
    )
    model = WorldModel(backbone.model, config.model, seed=config.train.seed)
    return Checkpoint(manifest, model.train(), backbone.tokenizer)


def _finish(
    config: TrainRun,
    prepared: _Prepared,
    outcome: LoopResult,
    weights: dict[str, torch.Tensor],
    processes: Processes,
    progress: Progress,
) -> dict[str, Any]:
    """Save, reload and compare the checkpoint, then calibrate the reloaded one."""
    start = prepared.start
    folder = Path(config.output_folder) / "checkpoint"
    trained = [head for head in every_head() if head in {*start.manifest.trained_heads, *outcome.trained_heads}]
    manifest = Manifest(
        format_version=CHECKPOINT_FORMAT,
        model_version="",
        stage=config.stage,
        step=outcome.steps,
        seed=config.train.seed,
        model=start.manifest.model,
        stage_settings=json.dumps(asdict(config.train)),
        code_version=config.code_version,
        data_version=config.data_version,
        parents=prepared.parents,
        tag_paths=TAG_PATHS,
        trained_heads=tuple(trained),
        trained_kinds=kinds_of_judged(prepared.plan.examples),
    )
    manifest = save_checkpoint(folder, manifest=manifest, model=start.model, tokenizer=start.tokenizer, weights=weights)
    differences: list[float] = []
    if not outcome.engine.is_sharded:
        differences.append(reload_difference(folder, probe_logits(start)))
    if config.stage is Stage.SFT:
        fitted = load_checkpoint(folder, for_training=True)
        fitted.model.to(processes.device)
        fit_judgement(fitted, prepared.plan.examples, config.train.fit, seed=config.train.seed, progress=progress)
        manifest = save_checkpoint(folder, manifest=manifest, model=fitted.model, tokenizer=fitted.tokenizer)
        differences.append(reload_difference(folder, probe_logits(fitted)))
    report = None
    if config.stage is Stage.SFT:
        report = validate_checkpoint(
            folder,
            prepared.validation,
            max_rows=config.max_validation_rows,
            target_miss_rate=config.train.target_miss_rate,
            device=processes.device,
        )
        store_report(folder, manifest, report)
    return {
        "format_version": RUN_FORMAT,
        "stage": config.stage.value,
        "checkpoint": str(folder),
        "model_version": manifest.model_version,
        "parents": list(manifest.parents),
        "steps": outcome.steps,
        "epochs": outcome.steps / prepared.plan.steps_per_epoch,
        "rows": prepared.rows,
        "trees": len(prepared.plan.groups),
        "truncated_share": prepared.truncated_share,
        "tokens": outcome.tokens,
        "seconds": outcome.seconds,
        "tokens_per_second": None if not outcome.tokens else outcome.tokens / outcome.seconds,
        "processes": processes.count,
        "first_loss": outcome.first_loss,
        "last_loss": outcome.last_loss,
        "trained_heads": list(outcome.trained_heads),
        "skipped_heads": list(outcome.skipped_heads),
        "reload_difference": max(differences, default=None),
        "validation": None if report is None else report_row(report),
    }


def estimate(config: TrainRun) -> dict[str, Any]:
    """Estimate the steps, tokens and seconds of a run in one process, from one measured tree."""
    torch.set_num_threads(config.train.threads)
    prepared = _prepare(config)
    plan = prepared.plan
    sample = plan.sample(32)
    tokens_per_step = config.train.batch_size * sum(tree.tokens for tree in sample) / len(sample)
    balance = class_balance(plan.examples)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    speed = measure_tokens_per_second(prepared.start.model.to(device), plan, balance, device)
    steps = config.train.max_steps
    if config.train.max_seconds is not None:
        steps = max(1, min(steps, int(config.train.max_seconds * speed / tokens_per_step)))
    return {
        "stage": config.stage.value,
        "rows": prepared.rows,
        "trees": len(plan.groups),
        "steps": steps,
        "epochs": steps / plan.steps_per_epoch,
        "tokens_per_step": tokens_per_step,
        "tokens": steps * tokens_per_step,
        "tokens_per_second": speed,
        "seconds": steps * tokens_per_step / speed,
        "truncated_share": prepared.truncated_share,
    }


def main(arguments: list[str] | None = None) -> int:
    return run_process(TrainRun, run_training, arguments, module=__spec__.name, about=__doc__, estimate=estimate)


if __name__ == "__main__":
    sys.exit(main())
