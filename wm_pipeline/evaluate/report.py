"""Self-contained HTML pages: the report that a security lead reads in five minutes, and a trajectory as a strip."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from wm_pipeline.evaluate.catalogue import TABLES
from wm_pipeline.evaluate.eval_report import EvalReport, Interval, Numbers
from wm_pipeline.evaluate.metrics import Difference
from wm_pipeline.evaluate.opening import opening
from wm_pipeline.evaluate.registry import Format, Metric
from wm_pipeline.evaluate.risk import compared_metrics

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


def show_interval(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def show_estimate(value: float | None, interval: Interval | None, digits: int = 2) -> str:
    return f"{show_number(value, digits)} {show_interval(interval)}".strip()


def show_metric(numbers: Numbers, metric: Metric[Any]) -> str:
    """A number as its metric's format has it, with its interval."""
    return show_estimate(numbers.number(metric.name), numbers.interval(metric.name), metric.format.digits)


def render_report(report: EvalReport, plots: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> str:
    """The page; `plots` by name and `pictures` of pages by state id are PNG bytes, embedded: the file stands alone."""
    images, pages = ({name: base64.b64encode(png).decode() for name, png in one.items()} for one in (plots, pictures))
    tables = {table.name: [m for m in table.metrics() if m.format is not Format.BREAKDOWN] for table in TABLES}
    page = _PAGES.get_template("report.html.jinja")
    return page.render(
        report=report,
        sentences=opening(report),
        images=images,
        pages=pages,
        metrics=tables,
        compared=compared_metrics(),
    )


def _cell(numbers: Numbers | None, metric: Metric[Any]) -> Markup:
    """A number as its metric's format has it, with its interval."""
    if numbers is None:
        return Markup("no data")
    shown = show_number(numbers.number(metric.name), metric.format.digits)
    interval = show_interval(numbers.interval(metric.name))
    return Markup("{} <small>{}</small>").format(shown, interval) if interval else escape(shown)


def _difference(difference: Difference | None) -> Markup:
    if difference is None:
        return Markup("no data")
    return Markup("{:+.3f} <small>[{:+.3f}, {:+.3f}]</small>").format(difference.value, difference.low, difference.high)


_PAGES.filters |= {
    "number": show_number,
    "cell": _cell,
    "difference": _difference,
    "words": lambda name: name.replace("_", " "),
}


def render_strip(strip: object, pictures: Sequence[tuple[bytes, bool]], *, chosen: tuple[int, int] | None) -> str:
    """A trajectory as a strip of pictures: PNG bytes, and whether the page is the recorded one.

    `chosen`: step and branch that the reader came for.
    """
    images = [(base64.b64encode(content).decode(), is_recorded) for content, is_recorded in pictures]
    return _PAGES.get_template("trajectory.html.jinja").render(strip=strip, images=images, chosen=chosen)
