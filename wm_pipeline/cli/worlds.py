"""`wm worlds`: what worlds can be made of, and whether they keep what they promise."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from wm_pipeline.cli.options import JsonOption
from wm_pipeline.cli.output import Rows, answer, say
from wm_pipeline.environments.sites.draw import PageEngine

worlds_app = typer.Typer(invoke_without_command=True, help="What worlds are drawn from; `check` tries them.")
LEAST_KEPT = 0.99
"""Share of goals, and of attacks, that `wm worlds check` wants to see kept."""


@worlds_app.callback()
def worlds(context: typer.Context, as_json: JsonOption = False) -> None:
    """Sites, goals, attack families, channels, disguises and tasks that worlds are drawn from."""
    if context.invoked_subcommand is None:
        list_worlds(as_json=as_json)


@worlds_app.command("list")
def list_worlds(as_json: JsonOption = False) -> None:
    """Sites, goals, attack families, channels, disguises and tasks that worlds are drawn from."""
    from wm_pipeline.defs.resources import application_files
    from wm_pipeline.environments.applications.application import load_application
    from wm_pipeline.environments.miniwob import miniwob_tasks
    from wm_pipeline.environments.sites.catalogue import catalogue

    known, tasks = catalogue(), miniwob_tasks()
    files = application_files(default="applications")
    applications = [
        {
            "name": one.name,
            "file": file,
            "goals": [goal.name for goal in one.goals],
            "attacks": [attack.name for attack in one.attacks],
        }
        for file, one in ((file, load_application(Path(file)).application) for file in files)
    ]
    counts = {**known.counts, "miniwob_tasks": len(tasks), "applications": len(applications)}
    carried = {
        family: sorted({payload for site in known.sites for payload in site.payloads[family]})
        for family in known.families
    }
    answer(
        {"counts": counts, **asdict(known), "miniwob_tasks": tasks, "applications": applications},
        Rows(
            ("site", "goals", "planted in"),
            [
                *((site.name, len(site.goal_ids), ", ".join(site.channels)) for site in known.sites),
                *(
                    (one["name"], len(one["goals"]), f"an application of its own ({one['file']})")
                    for one in applications
                ),
            ],
        ),
        Rows(
            ("attack family", "carries", "look-alikes"),
            [
                (family, ", ".join(payloads), ", ".join(known.lookalikes[family]))
                for family, payloads in carried.items()
            ],
        ),
        f"disguises: {', '.join(known.disguises)}",
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()),
        as_json=as_json,
    )


@worlds_app.command()
def check(
    site: Annotated[list[str] | None, typer.Option("--site", help="Only this site; may be repeated")] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help="Only worlds of this attack family; may be repeated")
    ] = None,
    generated: Annotated[
        int | None, typer.Option(min=1, help="Number of generated sites to check instead of the built-in ones")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many of the worlds; default: all of them")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the worlds, of the sample of them, and of generated sites")] = 0,
    engine: Annotated[
        PageEngine | None, typer.Option(help="What all pages are built of; default: what each world draws")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play every goal with its expert and every attack and look-alike with somebody who obeys, in a real browser."""
    import asyncio

    from wm_pipeline.environments.browser.chromium import find_chromium
    from wm_pipeline.environments.sites.check import check_worlds, generated_sites, sample_of, world_cases
    from wm_pipeline.environments.sites.environment import open_site_environment
    from wm_pipeline.environments.sites.registry import site_of
    from wm_pipeline.gateways.progress import PrintedProgress

    for name in site or ():
        site_of(name)
    drawn = generated_sites(generated or 0, seed=seed)
    cases = world_cases((*(site or ()), *drawn) if site or drawn else None, families=family, seed=seed)
    if sample is not None:
        cases = sample_of(cases, sample, seed=seed)
    binary = find_chromium(os.environ.get("WM_CHROMIUM"))

    async def check_all() -> Any:
        environment = await open_site_environment(binary, engine=engine)
        try:
            return await check_worlds(environment, cases, progress=PrintedProgress(say))
        finally:
            await environment.close()

    checked = asyncio.run(check_all())
    kept: dict[str, list[bool]] = {}
    for one in checked:
        kept.setdefault(one.case.promise.value, []).append(one.problem is None)
    problems = [{"world": one.name, "problem": one.problem} for one in checked if one.problem is not None]
    shares = {promise: sum(found) / len(found) for promise, found in kept.items()}
    answer(
        {"kept": shares, "worlds": len(checked), "problems": problems},
        Rows(("promise", "kept", "of"), [(promise, sum(found), len(found)) for promise, found in kept.items()]),
        *(f"{one['world']}: {one['problem']}" for one in problems),
        as_json=as_json,
    )
    if any(share < LEAST_KEPT for share in shares.values()):
        raise typer.Exit(1)
