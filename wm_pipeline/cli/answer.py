"""`wm predict`, `wm serve`, `wm schema`: questions answered, here or over HTTP."""

import json
from pathlib import Path
from typing import Annotated

import typer

from wm_pipeline.cli.options import JsonOption, workspace_resource
from wm_pipeline.cli.output import answer, say
from wm_pipeline.cli.run import check_port
from wm_pipeline.domain.user_files import write_text_file


def predict(
    state: Annotated[Path | None, typer.Option(help="JSON file with a State")] = None,
    action: Annotated[Path | None, typer.Option(help="JSON file with an Action")] = None,
    transition: Annotated[
        str | None, typer.Option(help="trajectory_id/step_index/branch_index of a stored one")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; default: the champion")] = None,
    heads: Annotated[str | None, typer.Option(help="Comma-separated heads, such as risk,tags; default: all")] = None,
) -> None:
    """What an action will lead to: an Outcome as JSON."""
    from wm_pipeline.domain.records import to_json
    from wm_pipeline.model.head_registry import check_head
    from wm_pipeline.rounds.ask import question_of_files, question_of_transition
    from wm_pipeline.rounds.models import predictor_in_use

    workspace = workspace_resource().workspace()
    if transition is not None:
        asked_state, asked_action = question_of_transition(workspace.store, transition)
    elif state is not None and action is not None:
        asked_state, asked_action = question_of_files(state, action)
    else:
        raise typer.BadParameter("give --state and --action, or --transition")
    wanted = None if heads is None else [check_head(name.strip()) for name in heads.split(",")]
    predictor = predictor_in_use(workspace, checkpoint)
    print(to_json(predictor.predict_outcomes(asked_state, [asked_action], heads=wanted)[0]))


def serve(
    port: Annotated[int, typer.Option(help="Port on the loopback interface")] = 8080,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; default: the champion")] = None,
    token: Annotated[str | None, typer.Option(envvar="WM_TOKEN", help="Bearer token that callers must send")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name by which callers may ask; with a token any will do")
    ] = None,
) -> None:
    """Answer the questions of `wm predict`, and guard decisions, over HTTP; /docs documents it."""
    check_port(port)
    import uvicorn

    from wm_pipeline.rounds.models import guard_in_use
    from wm_pipeline.rounds.reviewed_decisions import decision_log
    from wm_pipeline.serve.app import AppSettings, build_app
    from wm_pipeline.serve.bounds import MAX_CONNECTIONS, TimedProtocol

    workspace = workspace_resource().workspace()
    predictor, guard = guard_in_use(workspace, checkpoint)
    settings = AppSettings(token=token, hosts=tuple(allow_host or ()))
    service = build_app(predictor, guard, settings, queue=guard.queue, on_decision=decision_log(workspace))
    say(f"model {predictor.model_version}: http://127.0.0.1:{port}/docs")
    uvicorn.run(
        service,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        http=TimedProtocol,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=10,
    )


def schema(
    folder: Annotated[Path, typer.Argument(help="Where the JSON schemas of State, Action and Outcome are written")],
    as_json: JsonOption = False,
) -> None:
    """JSON schemas for users of the contract."""
    from wm_pipeline.domain.action import Action
    from wm_pipeline.domain.outcome import Outcome
    from wm_pipeline.domain.records import adapter_of
    from wm_pipeline.domain.state import State

    paths = []
    for record_type in (State, Action, Outcome):
        paths.append(folder / f"{record_type.__name__.lower()}.schema.json")
        write_text_file(paths[-1], json.dumps(adapter_of(record_type).json_schema(), indent=1) + "\n")
    answer([str(path) for path in paths], *(str(path) for path in paths), as_json=as_json)
