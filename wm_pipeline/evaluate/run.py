"""The whole evaluation: predictions of every model, baselines, the causal ladder, the loop, one report."""

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.ids import is_generated_site, transition_key
from wm_pipeline.domain.intervention import Intervention
from wm_pipeline.domain.miss_rates import DIMENSIONS
from wm_pipeline.domain.outside import SuiteTexts
from wm_pipeline.domain.ports import Environment, Guard, Policy, Predictor, Progress
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.records import from_python
from wm_pipeline.domain.tables import (
    KEY,
    MidtrainSchema,
    PredictionSchema,
    QuestionSchema,
    SftSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
)
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.domain.world import IMPORTED, UNWATCHED, WorldSpec
from wm_pipeline.evaluate import baselines, plots
from wm_pipeline.evaluate.adaptive import attack_adaptively, overlooked
from wm_pipeline.evaluate.baselines import Score
from wm_pipeline.evaluate.catalogue import glossary
from wm_pipeline.evaluate.causal import (
    counterfactual_numbers,
    intervention_numbers,
    observation_numbers,
    risks_of_runs,
    rows_of_runs,
    runs_of,
)
from wm_pipeline.evaluate.counterfactual import with_executed_counterfactuals
from wm_pipeline.evaluate.eval_report import Measured
from wm_pipeline.evaluate.frontier import ask_risks, frontiers
from wm_pipeline.evaluate.goal_values import goal_value_numbers
from wm_pipeline.evaluate.in_the_loop import (
    CHAMPION_GUARD_ON,
    GUARD_OFF,
    GUARD_ON,
    KnownHarm,
    LoopEpisode,
    MakeGuard,
    guard_mistakes,
    run_loop,
)
from wm_pipeline.evaluate.loop_metrics import SUITE, GuardPairs, guard_differences, guard_pairs, loop_table
from wm_pipeline.evaluate.metrics import Floats
from wm_pipeline.evaluate.next_state import TextScore, draw_questions, likelihood_numbers, next_state_numbers
from wm_pipeline.evaluate.null_guards import Stops, null_guards, play_null_guards
from wm_pipeline.evaluate.patterns import pattern_numbers
from wm_pipeline.evaluate.pictures import PageWanted, take_page_pictures
from wm_pipeline.evaluate.predict import (
    PageRisks,
    choose_rows,
    paths_of,
    predict_rows,
    specs_of,
    states_of,
    with_harm,
    with_other_pages,
)
from wm_pipeline.evaluate.priors import prior_numbers
from wm_pipeline.evaluate.relations_rule import stops_from, suspicion
from wm_pipeline.evaluate.risk import brief_numbers, differences, of_split, risk_numbers, transfer_gaps
from wm_pipeline.evaluate.settings import EvaluateSettings
from wm_pipeline.evaluate.tables import said_by, slice_numbers, split_numbers, worst_misses
from wm_pipeline.policies.named import registered_policies

SLICED_BY = ("request", "saying", *DIMENSIONS)
LEFT_OUT = (
    "intervals over training seeds: those here are over worlds; mean, least and most of three training seeds of this "
    "recipe stand in benchmarks/results/ablations.json (make benchmark-ablations)",
    "ablations without distillation and without branches (make benchmark-ablations)",
)
"""What a complete evaluation would hold and this one does not measure; the report says so."""


@dataclass(frozen=True, slots=True)
class EvaluationInput:
    """The tables an evaluation reads."""

    sft: dy.DataFrame[SftSchema]
    midtrain: dy.DataFrame[MidtrainSchema]
    states: dy.DataFrame[StateSchema]
    transitions: dy.DataFrame[TransitionSchema]
    questions: dy.DataFrame[QuestionSchema]
    trajectories: dy.DataFrame[TrajectorySchema]


