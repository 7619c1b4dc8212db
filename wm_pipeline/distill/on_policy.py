# ruff: noqa: N815 tensors end in their dimensions
"""On-policy distillation: the student writes about states that it visited, and a teacher that was told what happened
gives the target distribution of each token (generalized knowledge distillation, arXiv 2306.13649, algorithm 1).

The teacher reads the executed transition in the action's text (privileged context), so it need not know more than the
student to be right. Risk is distilled too: towards the instrumented label, mixed with the teacher's own probability.
Replayed training rows keep the score heads from forgetting.

Dimensions: P predicted text tokens, V vocabulary.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from torch import Tensor

from wm_pipeline.distill.trees import (
    generate_texts,
    teacher_outputs,
    visited_tree,
    with_privileged_context,
    with_risk_targets,
    without_texts,
)
from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.divergence import generalized_jsd
from wm_pipeline.model.engine import (
    Engine,
    OptimizerSettings,
    gradient_accumulation_steps,
    learning_rate_at,
    memory_of_step,
    zero_loss,
)
from wm_pipeline.model.engines import engine_named
from wm_pipeline.model.examples import Example
from wm_pipeline.model.head_registry import SCORE_HEADS
from wm_pipeline.model.losses import ClassBalance, counts_of, head_losses, total_loss
from wm_pipeline.model.processes import Processes, sum_over_processes
from wm_pipeline.model.prompt import PromptRenderer, StateTree
from wm_pipeline.model.reporting import MetricsFile, progress_text
from wm_pipeline.model.settings import DistillSettings, Stage, own_weights
from wm_pipeline.model.tree import pack_trees

_MEMORY_ADVICE = "Lower distill.micro_batch_size (the result stays the same) or model.max_state_tokens"


@dataclass(frozen=True, slots=True)
class DistillPlan:
    visited: tuple[tuple[Example, ...], ...]
    """States the student visited, with what was observed there."""
    replay: tuple[tuple[Example, ...], ...]
    """Training rows of the dataset."""
    settings: DistillSettings

    def is_on_policy(self, step: int) -> bool:
        return Random(seed_of("on-policy", self.settings.seed, step)).random() < self.settings.lmbda

    def groups_of_step(self, step: int) -> tuple[list[tuple[Example, ...]], list[tuple[Example, ...]]]:
        """Visited and replayed groups of a step: a function of seed and step."""
        replayed = round(self.settings.batch_size * self.settings.replay_share) if self.replay else 0
        # One visited state at least: without it nothing is distilled.
        replayed = min(replayed, self.settings.batch_size - 1)
        visited = self.settings.batch_size - replayed
        return (
            _sample_groups(self.visited, "visited", step * visited, visited, self.settings.seed),
            _sample_groups(self.replay, "replay", step * replayed, replayed, self.settings.seed),
        )


@dataclass(frozen=True, slots=True)
class DistillResult:
    engine: Engine
    steps: int
    tokens: int
    generated_tokens: int
    on_policy_steps: int
    seconds: float
    first_divergence: float | None
    last_divergence: float | None
    last_loss: float | None


def distill(
    student: Checkpoint,
    teacher: Checkpoint,
    plan: DistillPlan,
    *,
    balance: ClassBalance,
    folder: Path,
    processes: Processes,
    progress: Progress,
) -> DistillResult:
    """Train the student in place. Raises TrainingError with the rows of the batch when the loss is not finite."""
    settings = plan.settings
    renderer = student.renderer
    accumulation_steps = gradient_accumulation_steps(settings.batch_size, settings.micro_batch_size, processes)
    optimizer_settings = OptimizerSettings.of(settings, gradient_accumulation_steps=accumulation_steps)
    teacher.model.eval().to(processes.device)
    engine = engine_named(settings.engine)(student.model, optimizer_settings, processes)
    metrics = MetricsFile(folder / "metrics.jsonl", resumed_at=0, is_writer=processes.is_first)
    tokens = generated_tokens = on_policy_steps = 0
    first_divergence = last_divergence = last_loss = None
    started = time.perf_counter()

    for step in range(settings.max_steps):
        step_started = time.perf_counter()
        all_visited, all_replayed = plan.groups_of_step(step)
        is_on_policy = plan.is_on_policy(step)
        visited = all_visited[processes.rank :: processes.count]
        replayed = all_replayed[processes.rank :: processes.count]

        student_trees = [visited_tree(group, renderer) for group in visited]
        if is_on_policy:
            student_trees = generate_texts(
                student, renderer, student_trees, settings, seed=seed_of("write", settings.seed, step)
            )
        teacher_trees = [
            with_privileged_context(tree, group, renderer) for tree, group in zip(student_trees, visited, strict=True)
        ]
        replay = [without_texts(visited_tree(group, renderer)) for group in replayed]
        batches = _batches(
            teacher, renderer, student_trees, teacher_trees, replay, settings, accumulation_steps, processes
        )
        trees = [tree for batch in batches for tree in batch.trees]

        rate = learning_rate_at(step, max_steps=settings.max_steps, settings=optimizer_settings)
        engine.set_learning_rate(rate)
        with memory_of_step(step, settings, advice=_MEMORY_ADVICE):
            logged = _optimizer_step(engine, batches, renderer, balance, settings, processes)
        step_loss = _weighted(logged, settings)
        if not math.isfinite(step_loss):
            keys = ", ".join(example.row_key for group in (*all_visited, *all_replayed) for example in group)
            raise TrainingError(
                f"the loss of step {step + 1} is not finite ({logged}); its rows are {keys}. Nothing was saved: "
                "look at those rows, or lower the learning rate, and run again"
            )

        step_tokens = sum(tree.tokens for tree in trees)
        tokens += step_tokens
        on_policy_steps += is_on_policy
        generated_tokens += _text_tokens(trees) if is_on_policy else 0
        divergence = logged.get("divergence")
        first_divergence = divergence if first_divergence is None else first_divergence
        last_divergence = divergence if divergence is not None else last_divergence
        last_loss = step_loss
        seconds = time.perf_counter() - step_started
        metrics.write(
            {
                "step": step + 1,
                "max_steps": settings.max_steps,
                "loss": step_loss,
                **{f"loss_{name}": value for name, value in logged.items()},
                "is_on_policy": int(is_on_policy),
                "learning_rate": rate,
                "tokens": step_tokens,
                "tokens_per_second": step_tokens / seconds,
                "seconds": seconds,
            }
        )
        left = settings.max_steps - step - 1
        progress(step + 1, settings.max_steps, progress_text(logged, step_tokens / seconds, left, seconds))

    return DistillResult(
        engine=engine,
        steps=settings.max_steps,
        tokens=tokens,
        generated_tokens=generated_tokens,
        on_policy_steps=on_policy_steps,
        seconds=time.perf_counter() - started,
        first_divergence=first_divergence,
        last_divergence=last_divergence,
        last_loss=last_loss,
    )


def _sample_groups(
    groups: Sequence[tuple[Example, ...]], name: str, first: int, count: int, seed: int
) -> list[tuple[Example, ...]]:
    taken = []
    for position in range(first, first + count):
        epoch, place = divmod(position, len(groups))
        order = list(range(len(groups)))
        Random(seed_of(name, seed, epoch)).shuffle(order)
        taken.append(groups[order[place]])
    return taken


def _count(trees: Sequence[StateTree]) -> dict[str, float]:
    return {head: count for head, count in counts_of(trees).items() if head in SCORE_HEADS}


def _text_tokens(trees: Sequence[StateTree]) -> int:
    return sum(len(text.target_ids) for tree in trees for action in tree.actions for text in action.texts)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The trees of one pass: visited trees, with the teacher's logits for their texts, then replayed trees."""

    trees: tuple[StateTree, ...]
    teacher_logits_PV: Tensor | None


