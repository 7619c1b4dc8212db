"""A worker whose tasks are words: what it should do with itself."""

import asyncio
import os
import signal
from pathlib import Path

from wm_pipeline.domain.errors import SettingsError


class CountingWorker:
    """Its result is the task and how many tasks it has had; `folder` notes each start and each close."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._tasks = 0

    def _note(self, event: str) -> None:
        with (self._folder / "events").open("a") as file:
            file.write(f"{event}\n")

    async def run(self, task: str) -> tuple[str, int]:
        self._tasks += 1
        self._note(f"start {task}")
        match task:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "refuse":
                raise SettingsError("the worker refuses")
            case "fail":
                raise ZeroDivisionError
            case "hang":
                await asyncio.sleep(3600)
        return task, self._tasks

    async def close(self) -> None:
        self._note("close")
