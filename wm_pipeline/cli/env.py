"""`wm env`: environments of one's own."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline.cli.options import JsonOption
from wm_pipeline.cli.output import answer

env_app = typer.Typer(no_args_is_help=True, help="Environments of your own.")


@env_app.command("check")
def check_environment(
    file: Annotated[Path, typer.Argument(help="The application's TOML file (docs/environments.md)")],
    as_json: JsonOption = False,
) -> None:
    """Try an application file in a real browser: what holds, what is missing, and what to do about it."""
    import asyncio

    from wm_pipeline.environments.applications.check import check_application
    from wm_pipeline.environments.browser.chromium import find_chromium

    binary = find_chromium(os.environ.get("WM_CHROMIUM"))
    report = asyncio.run(check_application(file, binary))
    answer({**asdict(report), "is_usable": report.is_usable}, report.as_table(), as_json=as_json)
    if not report.is_usable:
        raise typer.Exit(1)
