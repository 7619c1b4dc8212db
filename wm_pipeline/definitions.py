"""The code location. It loads; it computes nothing and needs neither network, GPU nor torch."""

import dagster as dg

from wm_pipeline.defs.automation import EXPERIENCE, MODEL, after_experience, experience_job, model_job, nightly
from wm_pipeline.defs.console import short_console
from wm_pipeline.defs.resources import workspace_from_environment

defs = dg.Definitions(
    assets=[*EXPERIENCE, *MODEL],
    jobs=[experience_job, model_job],
    schedules=[nightly],
    sensors=[after_experience],
    resources={"workspace": workspace_from_environment()},
    loggers={"console": short_console},
    executor=dg.in_process_executor,  # one process a run: importing costs seconds, paid once
)
