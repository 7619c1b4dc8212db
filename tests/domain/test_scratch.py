"""What a process makes for itself says whose it is, and what a killed one has left is found."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from wm_pipeline.domain.processes import process_mark
from wm_pipeline.domain.scratch import (
    is_left_over,
    left_overs_in,
    owner_of,
    scratch_folder,
    scratch_name,
    system_folder,
    temporary_files_in,
    temporary_left_overs,
)

KILLED = """
import sys, time
from pathlib import Path
from wm_pipeline.domain.atomic import unfinished_file
from wm_pipeline.domain.scratch import scratch_folder
with (
    scratch_folder("mine"),
    scratch_folder("dataset", parent=Path(sys.argv[1], "work")) as folder,
    unfinished_file(Path(sys.argv[1], "report.json")) as unfinished,
):
    (folder / "1.parquet").touch()
    unfinished.touch()
    print(folder.name, unfinished.name, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("purpose", ["", "browser", ".smollm2-135m-instruct"])
@pytest.mark.parametrize("suffix", ["", ".part"])
def test_a_name_says_whose_it_is(purpose: str, suffix: str) -> None:
    assert owner_of(scratch_name(purpose) + suffix) == process_mark()


@pytest.mark.parametrize("name", ["checkpoint", "2026-11-22", "a-b-c-d", "smollm2-135m-instruct", ".made.part", ""])
def test_another_name_is_nobodys(name: str) -> None:
    assert owner_of(name) is None
    assert not is_left_over(name)


def test_what_a_killed_process_has_left_is_found_and_what_a_living_one_uses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    system_folder().mkdir()
    environment = {**os.environ, "TMPDIR": str(system_folder())}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        folder, unfinished = process.stdout.readline().split()
        alive = left_overs_in(tmp_path), temporary_left_overs()
        process.send_signal(signal.SIGKILL)
        process.wait()

    with scratch_folder("dataset", parent=tmp_path / "work"), scratch_folder("mine"):
        found = left_overs_in(tmp_path)
        (temporary,) = temporary_left_overs()

    assert alive == ([], [])
    assert found == sorted([tmp_path / unfinished, temporary, tmp_path / "work" / folder])
    assert temporary.parent == system_folder()
    assert temporary.name.startswith("wm-mine-")


def test_temporary_files_lie_in_the_folder_while_the_block_runs(tmp_path: Path) -> None:
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")

    with temporary_files_in(tmp_path):
        made = Path(tempfile.mkdtemp())
        of_child = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"], capture_output=True, text=True
        )

    assert made.parent == tmp_path
    assert of_child.stdout.strip() == str(tmp_path)
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before


def test_blocks_that_overlap_leave_the_place_as_it_was(tmp_path: Path) -> None:
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    first, second = temporary_files_in(tmp_path / "1"), temporary_files_in(tmp_path / "2")

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    between = tempfile.gettempdir(), os.environ["TMPDIR"]
    second.__exit__(None, None, None)

    assert between == (str(tmp_path / "2"), str(tmp_path / "2"))
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before


def test_what_another_user_has_left_in_the_temporary_folder_is_his(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"wm-mlflow-{process_mark().partition('-')[0]}-999999999-1-abcdef12"
    left.mkdir()
    owner = left.stat().st_uid
    found = {}
    for user in (owner, owner + 1):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        found[user] = temporary_left_overs()

    assert found == {owner: [left], owner + 1: []}
