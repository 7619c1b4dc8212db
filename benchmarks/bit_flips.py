"""One flipped bit in any file of a finished round: is it noticed by whatever reads the file?

A copy of a state folder is damaged, read in every public way, and mended: a thousand times with the file drawn evenly
among files, a thousand times among bytes. Every second flip keeps the file's times, as a disk does it below the file
system and as a copying tool may; the others change them.

Each way of reading refuses, gives the same as before, or gives something else. `trusts` are the ways that take a file
for what it was when its size and times are (docs/operations.md): of those only what has other times must be noticed.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.chaos.brief import BRIEF, add_profiles
from benchmarks.chaos.play import make_base
from benchmarks.chaos.scene import make_cache
from benchmarks.reporting import machine, publish
from wm_pipeline.datasets.scan import scan
from wm_pipeline.defs.resources import workspace_from_environment
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import DamagedError, WmError
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.table_store import place_of, table_path
from wm_pipeline.model.checkpoint import load_checkpoint
from wm_pipeline.rounds.models import local_checkpoint
from wm_pipeline.rounds.plan import plan_round
from wm_pipeline.rounds.reports import read_report
from wm_pipeline.rounds.workspace import Workspace

_YEAR_NS = 365 * 86400 * 10**9
_MLFLOW = "mlartifacts/models/"

KINDS: Sequence[tuple[str, Callable[[str], bool]]] = (
    ("tables", lambda path: path.startswith("data/tables/")),
    ("records", lambda path: path.startswith("data/records/")),
    ("weights", lambda path: path.startswith("data/checkpoints/") and path.endswith(".safetensors")),
    ("manifests", lambda path: path.startswith("data/checkpoints/") and path.endswith("manifest.json")),
    ("tokenizers", lambda path: path.startswith("data/checkpoints/") and "/backbone/" in path),
    ("results of trainings", lambda path: path.startswith("data/checkpoints/")),
    ("reports", lambda path: path.startswith("data/reports/")),
    (
        "cards, curriculum, versions",
        lambda path: path.startswith(("data/cards/", "data/curriculum/", "data/versions/")),
    ),
    ("MLflow's checkpoint", lambda path: path.startswith(_MLFLOW) and "/artifacts/checkpoint/" in path),
    ("MLflow's description of it", lambda path: path.startswith(_MLFLOW) and path.endswith("/MLmodel")),
)
"""The first that fits. Other files are no artifacts: databases, work in progress, caches, MLflow's copy of the code."""

TRUSTS = ("plan",)
"""Ways that may go by size and times."""


def kind_of(path: str) -> str | None:
    return next((kind for kind, fits in KINDS if fits(path)), None)


@dataclass(frozen=True, slots=True)
class Flip:
    path: str
    """Relative to the state folder."""
    byte: int
    bit: int
    keeps_times: bool


def draw(files: Mapping[str, int], count: int, seed: int, *, by_bytes: bool) -> list[Flip]:
    """`files`: sizes by path. `by_bytes`: a file is drawn as often as it is large, else as often as any other."""
    rng = random.Random(seed)
    chosen = rng.choices(list(files), list(files.values()) if by_bytes else None, k=count)
    return [Flip(path, rng.randrange(files[path]), rng.randrange(8), bool(at % 2)) for at, path in enumerate(chosen)]


# --- ways of reading --------------------------------------------------------------------------------------------------


Read = Callable[[], Any]


