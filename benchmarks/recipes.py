"""Which recipe is worth its minutes: SFT with one thing changed, for as much processor time as the shipped one takes.

    make benchmark-recipes                              # the laptop's recipe on its newest round; goes on where it was
    python -m benchmarks.recipes --profile tiny --seeds 1 --recipes shipped last_layers      # a try

Reads the tables of a round that was made (`wm run`) and its mid-trained checkpoint, from which every recipe starts but
those that say otherwise. Steps of a recipe and of the shipped one are taken in turn, and their processor time decides
how many steps the recipe has: its learning rate falls to the end over just these. Then the heads are fitted and
calibrated as in a round, and held-out rows are asked about. Every recipe has one seed; the shipped one and the best two
have them all. A recipe that fails is in the table with what it said.
"""

import json
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import torch

from benchmarks.model_tools import in_turn
from benchmarks.reporting import machine, publish
from benchmarks.rounds import (
    SPLITS,
    HeldOut,
    held_out_of,
    open_round,
    publish_checkpoint,
    publish_job,
    round_arguments,
    run_job,
    store_cell,
    workspace_of,
)
from benchmarks.training import Contender
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import WmError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.records import from_json, from_row, to_json
from wm_pipeline.domain.relative_facts import PAGE, SITE, TARGET, absolute_facts
from wm_pipeline.domain.tables import KEY, SftSchema
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.evaluate.metrics import set_overlap
from wm_pipeline.evaluate.predict import predict_rows
from wm_pipeline.evaluate.risk import of_split
from wm_pipeline.evaluate.tables import split_numbers
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.model.backbone import keep_layers, load_backbone
from wm_pipeline.model.checkpoint import load_checkpoint, read_manifest, save_checkpoint
from wm_pipeline.model.examples import read_dataset, sft_examples
from wm_pipeline.model.prompt import renderer_for
from wm_pipeline.model.settings import (
    Compute,
    HeadWeight,
    ModelSettings,
    Stage,
    Trained,
    TrainSettings,
    head_weights_of,
)
from wm_pipeline.model.world_model import WorldModel
from wm_pipeline.rounds.checkpoints import TrainingJob, prepare_training, read_curve, read_result
from wm_pipeline.rounds.datasets import data_version_of
from wm_pipeline.rounds.graph import ABLATION, ASSET, SFT
from wm_pipeline.rounds.models import load_predictor
from wm_pipeline.rounds.names import CHECKPOINT
from wm_pipeline.rounds.profiles import profile_named
from wm_pipeline.rounds.settings import Profile
from wm_pipeline.rounds.workspace import Workspace
from wm_pipeline.train.batches import plan_batches
from wm_pipeline.train.parameters import freeze_parameters
from wm_pipeline.train.run import TrainRun

SHIPPED = "shipped"
BRANCHES_KEPT = 2
DELTA_ROWS = 32
"""Rows of each split whose delta is written; a row takes about as long as ten judgements."""
ROUNDS = 5
"""Steps that are timed, the first of which only warms up."""
METRICS = ("risk_auroc", "macro_f1", "ece", "delta_covered", "delta_f1")


def fewer_branches(rows: pl.DataFrame) -> pl.DataFrame:
    """Of every training state a few actions, whichever they are."""
    return _shuffled(rows).filter(_is_held_out() | (pl.col("place") < BRANCHES_KEPT)).select(rows.columns)


def fewer_states(rows: pl.DataFrame) -> pl.DataFrame:
    """Training states with all of their actions, until there are as many rows as with fewer branches."""
    wanted = fewer_branches(rows).filter(~_is_held_out()).height
    train = _shuffled(rows).filter(~_is_held_out()).sort("state_place", "place")
    return pl.concat([rows.filter(_is_held_out()), train.head(wanted).select(rows.columns)])


def _is_held_out() -> pl.Expr:
    return pl.col("split").cast(pl.String) != Split.TRAIN.value


