"""Settings of both datasets."""

from dataclasses import dataclass

from wm_pipeline.domain.state import STRICT


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """Which rows are worth a place."""

    __pydantic_config__ = STRICT

    rows_per_template: int = 200
    """At most so many rows of a split do one thing on one page, whatever records they are about: ten times what the
    commonest has in a laptop round, so that it is the long rounds that do not go round in circles."""
