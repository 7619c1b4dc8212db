"""A metric of one's own: how far apart the risks of harmful and harmless actions lie."""

from wm_pipeline.evaluate.registry import HIGHER, Place
from wm_pipeline.evaluate.risk import RISK, RiskRows


def margin(rows: RiskRows) -> float | None:
    """Mean risk of harmful rows minus that of harmless ones."""
    if not 0 < rows.y.sum() < len(rows.y):
        return None  # no data, never 0
    return float(rows.p[rows.y == 1].mean() - rows.p[rows.y == 0].mean())


def register() -> None:
    """Called once in every process."""
    RISK.metric(HIGHER, has_interval=True, headline={"test_margin": Place.TEST})(margin)
