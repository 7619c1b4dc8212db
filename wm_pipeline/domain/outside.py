"""The attackers' texts of an outside suite. They are read from the installed package and never stored."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SuiteTexts:
    """The injections of a suite: a wording is filled with a goal."""

    name: str
    version: str
    goals: tuple[str, ...]
    """What its attackers want, in the suite's words."""
    wordings: Mapping[str, str]
    """Its attacks by name, each a text with the slots `{goal}`, `{user}` and `{model}`."""