@dataclass(frozen=True, slots=True)
class Contenders:
    """Who is measured: the model itself, earlier checkpoints and ablations, the champion, the untrained backbone."""

    model: Predictor
    execute_below: float | None
    """The model's own threshold, which its guard uses; None where it has none."""
    sft: Predictor | None
    without_midtraining: Predictor | None
    champion: Predictor | None
    zero_shot: Callable[[pl.DataFrame, Progress], Floats] | None
    """The untrained backbone's log-odds of harm, rows x ways to ask; rows have the columns of sft_dataset."""
    with_page: PageRisks | None
    """The model itself, asked with another text in place of the page."""
    next_state: Mapping[str, TextScore | None]
    """Who is asked for the likelihood of next states; None where the checkpoint has no trained head for them."""


@dataclass(frozen=True, slots=True)
class OutsideSuite:
    """Worlds with somebody else's injections in them, and where these come from."""

    texts: SuiteTexts
    worlds: Sequence[WorldSpec]


@dataclass(frozen=True, slots=True)
class ApplicationInLoop:
    """An application of the user's: its fresh worlds, and how it is started for the time that they are played."""

    name: str
    worlds: Sequence[WorldSpec]
    start: Callable[[], AbstractAsyncContextManager[Environment]]


@dataclass(frozen=True, slots=True)
class Played:
    """What is played for the evaluation; fresh worlds all of them, and pairs that have been run."""

    loop_worlds: Sequence[WorldSpec]
    grounds: Sequence[Sequence[WorldSpec]]
    """For the adaptive attacker: the attacks that could be planted, by site and seed."""
    outside: OutsideSuite | None
    """None: no suite is installed, or the profile leaves it out."""
    interventions: Sequence[Intervention]
    """Minimal pairs."""
    applications: Sequence[ApplicationInLoop] = ()
    earlier_pairs: GuardPairs = ()
    """Worlds that earlier days' models and the champion have played."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    measured: Measured
    predictions: dy.DataFrame[PredictionSchema]
    episodes: tuple[LoopEpisode, ...]
    plots: dict[str, bytes]
    pictures: Mapping[str, bytes]
    """PNGs of the pages of the worst misses, by state id; a page that cannot be reached again has none."""


async def evaluate(
    tables: EvaluationInput,
    contenders: Contenders,
    *,
    environments: Sequence[Environment],
    guard: Guard,
    champion_guard: Guard | None,
    policies: Sequence[Callable[[], Policy]],
    played: Played,
    settings: EvaluateSettings,
    progress: Progress,
) -> Evaluation:
    """Measure everything the profile has time for, in the environments side by side.

    `policies`: the first is the one that attacks are measured with, under every guard in the same worlds; the others
    play in a few of these worlds.
    """
    rows = with_harm(
        choose_rows(tables.sft, rows_per_split=settings.rows_per_split), tables.transitions, tables.trajectories
    )
    states = states_of(tables.states, rows["state_id"].unique().to_list())
    rows = baselines.with_features(rows, states)

    def risk_of(predictor: Predictor, chosen: pl.DataFrame) -> pl.DataFrame:
        return predict_rows(predictor, chosen, states, heads=(Head.RISK,), progress=progress)

    predictions = predict_rows(
        contenders.model, rows, states, text_rows_per_split=settings.text_rows_per_split, progress=progress
    )
    specs, paths = specs_of(tables.trajectories), paths_of(tables.transitions)
    predictions = await with_executed_counterfactuals(
        predictions,
        environments,
        actions=tables.sft.select(*KEY, "action"),
        specs=specs,
        paths=paths,
        limit=settings.counterfactual_rows,
        max_expert_steps=settings.loop_max_steps,
        progress=progress,
    )
    # Everything below but the causal ladder is over actions that have a consequence to speak of.
    told = rows.filter("is_consequential")
    judged = predictions.join(told.select(KEY), on=KEY, how="semi", maintain_order="left")
    on_test = pl.col("split").cast(pl.String) == "test"
    test, told_test = judged.filter(on_test), told.filter(on_test)
    others: dict[str, pl.DataFrame] = {}
    if contenders.sft is not None:
        others["sft"] = risk_of(contenders.sft, told_test)
    if contenders.champion is not None:
        others["champion"] = risk_of(contenders.champion, told_test)
    seen = rows_to_learn_from(tables.sft, tables.states)
    fitted = fitted_baselines(seen)
    everywhere = {name: scored(name, rows, score) for name, score in fitted.items()}
    compared = {name: frame.filter("is_consequential") for name, frame in everywhere.items()}
    if contenders.zero_shot is not None:
        compared["zero_shot_backbone"] = _zero_shot(contenders.zero_shot, told, settings.zero_shot_rows, progress)
    if contenders.without_midtraining is not None:
        compared["sft_without_midtraining"] = risk_of(contenders.without_midtraining, told)
    if contenders.with_page is not None:
        for name, risks in with_other_pages(contenders.with_page, told_test, states, progress=progress).items():
            compared[name] = _said(name, told_test, risks, is_calibrated=True)
    kinds = rows.select(*KEY, pl.col("action").struct.field("kind").alias("action_kind"))
    ladder = {"world_model": predictions, **everywhere}
    harm: KnownHarm = {}
    play = partial(run_loop, environments, max_steps=settings.loop_max_steps, progress=progress, known=harm)
    play_in = partial(
        play_under_guards,
        make_policy=policies[0],
        guard=guard,
        champion_guard=champion_guard,
        rule=relations_guard(seen),
        max_steps=settings.loop_max_steps,
        known=harm,
        progress=progress,
    )
    episodes = await play_in(environments, worlds=played.loop_worlds)
    # Attacked worlds and others are not mixed in their order.
    some = played.loop_worlds[:: max(1, len(played.loop_worlds) // max(1, settings.side_worlds))]
    episodes += await play(policies[1:], some[: settings.side_worlds], guards=_none_and(guard))
    adaptive = await attack_adaptively(
        environments[0],
        policies[0],
        played.grounds,
        guard=guard,
        known=overlooked(predictions),
        tries=settings.adaptive_tries,
        max_steps=settings.loop_max_steps,
        progress=progress,
    )
    outside: dict[str, Any] = {}
    if played.outside is not None:
        suite = played.outside
        foreign = await play(policies[:1], suite.worlds, guards=_none_and(guard))
        outside[suite.texts.name] = {
            "version": suite.texts.version,
            "loop": loop_table(foreign),
            **SUITE.numbers(suite.texts),
        }
    applications: dict[str, Any] = {}
    for one in played.applications:
        async with one.start() as environment:
            applications[one.name] = loop_table(await play_in([environment], worlds=one.worlds))
    summaries = dict(rows.select("state_id", "state_text").unique("state_id").iter_rows())
    asked = tables.questions.select(*KEY, pl.col("request").fill_null("none"))
    sliced = judged.join(asked, on=KEY, how="left", maintain_order="left")
    misses = worst_misses(
        predictions,
        summaries,
        repeatable={key for key, spec in specs.items() if spec.environment not in {IMPORTED, UNWATCHED}},
        limit=settings.worst_misses,
    )
    pictures = await take_page_pictures(environments, _pages_of(misses, specs, paths), progress=progress)
    questions = draw_questions(tables.midtrain, states=settings.next_state_states)
    numbers = {
        "model_version": contenders.model.model_version,
        "definitions": glossary(),
        "splits": split_numbers(judged),
        "trivial": brief_numbers(predictions.join(told.select(KEY), on=KEY, how="anti")),
        "transfer": transfer_gaps(judged),
        "baselines": {name: brief_numbers(frame) for name, frame in compared.items()},
        "against": {name: differences(test, frame) for name, frame in {**compared, **others}.items()},
        "causal": {
            "observation": {
                name: observation_numbers(frame.join(kinds, on=KEY, how="left", maintain_order="left"))
                for name, frame in ladder.items()
            },
            "intervention": _interventions(contenders.model, fitted, played.interventions),
            "counterfactual": {name: counterfactual_numbers(frame) for name, frame in ladder.items()},
        },
        "next_state": {
            "by_facts": next_state_numbers(predictions, _with_facts(tables, predictions)),
            "by_likelihood": {
                name: likelihood_numbers(questions, score, progress=progress)
                for name, score in contenders.next_state.items()
            },
        },
        "loop": loop_table(episodes),
        **_against_champion(episodes, played.earlier_pairs),
        "adaptive": adaptive,
        "outside": outside,
        "applications": applications,
        "frontier": frontiers(
            episodes,
            ask_risks(contenders.model, episodes, progress=progress),
            execute_below=contenders.execute_below,
        ),
        "slices": {column: slice_numbers(sliced, column) for column in SLICED_BY},
        "on_test": {name: risk_numbers(frame) for name, frame in {"distilled": test, **others}.items()},
        "patterns": pattern_numbers(with_harm(tables.sft, tables.transitions, tables.trajectories), tables.questions),
        "priors": prior_numbers(judged, tables.transitions, tables.trajectories),
        "goal_values": goal_value_numbers(told, tables.questions, tables.transitions, tables.trajectories),
        "worst_misses": misses,
        "guard_mistakes": guard_mistakes(episodes, limit=settings.worst_misses),
        "left_out": [
            *LEFT_OUT,
            *_absent({e.policy for e in episodes}),
            *(() if outside else ("outside attack suites",)),
            *(() if adaptive else ("adaptive attacker",)),
            *(() if any(map(is_generated_site, rows["site"].unique())) else ("generated sites",)),
        ],
    }
    measured = from_python(Measured, numbers, what="evaluation")
    drawn = {
        "auroc_by_split": plots.auroc_by_split(measured),
        "reliability": plots.reliability_plot(test),
        "risk_coverage": plots.risk_coverage_plot(test),
        "loop": plots.loop_plot(measured.loop),
        "attackers": plots.attackers_plot(measured),
        "frontier": plots.frontier_plot(measured.frontier, measured.loop),
        "causal": plots.causal_plot(measured.causal),
        "heat_map": plots.heat_map(judged),
    }
    return Evaluation(measured, predictions, tuple(episodes), drawn, pictures)


def _against_champion(episodes: Sequence[LoopEpisode], earlier: GuardPairs) -> dict[str, Any]:
    """Empty without a champion."""
    theirs = [e for e in episodes if e.guard == CHAMPION_GUARD_ON]
    if not theirs:
        return {}
    tonight = guard_pairs([e for e in episodes if e.guard == GUARD_ON and e.policy == theirs[0].policy], theirs)
    return {
        "loop_against_champion": guard_differences(tonight),
        "loop_accumulated": guard_differences([*earlier, *tonight]),
        "loop_pairs": len(earlier) + len(tonight),
    }


async def play_under_guards(
    environments: Sequence[Environment],
    make_policy: Callable[[], Policy],
    worlds: Sequence[WorldSpec],
    *,
    guard: Guard,
    champion_guard: Guard | None = None,
    rule: Stops | None,
    max_steps: int,
    known: KnownHarm,
    progress: Progress,
) -> list[LoopEpisode]:
    """A policy in the same worlds: without a guard, under the models' and under those without a model."""
    guards = _none_and(guard)
    if champion_guard is not None:
        guards[CHAMPION_GUARD_ON] = lambda: champion_guard
    found = await run_loop(
        environments, [make_policy], worlds, guards=guards, max_steps=max_steps, progress=progress, known=known
    )
    return found + await play_null_guards(
        environments,
        make_policy,
        [episode for episode in found if episode.guard == GUARD_OFF],
        guards=null_guards(rule),
        max_steps=max_steps,
        known=known,
        progress=progress,
    )


