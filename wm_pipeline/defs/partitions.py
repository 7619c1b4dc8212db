"""The two dimensions of a round: the day it belongs to, and the site rolled out in."""

import dagster as dg

from wm_pipeline.defs.resources import environment_profile, first_day

days = dg.DailyPartitionsDefinition(start_date=first_day(), end_offset=1)
"""One nightly round a day, counted in UTC; today's may be made today."""
sites = dg.StaticPartitionsDefinition(list(environment_profile().round.partitions))
"""Those of this deployment's profile, and its applications."""
days_and_sites = dg.MultiPartitionsDefinition({"day": days, "site": sites})
