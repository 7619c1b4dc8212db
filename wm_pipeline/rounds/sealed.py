"""The sealed evaluation: a day's model under guard in sites that nothing else draws, scored once a release."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.records import from_python
from wm_pipeline.domain.tables import SftSchema, StateSchema
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.sites.generator import generated_site_names
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.evaluate.eval_report import Numbers
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import started_sites
from wm_pipeline.rounds.graph import DISTILLED
from wm_pipeline.rounds.models import guard_of, load_predictor
from wm_pipeline.rounds.reports import read_report
from wm_pipeline.rounds.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the attacked agent came to in sealed worlds, under every guard."""

    day: str
    model_version: str
    seed: int
    sites: tuple[str, ...]
    worlds: int
    loop: Mapping[str, Numbers]
    """By guard."""

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        return {**found, "loop": {name: numbers.model_dump(mode="json") for name, numbers in self.loop.items()}}


def sealed_worlds(seed: int, *, worlds: int, sites: int) -> list[WorldSpec]:
    """Worlds without hidden variables of sites that this seed draws and no round, check or benchmark ever does."""
    names = generated_site_names(sites, "sealed", seed, is_sealed=True)
    each = -(-worlds // len(names))
    drawn = [
        draw_worlds(site=name, day="sealed", count=each, seed=seed_of("sealed", seed, name), has_hidden_variables=False)
        for name in names
    ]
    return [spec for group in zip(*drawn, strict=True) for spec in group][:worlds]


def evaluate_sealed(
    workspace: Workspace, day: str | None, *, seed: int, worlds: int, sites: int, progress: Progress
) -> Sealed:
    """Play the loop with the model of a day (None: the newest) in sealed worlds, beside guards without a model.

    Raises MissingUpstreamError when there is no report: the day's data choose the limit of the relations' rule.
    """
    from wm_pipeline.evaluate.loop_metrics import loop_table
    from wm_pipeline.evaluate.run import play_under_guards, relations_guard, rows_to_learn_from

    settings = workspace.profile.evaluate
    report = read_report(workspace, day)
    model = load_predictor(workspace, DISTILLED.folder(report.day))
    days = list(workspace.store.lineage_of("sft_dataset", day=report.day)["days"])
    seen = rows_to_learn_from(
        workspace.store.read(SftSchema, days=[report.day]), workspace.store.scan(StateSchema, days=days).collect()
    )
    specs = sealed_worlds(seed, worlds=worlds, sites=sites)

    async def play() -> dict[str, dict[str, Any]]:
        async with started_sites(workspace.storage.chromium, count=settings.browsers) as environments:
            episodes = await play_under_guards(
                environments,
                partial(make_policy, ProposedBy.GULLIBLE.value),
                specs,
                guard=guard_of(model),
                rule=relations_guard(seen),
                max_steps=settings.loop_max_steps,
                known={},
                progress=progress,
            )
        return loop_table(episodes)[ProposedBy.GULLIBLE.value]

    loop = from_python(dict[str, Numbers], asyncio.run(play()), what="sealed evaluation")
    names = tuple(dict.fromkeys(spec.site for spec in specs))
    return Sealed(report.day, model.model_version, seed, names, len(specs), loop)
