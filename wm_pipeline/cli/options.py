"""Options that several commands share, and the workspace that they work in."""

import os
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.user_files import make_folder

if TYPE_CHECKING:
    from wm_pipeline.defs.resources import WorkspaceResource

ROOT = Path(__file__).resolve().parents[2]
ProfileOption = Annotated[
    str, typer.Option("--profile", "-p", help="tiny, laptop, release or gpu", envvar="WM_PROFILE")
]
DayOption = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; the newest round, or today")]
JsonOption = Annotated[bool, typer.Option("--json", help="Everything as JSON on stdout")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored in MLflow")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")]


def use_dagster_home(state_folder: str) -> None:
    """Dagster's history lies in the state folder, with our dagster.yaml, unless DAGSTER_HOME names another one."""
    if os.environ.get("DAGSTER_HOME"):
        return
    home = Path(state_folder, "dagster")
    make_folder(home)
    settings, ours = home / "dagster.yaml", (ROOT / "dagster.yaml").read_text()
    if not settings.exists() or settings.read_text() != ours:
        replace_text(settings, ours)
    if "?" in str(home):  # begins the options of a database's address, which Dagster does not quote
        link = Path(tempfile.gettempdir(), f"wm-dagster-{digest(str(home))}")
        with suppress(FileExistsError):
            link.symlink_to(home)
        home = link
    os.environ["DAGSTER_HOME"] = str(home)


def workspace_resource(profile: str | None = None) -> "WorkspaceResource":
    """The workspace that the environment describes; what is set here holds for processes that a command starts."""
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