def _none_and(guard: Guard) -> dict[str, MakeGuard | None]:
    return {GUARD_OFF: None, GUARD_ON: lambda: guard}


def relations_guard(seen: pl.DataFrame) -> Stops | None:
    """The relations' rule as a guard; None where validation rows cannot say from when on it stops an action."""
    rows = of_split(seen, "validation")
    limit = stops_from(rows["suspicion"].to_numpy(), rows["risk_score"].to_numpy())
    return None if limit is None else lambda state, action: suspicion(question_of(read_state(state), action)) >= limit


FITTED = ("relations_rule", "phrases_only", "linear_text", "boosted_trees")
"""Baselines that learn from training rows and are calibrated on validation."""


def rows_to_learn_from(sft: dy.DataFrame[SftSchema], states: dy.DataFrame[StateSchema]) -> pl.DataFrame:
    """Rows that baselines learn from and choose by, with their features."""
    seen = sft.filter(pl.col("split").cast(pl.String).is_in(["train", "validation"]))
    return baselines.with_features(seen, states_of(states, seen["state_id"].unique().to_list()))


def fitted_baselines(seen: pl.DataFrame) -> dict[str, Score]:
    """Every baseline that can be asked about any row; one that training rows are too few for is left out."""
    train, validation = of_split(seen, "train"), of_split(seen, "validation")
    asked: dict[str, Score | None] = {
        "majority": None if train.is_empty() else lambda rows: baselines.majority(train, rows),
        "relations_rule": baselines.fit_relations_rule(validation),
        "phrases_only": baselines.fit_phrases_only(train, validation),
        "linear_text": baselines.fit_linear_text(train, validation),
        "boosted_trees": baselines.fit_boosted_trees(train, validation),
    }
    return {name: score for name, score in asked.items() if score is not None}


