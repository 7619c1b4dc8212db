"""Distill one checkpoint in its own process: `python -m wm_pipeline.distill.run --config config.json`.

The output folder holds `checkpoint/`, `metrics.jsonl` and `result.json`. The checkpoint is never worse than the one it
started from: when the risk loss on validation rows did not fall, it holds that one's weights, and `kept` says so.
"""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from wm_pipeline.distill.on_policy import DistillPlan, DistillResult, distill
from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import CheckpointError, SettingsError, TrainingError
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.tables import SftSchema
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    probe_logits,
    reload_difference,
    save_checkpoint,
)
from wm_pipeline.model.examples import Example, group_by_state, read_dataset, sft_examples
from wm_pipeline.model.fit import fit_judgement
from wm_pipeline.model.head_registry import every_head
from wm_pipeline.model.losses import class_balance
from wm_pipeline.model.processes import Processes, join_processes
from wm_pipeline.model.reporting import progress_lines, run_process
from wm_pipeline.model.settings import DistillSettings, Stage
from wm_pipeline.model.validation import ValidationReport, report_row, store_report, validate_checkpoint

RUN_FORMAT = 2


@dataclass(frozen=True, slots=True)
class DistillRun:
    """The JSON configuration of one distillation process."""

    __pydantic_config__ = STRICT

    visited_paths: tuple[str, ...]
    """Parquet files in the form of sft_dataset: states that the student visited under the guard, actions executed."""
    dataset_paths: tuple[str, ...]
    """Parquet files of sft_dataset: training rows to replay, validation rows to compare on."""
    output_folder: str
    student_checkpoint: str
    data_version: str
    code_version: str
    teacher_checkpoint: str | None = None
    """None: a frozen copy of the student, which is told what happened."""
    distill: DistillSettings = field(default_factory=DistillSettings)
    max_validation_rows: int = 400
    format_version: int = RUN_FORMAT

    def __post_init__(self) -> None:
        if self.format_version != RUN_FORMAT:
            raise SettingsError(f"format_version: this code reads {RUN_FORMAT}, found {self.format_version!r}")
        if self.distill.zero_stage > 2:
            raise SettingsError(
                "distill.zero_stage: the student writes with whole weights, expected 0, 1 or 2, found 3"
            )


def run_distillation(config: DistillRun) -> dict[str, Any]:
    """Distill and return what result.json holds."""
    processes = join_processes(threads=config.distill.threads)
    settings = config.distill
    student = load_checkpoint(Path(config.student_checkpoint), for_training=True)
    teacher = _load_teacher(config, student)
    dataset = read_dataset(config.dataset_paths, SftSchema)
    visited = sft_examples(read_dataset(config.visited_paths, SftSchema), Split.TRAIN)
    replay = sft_examples(dataset, Split.TRAIN)
    validation = sft_examples(dataset, Split.VALIDATION)
    plan = DistillPlan(
        visited=tuple(group_by_state(visited, actions_per_tree=settings.actions_per_tree, seed=settings.seed)),
        replay=tuple(group_by_state(replay, actions_per_tree=settings.actions_per_tree, seed=settings.seed)),
        settings=settings,
    )
    if not plan.visited:
        raise TrainingError(
            "expected visited states of split 'train' to distill on, found none; visit worlds of the training split"
        )
    balance = class_balance(example for group in (*plan.visited, *plan.replay) for example in group)
    folder = Path(config.output_folder)
    with progress_lines(Stage.DISTILL.value, processes) as progress:
        outcome = distill(
            student, teacher, plan, balance=balance, folder=folder, processes=processes, progress=progress
        )
        weights = outcome.engine.weights()
        if not processes.is_first:
            return {}
        result = _finish(config, student, outcome, weights, replay, validation, processes, progress)
    result |= {"visited_rows": len(visited), "visited_trees": len(plan.visited), "replay_rows": len(replay)}
    replace_text(folder / "result.json", json.dumps(result, indent=1) + "\n")
    return result


def _load_teacher(config: DistillRun, student: Checkpoint) -> Checkpoint:
    teacher = load_checkpoint(Path(config.teacher_checkpoint or config.student_checkpoint))
    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise CheckpointError(
            f"teacher {teacher.manifest.model_version!r} has another tokenizer than student "
            f"{student.manifest.model_version!r}; take a teacher of the same base family"
        )
    teacher.model.requires_grad_(False)
    return teacher


def _finish(
    config: DistillRun,
    student: Checkpoint,
    outcome: DistillResult,
    weights: dict[str, Any],
    replay: list[Example],
    validation: list[Example],
    processes: Processes,
    progress: Progress,
) -> dict[str, Any]:
    """Compare with the checkpoint it came from on validation rows, and save the better of the two."""
    settings = config.distill
    folder = Path(config.output_folder) / "checkpoint"

    def validate(path: Path) -> ValidationReport:
        return validate_checkpoint(
            path,
            validation,
            max_rows=config.max_validation_rows,
            target_miss_rate=settings.target_miss_rate,
            device=processes.device,
        )

    trained = {*student.manifest.trained_heads, Head.RISK}
    manifest = replace(
        student.manifest,
        stage=Stage.DISTILL,
        step=outcome.steps,
        seed=settings.seed,
        stage_settings=json.dumps(asdict(settings)),
        code_version=config.code_version,
        data_version=config.data_version,
        parents=(student.manifest.model_version, *student.manifest.parents),
        trained_heads=tuple(head for head in every_head() if head in trained),
    )
    before = validate(Path(config.student_checkpoint))
    saved = save_checkpoint(
        folder, manifest=manifest, model=student.model, tokenizer=student.tokenizer, weights=weights
    )
    fitted = load_checkpoint(folder, for_training=True)
    fitted.model.to(processes.device)
    fit_judgement(fitted, replay, settings.fit, seed=settings.seed, progress=progress)
    saved = save_checkpoint(folder, manifest=manifest, model=fitted.model, tokenizer=fitted.tokenizer)
    after = report = validate(folder)
    # Without validation rows nothing shows that it is not worse.
    kept = before.risk_loss is not None and after.risk_loss is not None and after.risk_loss <= before.risk_loss
    published = fitted
    if not kept:
        published = load_checkpoint(Path(config.student_checkpoint), for_training=True)
        saved = save_checkpoint(folder, manifest=manifest, model=published.model, tokenizer=student.tokenizer)
        report = before
    store_report(folder, saved, report)
    return {
        "format_version": RUN_FORMAT,
        "stage": Stage.DISTILL.value,
        "checkpoint": str(folder),
        "model_version": saved.model_version,
        "parents": list(saved.parents),
        "kept": kept,
        "risk_loss_before": before.risk_loss,
        "risk_loss_after": after.risk_loss,
        "risk_auroc_before": before.risk_auroc,
        "risk_auroc_after": after.risk_auroc,
        "steps": outcome.steps,
        "on_policy_steps": outcome.on_policy_steps,
        "generated_tokens": outcome.generated_tokens,
        "tokens": outcome.tokens,
        "seconds": outcome.seconds,
        "processes": processes.count,
        "first_divergence": outcome.first_divergence,
        "last_divergence": outcome.last_divergence,
        "last_loss": outcome.last_loss,
        "reload_difference": reload_difference(folder, probe_logits(published)),
        "validation": report_row(report),
    }


def main(arguments: list[str] | None = None) -> int:
    return run_process(DistillRun, run_distillation, arguments, module=__spec__.name, about=__doc__)


if __name__ == "__main__":
    sys.exit(main())
