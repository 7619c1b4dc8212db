"""What a round of a day has to make, and why."""

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.rounds.graph import ASSET, ROUND_ASSETS, Notes, stale_assets
from wm_pipeline.rounds.workspace import Workspace


def plan_round(workspace: Workspace, day: str, *, redo_from: str | None) -> dict[str, str]:
    """The assets a round has to make, upstream first, each with the reason in words.

    `redo_from` makes that asset and all that is made from it again. Raises SettingsError for an unknown one.
    """
    if redo_from is None:
        stale = stale_assets(workspace.store, workspace.profile, day)
        return stale or _unregistered(workspace, day)
    if redo_from not in ROUND_ASSETS:
        raise SettingsError(f"unknown asset {redo_from!r}; there are {', '.join(ROUND_ASSETS)}")
    later = {redo_from}
    for name in ROUND_ASSETS:
        if later & set(ASSET[name].upstream):
            later.add(name)
    stale = stale_assets(workspace.store, workspace.profile, day, redone=later)
    return {
        name: stale.get(name, f"asked for from {redo_from} on")
        for name in ROUND_ASSETS
        if name in stale or name in later
    }


def _unregistered(workspace: Workspace, day: str) -> dict[str, str]:
    """model_version, where the registry does not hold what the day's record says: it was lost, or is an older one."""
    note = Notes(workspace.store).of(ASSET["model_version"], day) or {}
    if workspace.registry.holds(str(note.get("registered_version")), str(note.get("model_version"))):
        return {}
    return {"model_version": "the registry holds no version of this day"}
