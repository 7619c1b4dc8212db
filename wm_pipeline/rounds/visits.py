"""States that a student visits under its own guard: what it is distilled on."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.annotate.run import ExperienceTables, annotate_partition
from wm_pipeline.collect.run import CollectPlan, collect_partitions
from wm_pipeline.collect.worker import Assignment
from wm_pipeline.collect.writer import CollectedFrames
from wm_pipeline.datasets.build import build_sft_dataset
from wm_pipeline.datasets.questions import render_questions
from wm_pipeline.datasets.window import Tables
from wm_pipeline.domain.action import ASK_HUMAN
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Policy, Progress
from wm_pipeline.domain.tables import SftSchema
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.guard.policy import GuardedPolicy
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import Opening, open_environment
from wm_pipeline.rounds.models import guard_of
from wm_pipeline.rounds.names import VISITED
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.workspace import Workspace
from wm_pipeline.rounds.worlds import own_sites


class _Frames:
    """Keeps in memory the tables that collection would write: these rollouts are no partition of a day."""

    def __init__(self) -> None:
        self.frames: dict[str, Any] = {}

    def write_tables(
        self, frames: Mapping[str, dy.DataFrame[Any]], *, day: str, partition: str, lineage: Mapping[str, Any]
    ) -> list[str]:
        self.frames |= frames
        return list(frames)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Drops pictures of failed steps: they are no training data."""


def guarded_policy(checkpoint: str, name: str) -> Policy:
    """A policy that acts under the guard of a checkpoint; made in the worker that uses it."""
    from wm_pipeline.serve.predictor import WorldModelPredictor

    guard = guard_of(WorldModelPredictor.load(checkpoint))
    # Two differences from the evaluation, where nothing is executed after a refusal and another action may be proposed
    # on the same page. A step is recorded, with its branches, only when something is executed; and a second refusal on
    # a page would only record the same page again.
    return GuardedPolicy(make_policy(name), guard, instead=ASK_HUMAN, has_one_refusal_a_page=True)


def collect_visited(workspace: Workspace, day: str, student: Path, *, progress: Progress) -> dy.DataFrame[SftSchema]:
    """Rows of the SFT format for states the student visits under its guard, labelled by the effects of execution.

    Only worlds of the training split are visited; branches are executed as in collection.
    """
    profile = workspace.profile
    sites = [site for site in own_sites(profile) if site not in profile.split_rule.held_out_sites]
    each = max(1, profile.distill_worlds // max(1, len(sites)))
    worlds: list[Assignment] = []
    for site in sites:
        pool = draw_worlds(
            site=site,
            day=day,
            count=profile.distill_worlds * 4,
            seed=seed_of("visited", profile.seed, day),
            attacks=profile.round.attacks,
        )
        fitting = [spec for spec in pool if split_of_world(spec, profile.split_rule) is Split.TRAIN]
        attacked_first = sorted(fitting, key=lambda spec: spec.attack is None)
        worlds += [Assignment(spec, "gullible") for spec in attacked_first[:each]]
    kept = _Frames()
    collect_partitions(
        [CollectPlan(day, VISITED, tuple(worlds), profile.collect)],
        make_environment=partial(open_environment, Opening(sites[0], workspace.storage.chromium)),
        make_policy=partial(guarded_policy, str(student.absolute())),
        pool=workspace.pool(1),
        parts=workspace.parts,
        store=kept,
        lineage={},
        progress=lambda done, total, text: progress(done, total, f"under the guard, {text}"),
    )
    collected = CollectedFrames(**kept.frames)
    read = render_questions(collected.states, collected.transitions)
    annotations = annotate_partition(
        ExperienceTables(*collected, questions=read.questions), champion=None, progress=progress
    )
    tables = {**collected._asdict(), **read._asdict(), "annotations": annotations}
    everything_trains = replace(profile.split_rule, test_share=0.0, validation_share=0.0)
    built = build_sft_dataset(
        Tables(**{name: tables[name].lazy() for name in Tables._fields}),
        rule=everything_trains,
        settings=profile.datasets,
    )
    return SftSchema.cast(built.rows.filter(pl.col("split") == Split.TRAIN.value))
