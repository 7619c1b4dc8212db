"""Who is in use is a person's decision too: promoted by hand, rolled back, with a reason, in a real MLflow."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import SUBMIT_WIRE, payment_state
from tests.builders_model import save_tiny_checkpoint
from tests.builders_registry import registered
from tests.command_line import Done, Wm
from tests.fakes.toy_environment import toy_world
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.vocabulary import ChampionMove, StopReason, Verdict
from wm_pipeline.evaluate.in_the_loop import LoopCounts, LoopEpisode
from wm_pipeline.evaluate.loop_tables import loop_frames
from wm_pipeline.gateways.mlflow_registry import ChampionChange, ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.champions import best_champion, champion_before
from wm_pipeline.rounds.models import guard_in_use, load_champion
from wm_pipeline.rounds.profiles import tiny
from wm_pipeline.rounds.settings import StorageSettings
from wm_pipeline.rounds.workspace import Workspace

WHY = "The new one blocks too much."

pytestmark = [
    # All from MLflow's own code, whose version is pinned: its queries, its own types at import, its use of pandas.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
    pytest.mark.filterwarnings(r"ignore:.*(Any|Union) type hint .*is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
    # Dagster announces at import which of its parameters may still change or go.
    pytest.mark.filterwarnings("ignore:Parameter `.*` of function"),
]


def history(*moves: tuple[str, str]) -> list[ChampionChange]:
    """Champion changes from (move, version), each from the champion before it."""
    changes: list[ChampionChange] = []
    for move, version in moves:
        previous = changes[-1].version if changes else None
        changes.append(ChampionChange(f"t{len(changes)}", version, previous, ChampionMove(move), "why"))
    return changes


@pytest.mark.parametrize(
    ("changes", "champion", "before"),
    [
        (history(("gate", "1")), "1", None),
        (history(("gate", "1"), ("gate", "2")), "2", "1"),
        (history(("gate", "1"), ("gate", "2"), ("promote", "3"), ("rollback", "2")), "2", "1"),
        (history(("gate", "1"), ("gate", "2"), ("rollback", "1")), "1", None),
        (history(("gate", "1"), ("gate", "2"), ("promote", "1")), "1", "2"),
        (history(("gate", "1"), ("gate", "2"), ("rollback", "1"), ("gate", "3")), "3", "1"),
        ([], "1", None),
        (history(("gate", "1")), "4", "1"),
        ([ChampionChange("t0", "2", "1", ChampionMove.PROMOTE, "why")], "2", "1"),
    ],
    ids=[
        "first",
        "second",
        "a rollback again goes back further",
        "back at the first",
        "an old one promoted again",
        "after a rollback",
        "nothing was kept",
        "made champion elsewhere",
        "before changes were kept",
    ],
)
def test_a_rollback_goes_to_the_champion_before(changes: list[ChampionChange], champion: str, before: str) -> None:
    assert champion_before(changes, champion) == before


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three registered versions: one whose day was made again, one in its place, one whose weights are nowhere.

    One database: making its tables takes seconds.
    """
    import mlflow

    place = tmp_path_factory.mktemp("champions")
    store = TableStore(str(place / "data"))
    registry = ModelRegistry(f"sqlite:///{place}/mlflow.db", artifact_root=str(place / "artifacts"))
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    for word in ("first", "second", "third"):
        of_day = f"checkpoints/{word}/2026-11-20"
        model = registered(registry, round_run, place, word, address=of_day)
        if word != "third":
            present = {"model_version": "made again" if word == "first" else word}
            store.write_folder(of_day, {"checkpoint/manifest.json": json.dumps(present).encode()}, note={})
        number = json.dumps({"format_version": 1, "registered_version": model.version}).encode()
        store.write_folder(f"versions/2026-11-2{model.version}", {"version.json": number}, note={})
    for copied in list((place / "artifacts").rglob("words.txt")):
        if copied.read_text() == "third":
            shutil.rmtree(copied.parents[2])
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type] # forgets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type] # forgets it
    return place


