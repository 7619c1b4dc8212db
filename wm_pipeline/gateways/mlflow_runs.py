"""The MLflow run of a stage in progress, and names, parameters and the code's commit in MLflow's form."""

import logging
import posixpath
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from wm_pipeline.gateways.places import PROJECT

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

StageStatus = Literal["FINISHED", "FAILED", "KILLED"]
_LONGEST_NAME = 240
"""Characters of a metric's name; MLflow takes 250."""


class StageRun:
    """The run of a stage in progress, with system metrics of the machine."""

    def __init__(self, run_id: str, round_run_id: str, client: "MlflowClient", tracking_uri: str) -> None:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        self.run_id = run_id
        self._round_run_id = round_run_id
        self._client = client
        # It logs its start and end, which are noise for a person who follows a round.
        logging.getLogger(SystemMetricsMonitor.__module__).setLevel(logging.WARNING)
        untyped: Any = SystemMetricsMonitor
        self._monitor = untyped(run_id, tracking_uri=tracking_uri)
        self._monitor.start()

    def end(self, status: StageStatus) -> None:
        self._monitor.finish()
        self._client.set_terminated(self.run_id, status)
        self._client.set_terminated(self._round_run_id, "FINISHED")


def commit_tag() -> dict[str, str]:
    """The commit of the code as MLflow shows it; nothing where the code is no checkout."""
    from mlflow.utils.git_utils import get_git_commit

    commit = get_git_commit(str(PROJECT))
    return {} if commit is None else {"mlflow.source.git.commit": commit}


def parameters_of(parameters: Mapping[str, Any]) -> "list[Param]":
    """MLflow's own records of nested settings, by dotted names."""
    from mlflow.entities import Param

    return [Param(name, str(value)[:500]) for name, value in _flatten(parameters)]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def metrics_of(points: Sequence[Mapping[str, float]]) -> "list[Metric]":
    """MLflow's own records of numbers over steps; each point holds `step`."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(metric_name(name), float(value), now, int(point["step"]))
        for point in points
        for name, value in point.items()
        if name != "step" and isinstance(value, int | float)
    ]


def metric_names(names: Iterable[str]) -> dict[str, str]:
    """Names as MLflow takes them, by the given ones; a number separates two that would become the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        cleaned = metric_name(name)
        number = 2
        while cleaned in taken:
            cleaned, number = f"{metric_name(name)} {number}", number + 1
        taken.add(cleaned)
        found[name] = cleaned
    return found


def metric_name(name: str) -> str:
    """MLflow takes letters, digits and `_-. /` in a metric's name, and slashes only as a path has them."""
    cleaned = "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)[:_LONGEST_NAME]
    is_path = not cleaned.startswith("/") and posixpath.normpath(cleaned) == cleaned
    return cleaned if is_path else cleaned.replace("/", "_")