class Reader:
    """The public ways of reading one finished round, each answering something that can be compared."""

    def __init__(self, state: Path, day: str) -> None:
        self._state = state
        self._day = day
        self._answers: dict[tuple[str, str], Any] = {}

    def open(self) -> Workspace:
        """As a process that has just started: nothing is in memory but what lies in the state folder."""
        return workspace_from_environment().workspace()

    def ways(self, path: str) -> dict[str, Read]:
        """All that reads a file, by name."""
        workspace = self.open()
        return {
            **self._of_kind(workspace, path),
            "plan": partial(plan_round, workspace, self._day, redo_from=None),
            **({"doctor --deep": partial(self._deep, workspace, path)} if path.startswith("data/") else {}),
        }

    def _of_kind(self, workspace: Workspace, path: str) -> dict[str, Read]:
        store, inside = workspace.store, path.removeprefix("data/")
        if path.startswith("data/records/"):
            place = inside.removeprefix("records/").removesuffix(".json")
            return {"note": partial(store.note_of, place), **self._of_kind(workspace, f"data/{self._file_of(place)}")}
        if path.startswith("data/tables/"):
            _, table, day, name = inside.split("/")
            days, sites = [day.partition("=")[2]], None if name == "all.parquet" else [Path(name).stem]
            found: dict[str, Read] = {
                "read": lambda: store.read(TABLES[table], days=days, sites=sites),
                "scan": lambda: store.scan(TABLES[table], days=days, sites=sites).collect(),
                "scan in a notebook": lambda: scan(table, days=days, sites=sites).collect(),
            }
            if name == "all.parquet":
                found["a training's data"] = lambda: pl.read_parquet(
                    store.local_file(table_path(table, day=self._day), cache=workspace.cache)
                )
            return found
        if "/checkpoint/" in path and path.startswith("data/"):
            folder = inside.partition("/checkpoint/")[0]
            return {
                "the day's checkpoint": lambda: _checkpoint(local_checkpoint(workspace, folder)),
                "--checkpoint": lambda: _checkpoint(self._state / "data" / folder / "checkpoint"),
            }
        if path.startswith(_MLFLOW):
            return {"the registered version": partial(self._registered, workspace)}
        if inside.startswith("reports/") and inside.endswith("report.json"):
            return {"report": lambda: read_report(workspace, self._day).model_dump()}
        return {"file": partial(store.read_bytes, inside)}

    def _file_of(self, place: str) -> str:
        """A file of an output, to see what reading it says of a damaged record."""
        if place.startswith("tables/"):
            return place
        return next(iter(sorted(f"{place}/{name}" for name in files_in(self._state / "data" / place))))

    def _registered(self, workspace: Workspace) -> Any:
        shutil.rmtree(workspace.cache / "registered", ignore_errors=True)  # as on a machine that has not asked yet
        (version, *_) = workspace.registry.versions()
        return _checkpoint(workspace.registry.checkpoint_of(version, cache=workspace.cache))

    def _deep(self, workspace: Workspace, path: str) -> str:
        """The line of `wm doctor --deep` on outputs, for the one that is damaged."""
        inside = path.removeprefix("data/")
        place = inside.removeprefix("records/").removesuffix(".json") if "records/" in path else str(place_of(inside))
        problem = workspace.store.problem(place, is_thorough=True)
        if problem is not None:
            raise DamagedError(problem)
        return "holds"

    # --- what they say ------------------------------------------------------------------------------------------------

    def remember(self, path: str) -> None:
        """What every way answers while nothing is damaged."""
        if not any(known == path for known, _ in self._answers):
            self._answers |= {(path, way): read() for way, read in self.ways(path).items()}

    def say(self, path: str) -> dict[str, str]:
        """What each way says of a damaged file: refused, same, other, or the name of an error that is none of ours."""
        return {way: self._outcome(path, way, read) for way, read in self.ways(path).items()}

    def _outcome(self, path: str, way: str, read: Read) -> str:
        try:
            found = read()
        except WmError:
            return "refused"
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 whatever it is, it is counted
            return type(error).__name__
        expected = self._answers[path, way]
        if way == "plan" and found != expected:
            return "refused"  # it says what is made again, and why
        is_same = found.equals(expected) if isinstance(found, pl.DataFrame) else found == expected
        return "same" if is_same else "other"


def _checkpoint(folder: Path) -> dict[str, Any]:
    """What a model computes with, and what its manifest says."""
    found = load_checkpoint(folder)
    weights = {name: tensor.numpy().tobytes() for name, tensor in found.model.state_dict().items()}
    return {"manifest": found.manifest, "weights": weights, "vocabulary": found.tokenizer.get_vocab()}


# --- flips ------------------------------------------------------------------------------------------------------------


def verdict(said: Mapping[str, str], *, keeps_times: bool) -> str:
    """Of one flip: noticed, harmless, unnoticed, trusted (kept times, by a way that goes by them) or an odd error."""
    binding = {way: word for way, word in said.items() if not (keeps_times and way in TRUSTS)}
    words = set(binding.values())
    if odd := words - {"refused", "same", "other"}:
        return f"odd: {', '.join(sorted(odd))}"
    if "other" in words:
        return "unnoticed"
    if any(word not in ("refused", "same") for word in said.values()):
        return "trusted"
    return "noticed" if "refused" in words else "harmless"


