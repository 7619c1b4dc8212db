"""The one registry of the report's metrics: what each is called, means and is computed by, and where it is shown.

A metric is one `Metric(...)` registered with the table of what it is computed from: RISK and SLICE in risk.py and
tables.py, LOOP in loop_metrics.py, and so on; a plug-in registers in the same way. report.json with its glossary,
report.html, `wm report`, MLflow and Dagster follow from the entry. No metric is defined here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.registrations import Kind, Registry, of_plugins, registering
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Codes, Estimate

T = TypeVar("T")
Value = int | float | Estimate | Mapping[str, float | None] | None
"""None: no data. A mapping holds a share by name."""
V = TypeVar("V", bound=Value)
Statistic = Callable[[Codes], float | None]
"""A metric as a function of row numbers, so that it can be asked of worlds drawn again."""


class Direction(StrEnum):
    HIGHER = "higher is better"
    LOWER = "lower is better"
    NEITHER = "neither"


HIGHER, LOWER = Direction.HIGHER, Direction.LOWER


class Format(StrEnum):
    """What a number is, and with it how many digits people are shown."""

    SHARE = "share"
    """Between 0 and 1."""
    SMALL_SHARE = "small share"
    """The same where the third digit tells models apart."""
    COUNT = "count"
    TOKENS = "tokens"
    MILLISECONDS = "milliseconds"
    BREAKDOWN = "shares by name"

    @property
    def digits(self) -> int:
        return {Format.SHARE: 2, Format.SMALL_SHARE: 3}.get(self, 0)


COUNT = Format.COUNT


class Place(StrEnum):
    """The entries of a report that people look at first; eval_report.py finds them in one."""

    TEST = "splits.test"
    OOD_SITE = "splits.ood_site"
    OOD_ATTACK = "splits.ood_attack"
    OOD_GOAL = "splits.ood_goal"
    OOD_TEXT = "splits.ood_text"
    GUARD_OFF = "loop.gullible.guard_off"
    GUARD_ON = "loop.gullible.guard_on"
    INTERVENTION = "causal.intervention.world_model"
    COUNTERFACTUAL = "causal.counterfactual.world_model.all"


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    name: str
    """Its key in report.json."""
    definition: str
    """One sentence, with the unit where it is no share between 0 and 1."""
    value: Callable[[T], Value]
    """An Estimate brings an interval, stored as `<name>_interval`."""
    direction: Direction = Direction.NEITHER
    format: Format = Format.SHARE
    has_interval: bool = False
    """The value is asked again of worlds drawn with replacement; the table's data is a Sample."""
    label: str = ""
    """At the head of a column; empty: the name."""
    headline: Mapping[str, Place] = field(default_factory=dict)
    """Names under which it is among the few numbers that Dagster and MLflow draw over days, and where it stands."""
    compared: Collection[Place] = ()
    """Where else two reports are compared by it and `wm report` shows it."""
    is_compared_with_baselines: bool = False
    """Every predictor is measured by it, and the model's difference to each."""

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ")

    @property
    def places(self) -> frozenset[Place]:
        return frozenset((*self.headline.values(), *self.compared))

    @property
    def computed_by(self) -> str:
        """Module and name, under which the entry is found."""
        return f"{self.value.__module__.removeprefix('wm_pipeline.evaluate.')}.{self.name}"


@runtime_checkable
class Sample(Protocol):
    """Data of rows that stand in worlds, which an interval draws again."""

    @property
    def worlds(self) -> Sequence[str]:
        """One a row."""

    @property
    def seed(self) -> int: ...

    def at(self, rows: Codes) -> Self:
        """The rows of these numbers."""


_OURS = "wm_pipeline."
METRICS = Registry[Metric[Any]](Kind.METRIC)
"""By `<table>.<name>`. `every_metric` of catalogue.py loads all of ours first."""


class MetricTable(Generic[T]):
    """The metrics that are computed from one kind of data, and the numbers of an entry of the report."""

    def __init__(self, name: str) -> None:
        self.name = name

    def metric(
        self,
        direction: Direction = Direction.NEITHER,
        format: Format = Format.SHARE,
        *,
        has_interval: bool = False,
        label: str = "",
        headline: Mapping[str, Place] | None = None,
        compared: Collection[Place] = (),
        is_compared_with_baselines: bool = False,
    ) -> Callable[[Callable[[T], V]], Callable[[T], V]]:
        """A function is a metric: its name, its docstring the definition, what it returns the value. See Metric."""

        def registered(value: Callable[[T], V]) -> Callable[[T], V]:
            definition = " ".join((value.__doc__ or "").split())
            self.register(
                Metric(
                    value.__name__,
                    definition,
                    value,
                    direction,
                    format,
                    has_interval,
                    label,
                    headline or {},
                    compared,
                    is_compared_with_baselines,
                )
            )
            return value

        return registered

    def register(self, *entries: Metric[T]) -> None:
        """Add metrics. Raises SettingsError for a name that is taken or no key, or without a definition."""
        for metric in entries:
            key = f"{self.name}.{metric.name}"
            taken = {name for known in METRICS.values() for name in known.headline} & set(metric.headline)
            is_key = metric.name.isidentifier() and not metric.name.endswith("_interval")
            if key in METRICS or taken or not is_key or not metric.definition:
                known = ", ".join(metric.name for metric in self.metrics())
                raise SettingsError(
                    f"metric {key!r}: expected a new name of letters, digits and underscores that does not end in "
                    f"`_interval`, a definition, and new headlines; there are {known}"
                )
            with registering(None) if metric.value.__module__.startswith(_OURS) else nullcontext():
                # A plug-in's import may be what loads our own modules.
                METRICS[key] = metric

    def forget(self, name: str) -> None:
        METRICS.pop(f"{self.name}.{name}", None)

    def metrics(self) -> tuple[Metric[T], ...]:
        """In the order of registration, those of plug-ins last."""
        theirs = of_plugins(Kind.METRIC)
        own = {key: metric for key, metric in METRICS.items() if key.partition(".")[0] == self.name}
        return tuple(own[key] for key in sorted(own, key=lambda key: key in theirs))

    def numbers(self, data: T, *, names: Collection[str] | None = None) -> dict[str, Any]:
        """Every number of an entry (`names`: only these), intervals beside their numbers."""
        found: dict[str, Any] = {}
        for metric in self.metrics():
            if names is None or metric.name in names:
                found |= named(metric.name, _value(metric, data))
        return found


def named(name: str, value: Value) -> dict[str, Any]:
    """A number under its key, and its interval beside it."""
    return {name: value.value, f"{name}_interval": value.interval} if isinstance(value, Estimate) else {name: value}


def _value(metric: Metric[T], data: T) -> Value:
    if not metric.has_interval:
        return metric.value(data)
    if not isinstance(data, Sample):
        raise SettingsError(f"metric {metric.name!r}: its data has no worlds to draw again; return an Estimate instead")
    return metrics.estimate(data.worlds, statistic_of(metric, data), seed=data.seed)


def statistic_of(metric: Metric[Any], sample: Sample) -> Statistic:
    def statistic(rows: Codes) -> float | None:
        value = metric.value(sample.at(rows))
        assert value is None or isinstance(value, int | float), f"{metric.name} is no single number"
        return value

    return statistic
