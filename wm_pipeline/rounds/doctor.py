"""`wm doctor`: whether a deployment is as it should be, line by line, each with what to do where it is not."""

import platform
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from wm_pipeline.domain.errors import MADE_AGAIN, BusyError, WmError
from wm_pipeline.domain.machine import free_bytes, machine_error, short_of_space
from wm_pipeline.domain.scratch import scratch_name
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.gateways.locks import alone
from wm_pipeline.rounds.days import today
from wm_pipeline.rounds.models import checkpoint_folder
from wm_pipeline.rounds.workspace import Workspace

_BROWSER_LIMIT_S = 30
_SHOWN = 5
"""Damaged outputs that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    holds: bool
    told: str
    """What was found and, where it does not hold, what to do."""


def examine(
    workspace: Workspace,
    *,
    state_folder: Path,
    ports: Mapping[str, int],
    more: Mapping[str, Callable[[], str]],
    is_deep: bool = False,
) -> Iterator[Finding]:
    """One finding after another. `is_deep`: the digest of every stored file is computed anew.

    `more`: further checks by name; each returns what it found, or raises a WmError that says what to do.
    """
    checks: dict[str, Callable[[], str]] = {
        "packages": _packages,
        "browser": lambda: _browser(workspace.storage.chromium),
        "base weights": lambda: _weights(workspace),
        "disk": lambda: _disk(state_folder),
        "store": lambda: _store(workspace),
        "outputs": lambda: _outputs(workspace, is_deep=is_deep),
        "days": lambda: _days(workspace),
        "registry": lambda: _registry(workspace),
        "round": lambda: _round(workspace),
        **more,
        **{f"port of {name}": partial(_port, port) for name, port in ports.items()},
    }
    for what, check in checks.items():
        try:
            yield Finding(what, True, check())
        except (WmError, OSError) as error:
            yield Finding(what, False, str(machine_error(error, folder=state_folder) or error))


class DoesNotHoldError(WmError):
    """What was found is not as it should be."""


def _packages() -> str:
    wrong = []
    for line in requires("wm_pipeline") or ():
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": "train"}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} is {found}, wanted {wanted.specifier}")
    if wrong:
        raise DoesNotHoldError(f"{'; '.join(wrong)}: run `make setup` again")
    return f"wm_pipeline {version('wm_pipeline')}, Python {platform.python_version()}, all that it needs"


def _browser(configured: str | None) -> str:
    binary = find_chromium(configured)
    try:
        done = subprocess.run(  # noqa: S603 the browser that rounds start
            [str(binary.path), "--version", "--no-sandbox"],
            capture_output=True,
            text=True,
            timeout=_BROWSER_LIMIT_S,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise DoesNotHoldError(f"{binary.path} does not start ({error}); run `make setup` again") from error
    return f"{done.stdout.strip() or 'starts'} at {binary.path}"


def _weights(workspace: Workspace) -> str:
    from wm_pipeline.model.settings import EMBEDDED_BASE

    folder = workspace.cache / EMBEDDED_BASE
    if not (folder / "config.json").exists():
        raise DoesNotHoldError(f"none in {workspace.cache}: `make setup` converts them")
    return str(folder)


def _disk(folder: Path) -> str:
    if (too_little := short_of_space(folder)) is not None:
        raise DoesNotHoldError(too_little)
    free = free_bytes(folder)
    return f"{folder}: " + ("unknown" if free is None else f"{free / 2**30:.1f} GiB free")


def _store(workspace: Workspace) -> str:
    path = f".{scratch_name('doctor')}"  # another doctor may be at work
    workspace.store.write_bytes(path, b"written by wm doctor")
    workspace.store.read_bytes(path)
    workspace.store.delete(path)
    return f"{workspace.store.root} can be written and read"


def _outputs(workspace: Workspace, *, is_deep: bool) -> str:
    store = workspace.store
    store.settle()
    places = store.places("")
    problems = [found for place in places if (found := store.problem(place, is_thorough=is_deep)) is not None]
    problems += [f"{store.address_of(path)} has no record" for path in store.unrecorded()]
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise DoesNotHoldError(f"{'; '.join(problems[:_SHOWN])}{more}: {MADE_AGAIN}")
    return f"{len(places)} outputs are what was committed" + ("" if is_deep else " (`--deep` reads every file anew)")


def _days(workspace: Workspace) -> str:
    days = [part.day for part in workspace.store.partitions("trajectories")]
    late = sorted({day for day in days if day > today()})
    if late:
        raise DoesNotHoldError(f"experience of {late[-1]} is stored, and the clock says {today()}: set the clock")
    return f"{len(set(days))} days of experience" + (f", the newest {max(days)}" if days else "")


def _registry(workspace: Workspace) -> str:
    champion = workspace.registry.champion()
    if champion is None:
        return "no champion yet: `wm predict` and `wm serve` answer once one has passed the gate, or with --checkpoint"
    from wm_pipeline.model.checkpoint import check_checkpoint

    check_checkpoint(checkpoint_folder(workspace, champion))
    if not workspace.registry.weights_of(champion.version):
        raise DoesNotHoldError(
            f"MLflow has no copy of the weights of version {champion.version}, the champion: once its day is made "
            "again nothing has them; restore MLflow's artifacts from a backup"
        )
    return f"champion is version {champion.version} ({champion.model_version}), its weights are its own"


def _round(workspace: Workspace) -> str:
    try:
        with alone(workspace.round_lock, "wm doctor", say=None):
            return "none is being made"
    except BusyError as error:
        return str(error).partition(" is at work")[0] + " is making one"


def _port(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DoesNotHoldError(
                f"{port} is in use, perhaps by `make ui` itself; if not, choose another one (`wm ui --help`)"
            ) from error
    return f"{port} is free"
