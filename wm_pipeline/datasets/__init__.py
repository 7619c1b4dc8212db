"""The one name users import from the package itself; everything else has its module's path."""

from wm_pipeline.datasets.scan import scan

__all__ = ["scan"]
