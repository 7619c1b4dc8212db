"""Trajectories from files into the tables, annotated at once, and out of the tables again."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.annotate.run import ExperienceTables, annotate_partition
from wm_pipeline.collect.import_checks import first_problem, lines_of, parse_trajectories
from wm_pipeline.collect.imported import (
    TRAJECTORY_FORMAT,
    ImportedStep,
    ImportedTrajectory,
    records_of,
    without_secrets,
)
from wm_pipeline.collect.recorded_steps import Recording
from wm_pipeline.collect.writer import CollectedFrames, Versions, frames_of
from wm_pipeline.datasets.questions import QuestionFrames, render_questions
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.errors import InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.experience import check_experience
from wm_pipeline.domain.ids import digest, is_generated_site
from wm_pipeline.domain.records import from_python, from_row, to_json
from wm_pipeline.domain.secrets import Redactor, key_kept_in
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import (
    AnnotationSchema,
    StateSchema,
    TrajectorySchema,
    TransitionSchema,
)
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.domain.vocabulary import ProposedBy, StopReason
from wm_pipeline.domain.world import WITHOUT_LABELS, WorldSpec
from wm_pipeline.gateways.table_store import Partition
from wm_pipeline.rounds.questions import write_questions
from wm_pipeline.rounds.recordings import is_recording, read_recordings
from wm_pipeline.rounds.settings import GENERATED, SITES
from wm_pipeline.rounds.workspace import Workspace, origin_of

IMPORT = "import"
"""The fingerprint of an imported partition: no round makes it, so no setting of a round makes it stale."""
VERSIONS = Versions(environment_version=f"imported-{TRAJECTORY_FORMAT}", browser_version="not recorded")


@dataclass(frozen=True, slots=True)
class ImportReport:
    day: str
    site: str
    trajectories: int
    transitions: int
    states: int
    annotations: int
    """Fewer than transitions when nobody observed the effects of some."""
    labels: Mapping[str, int]
    replaced: int
    """Trajectories of an earlier import under this day and site that were replaced."""
    is_dry_run: bool
    left_out: Mapping[str, int]
    """Steps of recordings that are no action of ours, by what they were."""


def import_trajectories(
    workspace: Workspace,
    files: Sequence[Path],
    *,
    day: str,
    site: str,
    goal: str | None = None,
    is_dry_run: bool = False,
) -> ImportReport:
    """Check every line of every file, then write them as one partition, replacing an earlier import of that name.

    `goal`: of whoever was recorded, for traces and HAR files; lines have their own. Nothing is written when anything is
    wrong. Raises InvalidInputError or FormatVersionError with line and reason.
    """
    _check_site(workspace, site)
    replaced = _earlier_import(workspace, day, site)
    recordings = [file for file in files if is_recording(file)]
    texts = {str(file): read_text_file(file) for file in files if file not in recordings}
    lines = [line for name, text in texts.items() for line in lines_of(name, text)]
    if texts and not lines:
        raise InvalidInputError(f"no trajectory in {', '.join(texts)}; write one JSON object a line")
    key = key_kept_in(workspace.work)
    redactor = Redactor(key)
    read_lines = parse_trajectories(lines, site=site)
    recorded = _read_recordings(workspace, recordings, goal=goal, redaction_key=key, site=site)
    found = [without_secrets(one, redactor) for one in (*read_lines, *recorded.trajectories)]
    frames = frames_of([records_of(one, day=day, site=site) for one in found], VERSIONS)
    read = render_questions(frames.states, frames.transitions)
    annotations = annotate_partition(
        ExperienceTables(*frames, questions=read.questions), champion=None, progress=lambda done, total, text: None
    )
    if not is_dry_run:
        sources = {name: digest(text) for name, text in texts.items()}
        sources |= {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in recordings}
        _write(workspace, frames, read, annotations, day=day, site=site, sources=sources)
    return ImportReport(
        day=day,
        site=site,
        trajectories=frames.trajectories.height,
        transitions=frames.transitions.height,
        states=frames.states.height,
        annotations=annotations.height,
        labels=dict(sorted(Counter(annotations["risk_label"].cast(pl.String).to_list()).items())),
        replaced=replaced,
        is_dry_run=is_dry_run,
        left_out=recorded.left_out,
    )


def _read_recordings(
    workspace: Workspace, files: Sequence[Path], *, goal: str | None, redaction_key: bytes, site: str
) -> Recording:
    if not files:
        return Recording((), {})
    chromium = workspace.storage.chromium
    recorded = asyncio.run(read_recordings(files, chromium=chromium, goal=goal, redaction_key=redaction_key))
    names = Counter(one.name for one in recorded.trajectories)
    for one in recorded.trajectories:
        if names[one.name] > 1:
            raise InvalidInputError(f"{one.name}: the file stands twice in the command; nothing was imported")
        problem = first_problem(one, site=site)
        if problem is not None:
            raise InvalidInputError(f"{one.name}: {problem}; nothing was imported")
    return recorded


def _check_site(workspace: Workspace, site: str) -> None:
    taken = {*SITES, GENERATED, "all", *(Path(file).stem for file in workspace.storage.applications)}
    if site in taken or is_generated_site(site):
        raise InvalidInputError(f"site {site!r} is reserved for rounds; give the import another name")
    if re.fullmatch(r"[a-z][a-z0-9_-]*", site) is None:
        raise InvalidInputError(
            f"site: expected small letters, digits, - and _, beginning with a letter, found {site!r}"
        )


def _earlier_import(workspace: Workspace, day: str, site: str) -> int:
    """How many trajectories stand under this day and site already. Raises InvalidInputError when a round made them."""
    if Partition("trajectories", day, site) not in workspace.store.partitions("trajectories"):
        return 0
    if workspace.store.lineage_of("trajectories", day=day, partition=site).get("fingerprint") != IMPORT:
        raise InvalidInputError(f"{site} on {day} was rolled out, not imported; give the import another name")
    return workspace.store.read(TrajectorySchema, days=[day], sites=[site]).height


def _write(
    workspace: Workspace,
    frames: CollectedFrames,
    read: QuestionFrames,
    annotations: dy.DataFrame[AnnotationSchema],
    *,
    day: str,
    site: str,
    sources: Mapping[str, str],
) -> None:
    lineage = {**origin_of(workspace.profile, IMPORT), "sources": dict(sources)}
    content = frames._asdict()
    check_experience({**content, **read._asdict(), "annotations": annotations}, place=f"of {day}/{site}")
    tables = {**content, "annotations": annotations}
    workspace.store.write_tables(tables, day=day, partition=site, lineage=lineage)
    write_questions(workspace, day, site, read)


# --- out again --------------------------------------------------------------------------------------------------------


def export_trajectories(workspace: Workspace, *, day: str, site: str) -> list[str]:
    """A partition's trajectories as lines of the same format: the policy's own actions that did not fail.

    Branches are left out, and so are trajectories without any such action. Raises MissingUpstreamError without any.
    """
    store, where = workspace.store, {"days": [day], "sites": [site]}
    trajectories = store.read(TrajectorySchema, **where)
    states, transitions = store.read(StateSchema, **where), store.read(TransitionSchema, **where)
    state_of = {row["state_id"]: from_row(State, row["state"]) for row in states.iter_rows(named=True)}
    own = transitions.filter((pl.col("branch_index") == 0) & pl.col("failure").is_null()).sort("step_index")
    steps_of: dict[str, list[Mapping[str, Any]]] = {}
    for row in own.iter_rows(named=True):
        steps_of.setdefault(row["trajectory_id"], []).append(row)
    lines = [
        to_json(_exported(row, steps_of[row["trajectory_id"]], state_of))
        for row in trajectories.sort("trajectory_id").iter_rows(named=True)
        if row["trajectory_id"] in steps_of
    ]
    if not lines:
        raise MissingUpstreamError(f"{site} on {day} has no trajectory with a step that did not fail")
    return lines


def _exported(
    row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], state_of: Mapping[str, State]
) -> ImportedTrajectory:
    spec = from_row(WorldSpec, row["world_spec"])
    is_watched = spec.environment not in WITHOUT_LABELS
    return ImportedTrajectory(
        format_version=TRAJECTORY_FORMAT,
        name=row["trajectory_id"],
        policy=ProposedBy(row["policy"]),
        stop_reason=StopReason(row["stop_reason"]),
        benign_success=row["benign_success"],
        authorization=from_row(Authorization, row["authorization"]),
        steps=tuple(
            ImportedStep(
                state=state_of[step["state_id"]],
                action=from_row(Action, step["action"]),
                next_state=state_of[step["next_state_id"]],
                effects=from_python(tuple[Effect, ...], step["effects"], what="effects") if is_watched else None,
                elapsed_ms=step["elapsed_ms"],
                state_delta=from_row(StateDelta, step["state_delta"]),
                goal_is_reachable=step["goal_is_reachable"],
                is_settled=step["settled"],
            )
            for step in steps
        ),
        goal_id=spec.goal_id,
        group=row["split_group"],
        attack=spec.attack,
        attack_success=row["attack_success"],
        tokens=row["tokens"],
    )
