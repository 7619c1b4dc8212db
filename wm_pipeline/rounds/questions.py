"""questions: what models, people and reports read of each executed action, rendered from stored states."""

from collections.abc import Sequence

from wm_pipeline.datasets.questions import QuestionFrames, render_questions
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.tables import StateSchema, TransitionSchema
from wm_pipeline.rounds.graph import ASSET, Notes
from wm_pipeline.rounds.workspace import PartitionOutput, StageOutput, Workspace, lineage_of, sample_of_table

ASSET_NAME = "questions"


def render_sites(workspace: Workspace, day: str, sites: Sequence[str], *, progress: Progress) -> StageOutput:
    """questions of some sites for a day. No browser is started: a changed word costs minutes, not rollouts."""
    parts: dict[str, PartitionOutput] = {}
    states = 0
    for done, site in enumerate(sites, start=1):
        frames = _rendered(workspace, day, site)
        parts[site] = PartitionOutput(write_questions(workspace, day, site, frames), frames.questions.height)
        states += frames.state_texts.height
        progress(done, len(sites), f"{site}: questions rendered")
    rows = sum(part.rows for part in parts.values())
    sample = sample_of_table(workspace, "questions", day, ["action_text", "transition_text"])
    address = parts[sites[-1]].address
    return StageOutput(address, rows, {"questions": rows, "states": states}, sample, partitions={day: parts})


def refresh_questions(workspace: Workspace, days: Sequence[str]) -> list[str]:
    """Render partitions again that another version of the code rendered: earlier days of a window, and imports.

    Returns these partitions, as `day/site`.
    """
    made: list[str] = []
    row, notes = ASSET[ASSET_NAME], Notes(workspace.store)
    for part in workspace.store.partitions("trajectories"):
        if part.day not in days:
            continue
        note = notes.of(row, part.day, part.name) or {}
        wanted = row.code_version, notes.upstream_of(row, workspace.profile, part.day, part.name)
        if (note.get("code_version"), note.get("upstream")) != wanted:
            write_questions(workspace, part.day, part.name, _rendered(workspace, part.day, part.name))
            made.append(f"{part.day}/{part.name}")
    return made


def write_questions(workspace: Workspace, day: str, site: str, frames: QuestionFrames) -> str:
    """Store the rendered texts of one partition after its trajectories; return the address of its questions."""
    lineage = lineage_of(workspace, ASSET_NAME, day, partition=site)
    addresses = workspace.store.write_tables(frames._asdict(), day=day, partition=site, lineage=lineage)
    return addresses[QuestionFrames._fields.index("questions")]


def _rendered(workspace: Workspace, day: str, site: str) -> QuestionFrames:
    store, where = workspace.store, {"days": [day], "sites": [site]}
    return render_questions(store.read(StateSchema, **where), store.read(TransitionSchema, **where))
