"""`wm doctor`: whether this deployment is as it should be."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline.cli.options import ROOT, JsonOption, workspace_resource
from wm_pipeline.cli.output import Rows, answer

PORTS = {"Dagster UI": 3000, "MLflow UI": 5000}


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Compute the digest of every stored file anew")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at packages, browser, weights, stores, digests, runs, ports and disk; each line holds or says what to do."""
    resource = workspace_resource()
    os.chdir(ROOT)  # dagster.yaml's folders are relative to it
    from wm_pipeline.rounds.doctor import examine

    found = list(examine(resource.workspace(), state_folder=Path(resource.state_folder), ports=PORTS, is_deep=deep))
    rows = [("ok" if one.holds else "NO", one.what, one.told) for one in found]
    answer([asdict(one) for one in found], Rows(("", "what", "found"), rows), as_json=as_json)
    if not all(one.holds for one in found):
        raise typer.Exit(1)
