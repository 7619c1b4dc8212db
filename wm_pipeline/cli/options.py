"""Options that several commands share, and the workspace that they work in."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wm_pipeline.defs.resources import WorkspaceResource

ROOT = Path(__file__).resolve().parents[2]
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="tiny, laptop or gpu", envvar="WM_PROFILE")]
DayOption = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; the newest round, or today")]
JsonOption = Annotated[bool, typer.Option("--json", help="Everything as JSON on stdout")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored in MLflow")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")]


def workspace_resource(profile: str | None = None) -> "WorkspaceResource":
    """The workspace that the environment describes; what is set here holds for processes that a command starts."""
    os.environ.setdefault("DAGSTER_HOME", str(ROOT))
    # Dagster announces which of its parameters may still change; that is for us, not for who runs this.
    warnings.filterwarnings("ignore", module="dagster")
    # Loading bars of weights would run through the counted lines.
    os.environ.setdefault("TQDM_DISABLE", "1")
    if profile is not None:
        os.environ["WM_PROFILE"] = profile
    from wm_pipeline.defs.resources import workspace_from_environment
    from wm_pipeline.rounds.profiles import profile_named

    resource = workspace_from_environment()
    profile_named(resource.profile)
    return resource
