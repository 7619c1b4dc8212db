"""`wm gc`: room on the disk."""

from typing import Annotated

import typer

from wm_pipeline.cli.options import JsonOption, workspace_resource
from wm_pipeline.cli.output import Rows, answer, say


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, delete nothing")] = False,
    keep_days: Annotated[
        int | None,
        typer.Option(
            "--keep-days",
            min=1,
            help="Also delete tables, checkpoints and reports of days older than the newest N days of experience, and "
            "weights registered then; what the champion and the one before it were made from stays. What was rolled "
            "out on those days cannot be made again. Without it, nothing committed goes",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what nobody needs: published trainings, copies in the cache, what killed processes left; days if asked."""
    from wm_pipeline.rounds.gc import bytes_freed, clean, find_waste

    workspace = workspace_resource().workspace()
    if dry_run:
        found = find_waste(workspace, keep_days=keep_days)
        freed = bytes_freed(found)
    else:
        found, freed = clean(workspace, keep_days=keep_days)
    things = [{"what": one.what, "rule": one.rule.value, "bytes": one.size} for one in found]
    rows = [(_mib(one.size), one.what, one.rule.value) for one in found]
    answer(
        {"is_dry_run": dry_run, "things": things, "freed_bytes": freed},
        *([Rows(("MiB", "what", "it can go:"), rows)] if rows else []),
        f"{len(found)} things, {_mib(freed)} MiB {'would become' if dry_run else 'became'} free",
        as_json=as_json,
    )
    if dry_run and found:
        say("nothing was deleted")


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f}"
