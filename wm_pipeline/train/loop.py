"""The training loop: batch, forward, losses, backward, step, log, save. Mid-training and SFT differ in data only."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import SettingsError, TrainingError
from wm_pipeline.domain.ports import Progress
from wm_pipeline.model.engine import (
    Engine,
    OptimizerSettings,
    gradient_accumulation_steps,
    learning_rate_at,
    memory_of_step,
    zero_loss,
)
from wm_pipeline.model.engines import engine_named
from wm_pipeline.model.head_registry import every_head
from wm_pipeline.model.losses import ClassBalance, counts_of, head_losses, total_loss
from wm_pipeline.model.processes import Processes, sum_over_processes
from wm_pipeline.model.prompt import StateTree
from wm_pipeline.model.reporting import MetricsFile, progress_text
from wm_pipeline.model.settings import Stage, head_weights_of
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import WorldModel
from wm_pipeline.train.batches import BatchPlan, share_of_process
from wm_pipeline.train.resume import has_resume_state, load_resume_state, save_resume_state, write_identity


@dataclass(frozen=True, slots=True)
class LoopResult:
    engine: Engine
    """Holds the trained weights."""
    steps: int
    tokens: int
    """Read in this process group since the loop began, resumed steps not included."""
    seconds: float
    first_loss: float | None
    last_loss: float | None
    trained_heads: tuple[str, ...]
    skipped_heads: tuple[str, ...]
    """Heads with a weight for which no step had a label."""


def train(
    model: WorldModel,
    plan: BatchPlan,
    *,
    stage: Stage,
    balance: ClassBalance,
    folder: Path,
    identity: str,
    processes: Processes,
    progress: Progress,
) -> LoopResult:
    """Train to `max_steps`, from the resumable state in `folder` if there is one.

    Raises TrainingError with the rows of the batch when a loss is not finite; the last saved state is kept.
    """
    settings = plan.settings
    if settings.batch_size < processes.count:
        raise SettingsError(
            f"train.batch_size: expected at least one tree for each of {processes.count} processes, "
            f"found {settings.batch_size}"
        )
    make_engine = engine_named(settings.engine)
    weights = head_weights_of(settings, stage)
    accumulation_steps = gradient_accumulation_steps(settings.batch_size, settings.micro_batch_size, processes)
    max_steps = _steps_within_budget(model, plan, balance, folder, identity, processes)
    optimizer_settings = OptimizerSettings.of(settings, gradient_accumulation_steps=accumulation_steps)
    engine = make_engine(model, optimizer_settings, processes)
    resumed = load_resume_state(engine, folder / "resume", identity=identity)
    metrics = MetricsFile(folder / "metrics.jsonl", resumed_at=resumed, is_writer=processes.is_first)
    seen: dict[str, float] = {}
    first_loss = last_loss = None
    tokens = 0
    started = time.perf_counter()

    for step in range(resumed, max_steps):
        step_started, processor_started = time.perf_counter(), time.process_time()
        trees = plan.trees_of_step(step)
        counts = counts_of(trees)
        mine = share_of_process(trees, rank=processes.rank, processes=processes.count)

        rate = learning_rate_at(step, max_steps=max_steps, settings=optimizer_settings)
        engine.set_learning_rate(rate)
        with memory_of_step(step, settings, advice=_memory_advice(folder)):
            logged = _optimizer_step(engine, mine, plan, weights, counts, balance, accumulation_steps, processes)
        step_loss = _weighted(logged, weights)
        if not math.isfinite(step_loss):
            raise TrainingError(_non_finite(step, logged, trees, folder))

        step_tokens = sum(tree.tokens for tree in trees)
        tokens += step_tokens
        seconds = time.perf_counter() - step_started
        for head in counts:
            seen[head] = seen.get(head, 0.0) + counts[head]
        first_loss = step_loss if first_loss is None else first_loss
        last_loss = step_loss
        metrics.write(
            {
                "step": step + 1,
                "max_steps": max_steps,
                "loss": step_loss,
                **{f"loss_{head}": value for head, value in logged.items()},
                "learning_rate": rate,
                "gradient_norm": engine.gradient_norm,
                "tokens": step_tokens,
                "tokens_per_second": step_tokens / seconds,
                "seconds": seconds,
                # Time of this process only: other work on the machine does not count.
                "processor_seconds": time.process_time() - processor_started,
            }
        )
        named = {str(head): value for head, value in logged.items()}
        progress(step + 1, max_steps, progress_text(named, step_tokens / seconds, max_steps - step - 1, seconds))
        is_due = settings.save_steps > 0 and (step + 1) % settings.save_steps == 0
        if is_due and step + 1 < max_steps:
            save_resume_state(engine, folder / "resume", step=step + 1, processes=processes)

    trained = tuple(head for head in every_head() if seen.get(head, 0.0) > 0 and weights.get(head, 0.0) > 0)
    return LoopResult(
        engine=engine,
        steps=max_steps,
        tokens=tokens,
        seconds=time.perf_counter() - started,
        first_loss=first_loss,
        last_loss=last_loss,
        trained_heads=trained,
        skipped_heads=tuple(head for head in every_head() if weights.get(head, 0.0) > 0 and head not in trained),
    )


def _optimizer_step(
    engine: Engine,
    trees: Sequence[StateTree],
    plan: BatchPlan,
    weights: Mapping[str, float],
    counts: Mapping[str, float],
    balance: ClassBalance,
    accumulation_steps: int,
    processes: Processes,
) -> dict[str, float]:
    """One step of the optimizer on this process's trees; each head's loss over all processes.

    A loss that is not finite is returned and not learned from.
    """
    totals: dict[str, float] = {}
    has_labels = any(weights.get(head, 0.0) > 0 for head in counts)
    logged: dict[str, float] = {}
    for number in range(accumulation_steps):
        micro_batch = trees[number::accumulation_steps]
        loss = None
        if micro_batch:
            batch = pack_trees(micro_batch, pad_id=plan.renderer.end_id).to(processes.device)
            losses = head_losses(engine(batch), batch.readouts, micro_batch, balance)
            loss = total_loss(losses, weights, counts, processes=processes.count)
            for head, part in losses.items():
                totals[head] = totals.get(head, 0.0) + float(part.total.detach())
        if number == accumulation_steps - 1:
            logged = _mean_losses(totals, counts, processes)
            if not math.isfinite(_weighted(logged, weights)):
                break
        if has_labels:
            if loss is None or processes.count > 1:
                # Processes exchange the gradients of the same weights, whichever heads their own trees have labels for.
                zero = zero_loss(engine.module)
                loss = zero if loss is None else zero + loss
            engine.backward(loss)
            engine.step()
    return logged


def _weighted(logged: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return sum(weights.get(head, 0.0) * value for head, value in logged.items())


def measure_tokens_per_second(model: WorldModel, plan: BatchPlan, balance: ClassBalance, device: torch.device) -> float:
    """Speed of forward and backward passes on one tree; the first of two passes only warms up."""
    tree = plan.sample(1)
    weights = dict.fromkeys(every_head(), 1.0)
    speed = 0.0
    for _ in range(2):
        started = time.perf_counter()
        batch = pack_trees(tree, pad_id=plan.renderer.end_id).to(device)
        loss = total_loss(head_losses(model(batch), batch.readouts, tree, balance), weights, counts_of(tree))
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        speed = batch.tokens / (time.perf_counter() - started)
    model.zero_grad(set_to_none=True)
    return speed


def _steps_within_budget(
    model: WorldModel,
    plan: BatchPlan,
    balance: ClassBalance,
    folder: Path,
    identity: str,
    processes: Processes,
) -> int:
    """The number of steps of this run; decided before the first step and stored, so that a resumed run has the same."""
    settings = plan.settings
    path = folder / "resume" / "plan.json"
    if path.exists() and has_resume_state(folder / "resume"):
        stored: int = json.loads(path.read_text())["max_steps"]
        return stored
    max_steps = settings.max_steps
    if settings.max_seconds is not None:
        sample = plan.sample(32)
        tokens_per_step = settings.batch_size * sum(tree.tokens for tree in sample) / len(sample)
        own_speed = measure_tokens_per_second(model.to(processes.device), plan, balance, processes.device)
        # All processes use the same sum; otherwise they would stop at different steps.
        speed = sum_over_processes([own_speed], processes)[0]
        max_steps = max(1, min(max_steps, int(settings.max_seconds * speed / tokens_per_step)))
    if processes.is_first:
        write_identity(folder / "resume", identity)
        replace_text(path, json.dumps({"max_steps": max_steps}))
    return max_steps


def _mean_losses(totals: Mapping[str, float], counts: Mapping[str, float], processes: Processes) -> dict[str, float]:
    """Each head's loss over all processes, divided by what was counted; every process gets the same numbers."""
    heads = [head for head in every_head() if head in counts]
    summed = sum_over_processes([totals.get(head, 0.0) for head in heads], processes)
    return {head: total / counts[head] for head, total in zip(heads, summed, strict=True)}


def _non_finite(step: int, losses: Mapping[str, float], trees: list[StateTree], folder: Path) -> str:
    bad = ", ".join(f"{head} {value!r}" for head, value in losses.items() if not math.isfinite(value))
    keys = ", ".join(action.row_key for tree in trees for action in tree.actions)
    return (
        f"the loss of step {step + 1} is not finite ({bad}); its rows are {keys}. The last good state is in "
        f"{str(folder / 'resume')!r}: look at those rows, or lower the learning rate, and run again"
    )


def _memory_advice(folder: Path) -> str:
    return (
        "Lower train.micro_batch_size (the result stays the same), set train.gradient_checkpointing, or lower "
        f"model.max_state_tokens; the last good state is in {str(folder / 'resume')!r}"
    )
