"""socratic_annotations: a teacher's answers about every executed action, checked against instrumentation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.annotate.agreement import confusion_counts, confusion_table, disagreements, kappa_of
from wm_pipeline.annotate.instrumented import TEACHER_ID, InstrumentedTeacher
from wm_pipeline.annotate.llm import REJECTABLE, LLMTeacher
from wm_pipeline.annotate.run import ExperienceTables, ask_teacher, executions_of
from wm_pipeline.domain.chat import LOCAL
from wm_pipeline.domain.errors import MissingUpstreamError, SettingsError, TeacherError
from wm_pipeline.domain.experience import check_experience
from wm_pipeline.domain.ports import Predictor, Progress
from wm_pipeline.domain.tables import TABLES, AnnotationSchema
from wm_pipeline.domain.vocabulary import TeacherKind
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.rounds.workspace import PartitionOutput, StageOutput, Workspace, lineage_of, sample_of_table


def annotate_sites(
    workspace: Workspace,
    day: str,
    sites: Sequence[str],
    *,
    champion: Predictor | None,
    progress: Progress,
) -> StageOutput:
    """socratic_annotations of some sites for a day.

    Raises TeacherError when the teacher stops before the end. Its annotations are stored as unfinished, and the next
    run completes them; a language model is not asked again about transitions that it has answered.
    """
    chat = _chat_of(workspace)
    frames: list[dy.DataFrame[AnnotationSchema]] = []
    parts: dict[str, PartitionOutput] = {}
    for index, site in enumerate(sites):
        tables = experience_of(workspace, day, site)
        lineage = lineage_of(workspace, ASSET_NAME, day, partition=site)
        annotated = ask_teacher(
            tables,
            InstrumentedTeacher if chat is None else partial(LLMTeacher, chat),
            champion=champion,
            progress=lambda done, total, text, site=site: progress(done, total, f"{site}: {text}"),
            kept=None if chat is None else _answered(workspace, day, site, lineage),
            at_once=1 if chat is None else chat.max_concurrent,
            stop=(lambda: None) if chat is None else chat.stop,
        )
        if annotated.stopped is not None:
            lineage["fingerprint"] = _unfinished(lineage["fingerprint"])
        address = workspace.store.write(
            "annotations",
            annotated.frame,
            day=day,
            partition=site,
            lineage=lineage,
        )
        parts[site] = PartitionOutput(address, annotated.frame.height)
        frames.append(annotated.frame)
        if annotated.stopped is not None:
            done = sum(frame.height for frame in frames)
            pending = annotated.pending + _executed(workspace, day, sites[index + 1 :])
            raise TeacherError(
                f"{done} of {done + pending} transitions are annotated and kept, {pending} are pending: "
                f"{annotated.stopped}; run again to go on from there"
            ) from annotated.stopped
    frame = AnnotationSchema.cast(pl.concat(frames))
    numbers = {**_annotation_numbers(frame, chat), "champion_known": champion is not None}
    columns = ["risk_label", "risk_score", "consequence_narrative", "counterfactual_text"]
    differing = disagreements(frame)
    listed = {"disagreements": differing.head(_MOST_SHOWN)} if differing.height else {}
    sample = sample_of_table(workspace, "annotations", day, columns)
    address = parts[sites[-1]].address
    return with_kappa(StageOutput(address, frame.height, numbers, sample, tables=listed, partitions={day: parts}))


ASSET_NAME = "socratic_annotations"
_MOST_SHOWN = 20
"""Disagreements shown in the UI; the table of annotations holds all of them."""


def with_kappa(output: StageOutput) -> StageOutput:
    """The output with Cohen's kappa and the confusion table of its counts: counts add up over days, kappa does not."""
    return replace(
        output,
        numbers={**output.numbers, "teacher_kappa": kappa_of(output.numbers)},
        tables={**output.tables, "teacher_confusion": confusion_table(output.numbers)},
    )


def _chat_of(workspace: Workspace) -> LlmClient | None:
    """The language model that teaches; None for the embedded teacher."""
    if workspace.profile.teacher.kind is TeacherKind.INSTRUMENTED:
        return None
    if workspace.storage.llm is None:
        raise SettingsError("the llm teacher has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
    if workspace.storage.llm.url == LOCAL:
        raise SettingsError("the llm teacher asks an endpoint; WM_LLM_URL=local is for agents alone")
    return LlmClient(workspace.storage.llm, api_key=workspace.storage.llm_key)


def _annotation_numbers(frame: dy.DataFrame[AnnotationSchema], chat: LlmClient | None) -> dict[str, Any]:
    """Numbers to plot; agreement is over the rows that a language model answered, without embedded ones."""
    asked = _told_by_a_model(frame)
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
    """The fingerprint of a partition that the teacher did not finish; no asset has it."""
    return f"{fingerprint} unfinished"


def _told_by_a_model(frame: dy.DataFrame[AnnotationSchema]) -> dy.DataFrame[AnnotationSchema]:
    return AnnotationSchema.cast(frame.filter(pl.col("teacher_id") != TEACHER_ID))


def _answered(
    workspace: Workspace, day: str, site: str, lineage: Mapping[str, Any]
) -> dy.DataFrame[AnnotationSchema] | None:
    """A language model's earlier annotations of the same transitions under the same settings; None without any."""
    try:
        before = workspace.store.lineage_of("annotations", day=day, partition=site)
    except MissingUpstreamError:
        return None
    wanted = lineage["fingerprint"]
    is_same = before["fingerprint"] in (wanted, _unfinished(wanted))
    if not is_same or before.get("upstream") != lineage["upstream"]:
        return None
    return _told_by_a_model(workspace.store.read(AnnotationSchema, days=[day], sites=[site]))


def _executed(workspace: Workspace, day: str, sites: Sequence[str]) -> int:
    """How many transitions of these sites are to be annotated."""
    return sum(len(executions_of(experience_of(workspace, day, site))) for site in sites)


def experience_of(workspace: Workspace, day: str, site: str) -> ExperienceTables:
    """The tables of a partition. Raises TableError when they do not belong together."""
    read = partial(workspace.store.read, days=[day], sites=[site])
    tables = ExperienceTables._make(read(TABLES[name]) for name in ExperienceTables._fields)
    check_experience(tables._asdict(), place=f"of {day}/{site}")
    return tables