def _shuffled(rows: pl.DataFrame) -> pl.DataFrame:
    """With `state_place`, the same for all rows of a state, and `place` among them, in an order that ids decide."""
    keys = [digest("place", *map(str, row)) for row in rows.select(KEY).iter_rows()]
    states = [digest("state", state_id) for state_id in rows["state_id"]]
    placed = rows.with_columns(pl.Series("key", keys), pl.Series("state_place", states))
    return placed.with_columns((pl.col("key").rank("ordinal").over("state_id") - 1).alias("place"))


Change = Callable[[Profile], Profile]


def _same(profile: Profile) -> Profile:
    return profile


def _sft(**fields: Any) -> Change:
    return lambda profile: replace(profile, sft=replace(profile.sft, **fields))


def _model(**fields: Any) -> Change:
    return lambda profile: replace(profile, model=replace(profile.model, **fields))


def _rate(factor: float) -> Change:
    return lambda profile: _sft(learning_rate=profile.sft.learning_rate * factor)(profile)


def _batch(factor: float) -> Change:
    return lambda profile: _sft(batch_size=round(profile.sft.batch_size * factor))(profile)


def _page(factor: int) -> Change:
    """More or less of the page, by a power of two."""
    return lambda profile: _model(max_state_tokens=int(profile.model.max_state_tokens * 2.0**factor))(profile)


def _delta_weight(weight: float) -> Change:
    return _sft(head_weights=(HeadWeight(Head.STATE_DELTA, weight),))


def _both(first: Change, second: Change) -> Change:
    return lambda profile: second(first(profile))


@dataclass(frozen=True, slots=True)
class Recipe:
    """The shipped recipe with one thing changed."""

    change: str
    """In words, for the table."""
    profile: Change = _same
    layers: tuple[int, ...] | None = None
    """Which of the mid-trained checkpoint's layers are kept, by place; None: all."""
    is_midtrained: bool = True
    """False: from the base weights."""
    rows: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    """What is left of the training rows; None: all."""


RECIPES: dict[str, Recipe] = {
    SHIPPED: Recipe("nothing"),
    "delta_seldom": Recipe("deltas as seldom as other texts", _sft(delta_share=None)),
    "delta_light": Recipe("the delta's loss weighs 0.2", _delta_weight(0.2)),
    "delta_seldom_light": Recipe(
        "deltas as seldom as other texts, their loss weighs 0.2", _both(_sft(delta_share=None), _delta_weight(0.2))
    ),
    "delta_all": Recipe("the delta of every action", _sft(delta_share=1.0)),
    "rate_x3": Recipe("learning rate x 3", _rate(3)),
    "batch_half": Recipe("half the states a step", _batch(0.5)),
    "last_layers": Recipe("last 2 layers trained", _sft(trained=Trained.LAST_LAYERS)),
    # Adapters start at nothing and take a higher rate than whole weights do.
    "lora": Recipe("LoRA, learning rate x 3", _both(_rate(3), _sft(trained=Trained.LORA))),
    "half_depth": Recipe("3 of the 6 layers", layers=(0, 1, 5)),
    "page_half": Recipe("half the page", _page(-1)),
    "fewer_branches": Recipe("2 actions of every state", rows=fewer_branches),
    "fewer_states": Recipe("as many rows, whole states", rows=fewer_states),
    "ten_layers": Recipe(
        "10 even layers, no mid-training", _model(kept_layers=ModelSettings().kept_layers), is_midtrained=False
    ),
    "rate_third": Recipe("learning rate / 3", _rate(1 / 3)),
    "batch_x2": Recipe("twice the states a step", _batch(2)),
    "page_x2": Recipe("twice the page", _page(1)),
    "from_base": Recipe("no mid-training", is_midtrained=False),
    "fp32": Recipe("matrices in fp32", _model(compute=Compute.FP32)),
    "whole_lora": Recipe(
        "all 30 layers by LoRA, no mid-training",
        _both(_model(kept_layers=None), _sft(trained=Trained.LORA)),
        is_midtrained=False,
    ),
}
"""In the order in which they are made."""


def with_seed(profile: Profile, seed: int) -> Profile:
    return replace(profile, seed=seed, sft=replace(profile.sft, seed=seed))


def with_steps(profile: Profile, steps: int) -> Profile:
    return replace(profile, sft=replace(profile.sft, max_steps=steps))


