"""Self-contained HTML pages: the report that a security lead reads in five minutes, and a trajectory as a strip."""

import base64
from collections.abc import Mapping, Sequence
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


def render_report(report: Mapping[str, Any], plots: Mapping[str, bytes]) -> str:
    """The page; `plots` maps a name to PNG bytes, embedded so that the file stands alone."""
    _PAGES.filters["number"] = show_number
    _PAGES.filters["interval"] = show_interval
    images = {name: base64.b64encode(content).decode() for name, content in plots.items()}
    return _PAGES.get_template("report.html.jinja").render(report=report, images=images)


def render_strip(strip: object, pictures: Sequence[tuple[bytes, bool]]) -> str:
    """A trajectory as a strip of pictures: PNG bytes, and whether the page is the recorded one."""
    images = [(base64.b64encode(content).decode(), is_recorded) for content, is_recorded in pictures]
    return _PAGES.get_template("trajectory.html.jinja").render(strip=strip, images=images)
