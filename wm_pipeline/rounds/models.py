"""Predictors and guards: of a day, of a registered version, of the champion."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wm_pipeline.domain.errors import MissingUpstreamError
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
    """The local checkpoint folder of a registered version: the day's, unless the day was made again since; then
    MLflow's copy.

    Raises MissingUpstreamError when neither is there.
    """
    path = model.checkpoint_address.removeprefix(workspace.store.address_of(""))
    try:
        is_the_days = stored_manifest(workspace, path)["model_version"] == model.model_version
    except MissingUpstreamError:
        is_the_days = False
    if is_the_days:
        return local_checkpoint(workspace, path)
    return workspace.registry.checkpoint_of(model.version, cache=workspace.cache)


def stored_manifest(workspace: Workspace, folder: str) -> dict[str, Any]:
    """A checkpoint's stored manifest, read without its weights and without torch."""
    return dict(json.loads(workspace.store.read_bytes(f"{folder}/{CHECKPOINT}/manifest.json")))


def guard_of(predictor: "WorldModelPredictor") -> WorldModelGuard:
    """The guard with the threshold that was chosen for this model; it counts the model's tokens."""
    settings = GuardSettings(execute_below=predictor.thresholds.execute_below)
    return WorldModelGuard(predictor, settings, count_tokens=lambda: predictor.tokens_used)


def predictor_in_use(workspace: Workspace, checkpoint: Path | None) -> "WorldModelPredictor":
    """The given checkpoint, else the champion, else the newest distilled one."""
    from wm_pipeline.serve.predictor import WorldModelPredictor

    if checkpoint is not None:
        return WorldModelPredictor.load(checkpoint)
    champion = load_champion(workspace)
    if champion is not None:
        return champion
    days = days_of(workspace.store, ASSET["distilled_checkpoint"])
    if not days:
        raise MissingUpstreamError(f"no model in {workspace.store.root}; run `wm run`, or give --checkpoint")
    return load_predictor(workspace, ASSET["distilled_checkpoint"].folder(days[-1]))
