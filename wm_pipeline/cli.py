"""The command line: `wm <verb>`. JSON on stdout, words on stderr; exit 0 done, 1 a WmError in one line, 2 bad usage."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wm_pipeline import plugins
from wm_pipeline.domain.errors import ServiceError, WmError
from wm_pipeline.domain.ids import transition_key
from wm_pipeline.domain.user_files import check_place, make_folder, write_text_file
from wm_pipeline.gateways.process import heed_interrupts, stop_processes, training_environment

if TYPE_CHECKING:
    from wm_pipeline.defs.resources import WorkspaceResource
    from wm_pipeline.rounds.champions import PlannedMove
    from wm_pipeline.rounds.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
LEAST_FREE_GIB = 4
"""A round writes about 2 GiB: three checkpoints, their optimizer states, MLflow's copy."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

env_app = typer.Typer(no_args_is_help=True, help="Environments of your own.")
app.add_typer(env_app, name="env")

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="tiny, laptop or gpu", envvar="WM_PROFILE")]
DayOption = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; the newest round, or today")]
JsonOption = Annotated[bool, typer.Option("--json", help="Everything as JSON on stdout")]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _resource(profile: str | None = None) -> "WorkspaceResource":
    os.environ.setdefault("DAGSTER_HOME", str(ROOT))
    # Dagster announces which of its parameters may still change; that is for us, not for who runs this.
    warnings.filterwarnings("ignore", module="dagster")
    # Loading bars of weights would run through the counted lines.
    os.environ.setdefault("TQDM_DISABLE", "1")
    if profile is not None:
        os.environ["WM_PROFILE"] = profile
    from wm_pipeline.defs.resources import workspace_from_environment
    from wm_pipeline.rounds.profiles import profile_named

    resource = workspace_from_environment()
    profile_named(resource.profile)
    return resource


