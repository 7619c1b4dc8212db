"""`wm model`: registered versions, and which of them is in use."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from wm_pipeline.cli.options import DryRunOption, JsonOption, ReasonOption, workspace_resource
from wm_pipeline.cli.output import Rows, answer, say

if TYPE_CHECKING:
    from wm_pipeline.rounds.champions import PlannedMove
    from wm_pipeline.rounds.workspace import Workspace

model_app = typer.Typer(no_args_is_help=True, help="Registered versions, and which of them is in use.")


@model_app.command()
def promote(
    reason: ReasonOption,
    version: Annotated[str | None, typer.Argument(help="A registered version's number")] = None,
    day: Annotated[str | None, typer.Option("--day", help="The version that this day's round registered")] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a registered version the champion by hand, whatever the gate said about it."""
    if (version is None) == (day is None):
        raise typer.BadParameter("give a version's number or --day, one of them")
    from wm_pipeline.rounds.champions import plan_promotion

    workspace = workspace_resource().workspace()
    planned = plan_promotion(workspace, version=version, day=day, reason=reason)
    _move(workspace, planned, dry_run=dry_run, as_json=as_json)


@model_app.command()
def rollback(reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Put the champion before this one back in use; once more goes back further."""
    from wm_pipeline.rounds.champions import plan_rollback

    workspace = workspace_resource().workspace()
    _move(workspace, plan_rollback(workspace, reason=reason), dry_run=dry_run, as_json=as_json)


def _move(workspace: "Workspace", planned: "PlannedMove", *, dry_run: bool, as_json: bool) -> None:
    from wm_pipeline.rounds.champions import make_move

    if not dry_run:
        make_move(workspace, planned)
    was = "there was none" if planned.previous is None else f"it was version {planned.previous}"
    answer(
        {**asdict(planned), "is_dry_run": dry_run},
        f"champion{' would be' if dry_run else ''}: version {planned.version} ({planned.model_version}); {was}",
        as_json=as_json,
    )
    say(f"the gate about version {planned.version}: {planned.gate_reason or 'not asked'}")


@model_app.command()
def champion(as_json: JsonOption = False) -> None:
    """Which version is in use, and who was champion when and why."""
    registry = workspace_resource().workspace().registry
    version, changes = registry.champion_version(), registry.champion_changes()
    moves = [(c.changed_at[:19], c.move, c.version, c.previous, c.reason) for c in changes]
    answer(
        {"champion": version, "changes": [asdict(change) for change in changes]},
        "no champion yet" if version is None else f"champion: version {version}",
        *([Rows(("changed", "move", "version", "before", "reason"), moves)] if moves else []),
        as_json=as_json,
    )


@model_app.command("list")
def list_versions(as_json: JsonOption = False) -> None:
    """Every registered version, oldest first, with the gate's reason; a star for the champion."""
    registry = workspace_resource().workspace().registry
    champion = registry.champion_version()
    models = [found for number in registry.versions() if (found := registry.version(number)) is not None]
    rows = [(m.version, m.model_version, "*" if m.version == champion else "", m.gate_reason) for m in models]
    answer(
        [{**asdict(found), "is_champion": found.version == champion} for found in models],
        Rows(("version", "model", "champion", "gate"), rows),
        as_json=as_json,
    )