# --- one training -----------------------------------------------------------------------------------------------------


def recipe_workspace(source: TableStore, folder: Path, recipe: Recipe, profile: Profile, day: str) -> Workspace:
    """A store of its own with what the recipe learns from and starts from."""
    rows = source.read(SftSchema, days=[day])
    kept = rows if recipe.rows is None else recipe.rows(rows)
    workspace = workspace_of(source, folder, profile, day, {"sft_dataset": kept})
    if recipe.is_midtrained:
        name = f"checkpoints/midtrain/{day}"
        start = load_checkpoint(source.local_folder(name, cache=workspace.cache) / CHECKPOINT, for_training=True)
        asked = profile.model
        settings = replace(start.manifest.model, max_state_tokens=asked.max_state_tokens, compute=asked.compute)
        if recipe.layers is not None:
            own = settings.kept_layers or range(max(recipe.layers) + 1)
            keep_layers(start.model.backbone, recipe.layers)
            settings = replace(settings, kept_layers=tuple(own[place] for place in recipe.layers))
        changed = folder / "start"
        manifest = replace(start.manifest, model=settings)
        manifest = save_checkpoint(changed, manifest=manifest, model=start.model, tokenizer=start.tokenizer)
        publish_checkpoint(workspace, changed, name, result=json.dumps({"model_version": manifest.model_version}))
        shutil.rmtree(changed)
    return workspace


def prepare(workspace: Workspace, recipe: Recipe, profile: Profile, day: str) -> TrainingJob:
    return prepare_training(replace(workspace, profile=profile), day, SFT if recipe.is_midtrained else ABLATION)


class Pace:
    """Takes steps of a training to see what one costs; what it learns is thrown away."""

    def __init__(self, job: TrainingJob) -> None:
        config = from_json(TrainRun, (job.output / "config.json").read_bytes(), what="config")
        if config.initial_checkpoint is not None:
            start = load_checkpoint(Path(config.initial_checkpoint), for_training=True)
            model, renderer = start.model, start.renderer
        else:
            base = load_backbone(config.model, cache_folder=Path(config.cache_folder), seed=config.train.seed)
            model = WorldModel(base.model, config.model, seed=config.train.seed).train()
            renderer = renderer_for(base.tokenizer, config.model)
        freeze_parameters(model, config.train)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-6, fused=True)
        self._contender = Contender(model, optimizer, renderer.end_id)
        examples = sft_examples(read_dataset(config.dataset_paths, SftSchema), Split.TRAIN)
        self.plan = plan_batches(examples, renderer, config.train)
        self._steps = count()
        self.tokens: list[int] = []
        """Of each step taken."""

    def step(self) -> None:
        trees = self.plan.trees_of_step(next(self._steps))
        self._contender.step(trees)
        self.tokens.append(sum(tree.tokens for tree in trees))

    @property
    def mean_tokens(self) -> float:
        """Of a step, over all there is to learn from."""
        trees = self.plan.sample(len(self.plan.groups))
        return self.plan.settings.batch_size * statistics.fmean(tree.tokens for tree in trees)


def steps_that_fit(own: TrainingJob, shipped: TrainingJob, *, steps: int) -> int:
    """How many steps take as much processor time as `steps` of the shipped recipe."""
    paces = {"own": Pace(own), SHIPPED: Pace(shipped)}
    taken = in_turn({name: pace.step for name, pace in paces.items()}, ROUNDS, torch.device("cpu"))
    cost = {
        name: sum(once.processor_s for once in taken[name][1:]) / sum(pace.tokens[1:]) * pace.mean_tokens
        for name, pace in paces.items()
    }
    return max(1, round(steps * cost[SHIPPED] / cost["own"]))


def exposure(job: TrainingJob) -> dict[str, int]:
    """What the training is shown: actions, how many different ones, and how many with their delta."""
    plan = Pace(job).plan
    shown = [
        action
        for step in range(plan.settings.max_steps)
        for tree in plan.trees_of_step(step)
        for action in tree.actions
    ]
    heads = Counter(text.head for action in shown for text in action.texts)
    return {
        "actions": len(shown),
        "different_actions": len({action.row_key for action in shown}),
        "deltas": heads[Head.STATE_DELTA],
    }


