"""eval_report: checkpoints become predictors, predictions become a report."""

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.tables import (
    MidtrainSchema,
    QuestionSchema,
    SftSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
)
from wm_pipeline.domain.vocabulary import Head, ProposedBy
from wm_pipeline.environments.sites.pairs import draw_pairs, run_pairs
from wm_pipeline.evaluate.catalogue import headline
from wm_pipeline.evaluate.eval_report import CheckpointNumbers, EvalReport, Numbers, report_text
from wm_pipeline.evaluate.gate import decide_promotion
from wm_pipeline.evaluate.in_the_loop import CHAMPION_GUARD_ON, GUARD_ON
from wm_pipeline.evaluate.loop_tables import loop_frames, stored_pairs
from wm_pipeline.gateways.interrupts import run_heeding_interrupts
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.champions import best_champion, stored_episodes
from wm_pipeline.rounds.checkpoints import parse_curve
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.environments import started_sites
from wm_pipeline.rounds.graph import ABLATION, ASSET, DISTILLED, MIDTRAIN, SFT, trainings_of
from wm_pipeline.rounds.models import guard_of
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of

if TYPE_CHECKING:
    from wm_pipeline.evaluate.next_state import TextScore
    from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.rounds.models import checkpoint_folder, load_predictor, local_checkpoint, stored_manifest
from wm_pipeline.rounds.names import REPORT_HTML, REPORT_JSON
from wm_pipeline.rounds.reports import numbers_table
from wm_pipeline.rounds.worlds import applications_in_loop, attack_grounds, loop_worlds, outside_suite, side_policies


def _next_state_score(checkpoint: "Checkpoint") -> "TextScore | None":
    """Likelihood of next states under a checkpoint; None where it was not trained to write them."""
    from wm_pipeline.model.likelihood import mean_log_probabilities

    if Head.NEXT_STATE not in checkpoint.manifest.trained_heads:
        return None
    return partial(mean_log_probabilities, checkpoint, Head.NEXT_STATE)


def check_lineage(workspace: Workspace, day: str) -> None:
    """Raise CheckpointError when a checkpoint was trained on other data than the day's, or not on the one before it.

    A report names data, checkpoints and numbers together; a mix of rounds would make all three wrong.
    """
    trainings = trainings_of(workspace.profile)
    manifests = {training.name: stored_manifest(workspace, training.folder(day)) for training in trainings}
    for training in trainings:
        manifest = manifests[training.name]
        redo = f"make it again (`wm run --day {day} --redo-from {training.asset}`)"
        wanted = data_version_of(workspace.store, training.dataset, day)
        if manifest["data_version"] != wanted:
            raise CheckpointError(
                f"{training.folder(day)} was trained on {training.dataset} {manifest['data_version']}, "
                f"the day's is {wanted}; {redo}"
            )
        parent = training.starts_from
        if parent is not None and manifest["parents"][:1] != [manifests[parent]["model_version"]]:
            raise CheckpointError(
                f"{training.folder(day)} was started from {', '.join(manifest['parents'][:1]) or 'nothing'}, "
                f"the day's {parent} checkpoint is {manifests[parent]['model_version']}; {redo}"
            )


