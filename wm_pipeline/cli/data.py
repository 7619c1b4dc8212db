"""`wm data`: trajectories in, out and shown."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from wm_pipeline.cli.options import JsonOption, workspace_resource
from wm_pipeline.cli.output import Rows, answer, say
from wm_pipeline.domain.ids import transition_key
from wm_pipeline.domain.user_files import check_place, write_text_file

data_app = typer.Typer(no_args_is_help=True, help="Trajectories of your own and those that were rolled out.")


@data_app.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(help="JSONL, one trajectory a line (docs/trajectories.md), Playwright's trace.zip, or HAR"),
    ],
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD; the round whose datasets they should enter")],
    site: Annotated[str, typer.Option("--site", help="A name of yours; an earlier import of that name is replaced")],
    goal: Annotated[
        str | None, typer.Option("--goal", help="Of traces and HAR files: what was to be done; default: their title")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, write nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trajectories of your own into the tables, checked and annotated; all of them or none."""
    resource = workspace_resource()
    from wm_pipeline.rounds.days import check_day
    from wm_pipeline.rounds.exchange import import_trajectories
    from wm_pipeline.rounds.recordings import left_out_words

    report = import_trajectories(
        resource.workspace(), files, day=check_day(day), site=site, goal=goal, is_dry_run=dry_run
    )
    labels = ", ".join(f"{count} {label}" for label, count in report.labels.items()) or "none"
    answer(
        asdict(report),
        f"{report.site} on {report.day}: {report.trajectories} trajectories, {report.transitions} transitions, "
        f"{report.annotations} annotated ({labels})",
        as_json=as_json,
    )
    if as_json:
        return
    if report.left_out:
        say(left_out_words(report.left_out, report.transitions))
    if report.replaced:
        say(f"{report.replaced} of an earlier import {'would be' if dry_run else 'were'} replaced")
    then = f"`wm run --day {report.day} --redo-from midtrain_dataset` makes the datasets with them"
    say("nothing was written" if dry_run else then)


@data_app.command("export")
def export_lines(
    file: Annotated[Path, typer.Argument(help="JSONL file to write")],
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD")],
    site: Annotated[str, typer.Option("--site", help="The partition, such as payroll")],
    as_json: JsonOption = False,
) -> None:
    """Stored trajectories as the lines that `wm data import` reads, without their branches."""
    from wm_pipeline.rounds.days import check_day
    from wm_pipeline.rounds.exchange import export_trajectories

    lines = export_trajectories(workspace_resource().workspace(), day=check_day(day), site=site)
    write_text_file(file, "".join(f"{line}\n" for line in lines))
    answer({"file": str(file), "trajectories": len(lines)}, f"{len(lines)} trajectories in {file}", as_json=as_json)


@data_app.command()
def render(day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD")], as_json: JsonOption = False) -> None:
    """Render a stored day's texts and relations again if their code has changed; needs no browser."""
    from wm_pipeline.rounds.days import check_day
    from wm_pipeline.rounds.questions import refresh_questions

    rendered = refresh_questions(workspace_resource().workspace(), [check_day(day)])
    shown = f"{day}: rendered again {', '.join(rendered) or 'nothing'}"
    answer({"day": day, "rendered": rendered}, shown, as_json=as_json)


@data_app.command()
def browse(
    trajectory: Annotated[
        str | None,
        typer.Argument(
            help="Its id, or trajectory_id/step_index/branch_index; without one, those there are are listed"
        ),
    ] = None,
    site: Annotated[str | None, typer.Option(help="List only this site's")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: <id>.html in the state folder")] = None,
    as_json: JsonOption = False,
) -> None:
    """A trajectory as a strip of screenshots, with what happened: its world is drawn again, its actions repeated."""
    from wm_pipeline.rounds.replayed import (
        anchor_of,
        check_repeatable,
        list_trajectories,
        read_strip,
        strip_page,
        take_pictures,
    )

    resource = workspace_resource()
    workspace = resource.workspace()
    if trajectory is None:
        found = list_trajectories(workspace.store, site=site)
        answer(found.to_dicts(), Rows(found.columns, found.iter_rows()), as_json=as_json)
        say("`wm data browse ID` shows one")
        return
    import asyncio

    from wm_pipeline.domain.secrets import key_kept_in
    from wm_pipeline.gateways.progress import PrintedProgress
    from wm_pipeline.rounds.environments import Opening, open_environment

    trajectory_id, chosen = trajectory, None
    if "/" in trajectory:
        trajectory_id, step_index, branch_index = transition_key(trajectory)
        chosen = step_index, branch_index
    strip = read_strip(workspace.store, trajectory_id)
    anchor = "" if chosen is None else anchor_of(strip, chosen)
    check_repeatable(strip)

    async def pictures() -> Any:
        opened = await open_environment(
            Opening(
                strip.spec.site,
                workspace.storage.chromium,
                workspace.storage.applications,
                key_kept_in(workspace.work),  # the marks that are recorded
            )
        )
        try:
            return await take_pictures(opened.environment, strip, progress=PrintedProgress(say))
        finally:
            await opened.environment.close()

    path = out or Path(resource.state_folder) / "browse" / f"{trajectory_id}.html"
    check_place(path)
    taken = asyncio.run(pictures())
    write_text_file(path, strip_page(strip, taken, chosen=chosen))
    others = sum(not picture.is_recorded for picture in taken)
    if others:
        say(f"{others} of {len(taken)} pages differ from the recorded ones; the page marks them")
    told = f"{path}{anchor}"
    answer({"page": told, "pictures": len(taken), "differing": others}, told, as_json=as_json)
