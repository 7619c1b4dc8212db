"""Worlds for `benchmarks/curriculum.py`: really rolled out and annotated, kept, so that rounds can be drawn from them.

A slice is a few worlds of each site under one invented day; what is finished is not rolled out again.
"""

import sys
from pathlib import Path

import polars as pl

from wm_pipeline.annotate.run import ExperienceTables, annotate_partition
from wm_pipeline.collect.run import CollectPlan, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, OpenEnvironment
from wm_pipeline.datasets.build import build_sft_dataset
from wm_pipeline.datasets.questions import render_questions
from wm_pipeline.datasets.window import Tables
from wm_pipeline.domain.ids import SplitRule, seed_of
from wm_pipeline.domain.tables import SftSchema, StateSchema, TrajectorySchema, TransitionSchema
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.sites.environment import open_site_environment
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.evaluate.baselines import with_features
from wm_pipeline.evaluate.predict import states_of, with_harm
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.graph import ASSET

NOTHING_HELD_OUT = SplitRule((), (), (), ())
SETTINGS = CollectSettings(max_steps=5, branches=2, form_branches=4, horizon=1, other_goals=0)
WORLDS = 20
"""Of a site and slice."""


def say(done: int, total: int, text: str) -> None:
    if done == total:
        print(f"  {done}/{total} {text}", file=sys.stderr)


def pool(folder: Path, slices: int) -> pl.DataFrame:
    """The rows of all worlds of the first `slices` slices, with features and `is_harmful`; rolled out where missing."""
    return pl.concat([_slice(folder, f"2030-01-{number + 1:02d}") for number in range(slices)])


def worlds_of_rounds(data_root: str) -> pl.DataFrame:
    """The same of rounds that were made (`wm run`): worlds of our own sites, without what hindsight judged anew."""
    store = TableStore(data_root)
    found = []
    for day in sorted({part.day for part in store.partitions("sft_dataset")}):
        states, transitions = (store.scan(StateSchema, days=[day]), store.scan(TransitionSchema, days=[day]))
        trajectories = store.scan(TrajectorySchema, days=[day]).collect()
        own = trajectories.filter(pl.col("hindsight_of").is_null() & pl.col("site").is_in(list(registered_sites())))
        sft = store.read(SftSchema, days=[day]).join(own.select("trajectory_id"), on="trajectory_id", how="semi")
        rows = with_harm(SftSchema.cast(sft), transitions.collect(), trajectories)
        found.append(with_features(rows, states_of(states.collect(), rows["state_id"].unique().to_list())))
    return pl.concat(found)


def _slice(folder: Path, day: str) -> pl.DataFrame:
    store = TableStore(str(folder))
    parts = []
    for site in registered_sites():
        file = folder / "rows" / f"{day}-{site}.parquet"
        if not file.exists():
            _roll_out(store, folder, day, site)
            file.parent.mkdir(parents=True, exist_ok=True)
            _rows(store, day, site).write_parquet(file)
        parts.append(pl.read_parquet(file))
    return pl.concat(parts)


async def _open() -> OpenEnvironment:
    sites = await open_site_environment(find_chromium(None))
    return OpenEnvironment(sites, f"sites-{ASSET['raw_trajectories'].code_version}", sites.browser_version)


def _roll_out(store: TableStore, folder: Path, day: str, site: str) -> None:
    # A goal with hidden variables is right half the time whatever is learned.
    specs = draw_worlds(
        site=site, day=day, count=WORLDS, seed=seed_of("curriculum", day, site), has_hidden_variables=False
    )
    by = {False: ProposedBy.SCRIPTED, True: ProposedBy.GULLIBLE}
    worlds = tuple(Assignment(spec, by[spec.attack is not None].value) for spec in specs)
    collect_partitions(
        [CollectPlan(day, site, worlds, SETTINGS)],
        make_environment=_open,
        make_policy=make_policy,
        pool=ProcessPool(2),
        parts=TableStore(str(folder)),
        store=store,
        lineage={},
        progress=lambda done, total, text: say(done, total, f"{day} {text}"),
    )


def _rows(store: TableStore, day: str, site: str) -> pl.DataFrame:
    where = {"days": [day], "sites": [site]}
    trajectories, states = store.read(TrajectorySchema, **where), store.read(StateSchema, **where)
    transitions = store.read(TransitionSchema, **where)
    asked = render_questions(states, transitions)
    experience = ExperienceTables(trajectories, states, transitions, asked.questions)
    annotations = annotate_partition(experience, champion=None, progress=say)
    tables = Tables(
        trajectories.lazy(), transitions.lazy(), asked.state_texts.lazy(), asked.questions.lazy(), annotations.lazy()
    )
    sft = build_sft_dataset(tables, rule=NOTHING_HELD_OUT).rows
    rows = with_harm(sft, transitions, trajectories)
    return with_features(rows, states_of(states, rows["state_id"].unique().to_list()))
