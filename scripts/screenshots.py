"""README's picture: the newest eval report, taken with Chromium. `make screenshots` after a round."""

import os
from pathlib import Path

from playwright.sync_api import sync_playwright

from wm_pipeline.domain.errors import ServiceError
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.gateways.places import data_place

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def main() -> None:
    reports = sorted((Path(data_place(os.environ).address) / "reports").glob("*/report.html"))
    if not reports:
        raise ServiceError("no report yet; run `make run` first")
    binary = find_chromium(os.environ.get("WM_CHROMIUM"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(binary.path), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1500})
        page.goto(reports[-1].resolve().as_uri())
        page.screenshot(path=IMAGES / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