# --- what it is worth -------------------------------------------------------------------------------------------------


def is_changed(facts: Sequence[str]) -> bool:
    return list(facts) != ["nothing"]


def delta_numbers(rows: pl.DataFrame) -> dict[str, Any]:
    """Of rows whose delta was written. `covered`: of those where something changed, the share with a right fact."""
    pairs = [
        (set(true), set(said))
        for true, said in zip(rows["delta_facts"].to_list(), rows["predicted_delta_facts"].to_list(), strict=True)
    ]
    changed = [(true, said) for true, said in pairs if is_changed(list(true))]
    kinds = Counter(fact.partition(" ")[0] for true, _ in changed for fact in true)
    found = Counter(fact.partition(" ")[0] for true, said in changed for fact in true & said)
    return {
        "delta_changed_rows": len(changed),
        "delta_covered": sum(bool(true & said) for true, said in changed) / len(changed) if changed else None,
        "delta_all_right": sum(true == said for true, said in pairs) / len(pairs) if pairs else None,
        "delta_recall_by_kind": {kind: round(found[kind] / kinds[kind], 3) for kind in sorted(kinds)},
    }


def rules_say(request: str | None) -> list[str]:
    """What three rules write for an action: links are opened, forms return to their page, nothing else changes."""
    if request is None:
        return ["nothing"]
    return [f"url {TARGET}"] if request.startswith("opens") else [f"url {PAGE}", f"request POST {SITE}"]


def measure_rules(held_out: HeldOut, *, delta_rows: int) -> dict[str, Any]:
    """The delta of the same rows by `rules_say`, which a model has to beat."""
    told = _asked_rows(held_out).filter(_is_told(delta_rows))
    said = []
    for state_id, action in told.select("state_id", "action").iter_rows():
        question = question_of(read_state(held_out.states[state_id]), from_row(Action, action))
        request = None if question.request is None else question.request.kind
        said.append(list(absolute_facts(rules_say(request), question.reference)))
    written = told.with_columns(pl.Series("predicted_delta_facts", said, dtype=pl.List(pl.String)))
    return {split: {**_overlap(rows), **delta_numbers(rows)} for split in SPLITS for rows in [of_split(written, split)]}


def _overlap(rows: pl.DataFrame) -> dict[str, float | None]:
    sets = [[frozenset(facts) for facts in rows[name]] for name in ("delta_facts", "predicted_delta_facts")]
    return {"delta_f1": set_overlap(*sets).f1}


def _asked_rows(held_out: HeldOut) -> pl.DataFrame:
    return held_out.rows.filter(pl.col("split").cast(pl.String).is_in(SPLITS))


def _is_told(delta_rows: int) -> pl.Expr:
    return pl.int_range(pl.len()).over("split") < delta_rows


def measure(held_out: HeldOut, workspace: Workspace, checkpoint: str, *, delta_rows: int) -> dict[str, Any]:
    """`<split>.<metric>`: risk on all rows, the written delta on the first `delta_rows` of each split."""
    predictor = load_predictor(workspace, checkpoint)
    rows = _asked_rows(held_out)
    told, rest = rows.filter(_is_told(delta_rows)), rows.filter(~_is_told(delta_rows))

    def say(done: int, total: int, text: str) -> None:
        if done == total:
            print(f"    {done}/{total} {text}", file=sys.stderr, flush=True)

    predictions = pl.concat(
        [
            predict_rows(predictor, told, held_out.states, heads=(Head.RISK, Head.STATE_DELTA), progress=say),
            predict_rows(predictor, rest, held_out.states, heads=(Head.RISK,), progress=say),
        ],
        how="vertical_relaxed",
    )
    numbers = split_numbers(predictions)
    names = ("rows", "harmful", "risk_auroc", "risk_auroc_interval", "macro_f1", "ece")
    deltas = ("delta_rows", "delta_precision", "delta_recall", "delta_f1", "delta_f1_interval")
    written = predictions.filter(pl.col("predicted_delta_facts").is_not_null())
    splits = {
        split: {**{name: numbers[split][name] for name in (*names, *deltas)}, **delta_numbers(of_split(written, split))}
        for split in SPLITS
    }
    examples = written.select("split", "action_text", "delta_facts", "predicted_delta_facts").group_by(
        "split", maintain_order=True
    )
    return {
        "splits": splits,
        "delta": delta_numbers(written),
        "examples": [
            {
                "action": row["action_text"],
                "true": row["delta_facts"],
                "written": row["predicted_delta_facts"],
            }
            for row in examples.head(3).iter_rows(named=True)
        ],
    }


