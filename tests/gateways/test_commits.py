"""The commit protocol: whatever moment a process is killed at, the outputs are the old ones or the new ones."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.s3_server import BUCKET, s3_server
from wm_pipeline.domain import digests, processes
from wm_pipeline.domain.digests import FileDigest, digest_of_bytes
from wm_pipeline.domain.errors import DamagedError
from wm_pipeline.domain.processes import process_mark
from wm_pipeline.gateways import commits
from wm_pipeline.gateways.commits import COMMITS, JOURNAL, Check, Commit, Outputs
from wm_pipeline.gateways.files import Files, S3Options

REPORT, CARD = "reports/2026-11-22", "cards/2026-11-22"
OLD = {REPORT: {"report.json": b"old", "plots/a.png": b"old a", "plots/b.png": b"old b"}, CARD: {"card.md": b"old"}}
NEW = {REPORT: {"report.json": b"new", "plots/a.png": b"new a", "plots/c.png": b"new c"}, CARD: {"card.md": b"new"}}
STEPS = ("take", "move", "write", "delete", "delete_folder")
"""All that changes anything under a root."""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "local":
        return Files(str(tmp_path / "data"))
    return Files(f"s3://{BUCKET}/{tmp_path.name}/data", request.getfixturevalue("s3"))


def commit(files: Files, content: dict[str, dict[str, bytes]]) -> None:
    with Outputs(files).committing() as batch:
        stage(batch, content)


def remove(files: Files, places: Iterable[str]) -> None:
    with Outputs(files).committing() as batch:
        for place in places:
            batch.remove(place)


def stage(batch: Commit, content: dict[str, dict[str, bytes]]) -> None:
    for place, named in content.items():
        for name, data in named.items():
            batch.stage(f"{place}/{name}").write_bytes(data)
        batch.finish(place, [f"{place}/{name}" for name in named], {"content": place})


def found_in(files: Files) -> dict[str, dict[str, bytes]]:
    """The content of each place, every file checked against its record, and nothing beside them."""
    outputs = Outputs(files)
    found: dict[str, dict[str, bytes]] = {}
    for place in outputs.places(""):
        record = outputs.record(place)
        assert record is not None
        for path in record.files:
            outputs.check(path, record, Check.DIGEST_ANEW)
            found.setdefault(place, {})[path.removeprefix(f"{place}/")] = files.read(path)
    recorded = {f"{place}/{name}" for place, named in found.items() for name in named}
    beside = {path for path in files.stamps("", hidden=True) if not path.startswith(("records/", f"{COMMITS}.lock"))}
    assert beside == recorded
    return found


class KilledHere(BaseException):
    """In place of a signal that nothing is done upon."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int, *, is_before: bool) -> None:
    """The process ends before or after its step of that number, and cleans nothing up."""
    done = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == step and is_before:
                raise KilledHere
            result = change(*arguments, **named)
            if done == step:
                raise KilledHere
            return result

        return run

    for name in STEPS:
        monkeypatch.setattr(Files, name, counted(getattr(Files, name)))
    monkeypatch.setattr(Commit, "close", lambda self: None)  # and nothing is cleaned up


def was_killed(monkeypatch: pytest.MonkeyPatch, step: int, *, is_before: bool, doing: Callable[[], object]) -> bool:
    """Whether the process was killed while doing it; from then on every process counts as gone."""
    with monkeypatch.context() as patched:
        kill_at(patched, step, is_before=is_before)
        try:
            doing()
        except KilledHere:
            return True
        finally:
            monkeypatch.setattr(commits, "is_alive", lambda mark: False)
    return False


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 17))
def test_a_kill_at_any_step_leaves_the_old_outputs_or_the_new_ones(
    files: Files, monkeypatch: pytest.MonkeyPatch, step: int, is_before: bool
) -> None:
    commit(files, OLD)
    is_killed = was_killed(monkeypatch, step, is_before=is_before, doing=lambda: commit(files, NEW))

    Outputs(files).settle()

    found = found_in(files)
    assert found in (OLD, NEW)
    assert is_killed or found == NEW
    assert files.stamps(COMMITS, hidden=True) == {}


def test_a_folder_that_a_killed_process_had_put_no_file_into_is_deleted(tmp_path: Path) -> None:
    files = Files(str(tmp_path / "data"))
    commit(files, OLD)
    for owner in ("1-1", process_mark().partition("-")[2]):
        (tmp_path / "data" / COMMITS / f"{process_mark().partition('-')[0]}-{owner}-abcdabcd" / "reports").mkdir(
            parents=True
        )

    Outputs(files).settle()

    assert [folder.name for folder in (tmp_path / "data" / COMMITS).iterdir()] == [f"{process_mark()}-abcdabcd"]


def test_a_journal_that_is_damaged_is_named_with_what_to_do(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(files, OLD)
    assert was_killed(monkeypatch, 12, is_before=True, doing=lambda: commit(files, NEW))
    (journal,) = [path for path in files.stamps(COMMITS, hidden=True) if path.endswith(JOURNAL)]
    files.write(journal, files.read(journal)[:-9])

    with pytest.raises(DamagedError, match=r"journal\.json is damaged .* delete the folder that it lies in: "):
        Outputs(files).settle()


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 12))
def test_a_kill_at_any_step_of_a_removal_leaves_the_outputs_or_nothing_of_them(
    files: Files, monkeypatch: pytest.MonkeyPatch, step: int, is_before: bool
) -> None:
    commit(files, OLD)
    is_killed = was_killed(monkeypatch, step, is_before=is_before, doing=lambda: remove(files, OLD))

    Outputs(files).settle()

    found = found_in(files)
    assert found in (OLD, {})
    assert is_killed or found == {}
    assert files.stamps(COMMITS, hidden=True) == {}


