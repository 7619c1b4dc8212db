"""The adaptive attacker against a day's model."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.records import from_python
from wm_pipeline.domain.tables import PredictionSchema
from wm_pipeline.domain.vocabulary import ProposedBy
from wm_pipeline.evaluate.eval_report import AdaptiveNumbers
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import started_sites
from wm_pipeline.rounds.graph import DISTILLED
from wm_pipeline.rounds.models import guard_of, load_predictor
from wm_pipeline.rounds.reports import read_report
from wm_pipeline.rounds.settings import Profile
from wm_pipeline.rounds.workspace import Workspace
from wm_pipeline.rounds.worlds import attack_grounds


@dataclass(frozen=True, slots=True)
class Attacked:
    """Results of the attackers against the model of a day."""

    day: str
    model_version: str
    seed: int
    numbers: AdaptiveNumbers

    def as_json(self) -> dict[str, Any]:
        numbers = self.numbers.model_dump(mode="json")
        return {"day": self.day, "model_version": self.model_version, "seed": self.seed, **numbers}


def attack_day(
    workspace: Workspace, profile: Profile, day: str | None, *, grounds: int, tries: int, seed: int, progress: Progress
) -> Attacked:
    """Run the adaptive attacker against the model of a day (None: the newest), in worlds of its own.

    Raises MissingUpstreamError when the day has no report; its predictions show what the model overlooks.
    """
    from wm_pipeline.evaluate.adaptive import attack_adaptively, overlooked

    report = read_report(workspace, day)
    chosen = replace(profile, evaluate=replace(profile.evaluate, adaptive_grounds=grounds))
    model = load_predictor(workspace, DISTILLED.folder(report.day))

    async def attack() -> dict[str, Any]:
        async with started_sites(workspace.storage.chromium) as (environment,):
            return await attack_adaptively(
                environment,
                partial(make_policy, ProposedBy.GULLIBLE.value),
                attack_grounds(chosen, report.day, use=f"attack {seed}"),
                guard=guard_of(model),
                known=overlooked(workspace.store.read(PredictionSchema, days=[report.day])),
                tries=tries,
                max_steps=profile.evaluate.loop_max_steps,
                progress=progress,
            )

    numbers = from_python(AdaptiveNumbers, asyncio.run(attack()), what="attack")
    return Attacked(report.day, model.model_version, seed, numbers)
