"""`wm doctor`: whether this deployment is as it should be."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline.cli.options import JsonOption, use_dagster_home, workspace_resource
from wm_pipeline.cli.output import Rows, answer

PORTS = {"Dagster UI": 3000, "MLflow UI": 5000}


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Compute the digest of every stored file anew")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at packages, browser, weights, stores, digests, runs, ports and disk; each line holds or says what to do."""
    resource = workspace_resource()
    use_dagster_home(resource.state_folder)
    from wm_pipeline.rounds.doctor import examine

    found = list(
        examine(
            resource.workspace(),
            state_folder=Path(resource.state_folder),
            ports=PORTS,
            more={"Dagster": _dagster},
            is_deep=deep,
        )
    )
    rows = [("ok" if one.holds else "NO", one.what, one.told) for one in found]
    answer([asdict(one) for one in found], Rows(("", "what", "found"), rows), as_json=as_json)
    if not all(one.holds for one in found):
        raise typer.Exit(1)


def _dagster() -> str:
    from wm_pipeline.defs.instance import dead_runs, open_instance
    from wm_pipeline.rounds.doctor import DoesNotHoldError

    instance = open_instance()
    dead = [run.run_id for run in dead_runs(instance)]
    if dead:
        raise DoesNotHoldError(
            f"runs of killed processes seem to go on ({', '.join(dead)}): the next `wm run` ends them"
        )
    return f"{instance.get_runs_count()} runs in the history, none of a killed process"