def test_an_output_that_took_the_place_of_a_removed_one_stays(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal that a kill has interrupted is carried out later; meanwhile somebody made the output again."""
    commit(files, OLD)
    with monkeypatch.context() as patched:
        kill_at(patched, 3, is_before=True)
        with pytest.raises(KilledHere):
            remove(files, OLD)
    monkeypatch.setattr(commits, "_now", lambda: "2126-11-22T00:00:00+00:00")
    commit(files, NEW)
    monkeypatch.setattr(commits, "is_alive", lambda mark: False)

    Outputs(files).settle()

    assert found_in(files) == NEW


def test_an_output_whose_record_is_damaged_can_be_removed(files: Files) -> None:
    commit(files, OLD)
    files.write(commits.record_path(REPORT), b"{")

    remove(files, [REPORT])

    assert found_in(files) == {CARD: OLD[CARD]}


def test_a_commit_that_a_living_process_carries_out_is_left_to_it(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(files, OLD)
    with monkeypatch.context() as patched:
        kill_at(patched, 8 if files.is_remote else 3, is_before=False)
        with pytest.raises(KilledHere):
            commit(files, NEW)

    assert Outputs(files).settle()
    monkeypatch.setattr(commits, "is_alive", lambda mark: False)
    assert not Outputs(files).settle()

    assert found_in(files) == NEW


def test_what_was_committed_on_another_host_has_its_place_in_a_copied_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(str(tmp_path / "data"))
    commit(files, OLD)
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_host", lambda: "former_name")
        patched.setattr(commits, "_carry_out", lambda files, token: None)  # killed right after its journal
        commit(files, NEW)
    before = files.read(f"{REPORT}/report.json")

    is_under_way = Outputs(files).settle()

    assert before == b"old"
    assert not is_under_way
    assert found_in(files) == NEW


@pytest.mark.slow
@pytest.mark.parametrize(("is_committed", "limit"), [(True, "_CARRIED_OUT_WITHIN_NS"), (False, "_STAGED_WITHIN_NS")])
def test_what_another_host_staged_on_s3_is_left_to_it_until_it_has_not_touched_it_for_long(
    s3: S3Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_committed: bool, limit: str
) -> None:
    files = Files(f"s3://{BUCKET}/{tmp_path.name}/data", s3)
    commit(files, OLD)
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_host", lambda: "host_that_is_gone")
        kill_at(patched, 7 if is_committed else 4, is_before=False)
        with pytest.raises(KilledHere):
            commit(files, NEW)
    staged = files.stamps(COMMITS, hidden=True)

    assert any(path.endswith(JOURNAL) for path in staged) == is_committed
    assert Outputs(files).settle() == is_committed
    assert files.stamps(COMMITS, hidden=True) == staged
    monkeypatch.setattr(commits, limit, 0)
    assert bool(Outputs(files).left_over()) != is_committed
    assert not Outputs(files).settle()

    assert found_in(files) == (NEW if is_committed else OLD)
    assert files.stamps(COMMITS, hidden=True) == {}


def test_a_block_that_ends_with_an_error_commits_nothing(files: Files) -> None:
    commit(files, OLD)

    with suppress(KeyboardInterrupt), Outputs(files).committing() as batch:
        stage(batch, NEW)
        raise KeyboardInterrupt

    assert found_in(files) == OLD


def test_what_another_process_stages_stays(files: Files) -> None:
    with Outputs(files).committing() as batch:
        stage(batch, NEW)
        Outputs(files).settle()

    assert found_in(files) == NEW


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(str(tmp_path / "data"))
    commit(files, OLD)
    monkeypatch.setattr(commits, "_SETTLED_AFTER_NS", 0)
    read: list[Path] = []
    digest = digests.digest_of_file

    def counted(path: Path) -> FileDigest:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(commits, "digest_of_file", counted)
    path = f"{REPORT}/report.json"

    def check(how: Check = Check.DIGEST) -> None:
        outputs = Outputs(files, memory=tmp_path / "checked.jsonl")
        record = outputs.record(REPORT)
        assert record is not None
        outputs.check(path, record, how)

    check()
    check()
    assert len(read) == 1
    check(Check.DIGEST_ANEW)
    assert len(read) == 2
    files.write(path, b"odd")
    check(Check.SIZE)
    with pytest.raises(DamagedError, match=r"is damaged: expected SHA-256 "):
        check()


def test_a_file_that_has_just_changed_is_not_taken_for_checked(tmp_path: Path) -> None:
    """S3 counts time in seconds: the same time and size do not say that it is the same content."""
    files = Files(str(tmp_path / "data"))
    commit(files, OLD)
    outputs = Outputs(files, memory=tmp_path / "checked.jsonl")
    record = outputs.record(REPORT)
    assert record is not None

    outputs.check(f"{REPORT}/report.json", record)

    assert not (tmp_path / "checked.jsonl").exists()


@pytest.mark.parametrize("line", ["", "{", "[]", '["a", 1]', "\x00"])
def test_a_memory_that_was_cut_is_no_reason_to_stop(tmp_path: Path, line: str) -> None:
    files = Files(str(tmp_path / "data"))
    commit(files, OLD)
    (tmp_path / "checked.jsonl").write_text(f"{line}\n")
    outputs = Outputs(files, memory=tmp_path / "checked.jsonl")
    record = outputs.record(REPORT)
    assert record is not None

    outputs.check(f"{REPORT}/report.json", record)


def test_a_digest_is_what_sha256sum_prints(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"content")

    printed = subprocess.run(["sha256sum", str(file)], capture_output=True, text=True, check=True).stdout

    assert digest_of_bytes(b"content").sha256 == printed.split()[0]
