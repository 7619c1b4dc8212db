"""The engines by name. Another one is a class with the methods of `Engine` (engine.py) and its entry here."""

from collections.abc import Callable

from torch import nn

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.model.engine import DeepSpeedEngine, Engine, OptimizerSettings
from wm_pipeline.model.processes import Processes

EngineFactory = Callable[[nn.Module, OptimizerSettings, Processes], Engine]

ENGINES: dict[str, EngineFactory] = {"deepspeed": DeepSpeedEngine}
"""Values of `engine` in the settings of training and distillation."""


def engine_named(name: str) -> EngineFactory:
    """The factory of that name. Raises SettingsError for an unknown one."""
    if name not in ENGINES:
        raise SettingsError(f"unknown engine {name!r}; there are {', '.join(ENGINES)}")
    return ENGINES[name]
