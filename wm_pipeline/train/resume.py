"""The state from which an interrupted training resumes, and the check that its settings and data are the same."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import torch.distributed as dist

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.model.engine import Engine
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.settings import TrainSettings

_STEP = "step"
_LATEST = "latest"
"""File with the name of the newest complete state."""


def save_resume_state(engine: Engine, folder: Path, *, step: int, processes: Processes) -> None:
    """Save a resumable state after `step` steps; the two latest are kept."""
    name = f"{_STEP}{step}"
    engine.save(folder / name)
    dist.barrier()
    if processes.is_first:
        replace_text(folder / _LATEST, name)
        for path in sorted(folder.glob(f"{_STEP}*"), key=_step_of)[:-2]:
            shutil.rmtree(path)


def load_resume_state(engine: Engine, folder: Path, *, identity: str) -> int:
    """Steps already done, after restoring them; 0 when there is nothing to resume.

    Raises CheckpointError when the interrupted run had other settings or data (`identity`).
    """
    if not has_resume_state(folder):
        return 0
    check_identity(folder, identity)
    path = folder / (folder / _LATEST).read_text()
    engine.load(path)
    return _step_of(path)


def has_resume_state(folder: Path) -> bool:
    return (folder / _LATEST).exists()


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix(_STEP))


def identity_of(settings: TrainSettings, **rest: str | int) -> str:
    """What must be the same for an interrupted run to go on, as JSON."""
    # How often a run saves, and on how many threads, does not change its numbers.
    kept = asdict(replace(settings, save_steps=0, threads=1))
    return json.dumps({**kept, **rest}, sort_keys=True)


def write_identity(folder: Path, identity: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "identity.json").write_text(identity)


def check_identity(folder: Path, identity: str) -> None:
    path = folder / "identity.json"
    stored = json.loads(path.read_text()) if path.exists() else {}
    expected = json.loads(identity)
    differing = sorted(key for key in expected.keys() | stored.keys() if expected.get(key) != stored.get(key))
    if differing:
        named = ", ".join(f"{key}{_both(stored.get(key), expected.get(key))}" for key in differing)
        raise CheckpointError(
            f"the interrupted run in {str(folder)!r} differs in {named}; "
            "delete that folder to start again, or go on with its settings"
        )


def _both(there: object, here: object) -> str:
    """Both values where they are numbers; texts are hashes and settings, too long to show."""
    are_numbers = isinstance(there, int | float) and isinstance(here, int | float)
    return f" ({there} there, {here} now)" if are_numbers else ""
