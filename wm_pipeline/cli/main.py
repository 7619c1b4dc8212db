"""The command line: `wm <noun> <verb>`, and `wm run`. JSON on stdout, words on stderr.

Exit status 0: done; 1: an error of ours in one line; 2: bad usage. Anything else is a bug and shows its traceback.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline import plugins
from wm_pipeline.cli import answer, data, doctor, env, gc, model, report, run, worlds
from wm_pipeline.cli.output import say
from wm_pipeline.domain.errors import MADE_AGAIN, DamagedError, WmError
from wm_pipeline.domain.machine import machine_error
from wm_pipeline.gateways.places import state_folder
from wm_pipeline.gateways.process import heed_interrupts


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"wm_pipeline {version('wm_pipeline')}")
        raise typer.Exit


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.command()(run.run)
app.add_typer(report.report_app, name="report")
app.add_typer(data.data_app, name="data")
app.add_typer(model.model_app, name="model")
app.add_typer(worlds.worlds_app, name="worlds")
app.add_typer(env.env_app, name="env")
app.command()(answer.predict)
app.command()(answer.serve)
app.command()(answer.schema)
app.command()(run.ui)
app.command()(run.setup)
app.command()(doctor.doctor)
app.command()(gc.gc)
# The names that these had before commands were grouped by nouns.
app.command("import", hidden=True)(data.import_files)
app.command("export", hidden=True)(data.export_lines)
app.command(hidden=True)(data.browse)
app.command(hidden=True)(model.promote)
app.command(hidden=True)(model.rollback)
app.command(hidden=True)(model.champion)
app.command(hidden=True)(report.attack)


@app.callback()
def _top(
    is_version_asked: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end")
    ] = False,
) -> None:
    del is_version_asked


def main() -> None:
    """Entry point of `wm`."""
    heed_interrupts()
    try:
        plugins.load()
        app(prog_name="wm")
    except Exception as error:
        told = machine_error(error, folder=Path(state_folder(os.environ)))
        if told is None:
            raise
        say(f"wm: {told}{_advice(told)}")
        sys.exit(1)


def _advice(error: WmError) -> str:
    """What to do about an output that is damaged, where the error does not say it; its path names the day."""
    if not isinstance(error, DamagedError) or "`wm " in str(error):
        return ""
    return f"; {MADE_AGAIN}"


if __name__ == "__main__":
    main()
