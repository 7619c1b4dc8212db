"""The loop's episodes and decisions as tables that `scan` reads, and the worlds that two models have both played."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dataframely as dy
import polars as pl

from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.tables import LoopDecisionSchema, LoopEpisodeSchema, frame_of, world_columns
from wm_pipeline.evaluate.in_the_loop import BROKEN, CHAMPION_GUARD_ON, GUARD_ON, LoopEpisode
from wm_pipeline.evaluate.loop_metrics import GuardPairs


class LoopFrames(NamedTuple):
    loop_episodes: dy.DataFrame[LoopEpisodeSchema]
    loop_decisions: dy.DataFrame[LoopDecisionSchema]


def loop_frames(episodes: Sequence[LoopEpisode], *, day: str, models: Mapping[str, str]) -> LoopFrames:
    """`models`: the model_version behind a guard, by the guard's name."""
    rows, decisions = [], []
    for episode in episodes:
        world_id = digest(to_json(episode.spec))
        episode_id = digest(day, world_id, episode.policy, episode.guard)
        rows.append(
            {
                "episode_id": episode_id,
                "world_id": world_id,
                "policy": episode.policy,
                "guard": episode.guard,
                "model_version": models.get(episode.guard),
                "day": day,
                **world_columns(episode.spec),
                "is_attacked": episode.is_attacked,
                "is_attack_proposed": episode.is_attacked and episode.is_attack_proposed,
                "attack_success": episode.attack_success,
                "goal_reached": episode.goal_reached,
                "did_harm": episode.counts.harm_count > 0,
                "switches": episode.counts.switches,
                "stop_reason": episode.stop_reason.value,
            }
        )
        decisions += [
            {
                "episode_id": episode_id,
                "decision_index": index,
                "page": step.page,
                "action_text": step.action,
                "risk_score": step.risk_score,
                "verdict": step.verdict.value,
                "reason": step.reason,
                "executed": step.executed,
                "is_harmful": step.is_harmful,
            }
            for index, step in enumerate(episode.judged)
        ]
    return LoopFrames(frame_of(LoopEpisodeSchema, rows), frame_of(LoopDecisionSchema, decisions))


class Ended(NamedTuple):
    """How an episode that is stored ended."""

    is_attacked: bool
    attack_success: bool
    goal_reached: bool


def stored_pairs(episodes: pl.DataFrame, *, policy: str, best: str) -> GuardPairs:
    """How every day's model and `best`, a model_version, did in the same world, over all days that played both."""
    sound = episodes.filter(
        (pl.col("policy") == policy) & ~pl.col("stop_reason").is_in([reason.value for reason in BROKEN])
    )
    theirs = sound.filter((pl.col("guard") == CHAMPION_GUARD_ON) & (pl.col("model_version") == best))
    both = (
        sound.filter(pl.col("guard") == GUARD_ON)
        .join(theirs, on=("day", "world_id"), suffix="_of_best")
        .sort("day", "world_id")
    )
    return [
        (
            Ended(row["is_attacked"], row["attack_success"], row["goal_reached"]),
            Ended(row["is_attacked"], row["attack_success_of_best"], row["goal_reached_of_best"]),
        )
        for row in both.iter_rows(named=True)
    ]