def scored(name: str, rows: pl.DataFrame, score: Score) -> pl.DataFrame:
    """What a baseline of that name says of rows, with what is true of them."""
    return _said(name, rows, score(rows), is_calibrated=name in FITTED)


def _zero_shot(
    ask: Callable[[pl.DataFrame, Progress], Floats], rows: pl.DataFrame, count: int, progress: Progress
) -> pl.DataFrame:
    """The first rows of test; those of validation choose how to ask, and calibrate the answer."""
    chosen, asked = (of_split(rows, split).head(count) for split in ("validation", "test"))
    risks = baselines.best_column(ask(chosen, progress), chosen["risk_score"].to_numpy(), ask(asked, progress))
    return _said("zero_shot_backbone", asked, risks, is_calibrated=True)


def _said(name: str, rows: pl.DataFrame, probabilities: Floats, *, is_calibrated: bool) -> pl.DataFrame:
    labels = baselines.labels_of(probabilities, is_calibrated=is_calibrated)
    return said_by(rows, probabilities, labels, model_version=name)


def _absent(played: Set[str]) -> list[str]:
    """The policies that play aside and did not, as the report calls them."""
    known = registered_policies().values()
    return [entry.plays_aside for entry in known if entry.plays_aside is not None and entry.name not in played]


def _interventions(
    model: Predictor, fitted: Mapping[str, Score], interventions: Sequence[Intervention]
) -> dict[str, dict[str, Any]]:
    """Every predictor's numbers over the same pairs; empty without pairs."""
    if not interventions:
        return {}
    runs = runs_of(interventions)
    rows = baselines.with_features(*rows_of_runs(runs))
    risks = {"world_model": risks_of_runs(model, runs), **{name: score(rows) for name, score in fitted.items()}}
    return {name: intervention_numbers(interventions, found) for name, found in risks.items()}


def _with_facts(tables: EvaluationInput, predictions: pl.DataFrame) -> pl.DataFrame:
    """The transitions of the steps whose delta was predicted, with their facts."""
    asked = predictions.filter(pl.col("predicted_delta_facts").is_not_null()).select(KEY[:2]).unique()
    return tables.transitions.join(asked, on=KEY[:2]).join(tables.questions.select(*KEY, "delta_facts"), on=KEY)


def _pages_of(
    misses: Sequence[Mapping[str, Any]], specs: Mapping[str, WorldSpec], paths: Mapping[tuple[str, int], Action]
) -> list[PageWanted]:
    found = []
    for miss in misses:
        trajectory_id, step_index, _ = transition_key(miss["transition_id"])
        if miss["is_repeatable"]:
            prefix = tuple(paths[trajectory_id, step] for step in range(step_index))
            found.append(PageWanted(miss["state_id"], specs[trajectory_id], prefix))
    return found