# --- cells ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """What all recipes share."""

    source: TableStore
    day: str
    root: Path
    profile: Profile
    """The shipped recipe."""
    held_out: HeldOut
    delta_rows: int

    def cell_file(self, name: str, seed: int) -> Path:
        """Another recipe, other data or other code are another cell."""
        profile = with_seed(RECIPES[name].profile(self.profile), seed)
        start = read_manifest(
            self.source.local_folder(f"checkpoints/midtrain/{self.day}", cache=self.root / "cache") / CHECKPOINT
        )
        data = data_version_of(self.source, "sft_dataset", self.day)
        key = digest(
            to_json(profile),
            str(self.profile.sft.max_steps),
            data,
            start.model_version,
            ASSET[SFT.asset].code_version,
            size=5,
        )
        return self.root / f"{name}-{seed}-{key}.json"


def make_cell(bench: Bench, name: str, seed: int, *, steps: int | None) -> dict[str, Any]:
    """One recipe with one seed: kept if it was finished, made otherwise; `steps` None: as many as fit."""
    file = bench.cell_file(name, seed)
    if file.exists():
        print(f"  {file.stem}: kept", file=sys.stderr, flush=True)
        return dict(json.loads(file.read_text()))
    print(f"  {file.stem}", file=sys.stderr, flush=True)
    folder = bench.root / file.stem
    shutil.rmtree(folder, ignore_errors=True)
    try:
        cell = {"recipe": name, "seed": seed, **_train_and_measure(bench, name, seed, folder, steps=steps)}
        store_cell(file, cell)
    except (WmError, RuntimeError, MemoryError) as error:
        # A recipe that does not run is a finding. The next run of the benchmark tries it again.
        print(f"    failed: {error}", file=sys.stderr, flush=True)
        cell = {"recipe": name, "seed": seed, "failed": str(error)[-400:]}
    shutil.rmtree(folder, ignore_errors=True)
    return cell


def _train_and_measure(bench: Bench, name: str, seed: int, folder: Path, *, steps: int | None) -> dict[str, Any]:
    recipe, shipped = RECIPES[name], with_seed(bench.profile, seed)
    profile = recipe.profile(shipped)
    workspace = recipe_workspace(bench.source, folder, recipe, profile, bench.day)
    if steps is None and name != SHIPPED:
        usual = recipe_workspace(bench.source, folder / SHIPPED, RECIPES[SHIPPED], shipped, bench.day)
        steps = steps_that_fit(
            prepare(workspace, recipe, profile, bench.day),
            prepare(usual, RECIPES[SHIPPED], shipped, bench.day),
            steps=shipped.sft.max_steps,
        )
    job = prepare(workspace, recipe, with_steps(profile, steps or shipped.sft.max_steps), bench.day)
    shown = exposure(job)
    started = time.perf_counter()
    run_job(job, threads=profile.sft.threads)
    result, curve = read_result(job), read_curve(job.output)
    address = f"checkpoints/sft/{bench.day}"
    publish_job(workspace, job, address)
    trained_s = time.perf_counter() - started
    return {
        "steps": result["steps"],
        "epochs": round(result["epochs"], 2),
        "tokens": result["tokens"],
        "processor_s": round(sum(point["processor_seconds"] for point in curve), 1),
        "seconds": round(trained_s, 1),
        **shown,
        "last_losses": last_losses(curve),
        "validation": {key: result["validation"][key] for key in ("rows", "risk_loss", "risk_auroc", "tag_f1")},
        **measure(bench.held_out, workspace, address, delta_rows=bench.delta_rows),
    }


