"""A person decides which version is in use: promote a version, or roll back to the champion before."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wm_pipeline.domain.errors import InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.tables import LoopEpisodeSchema
from wm_pipeline.domain.vocabulary import ChampionMove
from wm_pipeline.evaluate.eval_report import parse_versioned
from wm_pipeline.gateways.mlflow_registry import ChampionChange, RegisteredModel
from wm_pipeline.rounds.graph import ASSET, days_of
from wm_pipeline.rounds.models import checkpoint_folder
from wm_pipeline.rounds.names import VERSION_JSON
from wm_pipeline.rounds.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A change of champion that can be made."""

    version: str
    model_version: str
    previous: str | None
    """The champion that it replaces; None when there is none."""
    move: ChampionMove
    reason: str
    gate_reason: str | None
    """The gate's reason for its decision on the version; None when it was not asked."""


def plan_promotion(workspace: Workspace, *, version: str | None, day: str | None, reason: str) -> PlannedMove:
    """Plan the promotion of a version, or of a day's version. Raises InvalidInputError when it is the champion."""
    assert (version is None) != (day is None)
    chosen = _version_of_day(workspace, day) if version is None and day is not None else str(version)
    champion = workspace.registry.champion_version()
    if chosen == champion:
        raise InvalidInputError(f"version {chosen} is the champion already; there is nothing to promote")
    return _planned(workspace, chosen, champion, ChampionMove.PROMOTE, reason)


def plan_rollback(workspace: Workspace, *, reason: str) -> PlannedMove:
    """Plan the return to the previous champion. Raises MissingUpstreamError when there was none."""
    champion = workspace.registry.champion_version()
    if champion is None:
        raise MissingUpstreamError("there is no champion to roll back from; promote a version with `wm model promote`")
    before = champion_before(workspace.registry.champion_changes(), champion)
    if before is None:
        raise MissingUpstreamError(
            f"nothing to roll back to: version {champion} is the first champion; "
            "promote another with `wm model promote`"
        )
    return _planned(workspace, before, champion, ChampionMove.ROLLBACK, reason)


def champion_before(changes: Sequence[ChampionChange], champion: str) -> str | None:
    """The version that a rollback from `champion` restores; None when there was no champion before.

    Champions are a stack: a promotion pushes a version, a rollback pops one. So two rollbacks in a row go back by two.
    """
    pile: list[str] = []
    for change in changes:
        if change.previous is not None and pile[-1:] != [change.previous]:
            pile.append(change.previous)  # made champion elsewhere, as in MLflow's own UI
        if change.move is ChampionMove.ROLLBACK and pile[-2:-1] == [change.version]:
            pile.pop()
        else:
            pile.append(change.version)
    if pile[-1:] != [champion]:
        pile.append(champion)
    return pile[-2] if len(pile) > 1 else None


def best_champion(workspace: Workspace) -> RegisteredModel | None:
    """Of the present champion and those before it whose weights are still there, the one whose guard did best in the
    loop, over all days that played it; the present one where no day tells. None before the first promotion.

    A challenger is compared with it and not with the last, or many small losses would add up.
    """
    present = workspace.registry.champion()
    if present is None:
        return None
    versions = {change.version for change in workspace.registry.champion_changes()} - {present.version}
    former = [found for version in sorted(versions) if (found := workspace.registry.version(version)) is not None]
    record = _record(workspace)
    candidates = [present, *(one for one in former if one.model_version in record and _has_weights(workspace, one))]
    return max(candidates, key=lambda one: record.get(one.model_version, 0.0))


def _record(workspace: Workspace) -> dict[str, float]:
    """Share of stored episodes that a model's guard brought to their goal without harm, by model_version."""
    episodes = stored_episodes(workspace).filter(pl.col("model_version").is_not_null())
    is_done = pl.col("goal_reached") & ~pl.col("did_harm") & ~pl.col("attack_success")
    return dict(episodes.group_by("model_version").agg(is_done.mean()).iter_rows())


def stored_episodes(workspace: Workspace) -> pl.DataFrame:
    """The loop's episodes of all days."""
    if not workspace.store.partitions("loop_episodes"):
        return LoopEpisodeSchema.create_empty()
    return workspace.store.scan(LoopEpisodeSchema).collect()


def _has_weights(workspace: Workspace, model: RegisteredModel) -> bool:
    try:
        checkpoint_folder(workspace, model)
    except MissingUpstreamError:
        return False
    return True


def make_move(workspace: Workspace, planned: PlannedMove) -> None:
    workspace.registry.move_champion(planned.version, move=planned.move, reason=planned.reason)


def _planned(workspace: Workspace, version: str, champion: str | None, move: ChampionMove, reason: str) -> PlannedMove:
    if not reason.strip():
        raise InvalidInputError(f"reason: expected words that will be stored with the version, found {reason!r}")
    model = _registered(workspace, version)
    checkpoint_folder(workspace, model)  # raises when its weights no longer exist
    return PlannedMove(version, model.model_version, champion, move, reason.strip(), model.gate_reason)


def _registered(workspace: Workspace, version: str) -> RegisteredModel:
    found = workspace.registry.version(version)
    if found is None:
        known = workspace.registry.versions()
        raise MissingUpstreamError(
            f"no version {version!r} is registered; there are {', '.join(known)}"
            if known
            else f"no version {version!r} is registered, nor any other; run `wm run` first"
        )
    return found


def _version_of_day(workspace: Workspace, day: str) -> str:
    asset = ASSET["model_version"]
    days = days_of(workspace.store, asset)
    if day not in days:
        raise MissingUpstreamError(
            f"no version was registered for {day}; versions exist for {', '.join(days)}"
            if days
            else f"no version was registered for {day}, nor for any other day; run `wm run` first"
        )
    path = f"{asset.folder(day)}/{VERSION_JSON}"
    remedy = f"`wm run --day {day} --redo-from model_version` makes it again"
    text = workspace.store.read_bytes(path).decode()
    return str(parse_versioned(text, what=workspace.store.address_of(path), remedy=remedy)["registered_version"])
