"""What a person gives is read whatever editor wrote it; what a person asks for is written whole or told."""

import gzip
import os
from pathlib import Path

import pytest

from wm_pipeline.domain.errors import InvalidInputError, OutputError
from wm_pipeline.domain.user_files import read_text_file, write_text_file

TEXT = "goal: données\nnext\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace("\n", "\r").encode(),
    ],
    ids=["plain", "mark", "UTF-16", "UTF-16 big end first", "UTF-32", "Windows", "old Mac"],
)
def test_marks_and_line_ends_make_no_difference(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    assert read_text_file(tmp_path / "file") == TEXT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"{}"), "it is compressed with gzip; unpack it first"),
        (b"PK\x03\x04rest", "it is compressed with zip; unpack it first"),
        (b"\xff\xfea", "it is not UTF-16-LE text"),
        (b"\xe9t\xe9", "it is not UTF-8 text"),
        (b"{}\n{}\n\0\n", "line 3 has a NUL character, so it is not UTF-8 text or not written to its end"),
        (TEXT.encode("utf-16-le"), "it is not UTF-8 text"),
        (None, "No such file or directory"),
    ],
    ids=["gzip", "zip", "half UTF-16", "Latin-1", "NUL", "UTF-16 without its mark", "missing"],
)
def test_what_is_no_text_is_refused_with_what_it_is(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InvalidInputError) as refused:
        read_text_file(path)

    assert str(refused.value) == f"cannot read {path}: {reason}"


def test_a_folder_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="Is a directory"):
        read_text_file(tmp_path)


def test_folders_are_made_and_a_link_keeps_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "far" / "target")

    write_text_file(tmp_path / "not" / "there" / "file", TEXT)
    write_text_file(link, TEXT)

    assert (tmp_path / "not" / "there" / "file").read_text() == TEXT
    assert link.is_symlink()
    assert (tmp_path / "far" / "target").read_text() == TEXT
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == ["target"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    write_text_file(Path(f"/dev/fd/{writing}"), "words")
    os.close(writing)

    with os.fdopen(reading) as stream:
        assert stream.read() == "words"


def test_where_nothing_can_be_written_that_is_told_and_what_stood_there_is_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("whole")
    places = {
        tmp_path / "file" / "below": f"cannot make the folder {tmp_path}/file: there is a file of that name",
        tmp_path / "file" / "far" / "below": f"cannot make the folder {tmp_path}/file/far: Not a directory",
        tmp_path: f"cannot write {tmp_path}: it is a folder; name a file",
        Path("/proc/file"): "cannot write /proc/file: No such file or directory",
        Path("/dev/full"): "cannot write /dev/full: No space left on device",
    }

    for path, reason in places.items():
        with pytest.raises(OutputError) as refused:
            write_text_file(path, "other")
        assert str(refused.value) == reason

    assert (tmp_path / "file").read_text() == "whole"


def test_a_text_that_cannot_be_encoded_leaves_what_stood_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("whole")

    with pytest.raises(UnicodeEncodeError):
        write_text_file(tmp_path / "file", "half a character: \ud83d")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "whole"
