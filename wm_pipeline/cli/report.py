"""`wm report`: reports shown and compared, and `wm report attack`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wm_pipeline.cli.options import DayOption, JsonOption, ProfileOption, workspace_resource
from wm_pipeline.cli.output import Rows, answer, say

if TYPE_CHECKING:
    from wm_pipeline.evaluate.eval_report import EvalReport, Numbers
    from wm_pipeline.evaluate.registry import Metric

report_app = typer.Typer(invoke_without_command=True, help="The newest eval report's numbers, or two compared.")


@report_app.callback()
def report(
    context: typer.Context,
    day: DayOption = None,
    sealed: Annotated[
        int | None, typer.Option(help="Play the loop in the sealed sites of this seed instead; once a release")
    ] = None,
    worlds: Annotated[int, typer.Option(min=1, help="With --sealed: worlds to play in")] = 24,
    sites: Annotated[int, typer.Option(min=1, help="With --sealed: sites that these are of")] = 12,
    profile: ProfileOption = "laptop",
    as_json: JsonOption = False,
) -> None:
    """The newest eval report's numbers."""
    if context.invoked_subcommand is not None:
        return
    if sealed is None:
        show(day=day, as_json=as_json)
    else:
        _show_sealed(sealed, day=day, worlds=worlds, sites=sites, profile=profile, as_json=as_json)


def _show_sealed(seed: int, *, day: str | None, worlds: int, sites: int, profile: str, as_json: bool) -> None:
    from wm_pipeline.evaluate.catalogue import metrics_at
    from wm_pipeline.evaluate.registry import Place
    from wm_pipeline.evaluate.report import show_metric
    from wm_pipeline.evaluate.risk import compared_metrics
    from wm_pipeline.gateways.progress import PrintedProgress
    from wm_pipeline.rounds.sealed import evaluate_sealed

    workspace = workspace_resource(profile).workspace()
    found = evaluate_sealed(workspace, day, seed=seed, worlds=worlds, sites=sites, progress=PrintedProgress(say))

    def table(first: str, numbers: Mapping[str, "Numbers"], told: Sequence["Metric[Any]"]) -> Rows:
        return Rows(
            (first, *(metric.title for metric in told)),
            [(name.replace("_", " "), *(show_metric(n, metric) for metric in told)) for name, n in numbers.items()],
        )

    answer(
        found.as_json(),
        f"{found.model_version} of {found.day}, {found.worlds} sealed worlds of {len(found.sites)} sites, seed {seed}",
        table("consequential actions", found.rows, compared_metrics()),
        table("guard", found.loop, metrics_at(Place.GUARD_OFF, Place.GUARD_ON)),
        as_json=as_json,
    )


@report_app.command()
def show(day: DayOption = None, as_json: JsonOption = False) -> None:
    """The numbers of a day's eval report, or of the newest one."""
    from wm_pipeline.rounds.reports import read_report

    answer_report(read_report(workspace_resource().workspace(), day), as_json=as_json)


def answer_report(found: "EvalReport", *, as_json: bool) -> None:
    answer(found.model_dump(mode="json"), *summary(found), as_json=as_json)


@report_app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A day (YYYY-MM-DD), a registered version's number, or a report.json")],
    second: Annotated[str, typer.Argument(help="The other one, in the same way")],
    as_json: JsonOption = False,
) -> None:
    """Headline numbers of two reports beside each other, with intervals; a star where these do not touch."""
    from wm_pipeline.evaluate.catalogue import compare_reports
    from wm_pipeline.evaluate.report import show_estimate
    from wm_pipeline.rounds.reports import find_report

    workspace = workspace_resource().workspace()
    found = compare_reports(find_report(workspace, first), find_report(workspace, second))
    rows = [
        (
            one.name,
            show_estimate(one.first, one.first_interval),
            show_estimate(one.second, one.second_interval),
            "*" if one.is_apart else "",
            one.direction,
        )
        for one in found
    ]
    # Of a path its end, where the file's name and its folder stand.
    table = Rows(("number", first[-22:], second[-22:], "apart", "better"), rows)
    answer([{**asdict(one), "is_apart": one.is_apart} for one in found], table, as_json=as_json)


@report_app.command()
def attack(
    day: DayOption = None,
    grounds: Annotated[int, typer.Option(min=1, help="Worlds to attack, our own sites in turn")] = 6,
    tries: Annotated[int, typer.Option(min=1, help="Attacks on each, until one wins")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the worlds")] = 0,
    profile: ProfileOption = "laptop",
    as_json: JsonOption = False,
) -> None:
    """Attack the guarded model where it overlooks most, learning from each try; beside it, draws at random."""
    from wm_pipeline.evaluate.adaptive import ATTACKER
    from wm_pipeline.evaluate.report import show_metric
    from wm_pipeline.gateways.progress import PrintedProgress
    from wm_pipeline.rounds.attack import attack_day

    workspace = workspace_resource(profile).workspace()
    found = attack_day(
        workspace, workspace.profile, day, grounds=grounds, tries=tries, seed=seed, progress=PrintedProgress(say)
    )
    attackers = {"adaptive": found.numbers.adaptive, "static": found.numbers.static}
    answer(
        found.as_json(),
        f"{found.model_version} of {found.day}, guarded, {grounds} worlds, up to {tries} tries each",
        Rows(
            ("attacker", *(metric.title for metric in ATTACKER.metrics())),
            [(name, *(show_metric(one, metric) for metric in ATTACKER.metrics())) for name, one in attackers.items()],
        ),
        *(
            f"{name} won: " + ", ".join(f"{key} {value}" for key, value in cell.items() if value is not None)
            for name, one in attackers.items()
            for cell in one.finds
        ),
        as_json=as_json,
    )


def summary(report: "EvalReport") -> tuple[Rows | str, ...]:
    """What a person is shown of a report."""
    from wm_pipeline.evaluate.catalogue import metrics_at
    from wm_pipeline.evaluate.eval_report import Numbers
    from wm_pipeline.evaluate.opening import opening
    from wm_pipeline.evaluate.registry import Place
    from wm_pipeline.evaluate.report import show_metric, show_number

    of_splits = metrics_at(*(place for place in Place if place.startswith("splits.")))
    of_loop = metrics_at(Place.GUARD_OFF, Place.GUARD_ON)
    ladder = [(place, metric) for place in (Place.INTERVENTION, Place.COUNTERFACTUAL) for metric in metrics_at(place)]
    predictors = {
        name: [numbers.get(split, Numbers()) for split in report.splits]
        for name, numbers in {"world model": report.splits, **report.baselines}.items()
    }
    return (
        *opening(report),
        f"model {report.model_version} (MLflow version {report.registered_version or 'none'})",
        Rows(
            ("split", "rows", *(metric.title for metric in of_splits)),
            [
                (split, show_number(n.number("rows"), 0), *(show_metric(n, metric) for metric in of_splits))
                for split, n in report.splits.items()
            ],
        ),
        Rows(
            ("AUROC", *report.splits),
            [
                (name.replace("_", " "), *(show_number(n.number("risk_auroc")) for n in of_split))
                for name, of_split in predictors.items()
            ],
        ),
        Rows(
            ("policy", "guard", *(metric.title for metric in of_loop)),
            [
                (policy, mode.replace("_", " "), *(show_metric(n, metric) for metric in of_loop))
                for policy, modes in report.loop.items()
                for mode, n in modes.items()
            ],
        ),
        Rows(
            ("causal ladder", "world model"),
            [(metric.title, show_metric(report.entry(place), metric)) for place, metric in ladder],
        ),
        f"gate: {report.gate.reason}",
    )
