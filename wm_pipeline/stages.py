"""Every stage wired to what it needs: tables in, tables and reports out. No Dagster here.

The one place that knows several stages at once; stages themselves never import each other. Assets and the command line
call the same functions. Training stages are in training.py.
"""

import hashlib
import io
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import polars.selectors as cs

from wm_pipeline.annotate.agreement import confusion_counts, confusion_table, disagreements, kappa_of
from wm_pipeline.annotate.instrumented import TEACHER_ID, InstrumentedTeacher
from wm_pipeline.annotate.llm import REJECTABLE, LLMTeacher
from wm_pipeline.annotate.run import ask_teacher, executions_of
from wm_pipeline.collect.run import CollectPlan, CollectReport, collect_partitions
from wm_pipeline.collect.worker import OpenEnvironment, World
from wm_pipeline.collect.writer import CollectedFrames
from wm_pipeline.datasets.balance import largest_share
from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.datasets.card import CardFacts, dataset_card, examples_of, outline_of
from wm_pipeline.datasets.contamination import contamination, of_all
from wm_pipeline.datasets.split import leaking_states
from wm_pipeline.datasets.window import Tables, choose, in_pieces
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.chat import LOCAL, LlmSettings
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import MissingUpstreamError, SettingsError, TeacherError
from wm_pipeline.domain.ids import SplitRule, digest, seed_of, split_group_of, split_of, state_id_of
from wm_pipeline.domain.ports import ChatModel, Policy, Predictor, Progress
from wm_pipeline.domain.records import to_json, to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import AnnotationSchema, DecisionSchema
from wm_pipeline.domain.text import describe_action
from wm_pipeline.domain.vocabulary import ProposedBy, Split, TeacherKind
from wm_pipeline.domain.weakness import (
    CELL_COLUMNS,
    attack_distribution,
    cells_of,
    draw_weights,
    expected_miss_rates,
    in_drawn_order,
    kind_of,
)
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import MiniWobEnvironment, miniwob_version, miniwob_world, rotation
from wm_pipeline.environments.sites.environment import open_site_environment
from wm_pipeline.environments.sites.generator import generated_site_name
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.worlds import draw_worlds
from wm_pipeline.environments.third_party.application import ApplicationFile, load_application
from wm_pipeline.environments.third_party.environment import open_application
from wm_pipeline.environments.third_party.worlds import draw_application_worlds
from wm_pipeline.fingerprints import LINEAGE_FILE
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.outside_suites import installed_suites
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.policies.named import make_policy
from wm_pipeline.settings import CODE_VERSION, GENERATED, SITES, Profile, RoundSettings, StorageSettings

MINIWOB = "miniwob"
_POOL = 6
"""Worlds drawn for each that is rolled out; drawing one takes a millisecond, rolling it out seconds."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run reads and writes."""

    storage: StorageSettings
    store: TableStore
    registry: ModelRegistry
    profile: Profile

    @property
    def work(self) -> Path:
        """Local scratch space."""
        return Path(self.storage.work_folder)

    @property
    def cache(self) -> Path:
        return Path(self.storage.cache_folder)