@pytest.fixture
def wm_there(wm: Wm, place: Path, monkeypatch: pytest.MonkeyPatch) -> Wm:
    monkeypatch.setenv("WM_DATA", str(place / "data"))
    monkeypatch.setenv("WM_MLFLOW_URI", f"sqlite:///{place}/mlflow.db")
    return wm


def last_line(done: Done) -> str:
    """The one sentence that is ours; before it stands what MLflow says when it opens a database."""
    return done.err.splitlines()[-1]


@pytest.mark.slow
def test_versions_are_promoted_and_rolled_back_by_hand(wm_there: Wm, place: Path) -> None:
    nothing = wm_there("rollback", "--reason", WHY)
    tried = wm_there("promote", "1", "--reason", "The first one.", "--dry-run")
    still_none = wm_there("champion", "--json")
    ModelRegistry(f"sqlite:///{place}/mlflow.db").record_gate("1", promoted=True, reason="promoted: first")
    only_one = wm_there("rollback", "--reason", WHY)
    second = wm_there("promote", "--day", "2026-11-22", "--reason", "Asked for by the on-call.", "--json")
    again = wm_there("promote", "2", "--reason", "Once more.")
    back = wm_there("rollback", "--reason", WHY)
    end = wm_there("rollback", "--reason", WHY)
    told = wm_there("champion")
    found = json.loads(wm_there("champion", "--json").out)

    assert last_line(nothing) == "wm: there is no champion to roll back from; promote a version with `wm model promote`"
    assert (tried.status, tried.out) == (0, "champion would be: version 1 (first); there was none\n")
    assert last_line(tried) == "the gate about version 1: not asked"
    assert json.loads(still_none.out) == {"champion": None, "changes": []}
    assert last_line(only_one) == (
        "wm: nothing to roll back to: version 1 is the first champion; promote another with `wm model promote`"
    )
    assert json.loads(second.out) == {
        "version": "2",
        "model_version": "second",
        "previous": "1",
        "move": "promote",
        "reason": "Asked for by the on-call.",
        "gate_reason": None,
        "is_dry_run": False,
    }
    assert last_line(again) == "wm: version 2 is the champion already; there is nothing to promote"
    assert (back.status, back.out) == (0, "champion: version 1 (first); it was version 2\n")
    assert last_line(back) == "the gate about version 1: promoted: first"
    assert last_line(end) == last_line(only_one)
    assert [(one["version"], one["previous"], one["move"], one["reason"]) for one in found["changes"]] == [
        ("1", None, "gate", "promoted: first"),
        ("2", "1", "promote", "Asked for by the on-call."),
        ("1", "2", "rollback", WHY),
    ]
    assert found["champion"] == "1"
    assert told.out.splitlines()[0] == "champion: version 1"
    newest = next(line for line in told.out.splitlines() if WHY in line)
    assert newest.split()[1:4] == ["rollback", "1", "2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["9", "--reason", WHY], "no version '9' is registered; there are 1, 2, 3"),
        (
            ["--day", "2026-11-19", "--reason", WHY],
            "no version was registered for 2026-11-19; versions exist for 2026-11-21, 2026-11-22, 2026-11-23",
        ),
        (["2", "--reason", " "], "reason: expected words that will be stored with the version, found ' '"),
        (
            ["3", "--reason", WHY],
            "MLflow has no copy of the checkpoint of version 3; choose another version",
        ),
    ],
    ids=["no such version", "no such day", "no reason", "checkpoint gone"],
)
def test_a_version_that_cannot_be_used_is_refused(wm_there: Wm, arguments: list[str], told: str) -> None:
    done = wm_there("promote", *arguments)

    assert (done.status, done.out) == (1, "")
    assert last_line(done) == f"wm: {told}"


