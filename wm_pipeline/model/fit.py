# ruff: noqa: N815 tensors end in their dimensions
"""The reader and the score heads, trained to the end.

A stage's steps are few, since a language model is in them. What judges is small: its lines are encoded once, so many
epochs over every question take minutes. What a language model makes of an action is read once and stays as it is
(last-layer retraining, Kirichenko et al. 2022, arXiv 2204.02937).

Dimensions: A questions, C features of an action from the language model, O outputs of all score heads.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.examples import Example, ask_about, group_by_state
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.heads import head_slices, phrases_of, pool_actions, read_heads
from wm_pipeline.model.links import QuestionGraph
from wm_pipeline.model.precision import autocast
from wm_pipeline.model.reader import pack_graphs
from wm_pipeline.model.settings import FitSettings
from wm_pipeline.model.tree import pack_trees

_LEAST_WEIGHT = 0.1
"""Of a head that a stage's own steps do not train."""
_PHRASE_DECAY = 1.0
"""A phrase is seen in few questions: without a strong penalty its weight would say what they were."""
_WARM_UP = 0.05
_MAX_NORM = 1.0
_TREES_AT_ONCE = 8
_SPREAD = 8
"""Lines by which questions of a batch may differ in length, beside chance."""


@dataclass(frozen=True, slots=True)
class _Question:
    graph: QuestionGraph
    target_O: Tensor
    known_O: Tensor
    """1 where the data has a label, else 0."""
    feature_C: Tensor | None


def fit_judgement(
    checkpoint: Checkpoint, examples: Sequence[Example], settings: FitSettings, *, seed: int, progress: Progress
) -> float | None:
    """Train the reader and every score head in place; the mean loss of the last epoch, None without a label."""
    model = checkpoint.model
    questions = _read(checkpoint, examples)
    known_O = torch.stack([one.known_O for one in questions]).any(dim=0) if questions else torch.zeros(0)
    slices = head_slices()
    trained = [head for head in slices if head in checkpoint.manifest.trained_heads and known_O[slices[head]].any()]
    if not trained:
        return None
    weight_O = torch.zeros(len(known_O), device=model.device)
    for head in trained:
        weight_O[slices[head]] = max(SCORE_HEADS[head].weight, _LEAST_WEIGHT)
    phrases = phrases_of(model.heads)
    phrases.weight.requires_grad_(True)
    deep = [*model.reader.parameters(), *(one for head in trained for one in model.heads[head].parameters())]
    optimizer = torch.optim.AdamW(
        [
            {"params": deep, "weight_decay": settings.weight_decay},
            {"params": [phrases.weight], "weight_decay": _PHRASE_DECAY},
        ]
    )
    steps = settings.epochs * math.ceil(len(questions) / settings.batch_size)
    done, mean = 0, 0.0
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("fit", seed))
        for epoch in range(settings.epochs):
            total = 0.0
            for batch in _batches(questions, settings.batch_size, seed_of("fit", seed, epoch)):
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * _share_of_rate(done, steps)
                loss = _loss(checkpoint, batch, weight_O)
                loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
                torch.nn.utils.clip_grad_norm_([*deep, phrases.weight], _MAX_NORM)
                optimizer.step()
                optimizer.zero_grad()
                done += 1
                total += float(loss.detach()) * len(batch)
            mean = total / len(questions)
            progress(epoch + 1, settings.epochs, f"reader, loss {mean:.3f}")
    phrases.weight.requires_grad_(False)
    model.eval()
    return mean


def _share_of_rate(step: int, steps: int) -> float:
    """Of the learning rate: up over the first steps, then down along a cosine."""
    return min(1.0, (step + 1) / (_WARM_UP * steps + 1)) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))


def _batches(questions: Sequence[_Question], size: int, seed: int) -> Iterator[list[_Question]]:
    """All questions, those of about the same length side by side, in an order that the seed decides."""
    random = Random(seed)
    ordered = sorted(questions, key=lambda one: len(one.graph.texts) + random.random() * _SPREAD)
    starts = list(range(0, len(ordered), size))
    random.shuffle(starts)
    for start in starts:
        yield ordered[start : start + size]


def _loss(checkpoint: Checkpoint, batch: Sequence[_Question], weight_O: Tensor) -> Tensor:
    """The weighted cross entropy of all labelled outputs, a mean over questions."""
    model = checkpoint.model
    graphs = pack_graphs([one.graph for one in batch]).to(model.device)
    with autocast(model.device, model.settings.compute):
        feature_AC = model.reader(graphs)[1].float()
    features = [one.feature_C for one in batch if one.feature_C is not None]
    if features:
        feature_AC = torch.cat([feature_AC, torch.stack(features).to(feature_AC)], dim=1)
    logit_AO = torch.cat(list(read_heads(model.heads, feature_AC, graphs).values()), dim=1)
    target_AO = torch.stack([one.target_O for one in batch]).to(logit_AO)
    known_AO = torch.stack([one.known_O for one in batch]).to(logit_AO)
    loss_AO = functional.binary_cross_entropy_with_logits(logit_AO, target_AO, reduction="none")
    return (loss_AO * known_AO * weight_O).sum() / len(batch)


@torch.inference_mode()
def _features(checkpoint: Checkpoint, examples: Sequence[Sequence[Example]]) -> Iterator[Tensor | None]:
    """What the language model makes of every action, once; None where the heads do not read it."""
    model, renderer = checkpoint.model, checkpoint.renderer
    if not model.settings.has_backbone_features:
        yield from (None for group in examples for _ in group)
        return
    for first in range(0, len(examples), _TREES_AT_ONCE):
        trees = [ask_about(group, renderer) for group in examples[first : first + _TREES_AT_ONCE]]
        batch = pack_trees(trees, pad_id=renderer.end_id).to(model.device)
        with autocast(model.device, model.settings.compute):
            hidden_BTD = model.encode(batch)
        yield from pool_actions(hidden_BTD, batch.readouts.actions).cpu().clone()


def _read(checkpoint: Checkpoint, examples: Sequence[Example]) -> list[_Question]:
    """Every distinct (state, action) once, with its labels."""
    renderer = checkpoint.renderer
    groups = group_by_state((replace(e, weight=1.0) for e in examples if e.weight > 0), actions_per_tree=16, seed=0)
    flat = [example for group in groups for example in group]
    graphs = renderer.graphs([(example.state_lines, example.action_lines) for example in flat])
    found = []
    for example, graph, feature_C in zip(flat, graphs, _features(checkpoint, groups), strict=True):
        labels = [
            target for name, head in SCORE_HEADS.items() for target in example.labels.get(name, (None,) * head.outputs)
        ]
        if graph is not None:
            target_O = torch.tensor([0.0 if label is None else label for label in labels])
            known_O = torch.tensor([float(label is not None) for label in labels])
            found.append(_Question(graph, target_O, known_O, feature_C))
    return found
