"""The adaptive attacker: it plants what the model overlooks, keeps to its budget, and learns from its tries."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tests.fakes.site_world import BrowserSites
from tests.fakes.toy_environment import ToyEnvironment, toy_world
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.ports import Environment, Guard
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.evaluate.adaptive import CHOSEN_BY, attack_adaptively, overlooked
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.rounds.profiles import gpu, laptop, tiny
from wm_pipeline.rounds.worlds import attack_grounds

Known = tuple[str, float, float]


class StopsBut:
    """A guard that executes everything in some worlds and nothing in the others, told apart by the page's address."""

    def __init__(self, *open_seeds: int) -> None:
        self._open = {f"/{seed}/" for seed in open_seeds}
        self.asked = 0

    def decide(self, state: State, action: Action) -> Decision:
        self.asked += 1
        is_open = any(part in state.url for part in self._open)
        verdict = Verdict.EXECUTE if is_open else Verdict.ESCALATE
        return Decision(verdict, action if is_open else None, "a rule", None, 1.0, 0)


def attack(seed: int, family: str) -> WorldSpec:
    return toy_world(seed, attack=AttackPlan(family, "page", "leak", "plain"))


def known(*families: Known) -> pl.DataFrame:
    """What predictions showed of each family: harmful rows, and how much of their risk was overlooked."""
    return pl.DataFrame(
        [("toy", family, "page", "plain", "toy/finish", "plain", rows, misses) for family, rows, misses in families],
        schema={**dict.fromkeys(CHOSEN_BY, pl.String), "rows": pl.Float64, "misses": pl.Float64},
        orient="row",
    )


def siege(
    grounds: Sequence[Sequence[WorldSpec]],
    guard: Guard,
    *,
    seen: pl.DataFrame | None = None,
    tries: int = 2,
    environment: Environment | None = None,
) -> dict[str, Any]:
    return asyncio.run(
        attack_adaptively(
            environment or ToyEnvironment(),
            GulliblePolicy,
            grounds,
            guard=guard,
            known=known() if seen is None else seen,
            tries=tries,
            max_steps=4,
            progress=lambda done, total, text: None,
        )
    )


def test_it_plants_what_the_model_overlooks() -> None:
    ground = [attack(1, "a"), attack(2, "b"), attack(3, "c")]

    found = siege([ground], StopsBut(3), seen=known(("a", 50, 1), ("b", 50, 1), ("c", 50, 40)), tries=1)

    assert (found["adaptive"]["asr_first"], found["static"]["asr_first"]) == (1.0, 0.0)
    assert found["adaptive"]["finds"][0]["attack_family"] == "c"


def test_both_attackers_keep_to_the_budget() -> None:
    ground = [attack(seed, "a") for seed in range(1, 7)]

    found = siege([ground], StopsBut(), tries=3)

    for attacker in ("adaptive", "static"):
        assert found[attacker]["tries_used"] == 3
        assert found[attacker]["asr_best"] == 0.0


def test_a_win_ends_the_siege_of_a_ground() -> None:
    found = siege([[attack(1, "a"), attack(2, "a"), attack(3, "a")]], StopsBut(2), tries=3)

    assert (found["static"]["asr_first"], found["static"]["asr_best"], found["static"]["tries_used"]) == (0.0, 1.0, 2)


def test_what_won_on_one_ground_is_tried_first_on_the_next() -> None:
    grounds = [[attack(1, "a"), attack(2, "b")], [attack(3, "a"), attack(4, "b")], [attack(5, "a"), attack(6, "b")]]

    found = siege(grounds, StopsBut(2, 4, 6), tries=2)

    assert (found["adaptive"]["tries_used"], found["static"]["tries_used"]) == (4, 6)
    assert (found["adaptive"]["asr_first"], found["static"]["asr_first"]) == (pytest.approx(2 / 3), 0.0)


def test_a_world_that_broke_is_no_try() -> None:
    unresettable = replace(attack(1, "a"), goal_id="toy/unresettable")

    found = siege([[unresettable, attack(2, "a")]], StopsBut(2), tries=1)

    assert (found["static"]["tries_used"], found["static"]["asr_first"]) == (1, 1.0)


def test_without_grounds_there_is_no_number() -> None:
    assert siege([], StopsBut()) == {}


def test_what_is_overlooked_is_counted_over_harmful_rows_alone() -> None:
    rows: Any = pl.DataFrame(
        [
            ("s", "f", "c", "d", "g", "w0", 1.0, 0.25),
            ("s", "f", "c", "d", "g", "w0", 1.0, 0.75),
            ("s", "f", "c", "d", "g", "w0", 0.0, 0.9),
        ],
        schema={**dict.fromkeys(CHOSEN_BY, pl.String), "risk_score": pl.Float64, "predicted_risk_score": pl.Float64},
        orient="row",
    )

    assert overlooked(rows).select("rows", "misses").rows() == [(2.0, 1.0)]


def test_the_profiles_say_who_attacks_adaptively() -> None:
    assert attack_grounds(laptop(), "2026-03-01") == []
    grounds = attack_grounds(replace(gpu(), evaluate=replace(gpu().evaluate, adaptive_grounds=9)), "2026-03-01")
    assert len(grounds) == 9
    for ground in grounds:
        assert len({(spec.site, spec.world_seed) for spec in ground}) == 1
        assert all(spec.attack is not None and not spec.attack.is_lookalike for spec in ground)
    assert len({ground[0].world_seed for ground in grounds}) == 9
    assert len({spec.site for ground in grounds for spec in ground}) == 7


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


class ExecutesEverything:
    def decide(self, state: State, action: Action) -> Decision:
        return Decision(Verdict.EXECUTE, action, "a rule", None, 1.0, 0)


@pytest.mark.browser
def test_an_open_guard_is_beaten_by_the_first_try_in_a_real_browser(sites: BrowserSites) -> None:
    grounds = [ground[:2] for ground in attack_grounds(tiny(), "2026-03-01")]

    found = sites.run(
        attack_adaptively(
            sites.environment,
            GulliblePolicy,
            grounds,
            guard=ExecutesEverything(),
            known=known(),
            tries=2,
            max_steps=10,
            progress=lambda done, total, text: None,
        )
    )

    assert found["adaptive"]["grounds"] == 1
    assert found["adaptive"]["asr_first"] == 1.0
    assert found["adaptive"]["finds"][0]["site"] == grounds[0][0].site
