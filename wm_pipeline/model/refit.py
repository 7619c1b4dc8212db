# ruff: noqa: N815 tensors end in their dimensions
"""The score heads fitted to convergence on what the trained backbone reads.

A laptop has time for few steps, and the last layer needs the most. Fitted alone it is cheap: its features are read
once, and a convex problem remains (last-layer retraining, Kirichenko et al. 2022, arXiv 2204.02937, on the training
rows themselves). The phrases of the action's text, its wide part (model/heads.py), are fitted together with it.
Measured in docs/decisions/0008.

Dimensions: N actions, Q phrases of all actions, P phrases that are kept, F features (D hidden ones, then P), O outputs
of all score heads, D hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit, logit

from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.examples import Example, ask_about, group_by_state
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.heads import head_slices, linear_of, phrases_of, pool_actions
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import autocast

Floats = NDArray[np.float64]

STRENGTHS = (10.0, 30.0)
"""Inverse strengths of the penalty; validation rows choose one for each head."""
_HIDDEN_SCALE = 0.3
"""Norm of an action's hidden features; that of its phrases is 1. Hidden features are fitted twice, here and by the
backbone, so they are penalised more."""
_FEWEST_ACTIONS = 2
"""A phrase of one training action says nothing about others."""
_TREES_AT_ONCE = 8
_JITTER = 1e-9
"""Added to the diagonal so that equal rows can be factorized; the norm of a row is about 1."""
_PRECISION = {"maxiter": 200, "ftol": 1e-6}
"""Steps that move the loss by less than a millionth are not worth their time."""


@dataclass(frozen=True, slots=True)
class _Rows:
    hidden_ND: Floats
    phrases: Any
    """Sparse [N, all buckets]; a row has norm 1 unless a phrase occurs twice."""
    targets_NO: Floats
    known_NO: Floats
    """1 where the data has a label, else 0."""


@torch.inference_mode()
def refit_heads(checkpoint: Checkpoint, train: Sequence[Example], validation: Sequence[Example]) -> dict[str, float]:
    """Replace the weights of every trained score head; returns the strength each one took.

    A strength is chosen by the cross entropy on validation rows; the first one where there are none.
    """
    heads = checkpoint.model.eval().heads
    seen = _read(checkpoint, train)
    unseen = _read(checkpoint, validation) if validation else None
    mean_D = seen.hidden_ND.mean(axis=0)
    scale_D = _HIDDEN_SCALE / ((seen.hidden_ND.std(axis=0) + 1e-3) * len(mean_D) ** 0.5)
    kept_P = np.flatnonzero((seen.phrases > 0).sum(axis=0) >= _FEWEST_ACTIONS)

    def features(rows: _Rows) -> tuple[Floats, Any]:
        return (rows.hidden_ND - mean_D) * scale_D, rows.phrases[:, kept_P]

    fits = _fit_all(features(seen), seen)
    chosen: dict[str, float] = {}
    for head, part in head_slices().items():
        if head not in checkpoint.manifest.trained_heads or not seen.known_NO[:, part].any():
            continue
        best = 0
        if unseen is not None and unseen.known_NO[:, part].any():
            losses = [_losses(_logits(fit, features(unseen)), unseen)[part].sum() for fit in fits]
            best = int(np.argmin(losses))
        weight_FO, bias_O = fits[best].weight_FO[:, part], fits[best].bias_O[part]
        weight_DO = weight_FO[: len(mean_D)] * scale_D[:, None]
        linear = linear_of(heads, head)
        linear.weight.copy_(torch.from_numpy(weight_DO.T))
        linear.bias.copy_(torch.from_numpy(bias_O - mean_D @ weight_DO))
        table = phrases_of(heads).weight
        table[:, part] = 0.0
        table[torch.from_numpy(kept_P).to(table.device), part] = torch.from_numpy(weight_FO[len(mean_D) :]).to(table)
        chosen[head] = STRENGTHS[best]
    return chosen


def _read(checkpoint: Checkpoint, examples: Sequence[Example]) -> _Rows:
    """Features and labels of every distinct (state, action), each once."""
    model, renderer = checkpoint.model, checkpoint.renderer
    groups = group_by_state((replace(e, weight=1.0) for e in examples if e.weight > 0), actions_per_tree=16, seed=0)
    # Trees of one length side by side: a batch is as wide as its longest.
    asked = sorted(((ask_about(group, renderer), group) for group in groups), key=lambda pair: pair[0].tokens)
    hidden: list[Floats] = []
    owners: list[Any] = []
    buckets: list[Any] = []
    done = 0
    for first in range(0, len(asked), _TREES_AT_ONCE):
        trees = [tree for tree, _ in asked[first : first + _TREES_AT_ONCE]]
        batch = pack_trees(trees, pad_id=renderer.end_id).to(model.device)
        with autocast(model.device, model.settings.compute):
            hidden_BTD = model.encode(batch)
        spans = batch.readouts.actions
        hidden.append(pool_actions(hidden_BTD, spans).double().cpu().numpy())
        owner_Q, bucket_Q = phrases_of(model.heads).find(batch.rows.token_ids_BT, spans)
        owners.append(owner_Q.cpu().numpy() + done)
        buckets.append(bucket_Q.cpu().numpy())
        done += len(spans.row_A)
    owner, bucket = np.concatenate(owners), np.concatenate(buckets)
    length = 1 / np.sqrt(np.bincount(owner, minlength=done))[owner]
    labels = [_targets(example) for _, group in asked for example in group]
    return _Rows(
        np.concatenate(hidden),
        csr_array((length, (owner, bucket)), shape=(done, phrases_of(model.heads).weight.shape[0])),
        np.array([[0.0 if value is None else value for value in row] for row in labels]),
        np.array([[float(value is not None) for value in row] for row in labels]),
    )


def _targets(example: Example) -> list[float | None]:
    """The targets of all outputs, head after head; None where the data has no label."""
    return [target for name, head in SCORE_HEADS.items() for target in example.labels.get(name, (None,) * head.outputs)]


@dataclass(frozen=True, slots=True)
class _Fit:
    weight_FO: Floats
    bias_O: Floats


def _fit_all(features: tuple[Floats, Any], rows: _Rows) -> list[_Fit]:
    """One fit for each of STRENGTHS.

    With fewer rows than features the best weights are combinations of rows (representer theorem; Schoelkopf, Herbrich
    and Smola 2001), so one number is fitted for each row: with features X, X X' = L L' and weights X' inv(L') v, logits
    are L v and the penalty is that of v.
    """
    hidden_ND, phrases = features
    count = len(hidden_ND)
    is_wide = count < hidden_ND.shape[1] + phrases.shape[1]
    fitted_on = features
    if is_wide:
        similarity_NN = hidden_ND @ hidden_ND.T + (phrases @ phrases.T).toarray()
        factor_NN = cholesky(similarity_NN + _JITTER * np.eye(count), lower=True)
        fitted_on = factor_NN, csr_array((count, 0))
    fits: list[_Fit] = []
    for strength in STRENGTHS:
        fits.append(_fit(fitted_on, rows, strength, start=fits[-1] if fits else None))
    if not is_wide:
        return fits
    shares = [solve_triangular(factor_NN, fit.weight_FO, lower=True, trans="T") for fit in fits]
    return [
        _Fit(np.concatenate([hidden_ND.T @ share_NO, phrases.T @ share_NO]), fit.bias_O)
        for fit, share_NO in zip(fits, shares, strict=True)
    ]


def _logits(fit: _Fit, features: tuple[Floats, Any]) -> Floats:
    hidden_ND, phrases = features
    size = hidden_ND.shape[1]
    logits_NO: Floats = hidden_ND @ fit.weight_FO[:size] + phrases @ fit.weight_FO[size:] + fit.bias_O
    return logits_NO


def _losses(logits_NO: Floats, rows: _Rows) -> Floats:
    """Summed cross entropy of every output."""
    losses_NO = np.logaddexp(0, logits_NO) - rows.targets_NO * logits_NO
    summed_O: Floats = (losses_NO * rows.known_NO).sum(axis=0)
    return summed_O


def _fit(features: tuple[Floats, Any], rows: _Rows, strength: float, *, start: _Fit | None) -> _Fit:
    """The minimum of cross entropy plus |weights|^2 / (2 strength); every output is fitted by itself."""
    hidden_ND, phrases = features
    outputs = rows.targets_NO.shape[1]
    size = hidden_ND.shape[1] + phrases.shape[1]
    if start is None:
        rate_O = (rows.targets_NO * rows.known_NO).sum(axis=0) / np.maximum(1, rows.known_NO.sum(axis=0))
        start = _Fit(np.zeros((size, outputs)), logit(np.clip(rate_O, 1e-3, 1 - 1e-3)))
    # An output that never varies stays at its base rate.
    varies_O = np.ptp(np.where(rows.known_NO > 0, rows.targets_NO, rows.targets_NO.mean(axis=0)), axis=0) > 0
    some = replace(rows, targets_NO=rows.targets_NO[:, varies_O], known_NO=rows.known_NO[:, varies_O])
    phrases_transposed = phrases.T.tocsr()

    def unpacked(x: Floats) -> _Fit:
        weights = x.reshape(size + 1, -1)
        return _Fit(weights[:-1], weights[-1])

    def objective(x: Floats) -> tuple[float, Floats]:
        fit = unpacked(x)
        logits_NO = _logits(fit, features)
        slope_NO = (expit(logits_NO) - some.targets_NO) * some.known_NO
        slope_FO = np.concatenate([hidden_ND.T @ slope_NO, phrases_transposed @ slope_NO]) + fit.weight_FO / strength
        value = _losses(logits_NO, some).sum() + np.square(fit.weight_FO).sum() / (2 * strength)
        return float(value), np.concatenate([slope_FO, slope_NO.sum(axis=0)[None]]).ravel()

    first = np.concatenate([start.weight_FO[:, varies_O], start.bias_O[None, varies_O]]).ravel()
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options=_PRECISION)
    fitted = _Fit(start.weight_FO.copy(), start.bias_O.copy())
    fitted.weight_FO[:, varies_O], fitted.bias_O[varies_O] = unpacked(found.x).weight_FO, unpacked(found.x).bias_O
    return fitted
