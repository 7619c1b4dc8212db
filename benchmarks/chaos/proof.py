"""What must be true of a deployment after a disturbed round has been made to its end: each check says what is wrong.

It runs in a process of its own, with the environment of the round: nothing of an earlier one is in memory.
"""

import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import polars as pl
from filelock import FileLock, Timeout

from benchmarks.chaos.brief import add_profiles
from benchmarks.chaos.expected import Expectation, Proof
from benchmarks.chaos.faults import asset_of
from wm_pipeline.cli.options import use_dagster_home
from wm_pipeline.defs.instance import open_instance
from wm_pipeline.defs.resources import workspace_from_environment
from wm_pipeline.domain.errors import WmError
from wm_pipeline.domain.experience import check_experience
from wm_pipeline.domain.tables import TABLES, TrajectorySchema
from wm_pipeline.gateways.commits import COMMITS
from wm_pipeline.gateways.locks import alone
from wm_pipeline.gateways.mlflow_registry import CHALLENGER, MODEL_NAME
from wm_pipeline.gateways.places import sqlite_uri
from wm_pipeline.gateways.table_store import TableStore, table_path
from wm_pipeline.model.checkpoint import check_checkpoint
from wm_pipeline.rounds.doctor import examine
from wm_pipeline.rounds.graph import ASSET
from wm_pipeline.rounds.models import stored_manifest
from wm_pipeline.rounds.plan import plan_round
from wm_pipeline.rounds.workspace import Workspace

_NOT_OF_THE_ROUND = ("port of ", "base weights")
"""What `wm doctor` says of other programs, and of weights that a tiny model does not use."""
_OF_A_PARTITION = ("states", "state_texts")
"""Their keys are distinct in a partition; the same state may lie in two."""
_UNDER_WAY = [
    *(dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING),
    *(dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING),
]


def prove(environment: Mapping[str, str], expected: Expectation) -> Proof:
    """Everything at once; a check that cannot be made is a problem itself."""
    add_profiles()
    os.environ.update({**environment, "WM_PROFILE": expected.profile})
    warnings.filterwarnings("ignore", module="dagster")
    tempfile.tempdir = None
    use_dagster_home(environment["WM_STATE"])
    workspace = workspace_from_environment().workspace()
    seen: Counter[str] = Counter()
    checks: dict[str, Callable[[], Iterator[str]]] = {
        "doctor": lambda: _doctor(workspace),
        "plan": lambda: _plan(workspace, expected),
        "tables": lambda: _tables(workspace, seen),
        "rows": lambda: _rows(workspace, expected),
        "registry": lambda: _registry(workspace, expected, seen),
        "leftovers": lambda: _leftovers(workspace, seen),
        "history": lambda: _history(workspace),
    }
    problems = []
    for name, check in checks.items():
        try:
            problems += [f"{name}: {problem}" for problem in check()]
        except Exception as error:  # noqa: BLE001 whatever goes wrong is what is looked for
            problems.append(f"{name}: {type(error).__name__}: {error}")
    return Proof(tuple(problems), dict(seen))


def _doctor(workspace: Workspace) -> Iterator[str]:
    state = Path(os.environ["WM_STATE"])
    for line in examine(workspace, state_folder=state, ports={}, more={}, is_deep=True):
        if not line.holds and not line.what.startswith(_NOT_OF_THE_ROUND):
            yield f"{line.what}: {line.told}"


def _plan(workspace: Workspace, expected: Expectation) -> Iterator[str]:
    for name, why in plan_round(workspace, expected.day, redo_from=None).items():
        yield f"{name} is to be made again: {why}"


def _tables(workspace: Workspace, seen: Counter[str]) -> Iterator[str]:
    """Every table is read both ways, and its keys are distinct."""
    store = workspace.store
    for table, schema in TABLES.items():
        for part in store.partitions(table):
            rows = _partition(store, table, part.day, part.name)
            valid = schema.validate(rows, cast=True)  # raises for a duplicate key
            scanned = store.scan(schema, days=[part.day], sites=[part.name] if part.name != "all" else None)
            if part.name == "all" and scanned.select(pl.len()).collect().item() != valid.height:
                yield f"{table} of {part.day} reads {valid.height} rows and scans others"
            seen["rows"] += valid.height
        days = sorted({part.day for part in store.partitions(table)})
        for day in days if table not in _OF_A_PARTITION else ():
            store.read(schema, days=[day])
    parts = store.partitions("trajectories")
    for part in parts:
        names = ("trajectories", "transitions", "states", "questions", "annotations")
        frames = {
            name: TABLES[name].validate(_partition(store, name, part.day, part.name), cast=True) for name in names
        }
        check_experience(frames, place=f"of {part.day}/{part.name}")
    seen["outputs"] = len(store.places(""))


