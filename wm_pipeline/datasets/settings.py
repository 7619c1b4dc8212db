"""Settings of both datasets."""

from dataclasses import dataclass

from wm_pipeline.domain.state import STRICT


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """Which rows a dataset keeps."""

    __pydantic_config__ = STRICT

    rows_per_template: int = 200
    """Limit of rows of a split with the same action on the same page, whatever records they are about: ten times the
    largest number in a laptop round, so that only long rounds reach it."""
