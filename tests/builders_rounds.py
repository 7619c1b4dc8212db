"""Outputs of a round without browsers and trainings: experience of one state, datasets, folders with a note."""

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders_experience import Done, Visit, annotate, experience, trajectory, world
from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.datasets.questions import QuestionFrames
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.rounds.datasets import make_dataset
from wm_pipeline.rounds.graph import ASSET, ROUND_ASSETS
from wm_pipeline.rounds.questions import write_questions
from wm_pipeline.rounds.workspace import Workspace, lineage_of


def collect(workspace: Workspace, site: str, *, day: str, seed: int = 1) -> None:
    """raw_trajectories and socratic_annotations of one site."""
    visit = Visit(payment_state(title=f"{site} {seed}"), [Done(SUBMIT_WIRE), Done(NOOP)])
    frames = experience(trajectory(world(seed, site=site), [visit], day=day))
    annotations = annotate(frames)
    raw = lineage_of(workspace, "raw_trajectories", day)
    for table in ASSET["raw_trajectories"].tables:
        workspace.store.write(table, frames._asdict()[table], day=day, partition=site, lineage=raw)
    write_questions(workspace, day, site, QuestionFrames(frames.state_texts, frames.questions))
    lineage = lineage_of(workspace, "socratic_annotations", day, partition=site)
    workspace.store.write("annotations", annotations, day=day, partition=site, lineage=lineage)


def finish_round(workspace: Workspace, day: str) -> None:
    """Every asset of a round, upstream first; what is a folder holds nothing but its note."""
    for site in workspace.profile.round.sites:
        collect(workspace, site, day=day)
    for name in RECIPES:
        make_dataset(workspace, day, name)
    for name in ROUND_ASSETS:
        if ASSET[name].root:
            write_folder(workspace, name, day)


def write_folder(workspace: Workspace, name: str, day: str) -> None:
    """An asset's artifact folder of a day, and the tables beside it, without rows."""
    lineage = lineage_of(workspace, name, day)
    with workspace.store.committing() as batch:
        for table in ASSET[name].beside:
            batch.write(table, TABLES[table].create_empty(), day=day, lineage=lineage)
        note = {**lineage, "content": f"of {name}"}
        batch.write_folder(ASSET[name].folder(day), {"made.txt": name.encode()}, note=note)
