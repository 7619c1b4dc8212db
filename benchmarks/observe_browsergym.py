"""BrowserGym's extraction of a page, timed: run by its own interpreter, which has none of our packages.

A request a line in: an address to open, or nothing for one more extraction, answered by its milliseconds.
"""

import sys
import time
from typing import Any

from browsergym.core.constants import BROWSERGYM_ID_ATTRIBUTE
from browsergym.core.observation import (
    _post_extract,
    _pre_extract,
    extract_dom_extra_properties,
    extract_dom_snapshot,
    extract_focused_element_bid,
    extract_merged_axtree,
)
from playwright.sync_api import sync_playwright


def extract(page: Any) -> None:
    """What BrowserEnv._get_obs does of a page, without its picture."""
    _pre_extract(page, tags_to_mark="standard_html", lenient=False)
    dom = extract_dom_snapshot(page)
    extract_merged_axtree(page)
    extract_focused_element_bid(page)
    extract_dom_extra_properties(dom, scale_factor=1.0)
    _post_extract(page)


def main(executable: str, flags: list[str]) -> None:
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute(BROWSERGYM_ID_ATTRIBUTE)
        browser = playwright.chromium.launch(executable_path=executable, args=flags, chromium_sandbox=False)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for line in sys.stdin:
            if line.strip():
                page.goto(line.strip())
                print("opened", flush=True)
                continue
            started = time.perf_counter()
            extract(page)
            print((time.perf_counter() - started) * 1000, flush=True)
        browser.close()


main(sys.argv[1], sys.argv[2:])