def played(flip: Flip, reader: Reader, state: Path) -> dict[str, str]:
    """Flip, read, mend."""
    file = state / flip.path
    before = file.stat()
    _change(file, flip)
    if flip.keeps_times:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        return reader.say(flip.path)
    finally:
        _change(file, flip)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _change(file: Path, flip: Flip) -> None:
    with file.open("r+b") as stream:
        stream.seek(flip.byte)
        (old,) = stream.read(1)
        stream.seek(flip.byte)
        stream.write(bytes([old ^ (1 << flip.bit)]))


def measure(state: Path, day: str, *, flips: int, seed: int) -> dict[str, Any]:
    """On a copy of a finished round's state folder, which may be changed."""
    _make_old(state)
    files = {
        name: path.stat().st_size
        for name, path in files_in(state).items()
        if kind_of(name) is not None and path.stat().st_size
    }
    reader = Reader(state, day)
    found: dict[str, Any] = {"seed": seed, "files": len(files), "bytes": sum(files.values())}
    for name, by_bytes in (("drawn_by_files", False), ("drawn_by_bytes", True)):
        found[name] = _counted(draw(files, flips, seed, by_bytes=by_bytes), reader, state)
    return found


def _counted(drawn: Sequence[Flip], reader: Reader, state: Path) -> dict[str, Any]:
    by_kind: dict[str, Counter[str]] = {kind: Counter() for kind, _ in KINDS}
    by_way: dict[str, Counter[str]] = {}
    shown: list[dict[str, Any]] = []
    for at, flip in enumerate(drawn, start=1):
        reader.remember(flip.path)
        said = played(flip, reader, state)
        word = verdict(said, keeps_times=flip.keeps_times)
        by_kind[str(kind_of(flip.path))][word] += 1
        times = "times kept" if flip.keeps_times else "times changed"
        for way, what in said.items():
            by_way.setdefault(f"{way}, {times}", Counter())[what] += 1
        if word not in ("noticed", "harmless", "trusted"):
            shown.append({**asdict(flip), "verdict": word, "said": said})
        if at % 100 == 0:
            print(f"  {at}/{len(drawn)}", file=sys.stderr)
    return {
        "flips": len(drawn),
        "by_kind": {kind: dict(sorted(found.items())) for kind, found in by_kind.items() if found},
        "by_way": {way: dict(sorted(found.items())) for way, found in sorted(by_way.items())},
        "wrong": shown,
    }


def _make_old(state: Path) -> None:
    """Files a year old, as those of a deployment are: what has just changed is always read anew."""
    for path in files_in(state).values():
        made = path.stat().st_mtime_ns - _YEAR_NS
        os.utime(path, ns=(made, made))


def table_of(result: Mapping[str, Any]) -> str:
    words = sorted({word for found in result["by_kind"].values() for word in found})
    rows = [
        ("", *words),
        *((kind, *(str(found.get(word, 0)) for word in words)) for kind, found in result["by_kind"].items()),
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(words) + 1)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, help="a finished round's state folder; default: one is made")
    parser.add_argument("--profile", default="tiny", help="of that round")
    parser.add_argument("--day", help="of that round")
    parser.add_argument("--flips", type=int, default=1000, help="of each way of drawing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="dagster")
    with tempfile.TemporaryDirectory(prefix="bit_flips") as folder:
        profile, day, source = options.profile, options.day, options.state
        if source is None:
            base = make_base(Path(folder, "base"), limit_s=3600)
            profile, day, source = BRIEF, base.day, base.state
        state = Path(folder, "state")
        shutil.copytree(source, state)
        result = measure_copy(state, profile, day, flips=options.flips, seed=options.seed)
    for name in ("drawn_by_files", "drawn_by_bytes"):
        print(f"{name.replace('_', ' ')}\n{table_of(result[name])}", file=sys.stderr)
    publish({"machine": machine("polars", "mlflow"), "profile": profile, **result}, options.results, lambda file: None)
    sys.exit(1 if result["drawn_by_files"]["wrong"] or result["drawn_by_bytes"]["wrong"] else 0)


def measure_copy(state: Path, profile: str, day: str, *, flips: int, seed: int) -> dict[str, Any]:
    """With the environment of that state folder, in this process."""
    add_profiles()
    make_cache(state)
    os.environ |= {
        "WM_STATE": str(state),
        "WM_PROFILE": profile,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    for name in ("WM_DATA", "WM_PLUGINS"):
        os.environ.pop(name, None)
    return measure(state, day, flips=flips, seed=seed)


if __name__ == "__main__":
    main()