def _batches(
    teacher: Checkpoint,
    renderer: PromptRenderer,
    student_trees: Sequence[StateTree],
    teacher_trees: Sequence[StateTree],
    replay: Sequence[StateTree],
    settings: DistillSettings,
    count: int,
    processes: Processes,
) -> list[_Batch]:
    """A step's trees of this process in `count` batches of nearly equal size."""
    batches = []
    for number in range(count):
        logits_PV, risks = teacher_outputs(teacher, renderer, teacher_trees[number::count], processes)
        visited = with_risk_targets(student_trees[number::count], risks, settings)
        batches.append(_Batch((*visited, *replay[(number - len(student_trees)) % count :: count]), logits_PV))
    return batches


def _optimizer_step(
    engine: Engine,
    batches: Sequence[_Batch],
    renderer: PromptRenderer,
    balance: ClassBalance,
    settings: DistillSettings,
    processes: Processes,
) -> dict[str, float]:
    """One step of the optimizer; each part of the loss over all processes.

    A loss that is not finite is returned and not learned from.
    """
    trees = [tree for batch in batches for tree in batch.trees]
    # Ranks may hold unequal numbers of trees; one without any still takes part with a loss of zero.
    local = _count(trees)
    counted = sum_over_processes([local.get(head, 0.0) for head in SCORE_HEADS] + [_text_tokens(trees)], processes)
    counts = {head: count for head, count in zip(SCORE_HEADS, counted, strict=False) if count > 0}
    text_count = counted[-1]
    totals: dict[str, float] = {}
    logged: dict[str, float] = {}
    for number, batch in enumerate(batches, start=1):
        loss, undivided = _loss(engine, batch, renderer, counts, text_count, balance, settings, processes)
        totals = {name: totals.get(name, 0.0) + undivided.get(name, 0.0) for name in totals | undivided}
        if number == len(batches):
            logged = _logged(totals, counts, text_count, processes)
            if not math.isfinite(_weighted(logged, settings)):
                break
        engine.backward(loss)
        engine.step()
    return logged


