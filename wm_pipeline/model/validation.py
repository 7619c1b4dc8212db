"""Scores of a checkpoint on validation rows, and the calibration and thresholds that are fitted to them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.calibration import (
    UNSAFE_LABEL,
    Calibration,
    Thresholds,
    best_tag_threshold,
    choose_execute_below,
    fit_calibration,
)
from wm_pipeline.model.checkpoint import Checkpoint, Manifest, load_checkpoint, update_manifest
from wm_pipeline.model.decode import predict_trees
from wm_pipeline.model.examples import Example, ask_about, group_by_state


@dataclass(frozen=True, slots=True)
class ValidationScores:
    risk_logits: tuple[float, ...]
    risk_scores: tuple[float, ...]
    tag_probabilities: tuple[tuple[float, ...], ...]
    tags: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True)
class ValidationReport:
    __pydantic_config__ = STRICT

    rows: int
    risk_loss: float | None
    """Cross entropy of the calibrated probability against the soft label; None without rows."""
    risk_auroc: float | None
    """None when only one class occurs."""
    tag_f1: float | None
    """Micro F1 at the chosen threshold; None without any tag."""
    calibration: Calibration
    thresholds: Thresholds


def score_examples(checkpoint: Checkpoint, examples: Sequence[Example], *, max_rows: int) -> ValidationScores:
    """Raw risk and tags of labelled examples; of more than `max_rows` the first by state id (a hash) are taken."""
    labelled = [example for example in examples if Head.RISK in example.labels]
    renderer = checkpoint.renderer
    # One group a state: validation is about every distinct (state, action), each once.
    groups = group_by_state((replace(example, weight=1.0) for example in labelled), actions_per_tree=16, seed=0)
    taken: list[tuple[Example, ...]] = []
    for group in groups:
        if sum(map(len, taken)) < max_rows:
            taken.append(group)
    trees = [ask_about(group, renderer) for group in taken]
    predicted = [p for tree in predict_trees(checkpoint.model, renderer, trees, max_new_tokens=1) for p in tree]
    flat = [example for group in taken for example in group]
    return ValidationScores(
        risk_logits=tuple(p.risk_logit for p in predicted),
        risk_scores=tuple(e.labels[Head.RISK][0] for e in flat),
        tag_probabilities=tuple(tuple(torch.sigmoid(torch.tensor(p.tag_logits)).tolist()) for p in predicted),
        tags=tuple(tuple(tag >= 0.5 for tag in e.labels.get(Head.TAGS, (0.0,) * len(TAG_PATHS))) for e in flat),
    )


def fit_to_validation(scores: ValidationScores, *, target_miss_rate: float) -> ValidationReport:
    """Calibration and thresholds from scored rows, and what they reach on them."""
    if not scores.risk_scores:
        return ValidationReport(0, None, None, None, Calibration(), Thresholds())
    calibration = fit_calibration(scores.risk_logits, scores.risk_scores)
    probabilities = [calibration.probability(logit) for logit in scores.risk_logits]
    execute_below, unsafe_rows, is_guaranteed = choose_execute_below(
        probabilities, scores.risk_scores, target_miss_rate=target_miss_rate
    )
    tag_from = best_tag_threshold(scores.tag_probabilities, scores.tags)
    return ValidationReport(
        rows=len(scores.risk_scores),
        risk_loss=risk_loss(scores, calibration),
        risk_auroc=_auroc(scores),
        tag_f1=_tag_f1(scores, tag_from),
        calibration=calibration,
        thresholds=Thresholds(execute_below, target_miss_rate, unsafe_rows, is_guaranteed, tag_from),
    )


def validate_checkpoint(
    folder: Path, examples: Sequence[Example], *, max_rows: int, target_miss_rate: float, device: torch.device
) -> ValidationReport:
    """Score a saved checkpoint as it will be served, and fit its calibration and thresholds."""
    checkpoint = load_checkpoint(folder)
    checkpoint.model.to(device)
    return fit_to_validation(score_examples(checkpoint, examples, max_rows=max_rows), target_miss_rate=target_miss_rate)


def risk_loss(scores: ValidationScores, calibration: Calibration) -> float:
    logit_N = torch.tensor(scores.risk_logits, dtype=torch.float64) * calibration.scale + calibration.shift
    target_N = torch.tensor(scores.risk_scores, dtype=torch.float64)
    return float(torch.nn.functional.binary_cross_entropy_with_logits(logit_N, target_N))


def store_report(folder: Path, manifest: Manifest, report: ValidationReport) -> Manifest:
    """Write calibration and thresholds into the checkpoint's manifest."""
    updated = replace(manifest, calibration=report.calibration, thresholds=report.thresholds)
    update_manifest(folder, updated)
    return updated


def report_row(report: ValidationReport) -> dict[str, object]:
    return asdict(report)


def _auroc(scores: ValidationScores) -> float | None:
    from sklearn.metrics import roc_auc_score

    labels = [risk >= UNSAFE_LABEL for risk in scores.risk_scores]
    return None if len(set(labels)) < 2 else float(roc_auc_score(labels, scores.risk_logits))


def _tag_f1(scores: ValidationScores, tag_from: float) -> float | None:
    truth_NG = torch.tensor(scores.tags)
    predicted_NG = torch.tensor(scores.tag_probabilities) >= tag_from
    if not truth_NG.any():
        return None
    return 2 * int((truth_NG & predicted_NG).sum()) / int(truth_NG.sum() + predicted_NG.sum())
