"""Plug-ins: code that registers sites, attacks, policies, heads, environments or metrics. Loaded in every process.

A plug-in is an entry point of the group `wm_pipeline`, or a module or a `.py` file named in WM_PLUGINS (several with
commas between them). Its function `register` registers what it brings; an entry point may name that function.

Every process calls `load` before it draws worlds, trains or answers: the command line, Dagster, collection workers,
training, distillation and MLflow's model. Each inherits WM_PLUGINS, so this is the one module beside the command line
and the resources that reads the environment.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from wm_pipeline.domain.errors import PluginError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.registrations import Kind, Plugin, plugins_behind, registering

GROUP = "wm_pipeline"
VARIABLE = "WM_PLUGINS"
_LOADED: list[Plugin] = []


@cache
def load() -> tuple[Plugin, ...]:
    """Import every plug-in once and let it register. Raises PluginError naming the one that cannot be loaded."""
    # Processes that this one starts find the files from any folder.
    if names := _names():
        os.environ[VARIABLE] = ",".join(os.path.abspath(name) if name.endswith(".py") else name for name in names)
    found = [_load_entry_point(entry) for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]
    return (*found, *(load_named(name) for name in _names()))


def plugin_files() -> tuple[Path, ...]:
    """The files that WM_PLUGINS names: what has to go along where the variable does not."""
    return tuple(Path(name).absolute() for name in _names() if name.endswith(".py"))


def _names() -> list[str]:
    return [name for part in os.environ.get(VARIABLE, "").split(",") if (name := part.strip())]


def requirements() -> tuple[str, ...]:
    """The distributions of installed plug-ins, pinned: what another environment must install to load a model."""
    found = {entry.dist for entry in entry_points(group=GROUP) if entry.dist is not None}
    return tuple(sorted(f"{dist.name}=={dist.version}" for dist in found))


def load_named(name: str) -> Plugin:
    """Load one module or file, once. Raises PluginError when it cannot be imported or does not register."""
    if name.endswith(".py"):
        named = _plugin_of_file(Path(name))
        if named in _LOADED:
            return named
    try:
        module = _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except Exception as error:  # somebody else's code may raise anything, and the user has to know whose
        raise _broken(name, error) from error
    file = None if module.__file__ is None else _plugin_of_file(Path(module.__file__))
    plugin = Plugin(Path(name).stem if name.endswith(".py") else name, "unknown" if file is None else file.version)
    _register(plugin, vars(module).get("register"))
    return plugin


def _plugin_of_file(file: Path) -> Plugin:
    if not file.is_file():
        raise PluginError(f"{VARIABLE}: there is no file {str(file)!r}; give a .py file or the name of a module")
    return Plugin(file.stem, digest(file.read_text(), size=5))


def _load_entry_point(entry: EntryPoint) -> Plugin:
    plugin = Plugin(entry.name, "unknown" if entry.dist is None else entry.dist.version)
    try:
        loaded = entry.load()
    except Exception as error:  # as above
        raise _broken(entry.name, error) from error
    _register(plugin, vars(loaded).get("register") if isinstance(loaded, ModuleType) else loaded)
    return plugin


def _import_file(file: Path) -> ModuleType:
    name = f"wm_plugin_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, "a .py file always has a loader"
    assert spec.loader is not None, "a .py file always has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before its code runs: dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _register(plugin: Plugin, register: Callable[[], object] | None) -> None:
    if register is None:
        raise PluginError(f"plug-in {plugin.name!r} has no function `register`; register there what it brings")
    with registering(plugin):
        try:
            register()
        except Exception as error:  # as above
            raise _broken(plugin.name, error) from error
    if str(plugin) not in plugins_behind(*Kind):
        raise PluginError(f"plug-in {plugin.name!r} registers nothing; let its function `register` do so")
    _LOADED.append(plugin)


def _broken(name: str, error: Exception) -> PluginError:
    return PluginError(f"plug-in {name!r} cannot be loaded: {type(error).__name__}: {error}; mend it or take it out")
