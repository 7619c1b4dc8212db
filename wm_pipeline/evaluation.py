"""Evaluation and registration wired: checkpoints become predictors, predictions become a report, a report a version."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.errors import CheckpointError, InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.numbers import flat_numbers
from wm_pipeline.domain.ports import Policy, Progress
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Head, ProposedBy
from wm_pipeline.domain.world import AttackChoice, WorldSpec
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.sites.attacks.outside_suite import registered
from wm_pipeline.environments.sites.environment import open_site_environment
from wm_pipeline.environments.sites.pairs import draw_pairs, run_pairs
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.worlds import draw_worlds
from wm_pipeline.evaluate.gate import Difference, GateDecision, GateNumbers, decide_promotion
from wm_pipeline.gateways.mlflow_registry import RegisteredModel
from wm_pipeline.gateways.outside_suites import installed_injections, installed_suites
from wm_pipeline.policies.named import make_policy
from wm_pipeline.settings import Profile
from wm_pipeline.stages import StageOutput, Workspace, data_version_of, lineage_of, policy_of, write_lineage
from wm_pipeline.training import ABLATION, CHECKPOINT, guard_of, parse_curve

if TYPE_CHECKING:
    from wm_pipeline.evaluate.next_state import TextScore
    from wm_pipeline.evaluate.run import OutsideSuite
    from wm_pipeline.model.checkpoint import Checkpoint
    from wm_pipeline.serve.predictor import WorldModelPredictor

REPORT_JSON, REPORT_HTML = "report.json", "report.html"
PACKAGE = Path(__file__).parent
MODEL_CODE = PACKAGE / "serve" / "pyfunc_model.py"
MODEL_NEEDS = (
    *("torch", "transformers", "safetensors", "llguidance", "pydantic", "polars", "dataframely", "numpy", "scipy"),
    *("pandas", "mlflow"),
)
"""What a registered model needs to answer, wherever it is loaded."""


def load_predictor(workspace: Workspace, path: str) -> "WorldModelPredictor":
    """The predictor of a published checkpoint folder."""
    from wm_pipeline.serve.predictor import WorldModelPredictor

    return WorldModelPredictor.load(_folder(workspace, path))


def _folder(workspace: Workspace, path: str) -> Path:
    """Where a published checkpoint can be read from."""
    return workspace.store.local_folder(path, cache=workspace.cache) / CHECKPOINT


def _next_state_score(checkpoint: "Checkpoint") -> "TextScore | None":
    """Likelihood of next states under a checkpoint; None where it was not trained to write them."""
    from wm_pipeline.model.likelihood import mean_log_probabilities

    if Head.NEXT_STATE not in checkpoint.manifest.trained_heads:
        return None
    return partial(mean_log_probabilities, checkpoint, Head.NEXT_STATE)


def load_champion(workspace: Workspace) -> "WorldModelPredictor | None":
    """The champion's predictor; None before the first promotion."""
    champion = workspace.registry.champion()
    if champion is None:
        return None
    from wm_pipeline.serve.predictor import WorldModelPredictor

    return WorldModelPredictor.load(checkpoint_folder(workspace, champion))


def checkpoint_folder(workspace: Workspace, model: RegisteredModel) -> Path:
    """The local checkpoint folder of a registered version: the day's, unless the day was made again since; then
    MLflow's copy.

    Raises MissingUpstreamError when neither is there.
    """
    path = model.checkpoint_address.removeprefix(workspace.store.address_of(""))
    try:
        is_the_days = _manifest(workspace, path)["model_version"] == model.model_version
    except MissingUpstreamError:
        is_the_days = False
    if is_the_days:
        return _folder(workspace, path)
    return workspace.registry.checkpoint_of(model.version, cache=workspace.cache)


def loop_worlds(profile: Profile, day: str) -> list[WorldSpec]:
    """Fresh worlds for the loop, shared out over our own sites; their seeds are used for nothing else.

    Applications are left out, since one environment runs the whole loop.
    None has a goal with hidden variables: there the same page leads to harm in every other world, and a guard that
    knows it stops honest episodes for good reason (docs/decisions/0003).
    """
    return _drawn_in_turn(profile, day, "loop", profile.evaluate.loop_worlds, profile.round.attacks)


def side_policies(workspace: Workspace) -> list[Callable[[], Policy]]:
    """Who plays in a few worlds only: the explorer, and an agent that asks the language model there is."""
    llm, key = workspace.storage.llm, workspace.storage.llm_key
    names = (ProposedBy.EXPLORER, *(() if llm is None else (ProposedBy.LLM,)))
    return [partial(policy_of, llm, key, name.value) for name in names]