def last_losses(curve: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each head's mean over the last quarter of its steps."""
    found = {}
    for head in sorted({name for point in curve for name in point if name.startswith("loss_")}):
        values = [point[head] for point in curve if head in point]
        last = values[-max(1, len(values) // 4) :]
        found[head.removeprefix("loss_")] = round(statistics.fmean(last), 3)
    return found


# --- the table --------------------------------------------------------------------------------------------------------


def summary(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`<recipe>.<split>.<metric>`: mean, least and most over seeds; split `mean` is the mean over splits."""
    table: dict[str, Any] = {}
    for name in dict.fromkeys(cell["recipe"] for cell in cells):
        own = [cell for cell in cells if cell["recipe"] == name]
        worked = [cell for cell in own if "failed" not in cell]
        table[name] = {
            "change": RECIPES[name].change,
            "seeds": len(worked),
            "failed": [cell["failed"] for cell in own if "failed" in cell],
            "steps": worked[0]["steps"] if worked else None,
            "actions": worked[0]["actions"] if worked else None,
            "deltas": worked[0]["deltas"] if worked else None,
            "processor_s": _over([cell["processor_s"] for cell in worked]),
            "splits": {
                split: {metric: _over([_value(cell, split, metric) for cell in worked]) for metric in METRICS}
                for split in (*SPLITS, "mean")
            },
        }
    return table


def _value(cell: Mapping[str, Any], split: str, metric: str) -> float | None:
    if split != "mean":
        value: float | None = cell["splits"][split][metric]
        return value
    values = [cell["splits"][each][metric] for each in SPLITS if cell["splits"][each][metric] is not None]
    return statistics.fmean(values) if values else None


def _over(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "least": None, "most": None}
    return {
        "mean": round(statistics.fmean(known), 4),
        "least": round(min(known), 4),
        "most": round(max(known), 4),
    }


def best_two(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those that deserve more seeds beside the shipped one: the greatest sums of risk AUROC and delta F1."""
    scores: dict[str, float] = {}
    for cell in cells:
        values = () if "failed" in cell else [_value(cell, "mean", metric) for metric in ("risk_auroc", "delta_f1")]
        known = [value for value in values if value is not None]
        if cell["recipe"] != SHIPPED and len(known) == 2:
            scores[cell["recipe"]] = sum(known)
    return sorted(scores, key=lambda name: -scores[name])[:2]


def markdown(table: Mapping[str, Any]) -> str:
    """The table as the log keeps it: means over seeds."""
    splits = ("test", "ood_site", "ood_attack", "ood_goal")
    lines = [
        f"| recipe | steps | actions, deltas | s | AUROC {', '.join(splits)} | macro-F1 | delta covered, F1 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        if not row["seeds"]:
            lines.append(f"| {name}: {row['change']} | failed: {row['failed'][0].splitlines()[-1]} | | | | | |")
            continue
        auroc, f1 = (
            " ".join(_told(row["splits"][split][metric]["mean"]) for split in splits)
            for metric in ("risk_auroc", "macro_f1")
        )
        delta = ", ".join(_told(row["splits"]["mean"][metric]["mean"]) for metric in ("delta_covered", "delta_f1"))
        seeds = f" ({row['seeds']} seeds)" if row["seeds"] > 1 else ""
        seconds = f"{row['processor_s']['mean']:.0f}"
        lines.append(
            f"| {name}: {row['change']}{seeds} | {row['steps']} | {row['actions']}, {row['deltas']} | {seconds} "
            f"| {auroc} | {f1} | {delta} |"
        )
    return "\n".join(lines)


def _told(value: float | None) -> str:
    return "no data" if value is None else f"{value:.3f}".removeprefix("0")


def plot(table: Mapping[str, Any], path: Path, title: str) -> None:
    """Judging and deltas of every recipe: a point a split, a line from the worst to the best seed of their mean."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = [name for name, row in table.items() if row["seeds"]]
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 1.2 + 0.3 * max(1, len(names))), layout="constrained", sharey=True, squeeze=False
    )
    titles = (("risk_auroc", "risk AUROC"), ("delta_covered", "changed rows with a right fact in the delta"))
    for axis, (metric, text) in zip(axes[0], titles, strict=True):
        for index, split in enumerate(SPLITS):
            colour = plt.colormaps["viridis"](0.1 + 0.8 * index / (len(SPLITS) - 1))
            values = [(table[name]["splits"][split][metric]["mean"], place) for place, name in enumerate(names)]
            known = [(value, place) for value, place in values if value is not None]
            label = split.replace("_", " ")
            axis.scatter([x for x, _ in known], [y for _, y in known], s=14, color=colour, alpha=0.8, label=label)
        for place, name in enumerate(names):
            over = table[name]["splits"]["mean"][metric]
            if over["mean"] is not None:
                axis.plot([over["least"], over["most"]], [place, place], color="#22303c", linewidth=2)
                axis.scatter([over["mean"]], [place], marker="|", s=120, color="#22303c")
        axis.set_title(text, fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_yticks(range(len(names)), [table[name]["change"] for name in names], fontsize=8)
    axes[0][0].invert_yaxis()
    figure.suptitle(title, fontsize=9)
    if names:
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def settings_told(profile: Profile) -> dict[str, Any]:
    """What of the shipped recipe the table changes."""
    sft: TrainSettings = profile.sft
    return {
        "kept_layers": profile.model.kept_layers,
        "max_state_tokens": profile.model.max_state_tokens,
        "max_target_tokens": profile.model.max_target_tokens,
        "max_steps": sft.max_steps,
        "batch_size": sft.batch_size,
        "actions_per_tree": sft.actions_per_tree,
        "text_share": sft.text_share,
        "delta_share": sft.delta_share,
        "delta_weight": head_weights_of(sft, Stage.SFT).get(Head.STATE_DELTA),
        "learning_rate": sft.learning_rate,
        "threads": sft.threads,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = round_arguments(__doc__, folder=".wm/benchmarks/recipes")
    parser.add_argument("--steps", type=int, help="of the shipped recipe: how much time all have (default: its own)")
    parser.add_argument("--seeds", type=int, default=3, help="of the shipped recipe and the best two")
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--delta-rows", type=int, default=DELTA_ROWS, help="of each split, whose delta is written")
    chosen = parser.parse_args(arguments)
    source, day = open_round(chosen.data, chosen.day)
    profile = profile_named(chosen.profile)
    profile = with_steps(profile, chosen.steps or profile.sft.max_steps)
    torch.set_num_threads(profile.sft.threads)
    root = chosen.folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    held_out = held_out_of(source, day, rows_per_split=profile.evaluate.rows_per_split)
    bench = Bench(source, day, root, profile, held_out, chosen.delta_rows)
    names = [name for name in RECIPES if name in chosen.recipes or name == SHIPPED]
    first = {name: make_cell(bench, name, 0, steps=None) for name in names}
    again = [SHIPPED, *best_two(list(first.values()))]
    cells = [*first.values()]
    for seed in range(1, chosen.seeds):
        cells += [make_cell(bench, name, seed, steps=first[name]["steps"]) for name in again if "steps" in first[name]]
    split = source.read(SftSchema, days=[day])["split"].cast(pl.String)
    table = summary(cells)
    print(markdown(table), file=sys.stderr)
    told = {
        "command": f"python -m benchmarks.recipes --profile {chosen.profile} --steps {profile.sft.max_steps} "
        f"--seeds {chosen.seeds} --recipes {' '.join(names)}",
        "machine": machine("torch", "transformers", "deepspeed"),
        "day": day,
        "training_rows": int((split == Split.TRAIN.value).sum()),
        "shipped": settings_told(profile),
        "delta_by_rules": measure_rules(held_out, delta_rows=chosen.delta_rows),
        "recipes": table,
        "cells": [{key: value for key, value in cell.items() if key != "examples"} for cell in cells],
    }
    title = f"{chosen.profile}, as long as {profile.sft.max_steps} steps of the shipped recipe, {day}"
    publish(told, chosen.results, lambda path: plot(table, path, title))


if __name__ == "__main__":
    main()
