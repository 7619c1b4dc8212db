"""`wm run`, `wm ui`, `wm setup`: a round, the pages that show it, and what both need."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline.cli.options import ROOT, DayOption, JsonOption, ProfileOption, use_dagster_home, workspace_resource
from wm_pipeline.cli.output import Rows, answer, say
from wm_pipeline.cli.report import answer_report
from wm_pipeline.domain.errors import MachineError, ServiceError
from wm_pipeline.domain.machine import short_of_space
from wm_pipeline.domain.user_files import make_folder
from wm_pipeline.gateways.locks import alone
from wm_pipeline.gateways.process import (
    interrupted_with_starter,
    say_when_they_answer,
    stop_processes,
    training_environment,
)


def run(
    profile: ProfileOption = "laptop",
    day: DayOption = None,
    redo_from: Annotated[str | None, typer.Option(help="Make this asset, and all that is made from it, again")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, make nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """One round: roll out, annotate, build datasets, train, distil, evaluate, register. What is unchanged is kept."""
    started = time.monotonic()
    resource = workspace_resource(profile)
    use_dagster_home(resource.state_folder)
    # What only making needs is imported where something is made: it takes seconds.
    from wm_pipeline.defs.instance import end_leftovers
    from wm_pipeline.defs.resources import check_round_day
    from wm_pipeline.rounds.days import today
    from wm_pipeline.rounds.gc import delete_parts_not_due
    from wm_pipeline.rounds.plan import plan_round

    workspace = resource.workspace()
    days = [part.day for part in workspace.store.partitions("trajectories")]
    chosen = check_round_day(day or (max(days) if days else today()))
    if dry_run:
        to_make = plan_round(workspace, chosen, redo_from=redo_from)
        say(_plan_in_words(chosen, profile, to_make))
        plan = {"day": chosen, "profile": profile, "to_make": list(to_make), "why": to_make}
        answer(plan, *([Rows(("to make", "why"), to_make.items())] if to_make else []), as_json=as_json)
        return
    with alone(workspace.round_lock, f"wm run of {chosen}", say=say):
        end_leftovers(workspace)
        to_make = plan_round(workspace, chosen, redo_from=redo_from)
        say(_plan_in_words(chosen, profile, to_make))
        delete_parts_not_due(workspace, chosen, to_make=to_make)
        if to_make:
            _check_disk(Path(resource.state_folder))
            from wm_pipeline.definitions import defs
            from wm_pipeline.defs.rounds import run_round
            from wm_pipeline.environments.browser.chromium import find_chromium

            find_chromium(resource.chromium or None)  # a missing browser is told before anything is spent
            run_round(defs, workspace, chosen, list(to_make), sites=workspace.profile.round.partitions)
    from wm_pipeline.rounds.names import REPORT_HTML
    from wm_pipeline.rounds.reports import read_report

    answer_report(read_report(workspace, chosen), as_json=as_json)
    say(f"report: {workspace.store.address_of(f'reports/{chosen}/{REPORT_HTML}')}")
    say(f"done in {time.monotonic() - started:.0f} s; `make ui` shows the graph, `wm report --json` all numbers")


def _plan_in_words(day: str, profile: str, to_make: Mapping[str, str]) -> str:
    return f"round {day}, profile {profile}: " + (
        f"{len(to_make)} assets to make" if to_make else "nothing has changed"
    )


def _check_disk(folder: Path) -> None:
    make_folder(folder)
    if (too_little := short_of_space(folder)) is not None:
        raise MachineError(f"{too_little}, or set WM_STATE to a folder on another disk")


def ui(
    dagster_port: Annotated[int, typer.Option()] = 3000,
    mlflow_port: Annotated[int, typer.Option()] = 5000,
) -> None:
    """Dagster UI and MLflow UI on loopback, until Ctrl-C."""
    resource = workspace_resource()
    use_dagster_home(resource.state_folder)
    for port in (dagster_port, mlflow_port):
        check_port(port)
    # Their databases are made here: two servers that made them at once would leave some that neither can use.
    from wm_pipeline.defs.instance import open_instance

    resource.workspace().registry.champion()
    open_instance().dispose()
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "WM_MLFLOW_UI": f"http://127.0.0.1:{mlflow_port}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    commands = [
        [str(tools / "dagster"), "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(dagster_port)],
        [
            *(str(tools / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(mlflow_port), "--workers", "1"),
            *("--backend-store-uri", resource.mlflow_uri, "--default-artifact-root", resource.mlflow_artifacts),
        ],
    ]
    children = [
        subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=interrupted_with_starter)  # noqa: S603 our own tools; no thread runs here
        for command in commands
    ]
    pages = {
        name: f"http://127.0.0.1:{port}" for name, port in (("Dagster UI", dagster_port), ("MLflow UI", mlflow_port))
    }
    try:
        say_when_they_answer(pages, children, say=say)
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("stopping")
    stop_processes(children, patience_s=30)


def setup() -> None:
    """Once after installing: find Chromium, convert the base weights, compile DeepSpeed's communication kernel."""
    from wm_pipeline.environments.browser.chromium import find_chromium

    resource = workspace_resource()
    binary = find_chromium(resource.chromium or None)
    say(f"Chromium: {binary.path}")
    storage = resource.workspace().storage
    done = subprocess.run(  # noqa: S603 our own interpreter
        [sys.executable, "-m", "wm_pipeline.model.warm_up", storage.cache_folder],
        env=dict(training_environment(processes=1)),
        check=False,
    )
    if done.returncode != 0:
        raise ServiceError(
            "preparing weights and DeepSpeed failed; the lines above say why, then run `make setup` again"
        )


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(f"port {port} is in use; stop what listens there or choose another port") from error
