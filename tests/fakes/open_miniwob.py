"""Starts MiniWoB++ in a collection worker."""

from wm_pipeline.collect.worker import OpenEnvironment
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import MiniWobEnvironment, miniwob_version


async def open_miniwob() -> OpenEnvironment:
    environment = await MiniWobEnvironment.launch(find_chromium(None))
    return OpenEnvironment(environment, miniwob_version(), environment.browser_version)
