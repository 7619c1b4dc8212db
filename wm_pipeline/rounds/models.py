"""Predictors and guards: of a day, of a registered version, of the champion."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import DamagedError, MissingUpstreamError, ServiceError
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.ports import Predictor
from wm_pipeline.domain.state import State
from wm_pipeline.gateways.mlflow_registry import RegisteredModel
from wm_pipeline.guard.decide import GuardSettings, WorldModelGuard
from wm_pipeline.rounds.graph import ASSET, days_of
from wm_pipeline.rounds.names import CHECKPOINT
from wm_pipeline.rounds.workspace import Workspace

if TYPE_CHECKING:
    from wm_pipeline.serve.predictor import WorldModelPredictor


def load_predictor(workspace: Workspace, path: str) -> "WorldModelPredictor":
    """The predictor of a published checkpoint folder."""
    from wm_pipeline.serve.predictor import WorldModelPredictor

    return WorldModelPredictor.load(local_checkpoint(workspace, path))


def local_checkpoint(workspace: Workspace, path: str) -> Path:
    """The local folder of a published checkpoint."""
    return workspace.store.local_folder(path, cache=workspace.cache) / CHECKPOINT


def load_champion(workspace: Workspace) -> "WorldModelPredictor | None":
    """The champion's predictor; None before the first promotion."""
    champion = workspace.registry.champion()
    if champion is None:
        return None
    from wm_pipeline.serve.predictor import WorldModelPredictor

    return WorldModelPredictor.load(checkpoint_folder(workspace, champion))


def checkpoint_folder(workspace: Workspace, model: RegisteredModel) -> Path:
    """The local checkpoint folder of a registered version: the day's, or MLflow's copy where the day was made again
    since or is damaged.

    Raises MissingUpstreamError when neither is there.
    """
    with suppress(MissingUpstreamError, DamagedError):
        if stored_manifest(workspace, model.checkpoint_place)["model_version"] == model.model_version:
            return local_checkpoint(workspace, model.checkpoint_place)
    return workspace.registry.checkpoint_of(model.version, cache=workspace.cache)


def stored_manifest(workspace: Workspace, folder: str) -> dict[str, Any]:
    """A checkpoint's stored manifest, read without its weights and without torch."""
    return dict(json.loads(workspace.store.read_bytes(f"{folder}/{CHECKPOINT}/manifest.json")))


def guard_of(predictor: "WorldModelPredictor") -> WorldModelGuard:
    """The guard with the threshold that was chosen for this model and the kinds it knows; it counts its tokens."""
    settings = GuardSettings(
        execute_below=predictor.thresholds.execute_below, trained_kinds=predictor.checkpoint.manifest.trained_kinds
    )
    return WorldModelGuard(predictor, settings, count_tokens=lambda: predictor.tokens_used)


class NoModel:
    """Implements ports.Predictor where no model has passed the gate: it answers nothing, so that a guard escalates."""

    model_version = "none"

    def __init__(self, why: str) -> None:
        self._why = why

    def predict_outcomes(
        self, state: State, actions: Sequence[Action], *, heads: Sequence[str] | None = None
    ) -> tuple[Outcome, ...]:
        raise ServiceError(self._why)


def guard_in_use(workspace: Workspace, checkpoint: Path | None) -> tuple[Predictor, WorldModelGuard]:
    """The given checkpoint or the champion, and its guard. Where no model has passed the gate the guard asks a person
    about everything and says so.

    Raises MissingUpstreamError when there is no model at all.
    """
    if (
        checkpoint is None
        and workspace.registry.champion() is None
        and days_of(workspace.store, ASSET["distilled_checkpoint"])
    ):
        nobody = NoModel(f"no model is good enough: {_no_champion(workspace)}")
        return nobody, WorldModelGuard(nobody, GuardSettings())
    predictor = predictor_in_use(workspace, checkpoint)
    return predictor, guard_of(predictor)


def predictor_in_use(workspace: Workspace, checkpoint: Path | None) -> "WorldModelPredictor":
    """The given checkpoint, else the champion.

    Raises MissingUpstreamError without either: a model that the gate refused answers only when it is asked for.
    """
    from wm_pipeline.serve.predictor import WorldModelPredictor

    if checkpoint is not None:
        return WorldModelPredictor.load(checkpoint)
    champion = load_champion(workspace)
    if champion is not None:
        return champion
    asset = ASSET["distilled_checkpoint"]
    days = days_of(workspace.store, asset)
    if not days:
        raise MissingUpstreamError(f"no model in {workspace.store.root}; run `wm run`, or give --checkpoint")
    raise MissingUpstreamError(_no_champion(workspace))


def _no_champion(workspace: Workspace) -> str:
    asset = ASSET["distilled_checkpoint"]
    newest = workspace.store.address_of(f"{asset.folder(days_of(workspace.store, asset)[-1])}/{CHECKPOINT}")
    return (
        "no model has passed the gate; promote a version (`wm model promote`), or ask the newest one all the same "
        f"(--checkpoint {newest})"
    )