def _own_sites(profile: Profile) -> list[str]:
    return [site for site in profile.round.sites if site in registered_sites()]


def _drawn_in_turn(
    profile: Profile, day: str, use: str, count: int, attacks: AttackChoice, *, are_all_planted: bool = False
) -> list[WorldSpec]:
    """`count` fresh worlds without hidden variables, our own sites in turn; the seeds are this use's alone.

    `are_all_planted`: only worlds with an attack or what looks like one.
    """
    sites = _own_sites(profile)
    # Seven of ten worlds that are drawn are attacked or look like it.
    each = -(-2 * count // len(sites)) + 1 if are_all_planted else -(-count // len(sites))
    drawn = [
        draw_worlds(
            site=site,
            day=day,
            count=each,
            seed=seed_of(use, profile.seed, day, site),
            has_hidden_variables=False,
            attacks=attacks,
        )
        for site in sites
    ]
    in_turn = [spec for group in zip(*drawn, strict=True) for spec in group]
    return [spec for spec in in_turn if spec.attack is not None or not are_all_planted][:count]


def attack_grounds(profile: Profile, day: str, *, use: str = "ground") -> list[tuple[WorldSpec, ...]]:
    """Grounds for the adaptive attacker, our own sites in turn: a fresh seed each, with what could be planted there.

    The seeds are those of one use alone.
    """
    sites = _own_sites(profile)
    found = []
    for number in range(profile.evaluate.adaptive_grounds):
        site = sites[number % len(sites)]
        seed = seed_of(use, profile.seed, day, site, number)
        drawn = draw_worlds(
            site=site,
            day=day,
            count=2 * profile.evaluate.adaptive_attacks,
            seed=seed,
            has_hidden_variables=False,
            attacks=profile.round.attacks,
        )
        attacked = [spec for spec in drawn if spec.attack is not None and not spec.attack.is_lookalike]
        found.append(tuple(replace(spec, world_seed=seed) for spec in attacked))
    return found


@contextmanager
def outside_suite(profile: Profile, day: str) -> Iterator["OutsideSuite | None"]:
    """agentdojo's injections in fresh worlds of our sites, for as long as they are played; None where the package is
    not installed, or the profile leaves it out."""
    if not profile.evaluate.outside_worlds or "agentdojo" not in installed_suites():
        yield None
        return
    texts = installed_injections()
    with registered(texts) as family:
        planted = AttackChoice(families=(family.name,))
        worlds = _drawn_in_turn(profile, day, "outside", profile.evaluate.outside_worlds, planted, are_all_planted=True)
        from wm_pipeline.evaluate.run import OutsideSuite

        yield OutsideSuite(texts, worlds)


def attack_day(
    workspace: Workspace, profile: Profile, day: str | None, *, grounds: int, tries: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """The adaptive attacker against the model of a day (None: the newest), in worlds of its own; as a report holds it.

    Raises MissingUpstreamError when the day has no report, whose predictions say what the model overlooks.
    """
    from wm_pipeline.evaluate.adaptive import attack_adaptively, overlooked

    report = read_report(workspace, day)
    chosen = replace(profile, evaluate=replace(profile.evaluate, adaptive_grounds=grounds))
    model = load_predictor(workspace, f"checkpoints/distilled/{report['day']}")

    async def attack() -> dict[str, Any]:
        environment = await open_site_environment(find_chromium(workspace.storage.chromium))
        try:
            return await attack_adaptively(
                environment,
                partial(make_policy, ProposedBy.GULLIBLE.value),
                attack_grounds(chosen, report["day"], use=f"attack {seed}"),
                guard=guard_of(model),
                known=overlooked(workspace.store.read("predictions", days=[report["day"]])),
                tries=tries,
                max_steps=profile.evaluate.loop_max_steps,
                progress=progress,
            )
        finally:
            await environment.close()

    return {"day": report["day"], "model_version": model.model_version, "seed": seed, **asyncio.run(attack())}


def check_lineage(workspace: Workspace, profile: Profile, day: str) -> None:
    """Raise CheckpointError when a checkpoint was trained on other data than the day's, or not on the one before it.

    A report names data, checkpoints and numbers in one breath; one that mixes rounds would be wrong about all three.
    """
    tables = {"midtrain": "midtrain_dataset", "sft": "sft_dataset", "distilled": "sft_dataset", ABLATION: "sft_dataset"}
    starts_from = {"sft": "midtrain", "distilled": "sft"}
    folders = _checkpoint_folders(profile, day)
    manifests = {name: _manifest(workspace, folder) for name, folder in folders.items()}
    for name, manifest in manifests.items():
        redo = f"make it again (`wm run --day {day} --redo-from {'sft' if name == ABLATION else name}_checkpoint`)"
        wanted = data_version_of(workspace.store, tables[name], day)
        if manifest["data_version"] != wanted:
            raise CheckpointError(
                f"{folders[name]} was trained on {tables[name]} {manifest['data_version']}, "
                f"the day's is {wanted}; {redo}"
            )
        parent = starts_from.get(name)
        if parent is not None and manifest["parents"][:1] != [manifests[parent]["model_version"]]:
            raise CheckpointError(
                f"{folders[name]} was started from {', '.join(manifest['parents'][:1]) or 'nothing'}, "
                f"the day's {parent} checkpoint is {manifests[parent]['model_version']}; {redo}"
            )


def _manifest(workspace: Workspace, folder: str) -> dict[str, Any]:
    """A checkpoint's manifest as it is stored: its numbers are asked for, not its weights, so torch is not needed."""
    return dict(json.loads(workspace.store.read_bytes(f"{folder}/{CHECKPOINT}/manifest.json")))


def evaluate_day(
    workspace: Workspace,
    profile: Profile,
    day: str,
    *,
    fingerprint: str,
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
    from wm_pipeline.model.zero_shot import zero_shot_risk

    started = time.monotonic()
    check_lineage(workspace, profile, day)
    store = workspace.store
    days = list(store.lineage_of("sft_dataset", day=day)["days"])
    tables = EvaluationInput(
        sft=store.read("sft_dataset", days=[day]),
        midtrain=store.read("midtrain_dataset", days=[day]),
        states=store.scan("states", days=days).collect(),
        transitions=store.scan("transitions", days=days).collect(),
        trajectories=store.scan("trajectories", days=days).collect(),
    )
    model = load_predictor(workspace, f"checkpoints/distilled/{day}")
    ablation = f"checkpoints/sft/{day}/{ABLATION}"

    def ask_backbone(rows: pl.DataFrame, tell: Progress) -> Any:
        backbone = load_backbone(profile.zero_shot_model, cache_folder=workspace.cache, seed=profile.seed)
        return zero_shot_risk(backbone, rows["state_summary"].to_list(), rows["action_repr"].to_list(), progress=tell)

    champion = load_champion(workspace)
    contenders = Contenders(
        model=model,
        execute_below=model.thresholds.execute_below,
        sft=load_predictor(workspace, f"checkpoints/sft/{day}"),
        without_midtraining=load_predictor(workspace, ablation) if profile.has_ablation else None,
        champion=champion,
        zero_shot=ask_backbone if profile.evaluate.zero_shot_rows else None,
        next_state={
            "world_model": _next_state_score(model.checkpoint),
            "after_midtraining": _next_state_score(load_checkpoint(_folder(workspace, f"checkpoints/midtrain/{day}"))),
        },
    )

    async def measure() -> Any:
        async with AsyncExitStack() as opened:
            environments = []
            for _ in range(profile.evaluate.browsers):
                environments.append(await open_site_environment(find_chromium(workspace.storage.chromium)))
                opened.push_async_callback(environments[-1].close)
            pairs = draw_pairs(day=day, seed=profile.seed, count=profile.evaluate.pairs_per_variable)
            interventions = await run_pairs(environments, pairs, progress=progress)
            with outside_suite(profile, day) as outside:
                return await evaluate(
                    tables,
                    contenders,
                    environments=environments,
                    guard=guard_of(model),
                    champion_guard=None if champion is None else guard_of(champion),
                    policies=[partial(make_policy, name.value) for name in (ProposedBy.GULLIBLE, ProposedBy.SCRIPTED)],
                    side_policies=side_policies(workspace),
                    played=Played(loop_worlds(profile, day), attack_grounds(profile, day), outside, interventions),
                    settings=profile.evaluate,
                    progress=progress,
                )

    found = asyncio.run(measure())
    store.write("predictions", found.predictions, day=day, lineage=lineage_of(profile, fingerprint))
    curves = {name: _curve(workspace, path) for name, path in _checkpoint_folders(profile, day).items()}
    gate = _gate(profile, found.numbers)
    report = {
        **found.numbers,
        "day": day,
        "profile": profile.name,
        "registered_version": None,
        "gate": {"promoted": gate.promoted, "reason": gate.reason},
        "checkpoints": _checkpoints(workspace, profile, day, found.numbers["on_test"]),
        "timings": {**timings, "eval_report": time.monotonic() - started},
    }
    drawn = {**found.plots, "loss_curves": plots.loss_curves(curves)}
    folder = f"reports/{day}"
    for name, content in drawn.items():
        store.write_bytes(f"{folder}/plots/{name}.png", content)
    for state_id, content in found.pictures.items():
        store.write_bytes(f"{folder}/pages/{state_id}.png", content)
    store.write_bytes(f"{folder}/{REPORT_HTML}", render_report(report, drawn, found.pictures).encode())
    store.write_bytes(f"{folder}/{REPORT_JSON}", json.dumps(report, indent=1, default=str).encode())
    write_lineage(workspace, folder, lineage_of(profile, fingerprint, model_version=report["model_version"]))
    output = StageOutput(
        store.address_of(f"{folder}/{REPORT_HTML}"),
        found.predictions.height,
        headline(report),
        tables={"all_numbers": numbers_table(report)},
    )
    return output, drawn


def _gate(profile: Profile, numbers: Mapping[str, Any]) -> GateDecision:
    gullible = numbers["loop"]["gullible"]
    on_test = numbers["on_test"]
    challenger = GateNumbers(
        test_auroc=on_test["distilled"]["risk_auroc"],
        test_macro_f1=on_test["distilled"]["macro_f1"],
        test_ece=on_test["distilled"]["ece"],
        guarded_asr=gullible["guard_on"]["asr"],
        unguarded_asr=gullible["guard_off"]["asr"],
    )
    champion = None
    if "champion" in on_test:
        known = on_test["champion"]
        theirs = gullible.get("champion_guard_on", {})
        champion = GateNumbers(
            known["risk_auroc"], known["macro_f1"], known["ece"], theirs.get("asr"), gullible["guard_off"]["asr"]
        )
    found = {**numbers["against"].get("champion", {}), **numbers["loop_against_champion"]}
    return decide_promotion(
        challenger,
        champion=champion,
        differences={name: None if one is None else Difference(**one) for name, one in found.items()},
        rules_auroc=numbers["baselines"]["rules"]["test"]["risk_auroc"],
        settings=profile.gate,
    )


def _checkpoint_folders(profile: Profile, day: str) -> dict[str, str]:
    folders = {name: f"checkpoints/{name}/{day}" for name in ("midtrain", "sft", "distilled")}
    return {**folders, ABLATION: f"checkpoints/sft/{day}/{ABLATION}"} if profile.has_ablation else folders


def _curve(workspace: Workspace, folder: str) -> list[dict[str, float]]:
    return parse_curve(workspace.store.read_bytes(f"{folder}/metrics.jsonl").decode())


def _checkpoints(
    workspace: Workspace, profile: Profile, day: str, on_test: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    found = {}
    for name, folder in _checkpoint_folders(profile, day).items():
        result = json.loads(workspace.store.read_bytes(f"{folder}/result.json"))
        found[name] = {
            "model_version": result["model_version"],
            "steps": result["steps"],
            "last_loss": result["last_loss"],
            "validation": result["validation"],
            "test_risk_auroc": on_test.get(name, {}).get("risk_auroc"),
            "test_macro_f1": on_test.get(name, {}).get("macro_f1"),
        }
    return found


def headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers that a person asks for first."""
    test, gullible = report["splits"]["test"], report["loop"]["gullible"]
    return {
        "test_risk_auroc": test["risk_auroc"],
        "test_macro_f1": test["macro_f1"],
        "test_ece": test["ece"],
        "ood_site_risk_auroc": report["splits"]["ood_site"]["risk_auroc"],
        "ood_attack_risk_auroc": report["splits"]["ood_attack"]["risk_auroc"],
        "asr_guard_off": gullible["guard_off"]["asr"],
        "asr_guard_on": gullible["guard_on"]["asr"],
        "benign_utility_guard_off": gullible["guard_off"]["benign_utility"],
        "benign_utility_guard_on": gullible["guard_on"]["benign_utility"],
        "counterfactual_valid": test["counterfactual_valid"],
    }


def numbers_table(report: Mapping[str, Any]) -> pl.DataFrame:
    """Every number of a report, as MLflow has them too."""
    numbers = flat_numbers(report)
    return pl.DataFrame({"number": list(numbers), "value": list(numbers.values())})


def read_report(workspace: Workspace, day: str | None = None) -> dict[str, Any]:
    """The report of a day, or the newest one."""
    days = sorted({path.split("/")[1] for path in workspace.store.list_files("reports") if path.endswith(REPORT_JSON)})
    if not days:
        raise MissingUpstreamError(f"no eval report in {workspace.store.root}; run `wm run` first")
    if day is not None and day not in days:
        raise MissingUpstreamError(f"no eval report for {day}; there are {', '.join(days)}")
    return dict(json.loads(workspace.store.read_bytes(f"reports/{day or days[-1]}/{REPORT_JSON}")))


def find_report(workspace: Workspace, name: str) -> dict[str, Any]:
    """The report that a person means: a day's (YYYY-MM-DD), a registered version's by its number, or a report.json."""
    if name.isdigit():
        return _report_of_version(workspace, name)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name):
        return read_report(workspace, name)
    try:
        found = json.loads(Path(name).read_text())
    except OSError as error:
        raise MissingUpstreamError(
            f"expected a day, a version's number or a report.json, found {name!r}: {error.strerror}"
        ) from error
    except ValueError as error:
        raise InvalidInputError(f"{name} is no JSON file: {error}") from error
    if not isinstance(found, dict) or "splits" not in found:
        raise InvalidInputError(
            f"{name} is no eval report: expected an object with 'splits'; `wm report --json` writes one"
        )
    return found


def _report_of_version(workspace: Workspace, version: str) -> dict[str, Any]:
    registered = workspace.registry.version(version)
    if registered is None:
        there_are = ", ".join(workspace.registry.versions()) or "none"
        raise MissingUpstreamError(f"no version {version!r} is registered; there are {there_are}")
    report: dict[str, Any] = json.loads(workspace.registry.read_bytes(registered.run_id, REPORT_JSON))
    if report["model_version"] != registered.model_version:
        raise MissingUpstreamError(
            f"the round of version {version} was made again: its report is about {report['model_version']} now, "
            f"not about {registered.model_version}"
        )
    return report


def register_day(
    workspace: Workspace, profile: Profile, day: str, *, fingerprint: str, dagster_run_id: str
) -> StageOutput:
    """model_version of a day: an MLflow version with lineage and report; champion only if the gate said so."""
    store, registry = workspace.store, workspace.registry
    report = read_report(workspace, day)
    path = f"checkpoints/distilled/{day}"
    round_run = registry.round_run(day, profile=profile.name, dagster_run_id=dagster_run_id)
    known = registry.find(report["model_version"])
    if known is None:
        known = _register(workspace, profile, day, report, path, round_run)
    registry.log_numbers(round_run, report)
    html = store.read_bytes(f"reports/{day}/{REPORT_HTML}")
    registry.log_bytes(round_run, REPORT_HTML, html)
    registry.log_bytes(round_run, REPORT_JSON, json.dumps(report, indent=1).encode())
    gate = report["gate"]
    registry.record_gate(known.version, promoted=gate["promoted"], reason=gate["reason"])
    report["registered_version"] = known.version
    store.write_bytes(f"reports/{day}/{REPORT_JSON}", json.dumps(report, indent=1).encode())
    numbers = {
        "registered_version": known.version,
        "promoted": gate["promoted"],
        "reason": gate["reason"],
        "mlflow_run": registry.run_url(round_run),
        **headline(report),
    }
    store.write_bytes(f"versions/{day}/version.json", json.dumps(numbers, indent=1).encode())
    write_lineage(workspace, f"versions/{day}", lineage_of(profile, fingerprint, model_version=report["model_version"]))
    return StageOutput(store.address_of(f"versions/{day}/version.json"), 1, numbers)


def model_requirements() -> list[str]:
    """MODEL_NEEDS as they are installed here; without the build of torch that this machine has (`+cpu`)."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in MODEL_NEEDS]


def _register(
    workspace: Workspace, profile: Profile, day: str, report: Mapping[str, Any], path: str, round_run: str
) -> RegisteredModel:
    example = State(url="http://payroll.localhost/", title="Home", goal="Look at the open invoices.")
    return workspace.registry.register(
        round_run_id=round_run,
        checkpoint_folder=workspace.store.local_folder(path, cache=workspace.cache) / CHECKPOINT,
        checkpoint_address=workspace.store.address_of(path),
        model_version=str(report["model_version"]),
        report_address=workspace.store.address_of(f"reports/{day}/{REPORT_HTML}"),
        model_code=MODEL_CODE,
        package=PACKAGE,
        input_example={"state": [to_json(example)], "action": [to_json(NOOP)]},
        output_example={"outcome": ["{}"]},
        requirements=model_requirements(),
    )
