"""The command line: `wm <noun> <verb>`, and `wm run`. JSON on stdout, words on stderr.

Exit status 0: done; 1: an error of ours in one line; 2: bad usage. Anything else is a bug and shows its traceback.
"""

import sys

import typer

from wm_pipeline import plugins
from wm_pipeline.cli import answer, data, doctor, env, gc, model, report, run, worlds
from wm_pipeline.cli.output import say
from wm_pipeline.domain.errors import WmError
from wm_pipeline.gateways.process import heed_interrupts

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


def main() -> None:
    """Entry point of `wm`."""
    heed_interrupts()
    try:
        plugins.load()
        app(prog_name="wm")
    except WmError as error:
        say(f"wm: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
