"""A file or folder is replaced whole or not at all, and nothing unfinished stays."""

from contextlib import suppress
from pathlib import Path

from wm_pipeline.domain.atomic import commit_file, replace_text, replacing_folder, unfinished_file


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