def _partition(store: TableStore, table: str, day: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(store.read_bytes(table_path(table, day=day, partition=name)))


def _rows(workspace: Workspace, expected: Expectation) -> Iterator[str]:
    """What was committed before is there, as it was unless its asset was made again; its worlds in any case."""
    store, base = workspace.store, TableStore(f"{expected.base}/data")
    for place in base.places("") if not expected.is_fresh else ():
        before, now = base.note_of(place), store.note_of(place)  # raises when it is lost
        is_kept = asset_of(place) not in expected.redone
        if is_kept and before.get("content") != now.get("content"):
            yield f"{place} holds {now.get('content')}, it held {before.get('content')}, and nothing was to change it"
    if expected.is_fresh and expected.day != expected.base_day:
        return
    days = [expected.base_day]
    counted = pl.col("hindsight_of").is_null() | pl.lit(value=not expected.may_drop_branches)
    there, here = (
        set(one.scan(TrajectorySchema, days=days).filter(counted).collect()["trajectory_id"]) for one in (base, store)
    )
    if there != here:
        yield f"{len(there - here)} trajectories of {expected.base_day} are lost, {len(here - there)} are new"


def _registry(workspace: Workspace, expected: Expectation, seen: Counter[str]) -> Iterator[str]:
    """One version for each checkpoint; each can be loaded; the day's is the day's, and the challenger."""
    from mlflow.tracking import MlflowClient

    registry = workspace.registry
    numbers = registry.versions()
    seen["versions"] = len(numbers)
    models = []
    for number in numbers:
        try:
            model = registry.version(number)
        except WmError as error:
            yield str(error)
            continue
        assert model is not None
        models.append(model)
        check_checkpoint(registry.checkpoint_of(number, cache=workspace.cache))
    twice = [one for one, count in Counter((m.checkpoint_place, m.model_version) for m in models).items() if count > 1]
    for place, version in twice:
        yield f"{place} is registered more than once as {version}"
    folder = ASSET["distilled_checkpoint"].folder(expected.day)
    content = stored_manifest(workspace, folder)["model_version"]
    note = workspace.store.note_of(ASSET["model_version"].folder(expected.day))
    of_day = [m.version for m in models if m.checkpoint_place == folder and m.model_version == content]
    if of_day != [str(note["registered_version"])]:
        yield f"{expected.day} noted version {note['registered_version']}, the registry has {of_day} of its checkpoint"
    client = MlflowClient(tracking_uri=sqlite_uri(f"{os.environ['WM_STATE']}/mlflow.db"))
    challenger = client.get_model_version_by_alias(MODEL_NAME, CHALLENGER)
    if (str(challenger.version), bool(challenger.description)) != (str(note["registered_version"]), True):
        yield f"the challenger is version {challenger.version}, {challenger.description or 'without a description'}"
    champion = registry.champion()
    seen["champions"] = int(champion is not None)
    if not expected.is_registry_lost and not expected.is_fresh and "1" not in numbers:
        yield "version 1 is lost"


def _leftovers(workspace: Workspace, seen: Counter[str]) -> Iterator[str]:
    store, state = workspace.store, Path(os.environ["WM_STATE"])
    if not store.is_remote:
        for path in sorted(Path(store.root).rglob("*")):
            parts = path.relative_to(store.root).parts
            if any(part.startswith(".") for part in parts) and path.name not in (COMMITS, f"{COMMITS}.lock"):
                yield f"{path} is left over"
    for lock in sorted(state.rglob("*.lock")):
        try:
            with FileLock(lock, timeout=0):
                pass
        except Timeout:
            yield f"{lock} is held"
    with alone(workspace.round_lock, "the proof", say=None):
        pass
    for path in Path(tempfile.gettempdir()).iterdir():
        kind = path.name.split("-")[0].split("_")[0]
        seen[f"tmp: {kind}"] += 1
        if path.name.startswith(("wm-", ".wm", "wm_")):
            yield f"{path} is left over"
    for path in (workspace.work / "staging").rglob("*.zip"):
        yield f"{path} is left over"


def _history(workspace: Workspace) -> Iterator[str]:
    """No run seems to go on, in Dagster and in MLflow, and no pool's slot is taken."""
    from mlflow.tracking import MlflowClient

    instance = open_instance()
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        yield f"Dagster's run {run.run_id[:8]} is {run.status.value}"
    storage = instance.event_log_storage
    for key in sorted(storage.get_concurrency_keys()):
        info = storage.get_concurrency_info(key)
        if info.active_slot_count or info.pending_steps:
            yield f"pool {key}: {info.active_slot_count} slots are taken, {len(info.pending_steps)} steps wait"
    client = MlflowClient(tracking_uri=sqlite_uri(f"{os.environ['WM_STATE']}/mlflow.db"))
    experiments = [one.experiment_id for one in client.search_experiments()]
    for running in client.search_runs(experiments, "attributes.status = 'RUNNING'"):
        yield f"MLflow's run {running.info.run_name} is RUNNING"
