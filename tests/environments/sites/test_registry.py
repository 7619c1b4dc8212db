"""What lies in the folders of sites and attacks is registered: what nobody registers is never drawn."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from wm_pipeline.environments.sites import attacks, schemas
from wm_pipeline.environments.sites.attack import AttackFamily
from wm_pipeline.environments.sites.registry import registered_attacks, registered_sites
from wm_pipeline.environments.sites.schema import SiteSchema


def values_in(package: ModuleType) -> Iterator[Any]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield from vars(importlib.import_module(found.name)).values()


def test_every_attack_family_is_registered() -> None:
    assert {value.name for value in values_in(attacks) if isinstance(value, AttackFamily)} <= set(registered_attacks())


def test_every_site_is_registered() -> None:
    assert {value.name for value in values_in(schemas) if isinstance(value, SiteSchema)} <= set(registered_sites())
