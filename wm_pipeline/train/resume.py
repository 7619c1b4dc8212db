"""The state from which an interrupted training resumes, and the check that its settings and data are the same."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import torch.distributed as dist

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.digests import digest_of_file, files_in
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.model.engine import Engine
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.settings import TrainSettings

_STEP = "step"
_DIGESTS = "digests.json"
"""Written last into a state's folder: the SHA-256 of its files and of the plan's."""
_IDENTITY = "identity.json"
_COMMON = (_IDENTITY, "plan.json")


def save_resume_state(engine: Engine, folder: Path, *, step: int, processes: Processes) -> None:
    """Save a resumable state after `step` steps; the two latest are kept."""
    name = f"{_STEP}{step}"
    if processes.is_first:
        shutil.rmtree(folder / name, ignore_errors=True)  # one that was not whole
    dist.barrier()
    engine.save(folder / name)
    dist.barrier()
    if processes.is_first:
        files = {path: file for path, file in files_in(folder).items() if path.startswith((f"{name}/", *_COMMON))}
        digests = {path: digest_of_file(file).sha256 for path, file in files.items()}
        replace_text(folder / name / _DIGESTS, json.dumps(digests))
        for path in _states(folder)[2:]:
            shutil.rmtree(path)


def load_resume_state(engine: Engine, folder: Path, *, identity: str) -> int:
    """Steps already done, after restoring them; 0 when there is nothing to resume.

    Raises CheckpointError when the interrupted run had other settings or data (`identity`).
    """
    path = _newest_whole(folder)
    if path is None:
        return 0
    check_identity(folder, identity)
    engine.load(path)
    return _step_of(path)


def has_resume_state(folder: Path) -> bool:
    return _newest_whole(folder) is not None


def _newest_whole(folder: Path) -> Path | None:
    """The newest state that is what was saved; one that a kill, a full disk or a flipped bit has damaged is passed."""
    return next((path for path in _states(folder) if _is_whole(folder, path)), None)


def _is_whole(folder: Path, state: Path) -> bool:
    try:
        digests = json.loads((state / _DIGESTS).read_text())
        return all(digest_of_file(folder / path).sha256 == expected for path, expected in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def _states(folder: Path) -> list[Path]:
    """The folders of saved states, newest first."""
    return sorted(folder.glob(f"{_STEP}*"), key=_step_of, reverse=True)


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix(_STEP))


def identity_of(settings: TrainSettings, **rest: str | int) -> str:
    """What must be the same for an interrupted run to go on, as JSON."""
    # How often a run saves, and on how many threads, does not change its numbers.
    kept = asdict(replace(settings, save_steps=0, threads=1))
    return json.dumps({**kept, **rest}, sort_keys=True)


def write_identity(folder: Path, identity: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / _IDENTITY, identity)


def check_identity(folder: Path, identity: str) -> None:
    path = folder / _IDENTITY
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