@dataclass(frozen=True, slots=True)
class StageOutput:
    """What a stage made: shown in the UI and stored beside its output."""

    address: str
    rows: int
    numbers: Mapping[str, Any]
    sample: pl.DataFrame | None = None
    card: str | None = None
    """The dataset's card, in Markdown."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """More to show, by name."""


def merged(outputs: Sequence[StageOutput]) -> StageOutput:
    """One output for a run over several days: counts are summed, shares averaged over rows."""
    if len(outputs) == 1:
        return outputs[0]
    rows = sum(output.rows for output in outputs)
    numbers: dict[str, Any] = {}
    for name in outputs[0].numbers:
        values = [(output.numbers[name], output.rows) for output in outputs if name in output.numbers]
        if all(isinstance(value, int) and not isinstance(value, bool) for value, _ in values):
            numbers[name] = sum(value for value, _ in values)
        elif all(isinstance(value, float) for value, _ in values) and rows:
            numbers[name] = sum(value * weight for value, weight in values) / rows
    last = outputs[-1]
    return replace(last, rows=rows, numbers=numbers)


def days_of_window(workspace: Workspace, profile: Profile, day: str) -> list[str]:
    """The days whose experience a dataset of `day` covers."""
    first = (date.fromisoformat(day) - timedelta(days=profile.round.window_days - 1)).isoformat()
    days = {part.day for part in workspace.store.partitions("annotations") if first <= part.day <= day}
    if day not in days:
        raise MissingUpstreamError(f"no annotations for {day}; materialize socratic_annotations first (`wm run`)")
    return sorted(days)


def lineage_of(profile: Profile, fingerprint: str, **upstream: Any) -> dict[str, Any]:
    """What every output carries."""
    return {
        "profile": profile.name,
        "seed": profile.seed,
        "code_version": CODE_VERSION,
        "fingerprint": fingerprint,
        "settings": digest(to_json(profile)),
        **upstream,
    }


def write_lineage(workspace: Workspace, folder: str, lineage: Mapping[str, Any]) -> None:
    """Note beside an artifact what it was made from; written last, so an output without it is unfinished."""
    workspace.store.write_bytes(f"{folder}/{LINEAGE_FILE}", json.dumps(lineage, indent=1).encode())


async def open_environment(site: str, chromium: str | None, applications: Sequence[str] = ()) -> OpenEnvironment:
    """The environment that worlds of a site run in; picklable as a partial, so that workers can start their own."""
    binary = find_chromium(chromium)
    own = _application_of(site, applications)
    if own is not None:
        application = await open_application(own, binary)
        return OpenEnvironment(application, f"third-party-{own.version}", application.browser_version)
    if site == MINIWOB:
        miniwob = await MiniWobEnvironment.launch(binary)
        return OpenEnvironment(miniwob, f"miniwob-{miniwob_version()}", miniwob.browser_version)
    sites = await open_site_environment(binary)
    return OpenEnvironment(sites, f"sites-{CODE_VERSION}", sites.browser_version)


def policy_of(llm: LlmSettings | None, llm_key: str, name: str) -> Policy:
    """A policy by name, with the configured language model behind it where it asks one; picklable as a partial."""
    return make_policy(name, None if llm is None or name != ProposedBy.LLM else _chat_model(llm, llm_key))


def _chat_model(llm: LlmSettings, llm_key: str) -> ChatModel:
    if llm.url != LOCAL:
        return LlmClient(llm, api_key=llm_key)
    # Torch is loaded only where a model is run.
    from wm_pipeline.model.local_chat import LocalChatModel

    return LocalChatModel(llm)


def draw_round(
    profile: Profile,
    day: str,
    site: str,
    *,
    weights: pl.DataFrame | None = None,
    purpose: str = "collect",
    applications: Sequence[str] = (),
) -> tuple[World, ...]:
    """The worlds of one (day, site) and who acts in them. `weights` is yesterday's attack_curriculum."""
    own = _application_of(site, applications)
    if site not in (*SITES, GENERATED) and own is None:
        raise SettingsError(f"unknown site {site!r}; there are {', '.join((*SITES, GENERATED))}")
    seed = seed_of(purpose, profile.seed, day, site)
    if site == MINIWOB:
        tasks = itertools.islice(itertools.cycle(rotation()), profile.round.miniwob_worlds)
        specs: Sequence[WorldSpec] = [miniwob_world(task, seed_of(seed, i)) for i, task in enumerate(tasks)]
    elif site == GENERATED:
        specs = _generated_worlds(profile.round, day, seed)
    else:
        is_held_out = site in profile.split_rule.held_out_sites
        count = profile.round.held_out_worlds if is_held_out else profile.round.worlds_per_site
        if own is not None:
            pool = draw_application_worlds(own.application, day=day, count=_POOL * count, seed=seed)
        else:
            pool = draw_worlds(site=site, day=day, count=_POOL * count, seed=seed, attacks=profile.round.attacks)
        if weights is not None:
            pool = _in_curriculum_order(pool, weights, seed)
        specs = _by_split(pool, count, profile.split_rule, dict(profile.round.split_shares))
    explorer_every = round(1 / profile.round.explorer_share) if profile.round.explorer_share > 0 else 0
    llm_every = round(1 / profile.round.llm_share) if profile.round.llm_share > 0 else 0
    worlds = []
    for index, spec in enumerate(specs):
        if explorer_every and index % explorer_every == explorer_every - 1:
            policy = ProposedBy.EXPLORER
        elif llm_every and index % llm_every == 0:
            policy = ProposedBy.LLM
        else:
            policy = ProposedBy.GULLIBLE if spec.attack is not None else ProposedBy.SCRIPTED
        worlds.append(World(spec, policy.value, _other_goals(spec, profile.split_rule)))
    return tuple(worlds)


