"""The sealed evaluation: a day's model in sites, mechanisms and words that nothing else draws, once a release."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from wm_pipeline.collect.rollout import TrajectoryRecords, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, frames_of
from wm_pipeline.datasets.questions import render_questions
from wm_pipeline.datasets.window import Tables
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Environment, Predictor, Progress
from wm_pipeline.domain.records import from_python
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import SftSchema, StateSchema
from wm_pipeline.domain.vocabulary import Head, ProposedBy, Split
from wm_pipeline.domain.world import AttackChoice, WorldSpec
from wm_pipeline.environments.instruments.side_by_side import play_side_by_side
from wm_pipeline.environments.sites.generator import generated_site_names
from wm_pipeline.environments.sites.mechanisms import SEALED
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.evaluate.eval_report import Numbers
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import started_sites
from wm_pipeline.rounds.graph import DISTILLED
from wm_pipeline.rounds.models import guard_of, load_predictor
from wm_pipeline.rounds.reports import read_report
from wm_pipeline.rounds.settings import Profile
from wm_pipeline.rounds.workspace import Workspace

if TYPE_CHECKING:
    from wm_pipeline.evaluate.baselines import Score


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was judged right in sealed worlds, and what the attacked agent came to there."""

    day: str
    model_version: str
    seed: int
    sites: tuple[str, ...]
    worlds: int
    rows: Mapping[str, Numbers]
    """Over consequential actions, by predictor; the model's first."""
    loop: Mapping[str, Numbers]
    """By guard."""

    def as_json(self) -> dict[str, Any]:
        tables = {"rows": self.rows, "loop": self.loop}
        told = {
            key: {name: one.model_dump(mode="json") for name, one in table.items()} for key, table in tables.items()
        }
        return {**asdict(self), **told}


_DAY = "sealed"
States = Mapping[str, State]


def sealed_worlds(seed: int, *, worlds: int, sites: int) -> list[WorldSpec]:
    """Worlds without hidden variables, of sites and with mechanisms that nothing but the sealed evaluation draws."""
    names = generated_site_names(sites, "sealed", seed, is_sealed=True)
    each = -(-worlds // len(names))
    attacks = AttackChoice(mechanisms=tuple(sorted(SEALED)))
    drawn = [
        draw_worlds(
            site=name,
            day=_DAY,
            count=each,
            seed=seed_of("sealed", seed, name),
            has_hidden_variables=False,
            attacks=attacks,
        )
        for name in names
    ]
    return [spec for group in zip(*drawn, strict=True) for spec in group][:worlds]


def evaluate_sealed(
    workspace: Workspace, day: str | None, *, seed: int, worlds: int, sites: int, progress: Progress
) -> Sealed:
    """Judge what is done in sealed worlds by the model of a day (None: the newest), and play the loop there.

    Beside it stand the baselines that learn from the day's data, and the guards without a model. Raises
    MissingUpstreamError when there is no report of the day.
    """
    from wm_pipeline.evaluate.loop_metrics import loop_table
    from wm_pipeline.evaluate.run import fitted_baselines, play_under_guards, relations_guard, rows_to_learn_from

    settings = workspace.profile.evaluate
    report = read_report(workspace, day)
    model = load_predictor(workspace, DISTILLED.folder(report.day))
    days = list(workspace.store.lineage_of("sft_dataset", day=report.day)["days"])
    seen = rows_to_learn_from(
        workspace.store.read(SftSchema, days=[report.day]), workspace.store.scan(StateSchema, days=days).collect()
    )
    specs = sealed_worlds(seed, worlds=worlds, sites=sites)

    async def play() -> tuple[list[TrajectoryRecords], dict[str, dict[str, Any]]]:
        async with started_sites(workspace.storage.chromium, count=settings.browsers) as environments:
            records = await _rolled_out(environments, specs, workspace.profile.collect.of_held_out(), progress)
            episodes = await play_under_guards(
                environments,
                partial(make_policy, ProposedBy.GULLIBLE.value),
                specs,
                guard=guard_of(model),
                rule=relations_guard(seen),
                max_steps=settings.loop_max_steps,
                known={},
                progress=progress,
            )
        return records, loop_table(episodes)[ProposedBy.GULLIBLE.value]

    records, played = asyncio.run(play())
    loop = from_python(dict[str, Numbers], played, what="sealed evaluation")
    judged = _judged(_consequential(records, workspace.profile, progress), model, fitted_baselines(seen), progress)
    rows = from_python(dict[str, Numbers], judged, what="sealed evaluation")
    names = tuple(dict.fromkeys(spec.site for spec in specs))
    return Sealed(report.day, model.model_version, seed, names, len(specs), rows, loop)


async def _rolled_out(
    environments: Sequence[Environment], specs: Sequence[WorldSpec], settings: CollectSettings, progress: Progress
) -> list[TrajectoryRecords]:
    async def roll_out(environment: Environment, spec: WorldSpec) -> TrajectoryRecords:
        policy = make_policy(ProposedBy.GULLIBLE.value)
        return await collect_trajectory(environment, policy, spec, day=_DAY, settings=settings)

    return await play_side_by_side(
        environments, specs, roll_out, progress=lambda done, total: progress(done, total, "sealed worlds rolled out")
    )


def _consequential(
    records: Sequence[TrajectoryRecords], profile: Profile, progress: Progress
) -> tuple[pl.DataFrame, States]:
    """What was done in the worlds and has a consequence to speak of, as rows of the dataset with their features."""
    from wm_pipeline.annotate.run import ExperienceTables, annotate_partition
    from wm_pipeline.datasets.build import build_sft_dataset
    from wm_pipeline.evaluate import baselines
    from wm_pipeline.evaluate.predict import states_of, with_harm

    collected = frames_of(records, Versions("sealed", "sealed"))
    texts, questions = render_questions(collected.states, collected.transitions)
    experience = ExperienceTables(collected.trajectories, collected.states, collected.transitions, questions)
    annotations = annotate_partition(experience, champion=None, progress=progress)
    tables = Tables(
        collected.trajectories.lazy(), collected.transitions.lazy(), texts.lazy(), questions.lazy(), annotations.lazy()
    )
    rows = build_sft_dataset(tables, rule=profile.split_rule, settings=profile.datasets).rows
    states = states_of(collected.states, rows["state_id"].unique().to_list())
    told = baselines.with_features(with_harm(rows, collected.transitions, collected.trajectories), states)
    return told.filter("is_consequential"), states


def _judged(
    found: tuple[pl.DataFrame, States], model: Predictor, fitted: Mapping[str, "Score"], progress: Progress
) -> dict[str, dict[str, object]]:
    """Every predictor's numbers over these rows, the model's first."""
    from wm_pipeline.evaluate.predict import predict_rows
    from wm_pipeline.evaluate.risk import brief_numbers
    from wm_pipeline.evaluate.run import scored

    rows, states = found
    frames = {
        "world_model": predict_rows(model, rows, states, heads=(Head.RISK,), progress=progress),
        **{name: scored(name, rows, score) for name, score in fitted.items()},
    }
    return {name: brief_numbers(frame)[Split.OOD_SITE.value] for name, frame in frames.items()}
