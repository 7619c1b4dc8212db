"""A file or folder is replaced whole or not at all, and nothing unfinished stays."""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from wm_pipeline.domain.atomic import (
    add_name,
    commit_file,
    discard_folder,
    replace_text,
    replacing_folder,
    share_storage,
    unfinished_file,
)
from wm_pipeline.domain.processes import process_mark
from wm_pipeline.domain.scratch import owner_of


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with replacing_folder(tmp_path / "made") as incoming:
            (incoming / name).touch()

    assert names(tmp_path) == ["made", "made/new"]


def test_a_folder_that_was_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "made") as incoming:
        (incoming / "old").touch()

    with suppress(KeyboardInterrupt), replacing_folder(tmp_path / "made") as incoming:
        (incoming / "new").touch()
        raise KeyboardInterrupt

    assert names(tmp_path) == ["made", "made/old"]


def test_what_a_killed_writer_left_of_a_folder_goes_with_the_next(tmp_path: Path) -> None:
    for word in ("part", "old"):
        (tmp_path / f".made.{word}").mkdir()
        (tmp_path / f".made.{word}" / "half").touch()

    with replacing_folder(tmp_path / "made") as incoming:
        (incoming / "new").touch()

    assert names(tmp_path) == ["made", "made/new"]


def test_a_file_is_replaced_when_it_is_committed_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "made"
    replace_text(path, "old")

    with unfinished_file(path) as unfinished:
        unfinished.write_text("half")
    before = path.read_text()
    with unfinished_file(path) as unfinished:
        unfinished.write_text("new")
        commit_file(unfinished, path)

    assert (before, path.read_text()) == ("old", "new")
    assert names(tmp_path) == ["made"]


def test_a_folder_that_goes_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it is deleted, a folder is not found half."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a").touch()
    monkeypatch.setattr(shutil, "rmtree", lambda folder, ignore_errors: None)

    discard_folder(tmp_path / "made")
    discard_folder(tmp_path / "made")

    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".made-")
    assert owner_of(left.name) == process_mark()


def test_a_file_with_two_names_is_stored_once_and_each_name_keeps_its_content(tmp_path: Path) -> None:
    file, name = tmp_path / "weights", tmp_path / "published"
    file.write_text("old")

    add_name(file, name)
    shared = file.samefile(name)
    replace_text(file, "new")

    assert shared
    assert (file.read_text(), name.read_text()) == ("new", "old")


def test_where_a_file_can_have_one_name_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path, name: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    (tmp_path / "weights").write_text("old")
    monkeypatch.setattr(os, "link", refuse)

    add_name(tmp_path / "weights", tmp_path / "published")

    assert (tmp_path / "published").read_text() == "old"
    assert not (tmp_path / "published").samefile(tmp_path / "weights")


@pytest.mark.parametrize(("content", "is_shared"), [("same", True), ("diff", False)])
def test_a_copy_shares_storage_only_where_it_is_one(tmp_path: Path, content: str, is_shared: bool) -> None:
    file, copy = tmp_path / "weights", tmp_path / "copy"
    file.write_text("same")
    copy.write_text(content)

    share_storage(file, copy)

    assert copy.read_text() == content
    assert copy.samefile(file) is is_shared
    assert names(tmp_path) == ["copy", "weights"]