def _other_goals(spec: WorldSpec, rule: SplitRule) -> tuple[str, ...]:
    """The goals that hindsight may judge a world by: those that are trained on, and only in worlds that are."""
    site = registered_sites().get(spec.site)
    if site is None or split_of_world(spec, rule) is not Split.TRAIN:
        return ()
    others = (replace(spec, goal_id=f"{site.name}/{goal.name}") for goal in site.goals)
    return tuple(one.goal_id for one in others if one != spec and split_of_world(one, rule) is Split.TRAIN)


def _generated_worlds(settings: RoundSettings, day: str, seed: int) -> list[WorldSpec]:
    """A held-out site's worth of worlds, shared out over sites that no other day and no other purpose has."""
    if not settings.generated_sites:
        return []
    names = [generated_site_name(seed_of(seed, "site", index)) for index in range(settings.generated_sites)]
    each = -(-settings.held_out_worlds // len(names))
    drawn = [
        draw_worlds(site=name, day=day, count=each, seed=seed_of(seed, "worlds", name), attacks=settings.attacks)
        for name in names
    ]
    return [spec for group in zip(*drawn, strict=True) for spec in group]


def _application_of(site: str, applications: Sequence[str]) -> ApplicationFile | None:
    """The application of that name; None when the site is one of ours."""
    file = next((file for file in applications if Path(file).stem == site), None)
    return None if file is None else load_application(Path(file))


def split_of_world(spec: WorldSpec, rule: SplitRule) -> Split:
    """The split that a world's rows will fall into."""
    return split_of(
        site=spec.site,
        attack_family=spec.attack.family if spec.attack is not None else None,
        goal_id=spec.goal_id,
        wording_id=spec.wording_id,
        split_group=split_group_of(spec),
        rule=rule,
    )


def _by_split(pool: Sequence[WorldSpec], count: int, rule: SplitRule, shares: Mapping[str, float]) -> list[WorldSpec]:
    """`count` worlds of a pool in the given shares of splits: rollouts are dear, so they go where they are needed.

    Shares of splits the pool does not hold go to the others; of a split it holds too few of, all are taken.
    """
    by_split: dict[str, list[WorldSpec]] = {}
    for spec in pool:
        by_split.setdefault(split_of_world(spec, rule).value, []).append(spec)
    total = sum(shares.get(split, 0.0) for split in by_split)
    chosen: list[WorldSpec] = []
    for split, specs in sorted(by_split.items()):
        wanted = min(len(specs), round(count * shares.get(split, 0.0) / total) if total else count)
        last_group = split_group_of(specs[wanted - 1]) if wanted else None
        # A matched pair is one question asked twice: it is never cut apart.
        chosen += [s for i, s in enumerate(specs) if i < wanted or split_group_of(s) == last_group]
    order = {id(spec): index for index, spec in enumerate(pool)}
    return sorted(chosen, key=lambda spec: order[id(spec)])


def _in_curriculum_order(pool: Sequence[WorldSpec], cells: pl.DataFrame, seed: int) -> tuple[WorldSpec, ...]:
    """The pool as the curriculum draws from it: whoever takes the first n takes most where most misses are expected."""
    rates = expected_miss_rates(cells_of(pool), cells)
    weights = draw_weights(rates, pl.Series([kind_of(spec) for spec in pool], dtype=pl.String))
    order = in_drawn_order(weights.to_list(), [split_group_of(spec) for spec in pool], seed=seed)
    return tuple(pool[at] for at in order)


def collect_sites(
    workspace: Workspace, profile: Profile, day: str, sites: Sequence[str], *, fingerprint: str, progress: Progress
) -> StageOutput:
    """raw_trajectories of some sites for a day: real browsers, K executed branches a state."""
    weights = previous_curriculum(workspace, day)
    applications = workspace.storage.applications
    reports: list[CollectReport] = []
    started = time.monotonic()
    for group in _sharing_workers(sites, applications):
        plans = [
            CollectPlan(
                day, site, draw_round(profile, day, site, weights=weights, applications=applications), profile.collect
            )
            for site in group
        ]
        reports += collect_partitions(
            plans,
            make_environment=partial(open_environment, group[0], workspace.storage.chromium, applications),
            make_policy=partial(policy_of, workspace.storage.llm, workspace.storage.llm_key),
            store=workspace.store,
            staging=workspace.work / "staging",
            lineage=lineage_of(profile, fingerprint),
            workers=profile.round.workers,
            progress=progress,
        )
    rows = sum(report.transitions for report in reports)
    numbers = {
        "transitions": rows,
        "branches_executed": sum(report.branches_executed for report in reports),
        "branches_dropped": sum(report.branches_dropped for report in reports),
        "failed_worlds": sum(len(report.failed) for report in reports),
        "transitions_per_second": rows / (time.monotonic() - started),
    }
    sample = _sample(workspace, "transitions", day, ["action_repr", "transition_summary"])
    return StageOutput(reports[-1].addresses[-1], rows, numbers, sample)


def _sharing_workers(sites: Sequence[str], applications: Sequence[str]) -> list[list[str]]:
    """The sites in groups that one environment serves: our own in one, every other by itself."""
    alone = {site for site in sites if site == MINIWOB or _application_of(site, applications) is not None}
    own = [site for site in sites if site not in alone]
    return [*([own] if own else []), *([site] for site in sites if site in alone)]


def previous_curriculum(workspace: Workspace, day: str) -> pl.DataFrame | None:
    """The newest attack_curriculum before `day`; None in the first round."""
    files = [path for path in workspace.store.list_files("curriculum") if path.endswith(f"/{_CELLS}")]
    earlier = [path for path in files if path.split("/")[-2] < day]
    if not earlier:
        return None
    return pl.read_json(workspace.store.read_bytes(max(earlier)), schema=CELL_COLUMNS)


def annotate_sites(
    workspace: Workspace,
    profile: Profile,
    day: str,
    sites: Sequence[str],
    *,
    champion: Predictor | None,
    fingerprint: str,
    progress: Progress,
) -> StageOutput:
    """socratic_annotations of some sites for a day.

    Raises TeacherError when the teacher stops in the middle. What it has annotated is stored as unfinished, which the
    next run makes again; a language model is not asked again about what it has answered.
    """
    chat = _chat_of(workspace, profile)
    frames: list[pl.DataFrame] = []
    address = ""
    for index, site in enumerate(sites):
        tables = _experience_of(workspace, day, site)
        experience = _digest_of(*tables)
        annotated = ask_teacher(
            *tables,
            InstrumentedTeacher if chat is None else partial(LLMTeacher, chat),
            champion=champion,
            progress=lambda done, total, text, site=site: progress(done, total, f"{site}: {text}"),
            kept=None if chat is None else _answered(workspace, day, site, fingerprint, experience),
            at_once=1 if chat is None else chat.max_concurrent,
        )
        is_finished = annotated.stopped is None
        address = workspace.store.write(
            "annotations",
            annotated.frame,
            day=day,
            partition=site,
            lineage=lineage_of(
                profile, fingerprint if is_finished else _unfinished(fingerprint), experience=experience
            ),
        )
        frames.append(annotated.frame)
        if annotated.stopped is not None:
            done = sum(frame.height for frame in frames)
            pending = annotated.pending + _executed(workspace, day, sites[index + 1 :])
            raise TeacherError(
                f"{done} of {done + pending} transitions are annotated and kept, {pending} are pending: "
                f"{annotated.stopped}; run again to go on from there"
            ) from annotated.stopped
    frame = pl.concat([AnnotationSchema.validate(frame, cast=True) for frame in frames])
    numbers = {**_annotation_numbers(frame, chat), "champion_known": champion is not None}
    columns = ["risk_label", "risk_score", "consequence_narrative", "counterfactual_repr"]
    differing = disagreements(frame)
    listed = {"disagreements": differing.head(_MOST_SHOWN)} if differing.height else {}
    output = StageOutput(address, frame.height, numbers, _sample(workspace, "annotations", day, columns), tables=listed)
    return with_kappa(output)


_MOST_SHOWN = 20
"""Disagreements shown in the UI; the table of annotations holds all of them."""


def with_kappa(output: StageOutput) -> StageOutput:
    """The output with Cohen's kappa and the confusion table of its counts: counts add up over days, kappa does not."""
    return replace(
        output,
        numbers={**output.numbers, "teacher_kappa": kappa_of(output.numbers)},
        tables={**output.tables, "teacher_confusion": confusion_table(output.numbers)},
    )


def _chat_of(workspace: Workspace, profile: Profile) -> LlmClient | None:
    """The language model that teaches; None for the embedded teacher."""
    if profile.teacher.kind is TeacherKind.INSTRUMENTED:
        return None
    if workspace.storage.llm is None:
        raise SettingsError("the llm teacher has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
    if workspace.storage.llm.url == LOCAL:
        raise SettingsError("the llm teacher asks an endpoint; WM_LLM_URL=local is for agents alone")
    return LlmClient(workspace.storage.llm, api_key=workspace.storage.llm_key)


def _annotation_numbers(frame: pl.DataFrame, chat: LlmClient | None) -> dict[str, Any]:
    """What is worth plotting; agreement is over the rows that the chosen teacher answered, embedded ones left out."""
    asked = frame if chat is None else frame.filter(pl.col("teacher_id") != TEACHER_ID)
    labels = dict(frame["risk_label"].cast(pl.String).value_counts().iter_rows())
    numbers = {
        "annotations": frame.height,
        "teacher_agreement": asked["agreement"].mean() if asked.height else None,
        "counterfactuals_verified": frame["counterfactual_verified"].mean() if frame.height else None,
        **{f"label_{label}": count for label, count in sorted(labels.items())},
        **confusion_counts(asked),
    }
    if chat is None:
        return numbers
    rejected = Counter(reason.partition(":")[0] for reasons in frame["rejected"].to_list() for reason in reasons)
    return {
        **numbers,
        **{f"rejected_{part}": rejected[part] for part in REJECTABLE},
        "teacher_calls": chat.spent.calls,
        "teacher_answers_from_cache": chat.spent.cached,
        "teacher_tokens": chat.spent.tokens,
        "teacher_cost": chat.cost,
    }


def _unfinished(fingerprint: str) -> str:
    """What stands in the lineage of a partition that the teacher did not finish: no asset has this fingerprint."""
    return f"{fingerprint} unfinished"


def _answered(workspace: Workspace, day: str, site: str, fingerprint: str, experience: str) -> pl.DataFrame | None:
    """What a language model has answered about the same transitions under the same settings; None when nothing."""
    try:
        lineage = workspace.store.lineage_of("annotations", day=day, partition=site)
    except MissingUpstreamError:
        return None
    is_same = lineage["fingerprint"] in (fingerprint, _unfinished(fingerprint))
    if not is_same or lineage.get("experience") != experience:
        return None
    kept = workspace.store.read("annotations", days=[day], sites=[site])
    return kept.filter(pl.col("teacher_id") != TEACHER_ID)


def _digest_of(*tables: pl.DataFrame) -> str:
    """Of what is annotated, whatever made it."""
    buffer = io.BytesIO()
    for table in tables:
        table.write_ipc(buffer)
    return hashlib.blake2b(buffer.getbuffer(), digest_size=10).hexdigest()


def _executed(workspace: Workspace, day: str, sites: Sequence[str]) -> int:
    """How many transitions of these sites are to be annotated."""
    return sum(len(executions_of(*_experience_of(workspace, day, site))) for site in sites)


def _experience_of(workspace: Workspace, day: str, site: str) -> CollectedFrames:
    read = partial(workspace.store.read, days=[day], sites=[site])
    return CollectedFrames(read("trajectories"), read("states"), read("transitions"))


def make_dataset(workspace: Workspace, profile: Profile, day: str, table: str, *, fingerprint: str) -> StageOutput:
    """midtrain_dataset or sft_dataset of a day, over its window, with its card beside it.

    The window is read day by day and written in pieces; what is held of all its rows is some 100 bytes of each.
    """
    days = days_of_window(workspace, profile, day)
    store, recipe, suites = workspace.store, RECIPES[table], installed_suites()
    parts = [
        Tables(*(store.scan(name, days=[one]) for name in ("trajectories", "states", "transitions", "annotations")))
        for one in days
    ]
    choice = choose(recipe, parts, rule=profile.split_rule, settings=profile.datasets)
    content, outlines, examples, compared = _Content(), [], [], []
    with store.writing(table, day=day) as file:
        for rows in in_pieces(recipe, parts, choice, scratch=workspace.work / "datasets"):
            file.append(rows)
            content.add(rows)
            compared.append(contamination(rows, suites))
            outlines.append(outline_of(rows))
            examples.append(examples_of(rows))
        lineage = lineage_of(profile, fingerprint, days=days, content=content.hexdigest())
        file.finish(lineage)
    outline, shown, found = pl.concat(outlines, rechunk=True), examples_of(pl.concat(examples)), of_all(compared)
    card = dataset_card(outline, shown, CardFacts(table, day, choice.removed, found, lineage))
    store.write_bytes(f"tables/{table}/day={day}/card.md", card.encode())
    splits = dict(outline["split"].cast(pl.String).value_counts().iter_rows())
    numbers: dict[str, Any] = {
        "rows": outline.height,
        "states": outline["state_id"].n_unique(),
        "days": len(days),
        "leaking_states": leaking_states(outline),
        **{f"split_{split}": count for split, count in sorted(splits.items())},
        **{f"removed_{reason}": count for reason, count in choice.removed.items()},
        "outside_suites": len(found.rows_by_suite),
        "contaminated_rows": found.contaminated_rows,
        "largest_site_share": largest_share(outline, "site"),
        "largest_attack_family_share": largest_share(outline, "attack_family"),
    }
    if "risk_score" in outline.columns:
        numbers["harm_share"] = outline["risk_score"].mean()
    columns = [
        name for name in ("split", "site", "attack_family", "risk_label", "action_repr") if name in shown.columns
    ]
    address = store.address_of(f"tables/{table}/day={day}/all.parquet")
    return StageOutput(address, outline.height, numbers, _sample(workspace, table, day, columns), card)


class _Content:
    """Hash of what a dataset says, but for its nested columns, which follow from the others; fed piece by piece."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=10)
        self._is_begun = False

    def add(self, rows: pl.DataFrame) -> None:
        told = rows.select(cs.string() | cs.numeric() | cs.boolean())
        self._hash.update(told.write_csv(include_header=not self._is_begun).encode())
        self._is_begun = True

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def content_of(frame: pl.DataFrame) -> str:
    """Hash of what a dataset says, where it is at hand as a whole."""
    content = _Content()
    content.add(frame)
    return content.hexdigest()


def data_version_of(store: TableStore, table: str, day: str) -> str:
    """What a checkpoint trained on a day's dataset carries; of a dataset written before content was hashed, how it was
    made."""
    note = store.lineage_of(table, day=day)
    return str(note.get("content", note["fingerprint"]))


_CELLS = "misses.json"
_MOST_CELLS = 20
"""Cells shown in the UI; the file holds all of them."""


def make_curriculum(
    workspace: Workspace, profile: Profile, day: str, *, fingerprint: str
) -> tuple[StageOutput, dict[str, bytes]]:
    """attack_curriculum of a day: misses by site, family, channel, disguise and goal, and what tomorrow is drawn by;
    also a heat map."""
    from wm_pipeline.evaluate.plots import curriculum_map

    cells = attack_distribution(workspace.store.read("predictions", days=[day]))
    path = f"curriculum/{day}/{_CELLS}"
    workspace.store.write_bytes(path, cells.write_json().encode())
    heat_map = curriculum_map(cells)
    workspace.store.write_bytes(f"curriculum/{day}/heat_map.png", heat_map)
    write_lineage(workspace, f"curriculum/{day}", lineage_of(profile, fingerprint))
    numbers = {
        "cells": cells.height,
        "misses": int(cells["misses"].sum()),
        "miss_rate": float(cells["misses"].sum()) / float(cells["rows"].sum()) if cells.height else None,
        "largest_weight": cells["weight"].max(),
    }
    weakest = cells.sort("expected_miss_rate", descending=True).head(_MOST_CELLS)
    output = StageOutput(workspace.store.address_of(path), cells.height, numbers, tables={"weakest_cells": weakest})
    return output, {"heat_map": heat_map}


def ingest_decisions(workspace: Workspace, profile: Profile, day: str, *, fingerprint: str) -> StageOutput:
    """reviewed_decisions of a day: guard decisions that a person has judged, from the service's log of that day."""
    paths = [path for path in workspace.store.list_files(f"decision_log/day={day}") if path.endswith(".json")]
    rows = [json.loads(workspace.store.read_bytes(path)) for path in paths]
    schema = DecisionSchema.create_empty().schema
    for row in rows:
        row["decided_at"] = datetime.fromisoformat(row["decided_at"])
    frame = pl.DataFrame(rows, schema=schema, strict=False) if rows else DecisionSchema.create_empty()
    reviewed = frame.filter(pl.col("reviewer_verdict").is_not_null())
    address = workspace.store.write("decisions", reviewed, day=day, lineage=lineage_of(profile, fingerprint))
    return StageOutput(address, reviewed.height, {"decisions": frame.height, "reviewed": reviewed.height})


def decision_log(workspace: Workspace) -> Callable[[State, Action, Decision], None]:
    """Where a service puts its decisions: one file each, so that nothing is lost and nothing is locked."""

    def record(state: State, action: Action, decision: Decision) -> None:
        now = datetime.now(UTC)
        outcome = decision.outcome
        row = {
            "decision_id": uuid4().hex,
            "decided_at": now.isoformat(),
            "state_id": state_id_of(state),
            "state": to_row(state),
            "action": to_row(action),
            "action_repr": describe_action(state, action),
            "model_version": None if outcome is None else outcome.model_version,
            "risk_label": None if outcome is None else outcome.risk_label.value,
            "risk_score": None if outcome is None else outcome.risk_score,
            "verdict": decision.verdict.value,
            "reason": decision.reason,
            "executed": None if decision.executed is None else to_row(decision.executed),
            "latency_ms": decision.latency_ms,
            "reviewer_verdict": None,
            "reviewer": None,
        }
        path = f"decision_log/day={now.date().isoformat()}/{row['decision_id']}.json"
        workspace.store.write_bytes(path, json.dumps(row).encode())

    return record


def _sample(workspace: Workspace, table: str, day: str, columns: Sequence[str]) -> pl.DataFrame:
    return workspace.store.scan(table, days=[day]).select(columns).head(8).collect()


class PrintedProgress:
    """Progress as counted lines on a stream: at most one every few seconds, always the last."""

    def __init__(self, write: Any, *, every_seconds: float = 5.0) -> None:
        self._write = write
        self._every_seconds = every_seconds
        self._last = 0.0
        self._started: dict[int, float] = {}

    def __call__(self, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        started = self._started.setdefault(total, now)
        if done < total and now - self._last < self._every_seconds:
            return
        self._last = now
        left = (now - started) / done * (total - done) if done else 0.0
        ending = f", {left:.0f} s left" if 0 < done < total else ""
        self._write(f"  {done}/{total} {text}{ending}")
        if done >= total:
            self._started.pop(total, None)
