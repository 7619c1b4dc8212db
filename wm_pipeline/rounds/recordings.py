"""Recordings of other tools (Playwright's traces, HAR files) as trajectories; a browser shows what they hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wm_pipeline.collect import har, trace_steps
from wm_pipeline.collect.recorded_steps import Recording, joined
from wm_pipeline.collect.recording_files import PackedFile
from wm_pipeline.collect.trace_file import traces_in
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.browser.recorded import RecordedPages

_ZIP = b"PK\x03\x04"


def is_recording(path: Path) -> bool:
    """By its name, or by how a zip file begins. A file that cannot be read is none."""
    if path.suffix.lower() in {".zip", ".har"}:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError:
        return False


async def read_recordings(
    files: Sequence[Path], *, chromium: str | None, goal: str | None, redaction_key: bytes
) -> Recording:
    """The trajectories in these files, without secrets. Raises InvalidInputError, also where a file gives no step."""
    pages = RecordedPages(find_chromium(chromium))
    try:
        found = []
        for file in files:
            one = await _read(file, pages, goal=goal, redaction_key=redaction_key)
            if not one.steps:
                raise InvalidInputError(f"{file}: no step can be made of it{_why(one)}; nothing was imported")
            found.append(one)
        return joined(found)
    finally:
        await pages.close()


async def _read(file: Path, pages: RecordedPages, *, goal: str | None, redaction_key: bytes) -> Recording:
    if file.suffix.lower() == ".har":
        return await har.recording_of(har.har_of(file, None), pages, goal=goal, redaction_key=redaction_key)
    with PackedFile(file) as packed:
        if any(name.endswith(".har") for name in packed.names):
            return await har.recording_of(har.har_of(file, packed), pages, goal=goal, redaction_key=redaction_key)
        return joined(
            [
                await trace_steps.recording_of(trace, pages, goal=goal, redaction_key=redaction_key)
                for trace in traces_in(packed)
            ]
        )


def _why(recording: Recording) -> str:
    return f": {left_out_words(recording.left_out, 0)}" if recording.left_out else ""


def left_out_words(left_out: Mapping[str, int], steps: int) -> str:
    """Such as `3 of 40 steps were left out: hover (3)`; `steps`: those that were not."""
    count = sum(left_out.values())
    each = ", ".join(f"{what} ({times})" for what, times in sorted(left_out.items()))
    return f"{count} of {count + steps} steps were left out: {each}"
