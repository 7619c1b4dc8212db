"""Roll a BrowserGym task out into our tables; after `make browsergym`, with a folder as the argument."""

import sys
from pathlib import Path

from wm_pipeline.collect.run import CollectPlan, CollectReport, collect_partitions
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.worker import Assignment, OpenEnvironment
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.browsergym import VERSION, browsergym_world, open_browsergym
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.gateways.worker_pool import ProcessPool
from wm_pipeline.policies.named import make_policy

TASK = "browsergym/miniwob.click-button"


async def open_gym() -> OpenEnvironment:
    environment = await open_browsergym(find_chromium(None))
    return OpenEnvironment(environment, f"browsergym-{VERSION}", environment.browser_version)


def collect(folder: Path, *, worlds: int, day: str = "2030-01-15") -> CollectReport:
    """Trajectories, transitions and states of one task with the explorer, two branches a state."""
    drawn = tuple(Assignment(browsergym_world(TASK, seed), "explorer") for seed in range(worlds))
    plan = CollectPlan(day, "browsergym", drawn, CollectSettings(max_steps=3, branches=2))
    return collect_partitions(
        [plan],
        make_environment=open_gym,
        make_policy=make_policy,
        pool=ProcessPool(1),
        parts=TableStore(str(folder)),
        store=TableStore(str(folder)),
        lineage={},
        progress=lambda done, total, text: print(f"{done}/{total} {text}"),
    )[0]


if __name__ == "__main__":
    print(collect(Path(sys.argv[1]), worlds=5))
