"""The application's process: started in a folder of its own, waited for, ended with everything it has started."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from wm_pipeline.domain.errors import ServiceError
from wm_pipeline.environments.applications.application import Start

LAST_LINES = 5
"""Of what the application printed, told when it does not come up."""
STOP_LIMIT_S = 5.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def filled(arguments: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Arguments with `{name}` replaced; other braces are left alone."""
    found = list(arguments)
    for name, value in values.items():
        found = [one.replace("{" + name + "}", value) for one in found]
    return found


def program_environment(declared: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that a user's program gets: PATH, HOME, LANG and what it declares; no key of ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | dict(declared)


class AppProcess:
    """A running application. Raises ServiceError, with its last lines, when it does not come up."""

    def __init__(self, name: str, start: Start, *, folder: Path, values: Mapping[str, str], log: Path) -> None:
        """`values` are the placeholders, the port among them; paths in `start` are taken from `folder`."""
        self._name = name
        self._log = log
        self._port = int(values["port"])
        command = filled(start.command, values)
        work = (folder / start.folder).resolve()
        environment = program_environment({key: filled([value], values)[0] for key, value in start.environment.items()})
        place = str((folder / command[0]).absolute()) if "/" in command[0] else command[0]
        program = shutil.which(place, path=environment.get("PATH"))
        if program is None:
            hint = f"run `{start.install}`" if start.install else "correct start.command"
            raise ServiceError(f"{name}: there is no program {command[0]!r}; {hint}")
        if not work.is_dir():
            raise ServiceError(f"{name}: there is no folder {start.folder!r}; correct start.folder")
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 the user's own command, from the user's own file
                [sys.executable, str(Path(__file__).with_name("reaper.py")), program, *command[1:]],
                cwd=work,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(start)
        except BaseException:
            self.close()
            raise

    def _wait(self, start: Start) -> None:
        deadline = time.monotonic() + start.ready_within_s
        while not is_answering(self._port, start.ready_path):
            if self._process.poll() is not None:
                raise ServiceError(
                    f"{self._name}: ended with status {self._process.returncode} before it answered; "
                    f"correct start.command. {self.last_words()}"
                )
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self._name}: {start.ready_path} did not answer on port {self._port} within "
                    f"{start.ready_within_s:g} s; correct start.ready_path or raise start.ready_within_s. "
                    f"{self.last_words()}"
                )
            time.sleep(0.05)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
        return f"It said: {' | '.join(lines)}" if lines else "It said nothing."

    def close(self) -> None:
        """End it and all it has started."""
        for way in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, way)
            try:
                self._process.wait(timeout=STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                continue
            break
        with contextlib.suppress(ProcessLookupError):
            # The leader is gone; what it left behind goes too.
            os.killpg(self._process.pid, signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()


def is_answering(port: int, path: str) -> bool:
    """Whether the application gives a page, be it one that asks to sign in."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