@app.command()
def run(
    profile: ProfileOption = "laptop",
    day: DayOption = None,
    redo_from: Annotated[str | None, typer.Option(help="Make this asset and all after it again")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, make nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """One round: roll out, annotate, build datasets, train, distil, evaluate, register. What is unchanged is kept."""
    started = time.monotonic()
    resource = _resource(profile)
    os.chdir(ROOT)  # dagster.yaml's folders are relative to it
    from wm_pipeline.defs.rounds import check_round_day, plan_round, run_round
    from wm_pipeline.rounds.days import today

    workspace = resource.workspace()
    days = [part.day for part in workspace.store.partitions("trajectories")]
    chosen = check_round_day(day or (max(days) if days else today()))
    to_make = plan_round(workspace, chosen, redo_from=redo_from)
    assets = list(to_make)
    say(f"round {chosen}, profile {profile}: " + (f"to make: {', '.join(assets)}" if assets else "nothing has changed"))
    if dry_run:
        print(json.dumps({"day": chosen, "profile": profile, "to_make": assets, "why": to_make}))
        for name, reason in to_make.items():
            say(f"  {name}: {reason}")
        return
    if assets:
        _check_disk(Path(resource.state_folder))
        from wm_pipeline.definitions import defs
        from wm_pipeline.environments.browser.chromium import find_chromium

        find_chromium(resource.chromium or None)  # a missing browser is told before anything is spent
        run_round(defs, chosen, assets, sites=workspace.profile.round.partitions)
    from wm_pipeline.rounds.names import REPORT_HTML
    from wm_pipeline.rounds.reports import read_report

    report = read_report(workspace, chosen)
    if as_json:
        print(json.dumps(report))
    else:
        print(_summary(report))
    say(f"report: {workspace.store.address_of(f'reports/{chosen}/{REPORT_HTML}')}")
    say(f"done in {time.monotonic() - started:.0f} s; `make ui` shows the graph, `wm report --json` all numbers")


def _check_disk(folder: Path) -> None:
    make_folder(folder)
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib < LEAST_FREE_GIB:
        raise ServiceError(
            f"{folder} has {free_gib:.1f} GiB free, a round needs {LEAST_FREE_GIB}; "
            "free some, or set WM_STATE to a folder on another disk"
        )


def _summary(report: dict[str, Any]) -> str:
    from wm_pipeline.evaluate.report import show_number

    lines = [f"model {report['model_version']} (MLflow version {report['registered_version'] or 'none'})"]
    lines.append(
        f"{'split':<12}{'rows':>6}{'AUROC':>9}{'macro-F1':>10}{'ECE':>9}   "
        "rules / zero-shot / linear / boosted / no mid-training"
    )
    for split, n in report["splits"].items():
        others = [
            show_number(report["baselines"].get(name, {}).get(split, {}).get("risk_auroc"))
            for name in (
                *("rules", "zero_shot_backbone", "linear_text", "boosted_relations"),
                "sft_without_midtraining",
            )
        ]
        numbers = f"{show_number(n['risk_auroc']):>9}{show_number(n['macro_f1']):>10}{show_number(n['ece'], 3):>9}"
        lines.append(f"{split:<12}{n['rows']:>6}{numbers}   {' / '.join(others)}")
    test = report["splits"]["test"]
    lines.append(
        f"counterfactuals on test: executable {show_number(test['counterfactual_executable'])}, "
        f"valid by execution {show_number(test['counterfactual_valid'])} of {test['counterfactuals_executed']}"
    )
    for policy, modes in report["loop"].items():
        off, on = modes["guard_off"], modes["guard_on"]
        lines.append(
            f"{policy:<9} attack success {show_number(off['asr'])} -> {show_number(on['asr'])} with the guard, "
            f"benign utility {show_number(off['benign_utility'])} -> {show_number(on['benign_utility'])}"
        )
    lines.append(f"gate: {report['gate']['reason']}")
    return "\n".join(lines)


report_app = typer.Typer(invoke_without_command=True, help="The newest eval report's numbers, or two compared.")
app.add_typer(report_app, name="report")


@report_app.callback()
def report(context: typer.Context, day: DayOption = None, as_json: JsonOption = False) -> None:
    """The newest eval report's numbers."""
    if context.invoked_subcommand is not None:
        return
    from wm_pipeline.rounds.reports import read_report

    found = read_report(_resource().workspace(), day)
    print(json.dumps(found) if as_json else _summary(found))


@report_app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A day (YYYY-MM-DD), a registered version's number, or a report.json")],
    second: Annotated[str, typer.Argument(help="The other one, in the same way")],
    as_json: JsonOption = False,
) -> None:
    """Headline numbers of two reports beside each other, with intervals; a star where these do not touch."""
    from wm_pipeline.evaluate.report import compare_reports, show_interval, show_number
    from wm_pipeline.rounds.reports import find_report

    workspace = _resource().workspace()
    found = compare_reports(find_report(workspace, first), find_report(workspace, second))
    if as_json:
        print(json.dumps([{**asdict(one), "is_apart": one.is_apart} for one in found]))
        return
    # Of a path its end, where the file's name and its folder stand.
    print(f"{'':<54}{first[-22:]:>24}{second[-22:]:>24}")
    for one in found:
        told = [
            f"{show_number(value)} {show_interval(interval)}".strip()
            for value, interval in ((one.first, one.first_interval), (one.second, one.second_interval))
        ]
        print(f"{one.name:<54}{told[0]:>24}{told[1]:>24}{'  *' if one.is_apart else ''}")


@app.command()
def attack(
    day: DayOption = None,
    grounds: Annotated[int, typer.Option(min=1, help="Worlds to attack, our own sites in turn")] = 6,
    tries: Annotated[int, typer.Option(min=1, help="Attacks on each, until one wins")] = 4,
    seed: Annotated[int, typer.Option(help="Which worlds are drawn")] = 0,
    profile: ProfileOption = "laptop",
    as_json: JsonOption = False,
) -> None:
    """Attack the guarded model where it overlooks most, learning from each try; beside it, draws at random."""
    from wm_pipeline.evaluate.report import show_interval, show_number
    from wm_pipeline.gateways.progress import PrintedProgress
    from wm_pipeline.rounds.attack import attack_day

    workspace = _resource(profile).workspace()
    found = attack_day(
        workspace, workspace.profile, day, grounds=grounds, tries=tries, seed=seed, progress=PrintedProgress(say)
    )
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['model_version']} of {found['day']}, guarded, {grounds} worlds, up to {tries} tries each")
    for name in ("adaptive", "static"):
        one = found[name]
        first, best = (
            f"{show_number(one[f'asr_{which}'])} {show_interval(one[f'asr_{which}_interval'])}"
            for which in ("first", "best")
        )
        print(f"{name:<9} attack success {first} with one try, {best} with all; {one['tries_used']} tries")
        for cell in one["finds"]:
            print("    won: " + ", ".join(f"{key} {value}" for key, value in cell.items() if value is not None))