def _loss(
    engine: Engine,
    read: _Batch,
    renderer: PromptRenderer,
    counts: Mapping[str, float],
    text_count: float,
    balance: ClassBalance,
    settings: DistillSettings,
    processes: Processes,
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch of this process, and its undivided parts for the log."""
    zero = zero_loss(engine.module)
    if not read.trees:
        return zero, {}
    batch = pack_trees(read.trees, pad_id=renderer.end_id).to(processes.device)
    outputs = engine(batch)
    # Texts are matched by the divergence; only the score heads have labels to learn from.
    scored = [without_texts(tree) for tree in read.trees]
    no_texts = replace(batch.readouts, text_target_P=batch.readouts.text_target_P[:0])
    losses = head_losses(outputs, no_texts, scored, balance)
    parts = {str(head): float(part.total.detach()) for head, part in losses.items()}
    scores = total_loss(losses, _weights(settings), counts, processes=processes.count)
    loss = zero if scores is None else zero + scores
    if read.teacher_logits_PV is not None and text_count > 0:
        divergence_P = generalized_jsd(
            read.teacher_logits_PV,
            outputs.text_logits_PV.float(),
            beta=settings.beta,
            temperature=settings.temperature,
        )
        parts["divergence"] = float(divergence_P.detach().sum())
        loss = loss + divergence_P.sum() * (settings.text_weight * processes.count / text_count)
    return loss, parts


def _logged(
    parts: dict[str, float], counts: dict[str, float], text_count: float, processes: Processes
) -> dict[str, float]:
    names = [str(head) for head in SCORE_HEADS if head in counts]
    divisors = [counts[head] for head in SCORE_HEADS if head in counts]
    if text_count > 0:
        names.append("divergence")
        divisors.append(text_count)
    totals = sum_over_processes([parts.get(name, 0.0) for name in names], processes)
    return {name: total / divisor for name, total, divisor in zip(names, totals, divisors, strict=True)}


def _weights(settings: DistillSettings) -> dict[str, float]:
    """Loss weights as in SFT, except for risk."""
    return own_weights(Stage.SFT) | {Head.RISK: settings.risk_weight}


def _weighted(logged: dict[str, float], settings: DistillSettings) -> float:
    weights = {**_weights(settings), "divergence": settings.text_weight}
    return sum(weights.get(name, 0.0) * value for name, value in logged.items())
