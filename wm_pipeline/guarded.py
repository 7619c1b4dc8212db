"""The guard for an agent's own browser, in one import: GuardedPage, observe, and the guard of the champion model."""

from pathlib import Path

from wm_pipeline.environments.browser.any_page import Session, observe
from wm_pipeline.guard.decide import WorldModelGuard
from wm_pipeline.guard.page import ActionRefusedError, GuardedPage, Judged

__all__ = ["ActionRefusedError", "GuardedPage", "Judged", "Session", "champion_guard", "observe"]


def champion_guard(checkpoint: Path | str | None = None) -> WorldModelGuard:
    """The guard of the champion, or of a checkpoint folder; where the champion is kept says the environment (README).

    It takes seconds: make one and share it. Where no model has passed the gate it asks a person about everything.
    Raises MissingUpstreamError when there is no model at all.
    """
    from wm_pipeline.defs.resources import workspace_from_environment
    from wm_pipeline.rounds.models import guard_in_use

    chosen = None if checkpoint is None else Path(checkpoint)
    return guard_in_use(workspace_from_environment().workspace(), chosen)[1]