@app.command()
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
    from wm_pipeline.rounds.ask import question_of_files, question_of_transition
    from wm_pipeline.rounds.models import predictor_in_use

    workspace = _resource().workspace()
    if transition is not None:
        asked_state, asked_action = question_of_transition(workspace.store, transition)
    elif state is not None and action is not None:
        asked_state, asked_action = question_of_files(state, action)
    else:
        raise typer.BadParameter("give --state and --action, or --transition")
    from wm_pipeline.serve.predictor import known_heads

    wanted = known_heads(None if heads is None else [name.strip() for name in heads.split(",")])
    predictor = predictor_in_use(workspace, checkpoint)
    print(to_json(predictor.predict_outcomes(asked_state, [asked_action], heads=wanted)[0]))


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="JSONL files, one trajectory a line (docs/trajectories.md)")],
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD; the round whose datasets they should enter")],
    site: Annotated[str, typer.Option("--site", help="A name of yours; an earlier import of that name is replaced")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, write nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trajectories of your own into the tables, checked and annotated; all of them or none."""
    resource = _resource()
    from wm_pipeline.rounds.days import check_day
    from wm_pipeline.rounds.exchange import import_trajectories

    report = import_trajectories(resource.workspace(), files, day=check_day(day), site=site, is_dry_run=dry_run)
    if as_json:
        print(json.dumps(asdict(report)))
        return
    labels = ", ".join(f"{count} {label}" for label, count in report.labels.items()) or "none"
    print(
        f"{report.site} on {report.day}: {report.trajectories} trajectories, {report.transitions} transitions, "
        f"{report.annotations} annotated ({labels})"
    )
    if report.replaced:
        say(f"{report.replaced} of an earlier import {'would be' if dry_run else 'were'} replaced")
    then = f"`wm run --day {report.day} --redo-from midtrain_dataset` makes the datasets with them"
    say("nothing was written" if dry_run else then)


@app.command("export")
def export_lines(
    file: Annotated[Path, typer.Argument(help="JSONL file to write")],
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD")],
    site: Annotated[str, typer.Option("--site", help="The partition, such as payroll")],
) -> None:
    """Stored trajectories as the lines that `wm import` reads, without their branches."""
    from wm_pipeline.rounds.exchange import export_trajectories

    lines = export_trajectories(_resource().workspace(), day=day, site=site)
    write_text_file(file, "".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} trajectories in {file}")


ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored in MLflow")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")]


@app.command()
def promote(
    reason: ReasonOption,
    version: Annotated[str | None, typer.Argument(help="A registered version's number")] = None,
    day: Annotated[str | None, typer.Option("--day", help="The version that this day's round registered")] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a registered version the champion by hand, whatever the gate said about it."""
    if (version is None) == (day is None):
        raise typer.BadParameter("give a version's number or --day, one of them")
    from wm_pipeline.rounds.champions import plan_promotion

    workspace = _resource().workspace()
    planned = plan_promotion(workspace, version=version, day=day, reason=reason)
    _move(workspace, planned, dry_run=dry_run, as_json=as_json)


@app.command()
def rollback(reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Put the champion before this one back in use; once more goes back further."""
    from wm_pipeline.rounds.champions import plan_rollback

    workspace = _resource().workspace()
    _move(workspace, plan_rollback(workspace, reason=reason), dry_run=dry_run, as_json=as_json)


def _move(workspace: "Workspace", planned: "PlannedMove", *, dry_run: bool, as_json: bool) -> None:
    from wm_pipeline.rounds.champions import make_move

    if not dry_run:
        make_move(workspace, planned)
    if as_json:
        print(json.dumps({**asdict(planned), "is_dry_run": dry_run}))
    else:
        was = "there was none" if planned.previous is None else f"it was version {planned.previous}"
        print(f"champion{' would be' if dry_run else ''}: version {planned.version} ({planned.model_version}); {was}")
    say(f"the gate about version {planned.version}: {planned.gate_reason or 'not asked'}")


@app.command()
def champion(as_json: JsonOption = False) -> None:
    """Which version is in use, and who was champion when and why."""
    registry = _resource().workspace().registry
    version, changes = registry.champion_version(), registry.champion_changes()
    if as_json:
        print(json.dumps({"champion": version, "changes": [asdict(change) for change in changes]}))
        return
    print("no champion yet" if version is None else f"champion: version {version}")
    for change in changes:
        was = f"was {change.previous}" if change.previous is not None else "the first"
        print(f"{change.changed_at[:19]}  {change.move:<9} version {change.version} ({was}): {change.reason}")


worlds_app = typer.Typer(invoke_without_command=True, help="What worlds can be made of, and whether they keep it.")
app.add_typer(worlds_app, name="worlds")
LEAST_KEPT = 0.98
"""Share of goals, and of attacks, that `wm worlds check` wants to see kept."""


@worlds_app.callback()
def worlds(context: typer.Context, as_json: JsonOption = False) -> None:
    """Sites, goals, attack families, channels, disguises and tasks that worlds are drawn from."""
    if context.invoked_subcommand is not None:
        return
    from wm_pipeline.defs.resources import application_files
    from wm_pipeline.environments.applications.application import load_application
    from wm_pipeline.environments.miniwob import miniwob_tasks
    from wm_pipeline.environments.sites.worlds import catalogue

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
    if as_json:
        told = {"counts": counts, **asdict(known), "miniwob_tasks": tasks, "applications": applications}
        print(json.dumps(told))
        return
    for site in known.sites:
        print(f"{site.name:<12}{len(site.goal_ids):>3} goals   planted in {', '.join(site.channels)}")
    for family in known.families:
        carries = sorted({payload for site in known.sites for payload in site.payloads[family]})
        print(f"{family:<26}{', '.join(carries)}; look-alikes {', '.join(known.lookalikes[family])}")
    for one in applications:
        print(f"{one['name']:<12}{len(one['goals']):>3} goals   an application of its own ({one['file']})")
    print(f"disguises: {', '.join(known.disguises)}")
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


@worlds_app.command()
def check(
    site: Annotated[list[str] | None, typer.Option("--site", help="Only this site; may be repeated")] = None,
    generated: Annotated[int, typer.Option(help="So many generated sites, instead of those there are")] = 0,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many of the worlds; default: all of them")] = None,
    seed: Annotated[int, typer.Option(help="Which worlds, which of them, and which generated sites, are drawn")] = 0,
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
    drawn = generated_sites(generated, seed=seed)
    cases = world_cases((*(site or ()), *drawn) if site or drawn else None, seed=seed)
    if sample is not None:
        cases = sample_of(cases, sample, seed=seed)
    binary = find_chromium(os.environ.get("WM_CHROMIUM"))

    async def check_all() -> Any:
        environment = await open_site_environment(binary)
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
    if as_json:
        print(json.dumps({"kept": shares, "worlds": len(checked), "problems": problems}))
    else:
        for promise, found in kept.items():
            print(f"{promise:<14}{sum(found):>5} of {len(found)}")
        for one in problems:
            print(f"{one['world']}: {one['problem']}")
    if any(share < LEAST_KEPT for share in shares.values()):
        raise typer.Exit(1)


@app.command()
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

    resource = _resource()
    workspace = resource.workspace()
    if trajectory is None:
        found = list_trajectories(workspace.store, site=site)
        if as_json:
            print(found.write_json())
            return
        for row in found.iter_rows():
            print("  ".join("-" if value is None else str(value) for value in row))
        say("`wm browse ID` shows one")
        return
    import asyncio

    from wm_pipeline.gateways.progress import PrintedProgress
    from wm_pipeline.rounds.opening import open_environment

    trajectory_id, chosen = trajectory, None
    if "/" in trajectory:
        trajectory_id, step_index, branch_index = transition_key(trajectory)
        chosen = step_index, branch_index
    strip = read_strip(workspace.store, trajectory_id)
    anchor = "" if chosen is None else anchor_of(strip, chosen)
    check_repeatable(strip)

    async def pictures() -> Any:
        opened = await open_environment(strip.spec.site, workspace.storage.chromium, workspace.storage.applications)
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
    print(json.dumps({"page": told, "pictures": len(taken), "differing": others}) if as_json else told)


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
    print(json.dumps({**asdict(report), "is_usable": report.is_usable}) if as_json else report.as_table())
    if not report.is_usable:
        raise typer.Exit(1)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on the loopback interface")] = 8080,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; default: the champion")] = None,
    token: Annotated[str | None, typer.Option(envvar="WM_TOKEN", help="Bearer token that callers must send")] = None,
) -> None:
    """The same answers over HTTP, documented at /docs."""
    _check_port(port)
    import uvicorn

    from wm_pipeline.rounds.models import guard_of, predictor_in_use
    from wm_pipeline.rounds.reviewed_decisions import decision_log
    from wm_pipeline.serve.app import AppSettings, build_app

    workspace = _resource().workspace()
    predictor = predictor_in_use(workspace, checkpoint)
    service = build_app(predictor, guard_of(predictor), AppSettings(token=token), on_decision=decision_log(workspace))
    say(f"model {predictor.model_version}: http://127.0.0.1:{port}/docs")
    uvicorn.run(service, host="127.0.0.1", port=port, log_level="warning")


@app.command()
def schema(
    folder: Annotated[Path, typer.Argument(help="Where the JSON schemas of State, Action and Outcome are written")],
) -> None:
    """JSON schemas for users of the contract."""
    from wm_pipeline.domain.action import Action
    from wm_pipeline.domain.outcome import Outcome
    from wm_pipeline.domain.records import adapter_of
    from wm_pipeline.domain.state import State

    for record_type in (State, Action, Outcome):
        path = folder / f"{record_type.__name__.lower()}.schema.json"
        write_text_file(path, json.dumps(adapter_of(record_type).json_schema(), indent=1) + "\n")
        print(path)


@app.command()
def ui(
    dagster_port: Annotated[int, typer.Option()] = 3000,
    mlflow_port: Annotated[int, typer.Option()] = 5000,
) -> None:
    """Dagster UI and MLflow UI on loopback, until Ctrl-C."""
    resource = _resource()
    os.chdir(ROOT)
    for port in (dagster_port, mlflow_port):
        _check_port(port)
    make_folder(Path(resource.state_folder))
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
    children = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]  # noqa: S603 our own tools
    say(f"Dagster UI: http://127.0.0.1:{dagster_port}")
    say(f"MLflow UI:  http://127.0.0.1:{mlflow_port}")
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("stopping")
    stop_processes(children, patience_s=30)


@app.command()
def setup() -> None:
    """Once after installing: find Chromium, convert the base weights, compile DeepSpeed's communication kernel."""
    from wm_pipeline.environments.browser.chromium import find_chromium

    resource = _resource()
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


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(f"port {port} is in use; stop what listens there or choose another port") from error


def main() -> None:
    """Entry point of `wm`: a WmError is one line and exit status 1, bad usage 2, anything else a bug's traceback."""
    heed_interrupts()
    try:
        plugins.load()
        app(prog_name="wm")
    except WmError as error:
        say(f"wm: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