@pytest.mark.slow
def test_a_champion_whose_day_was_made_again_keeps_its_own_weights(tmp_path: Path) -> None:
    storage = StorageSettings(
        data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"), cache_folder=str(tmp_path / "cache")
    )
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    workspace = Workspace(storage, TableStore(storage.data_root), registry, tiny())
    day = "checkpoints/distilled/2026-11-20"

    def make(seed: int) -> str:
        """The day's checkpoint, committed."""
        made = tmp_path / f"made-{seed}"
        version = save_tiny_checkpoint(made / "checkpoint", seed=seed).manifest.model_version
        workspace.store.write_folder(day, files_in(made), note={})
        return version

    first = make(1)
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    version = registered(registry, round_run, tmp_path / "made-1", "checkpoint", name=first, address=day).version
    registry.record_gate(version, promoted=True, reason="promoted: first")

    before = load_champion(workspace)
    second = make(2)
    after = load_champion(workspace)

    assert first != second
    assert before is not None
    assert after is not None
    assert (before.model_version, after.model_version) == (first, first)


def ended(model_version: str, *, world: int, is_done: bool) -> LoopEpisode:
    return LoopEpisode(
        policy="gullible",
        guard="guard_on",
        spec=replace(toy_world(world), goal_id=f"toy/{model_version}"),
        is_attack_proposed=False,
        goal_reached=is_done,
        attack_success=False,
        stop_reason=StopReason.GOAL_REACHED if is_done else StopReason.ESCALATED,
        counts=LoopCounts(),
        judged=(),
        executed=(),
    )


@pytest.mark.slow
def test_a_challenger_is_compared_with_the_champion_that_did_best_in_the_loop_and_not_with_the_last(
    tmp_path: Path,
) -> None:
    store = TableStore(str(tmp_path / "data"))
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    storage = StorageSettings(work_folder=str(tmp_path / "work"), cache_folder=str(tmp_path / "cache"))
    workspace = Workspace(storage, store, registry, tiny())
    round_run = registry.round_run("2026-11-20", profile="tiny", dagster_run_id="d1")
    assert best_champion(workspace) is None
    for word in ("first", "second"):
        version = registered(registry, round_run, tmp_path, word, address=f"checkpoints/{word}/2026-11-20").version
        registry.record_gate(version, promoted=True, reason=f"promoted: {word}")

    before = best_champion(workspace)
    for day, word, is_done in (("2026-11-20", "first", True), ("2026-11-21", "second", False)):
        frame = loop_frames([ended(word, world=1, is_done=is_done)], day=day, models={"guard_on": word}).loop_episodes
        store.write("loop_episodes", frame, day=day, lineage={"fingerprint": "f"})
    after = best_champion(workspace)

    assert before is not None
    assert after is not None
    assert (before.model_version, after.model_version) == ("second", "first")


@pytest.mark.slow
def test_where_no_model_has_passed_the_gate_a_guard_asks_a_person_and_says_why(tmp_path: Path) -> None:
    storage = StorageSettings(
        data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"), cache_folder=str(tmp_path / "cache")
    )
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    workspace = Workspace(storage, TableStore(storage.data_root), registry, tiny())
    with pytest.raises(MissingUpstreamError, match=r"^no model in "):
        guard_in_use(workspace, None)
    save_tiny_checkpoint(tmp_path / "made" / "checkpoint", seed=1)
    workspace.store.write_folder("checkpoints/distilled/2026-11-20", files_in(tmp_path / "made"), note={})

    predictor, guard = guard_in_use(workspace, None)
    decision = guard.decide(payment_state(), SUBMIT_WIRE)
    guard.close()
    chosen, own = guard_in_use(workspace, tmp_path / "made" / "checkpoint")
    own.close()

    assert predictor.model_version == "none"
    assert decision.verdict is Verdict.ESCALATE
    assert decision.reason.startswith("no prediction: no model is good enough: no model has passed the gate; promote")
    assert chosen.model_version != "none"


@pytest.mark.parametrize(
    "arguments",
    [
        ["promote", "1"],
        ["promote", "--reason", WHY],
        ["promote", "1", "--day", "2026-11-21", "--reason", WHY],
        ["rollback"],
    ],
    ids=["no reason", "no version", "both", "rollback without a reason"],
)
def test_a_move_without_its_reason_or_version_is_bad_usage(wm: Wm, arguments: list[str]) -> None:
    done = wm(*arguments)

    assert (done.status, done.out) == (2, "")
