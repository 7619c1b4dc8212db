"""The two dimensions of a round: the day it belongs to, and the site rolled out in."""

import dagster as dg

from wm_pipeline.defs.resources import round_partitions

FIRST_DAY = "2026-11-01"
"""No round is older than the project."""

days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
"""One nightly round a day; today's may be made today."""
sites = dg.StaticPartitionsDefinition(list(round_partitions()))
days_and_sites = dg.MultiPartitionsDefinition({"day": days, "site": sites})
