"""Self-contained HTML pages: the report that a security lead reads in five minutes, and a trajectory as a strip."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

_PAGES = Environment(
    loader=PackageLoader("wm_pipeline.evaluate", "pages"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def show_number(value: float | None, digits: int = 2) -> str:
    """A number for people; what was not measured reads "no data"."""
    return "no data" if value is None else f"{value:.{digits}f}"


def show_interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def render_report(report: Mapping[str, Any], plots: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> str:
    """The page; `plots` by name and `pictures` of pages by state id are PNG bytes, embedded: the file stands alone."""
    _PAGES.filters["number"] = show_number
    _PAGES.filters["interval"] = show_interval
    images, pages = ({name: base64.b64encode(png).decode() for name, png in one.items()} for one in (plots, pictures))
    return _PAGES.get_template("report.html.jinja").render(report=report, images=images, pages=pages)


def render_strip(strip: object, pictures: Sequence[tuple[bytes, bool]], *, chosen: tuple[int, int] | None) -> str:
    """A trajectory as a strip of pictures: PNG bytes, and whether the page is the recorded one.

    `chosen`: step and branch that the reader came for.
    """
    images = [(base64.b64encode(content).decode(), is_recorded) for content, is_recorded in pictures]
    return _PAGES.get_template("trajectory.html.jinja").render(strip=strip, images=images, chosen=chosen)


# --- two reports ------------------------------------------------------------------------------------------------------

_SPLITS = ("test", "ood_site", "ood_attack", "ood_goal", "ood_text")
_COMPARED = (
    *(f"splits.{split}.{name}" for split in _SPLITS for name in ("risk_auroc", "macro_f1", "ece")),
    *("splits.test.tag_f1", "splits.test.delta_f1", "splits.test.counterfactual_valid"),
    *(f"loop.gullible.{mode}.{name}" for name in ("asr", "benign_utility") for mode in ("guard_off", "guard_on")),
    "loop.gullible.guard_on.utility_under_attack",
    *(f"causal.intervention.world_model.{name}" for name in ("sensitivity", "invariance")),
    *(f"causal.counterfactual.world_model.all.{name}" for name in ("pair_order", "safest_is_safe")),
)


@dataclass(frozen=True, slots=True)
class ComparedNumber:
    """One number of two reports; None where a report does not have it."""

    name: str
    first: float | None
    second: float | None
    first_interval: tuple[float, float] | None
    second_interval: tuple[float, float] | None

    @property
    def is_apart(self) -> bool | None:
        """The intervals do not touch; None without both. Two days measure other worlds, so nothing is paired."""
        if self.first_interval is None or self.second_interval is None:
            return None
        return self.first_interval[1] < self.second_interval[0] or self.second_interval[1] < self.first_interval[0]


def compare_reports(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[ComparedNumber, ...]:
    """The headline numbers of two reports beside each other; what neither has is left out."""
    found = (
        ComparedNumber(
            path,
            _at(first, path),
            _at(second, path),
            _interval_at(first, path),
            _interval_at(second, path),
        )
        for path in _COMPARED
    )
    return tuple(one for one in found if one.first is not None or one.second is not None)


def _at(report: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None where the report is older than it."""
    found: Any = report
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _interval_at(report: Mapping[str, Any], path: str) -> tuple[float, float] | None:
    interval = _at(report, f"{path}_interval")
    return None if interval is None else (interval[0], interval[1])
