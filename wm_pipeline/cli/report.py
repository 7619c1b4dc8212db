"""`wm report`: reports shown and compared, and `wm report attack`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from wm_pipeline.cli.options import DayOption, JsonOption, ProfileOption, workspace_resource
from wm_pipeline.cli.output import print_json, say

report_app = typer.Typer(invoke_without_command=True, help="The newest eval report's numbers, or two compared.")


@report_app.callback()
def report(context: typer.Context, day: DayOption = None, as_json: JsonOption = False) -> None:
    """The newest eval report's numbers."""
    if context.invoked_subcommand is not None:
        return
    from wm_pipeline.rounds.reports import read_report

    found = read_report(workspace_resource().workspace(), day)
    if as_json:
        print_json(found)
    else:
        print(summary(found))


@report_app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A day (YYYY-MM-DD), a registered version's number, or a report.json")],
    second: Annotated[str, typer.Argument(help="The other one, in the same way")],
    as_json: JsonOption = False,
) -> None:
    """Headline numbers of two reports beside each other, with intervals; a star where these do not touch."""
    from wm_pipeline.evaluate.report import compare_reports, show_interval, show_number
    from wm_pipeline.rounds.reports import find_report

    workspace = workspace_resource().workspace()
    found = compare_reports(find_report(workspace, first), find_report(workspace, second))
    if as_json:
        print_json([{**asdict(one), "is_apart": one.is_apart} for one in found])
        return
    # Of a path its end, where the file's name and its folder stand.
    print(f"{'':<54}{first[-22:]:>24}{second[-22:]:>24}")
    for one in found:
        told = [
            f"{show_number(value)} {show_interval(interval)}".strip()
            for value, interval in ((one.first, one.first_interval), (one.second, one.second_interval))
        ]
        print(f"{one.name:<54}{told[0]:>24}{told[1]:>24}{'  *' if one.is_apart else ''}")


@report_app.command()
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

    workspace = workspace_resource(profile).workspace()
    found = attack_day(
        workspace, workspace.profile, day, grounds=grounds, tries=tries, seed=seed, progress=PrintedProgress(say)
    )
    if as_json:
        print_json(found)
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


def summary(report: dict[str, Any]) -> str:
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