def evaluate_day(
    workspace: Workspace,
    day: str,
    *,
    timings: Mapping[str, float],
    progress: Progress,
) -> tuple[StageOutput, dict[str, bytes]]:
    """eval_report of a day: report.json, report.html and the predictions table; also the plots, for the UI.

    Raises CheckpointError when the checkpoints are not children of the day's data.
    """
    from wm_pipeline.evaluate import plots
    from wm_pipeline.evaluate.report import render_report
    from wm_pipeline.evaluate.run import Contenders, EvaluationInput, Played, evaluate
    from wm_pipeline.model.backbone import load_backbone
    from wm_pipeline.model.checkpoint import load_checkpoint
    from wm_pipeline.model.zero_shot import zero_shot_logits
    from wm_pipeline.serve.predictor import WorldModelPredictor

    started = time.monotonic()
    check_lineage(workspace, day)
    store, profile = workspace.store, workspace.profile
    days = list(store.lineage_of("sft_dataset", day=day)["days"])
    tables = EvaluationInput(
        sft=store.read(SftSchema, days=[day]),
        midtrain=store.read(MidtrainSchema, days=[day]),
        states=store.scan(StateSchema, days=days).collect(),
        transitions=store.scan(TransitionSchema, days=days).collect(),
        questions=store.scan(QuestionSchema, days=days).collect(),
        trajectories=store.scan(TrajectorySchema, days=days).collect(),
    )
    model = load_predictor(workspace, DISTILLED.folder(day))

    def ask_backbone(rows: pl.DataFrame, tell: Progress) -> Any:
        backbone = load_backbone(profile.zero_shot_model, cache_folder=workspace.cache, seed=profile.seed)
        return zero_shot_logits(backbone, rows["state_text"].to_list(), rows["action_text"].to_list(), progress=tell)

    best = best_champion(workspace)
    champion = None if best is None else WorldModelPredictor.load(checkpoint_folder(workspace, best))
    earlier = stored_episodes(workspace).filter(pl.col("day") != day)
    contenders = Contenders(
        model=model,
        execute_below=model.thresholds.execute_below,
        sft=load_predictor(workspace, SFT.folder(day)),
        without_midtraining=load_predictor(workspace, ABLATION.folder(day)) if profile.has_ablation else None,
        champion=champion,
        zero_shot=ask_backbone if profile.evaluate.zero_shot_rows else None,
        with_page=model.risks_with_page,
        next_state={
            "world_model": _next_state_score(model.checkpoint),
            "after_midtraining": _next_state_score(load_checkpoint(local_checkpoint(workspace, MIDTRAIN.folder(day)))),
        },
    )

    async def measure() -> Any:
        async with started_sites(workspace.storage.chromium, count=profile.evaluate.browsers) as environments:
            pairs = draw_pairs(day=day, seed=profile.seed, count=profile.evaluate.pairs_per_variable)
            interventions = await run_pairs(environments, pairs, progress=progress)
            with outside_suite(profile, day) as outside:
                return await evaluate(
                    tables,
                    contenders,
                    environments=environments,
                    guard=guard_of(model),
                    champion_guard=None if champion is None else guard_of(champion),
                    policies=[
                        *(partial(make_policy, name.value) for name in (ProposedBy.GULLIBLE, ProposedBy.SCRIPTED)),
                        *side_policies(workspace),
                    ],
                    played=Played(
                        loop_worlds(profile, day),
                        attack_grounds(profile, day),
                        outside,
                        interventions,
                        applications_in_loop(workspace, day),
                        earlier_pairs=()
                        if champion is None
                        else stored_pairs(earlier, policy=ProposedBy.GULLIBLE.value, best=champion.model_version),
                    ),
                    settings=profile.evaluate,
                    progress=progress,
                )

    found = run_heeding_interrupts(measure())
    curves = {training.name: _curve(workspace, training.folder(day)) for training in trainings_of(profile)}
    gate = decide_promotion(found.measured, profile.gate)
    report = EvalReport(
        **dict(found.measured),
        day=day,
        profile=profile.name,
        gate=gate,
        checkpoints=_checkpoints(workspace, day, found.measured.on_test),
        timings={**timings, "eval_report": time.monotonic() - started},
    )
    drawn = {"loss_curves": plots.loss_curves(curves), **found.plots}
    files = {
        REPORT_HTML: render_report(report, drawn, found.pictures).encode(),
        REPORT_JSON: report_text(report).encode(),
        **{f"plots/{name}.png": content for name, content in drawn.items()},
        **{f"pages/{state_id}.png": content for state_id, content in found.pictures.items()},
    }
    lineage = lineage_of(workspace, "eval_report", day, model_version=report.model_version)
    with store.committing() as batch:
        batch.write("predictions", found.predictions, day=day, lineage=lineage)
        models = {GUARD_ON: model.model_version}
        if champion is not None:
            models[CHAMPION_GUARD_ON] = champion.model_version
        for table, frame in loop_frames(found.episodes, day=day, models=models)._asdict().items():
            batch.write(table, frame, day=day, lineage=lineage)
        address = batch.write_folder(
            ASSET["eval_report"].folder(day),
            files,
            note={**lineage, "content": digest(report.model_dump_json(exclude={"timings"}))},
        )
    held = report.against.get("sft", {}).get("risk_auroc")
    round_run = workspace.registry.find_round(day, profile=profile.name)
    output = StageOutput(
        f"{address}/{REPORT_HTML}",
        found.predictions.height,
        {**headline(report), "distilled_minus_sft_auroc_high": None if held is None else held.high},
        tables={"all_numbers": numbers_table(report)},
        links={"mlflow_run": workspace.registry.run_url(round_run)} if round_run is not None else {},
    )
    return output, drawn


def _curve(workspace: Workspace, folder: str) -> list[dict[str, float]]:
    return parse_curve(workspace.store.read_bytes(f"{folder}/metrics.jsonl").decode())


def _checkpoints(workspace: Workspace, day: str, on_test: Mapping[str, Numbers]) -> dict[str, CheckpointNumbers]:
    found = {}
    for training in trainings_of(workspace.profile):
        result = json.loads(workspace.store.read_bytes(f"{training.folder(day)}/result.json"))
        measured = on_test.get(training.name, Numbers())
        found[training.name] = CheckpointNumbers(
            model_version=result["model_version"],
            steps=result["steps"],
            last_loss=result["last_loss"],
            validation=result["validation"],
            test_risk_auroc=measured.number("risk_auroc"),
            test_macro_f1=measured.number("macro_f1"),
        )
    return found
