"""BrowserGym in an interpreter of its own, and the line to it (browsergym_driver.py is the other end)."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wm_pipeline.domain.errors import ServiceError, WorldError
from wm_pipeline.environments.browser.settle import SettleSettings
from wm_pipeline.environments.miniwob import HIDDEN_SELECTORS, HOST

DRIVER = Path(__file__).with_name("browsergym_driver.py")
MAX_LINE = 1 << 26


@dataclass(frozen=True, slots=True)
class BrowserGymSettings:
    """What BrowserGym is started with."""

    modules: tuple[str, ...] = ("browsergym.miniwob",)
    """Imported so that they register their tasks."""
    variables: Mapping[str, str] = field(default_factory=lambda: {"MINIWOB_URL": f"http://{HOST}/miniwob/"})
    """Environment variables, such as where a benchmark's pages are served."""
    allowed_hosts: frozenset[str] = frozenset({HOST})
    has_waits: bool = False
    """BrowserGym waits half a second before a look and a tenth before a call; our walker waits for rest itself."""
    settle: SettleSettings = field(default_factory=lambda: SettleSettings(hidden_selectors=HIDDEN_SELECTORS))
    step_limit_ms: float = 30_000


class DriverProcess:
    """The driver's process and the line to it. Raises WorldError when it ends, breaks or takes too long."""

    def __init__(self, process: asyncio.subprocess.Process, limit_s: float) -> None:
        self._process = process
        self._limit_s = limit_s

    @classmethod
    async def start(cls, python: Path, settings: BrowserGymSettings) -> Self:
        if not python.is_file():
            raise ServiceError(f"BrowserGym's interpreter {str(python)!r} is not there; run `make browsergym`")
        told = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            str(python),
            "-I",  # the driver's own folder holds a browsergym.py that is not BrowserGym
            str(DRIVER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_LINE,
            env=told | dict(settings.variables),
            start_new_session=True,
        )
        return cls(process, settings.step_limit_ms / 1000)

    async def ask(self, do: str, *, limit_s: float | None = None, **request: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(limit_s or self._limit_s):
                self._process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
                await self._process.stdin.drain()
                line = await self._process.stdout.readline()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise WorldError(f"BrowserGym ended before it could {do}") from error
        if not line:
            raise WorldError(f"BrowserGym ended while it was asked to {do}")
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise WorldError(f"BrowserGym could not {do}: {answer['problem'].splitlines()[0]}")
        return answer

    async def end(self) -> None:
        """Ask it to close its browsers, then end it with all it has started."""
        if self._process.returncode is None:
            with contextlib.suppress(WorldError, TimeoutError):
                await self.ask("close", limit_s=10)
        await self.kill()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
