"""Files that a person gives or asks for: read whatever editor wrote them, written whole, refused in one sentence."""

import codecs
import os
from pathlib import Path

from wm_pipeline.domain.atomic import replace_text
from wm_pipeline.domain.errors import InvalidInputError, OutputError

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""By the bytes that such a file begins with."""
_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)


def read_text_file(path: Path) -> str:
    """The text without its byte-order mark, a line feed at the end of each line. Raises InvalidInputError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
    for start, name in _COMPRESSIONS.items():
        if content.startswith(start):
            raise InvalidInputError(f"cannot read {path}: it is compressed with {name}; unpack it first")
    mark, encoding = next((known for known in _MARKS if content.startswith(known[0])), (b"", "UTF-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"cannot read {path}: it is not {encoding} text") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidInputError(
            f"cannot read {path}: line {line} has a NUL character, so it is not UTF-8 text or not written to its end"
        )
    return text


def check_place(path: Path) -> None:
    """Make the folder of a file that will be written. Raises OutputError when the file could not be written there."""
    make_folder(path.parent)
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"cannot make the folder {folder}: there is a file of that name") from error
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def write_text_file(path: Path, text: str) -> None:
    """Write the whole file or leave what stood there. A link keeps its target, a device or pipe is written to.

    Raises OutputError.
    """
    target = Path(os.path.realpath(path))
    is_stream = path.exists() and not (path.is_file() or path.is_dir())
    if not is_stream:
        check_place(target)
    try:
        if is_stream:
            path.write_text(text, encoding="utf-8")
            return
        replace_text(target, text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
