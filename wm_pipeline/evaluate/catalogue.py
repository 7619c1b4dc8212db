"""Every table of metrics, and what follows from all of them: glossary, headline, what is compared and logged."""

from dataclasses import dataclass
from typing import Any

from wm_pipeline.domain.numbers import flat_numbers
from wm_pipeline.evaluate.adaptive import ADAPTIVE, ATTACKER
from wm_pipeline.evaluate.causal import CELL, COUNTERFACTUAL, INTERVENTION, OBSERVATION, VARIABLE
from wm_pipeline.evaluate.eval_report import DefinedMetric, EvalReport, Interval, Measured
from wm_pipeline.evaluate.frontier import FRONTIER, REPLAY
from wm_pipeline.evaluate.goal_values import GOAL_VALUES
from wm_pipeline.evaluate.loop_metrics import CHAMPION, LOOP, SUITE
from wm_pipeline.evaluate.next_state import NEXT_STATE
from wm_pipeline.evaluate.patterns import PATTERN
from wm_pipeline.evaluate.priors import PRIOR
from wm_pipeline.evaluate.registry import Direction, Metric, MetricTable, Place
from wm_pipeline.evaluate.risk import RISK
from wm_pipeline.evaluate.tables import CONSEQUENCE, SLICE

TABLES: tuple[MetricTable[Any], ...] = (
    *(RISK, CONSEQUENCE, SLICE, OBSERVATION, CELL, INTERVENTION, VARIABLE, COUNTERFACTUAL, NEXT_STATE),
    *(LOOP, CHAMPION, ADAPTIVE, ATTACKER, SUITE, REPLAY, FRONTIER, PATTERN, PRIOR, GOAL_VALUES),
)
"""In the order of the report."""


def every_metric() -> dict[str, Metric[Any]]:
    """By its name, or `<table>.<name>` where an earlier table has a metric of that name."""
    found: dict[str, Metric[Any]] = {}
    for table in TABLES:
        for metric in table.metrics():
            found[metric.name if metric.name not in found else f"{table.name}.{metric.name}"] = metric
    return found


def glossary() -> dict[str, DefinedMetric]:
    """`definitions` of the report."""
    return {
        name: DefinedMetric(
            definition=one.definition, computed_by=one.computed_by, direction=one.direction, format=one.format
        )
        for name, one in every_metric().items()
    }


def headline(report: Measured) -> dict[str, float | None]:
    """The few numbers that a person asks for first."""
    return {
        name: report.entry(place).number(metric.name)
        for metric in every_metric().values()
        for name, place in metric.headline.items()
    }


_LOGGED = {"splits", "loop", "on_test"}
"""Sections whose metrics MLflow draws; report.json beside them has all, those of single rows too."""


def logged_numbers(report: Measured) -> dict[str, float]:
    """What a round's run in MLflow is compared by: the headline, and the metrics of splits, loop and models."""
    names = {metric.name for metric in every_metric().values()}
    sections = flat_numbers(report.model_dump(include=_LOGGED))
    defined = {name: value for name, value in sections.items() if name.rpartition(".")[2] in names}
    return {**flat_numbers(headline(report)), **defined}


@dataclass(frozen=True, slots=True)
class ComparedNumber:
    """One number of two reports; None where a report does not have it."""

    name: str
    first: float | None
    second: float | None
    first_interval: Interval | None
    second_interval: Interval | None
    direction: Direction

    @property
    def is_apart(self) -> bool | None:
        """The intervals do not touch; None without both. Two days measure other worlds, so nothing is paired."""
        if self.first_interval is None or self.second_interval is None:
            return None
        return self.first_interval[1] < self.second_interval[0] or self.second_interval[1] < self.first_interval[0]


def compare_reports(first: EvalReport, second: EvalReport) -> tuple[ComparedNumber, ...]:
    """The numbers that people look at first, of two reports; what neither has is left out."""
    found = (
        ComparedNumber(
            f"{place}.{metric.name}",
            first.entry(place).number(metric.name),
            second.entry(place).number(metric.name),
            first.entry(place).interval(metric.name),
            second.entry(place).interval(metric.name),
            metric.direction,
        )
        for place in Place
        for metric in metrics_at(place)
    )
    return tuple(one for one in found if one.first is not None or one.second is not None)


def metrics_at(*places: Place) -> tuple[Metric[Any], ...]:
    """What people are shown of these entries."""
    return tuple(metric for metric in every_metric().values() if metric.places & set(places))
