"""README's pictures: the asset graph in Dagster's UI and the newest eval report, taken with Chromium.

`make screenshots` after a round; writes docs/images/graph.png and docs/images/report.png.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from wm_pipeline.domain.errors import ServiceError
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.gateways.places import data_place

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
DAGSTER_PORT, MLFLOW_PORT = 3210, 5210
START_LIMIT_S = 120
SETTLING_S = 4
"""The layout of the graph is animated."""


def main() -> None:
    """Start both UIs, take the pictures, stop them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    reports = sorted((Path(data_place(os.environ).address) / "reports").glob("*/report.html"))
    if not reports:
        raise ServiceError("no report yet; run `make run` first")
    ui = subprocess.Popen(  # noqa: S603 our own command
        [
            *(str(Path(sys.executable).parent / "wm"), "ui"),
            *("--dagster-port", str(DAGSTER_PORT), "--mlflow-port", str(MLFLOW_PORT)),
        ],
        cwd=ROOT,
    )
    try:
        _wait_for(f"http://127.0.0.1:{DAGSTER_PORT}/server_info", ui)
        binary = find_chromium(os.environ.get("WM_CHROMIUM"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(binary.path), args=["--no-sandbox"])
            graph = browser.new_page(viewport={"width": 2300, "height": 900}, device_scale_factor=1)
            graph.goto(f"http://127.0.0.1:{DAGSTER_PORT}/asset-groups")
            _take_graph(graph)
            report = browser.new_page(viewport={"width": 1100, "height": 1500})
            report.goto(reports[-1].resolve().as_uri())
            report.screenshot(path=IMAGES / "report.png")
            browser.close()
    finally:
        ui.send_signal(2)
        ui.wait(timeout=60)


def _take_graph(page: Page) -> None:
    page.get_by_text("evaluation").first.wait_for(timeout=START_LIMIT_S * 1000)
    time.sleep(SETTLING_S)
    page.keyboard.press("Alt+e")  # opens all groups, and writes them into the address
    page.get_by_text("eval_report").first.wait_for(timeout=START_LIMIT_S * 1000)
    page.reload()  # so that the opened graph is fitted to the page
    page.get_by_text("eval_report").first.wait_for(timeout=START_LIMIT_S * 1000)
    time.sleep(SETTLING_S)
    page.screenshot(path=IMAGES / "graph.png")


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServiceError("`wm ui` ended before its pages were there; its lines above say why")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise ServiceError(f"{url} did not answer within {START_LIMIT_S} s")


if __name__ == "__main__":
    main()
