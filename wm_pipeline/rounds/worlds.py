"""Which worlds a round draws, for collection and for evaluation, and who acts in them."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wm_pipeline.collect.worker import Assignment
from wm_pipeline.domain.ids import SplitRule, seed_of
from wm_pipeline.domain.ports import Environment, Policy
from wm_pipeline.domain.registrations import Kind, of_plugins
from wm_pipeline.domain.secrets import key_kept_in
from wm_pipeline.domain.vocabulary import ProposedBy, Saying, Split
from wm_pipeline.domain.world import AttackChoice, WorldSpec
from wm_pipeline.environments.sites.outside_suite import registered
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.gateways.outside_suites import installed_injections, installed_suites
from wm_pipeline.policies.named import policy_entry, registered_policies
from wm_pipeline.rounds.agents import policy_of
from wm_pipeline.rounds.environments import Opening, WorldRequest, kind_of_site, open_environment
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.settings import Profile, RoundSettings
from wm_pipeline.rounds.workspace import Workspace

if TYPE_CHECKING:
    from wm_pipeline.evaluate.run import ApplicationInLoop, OutsideSuite


def draw_round(
    profile: Profile,
    day: str,
    site: str,
    *,
    weights: pl.DataFrame | None = None,
    purpose: str = "collect",
    applications: Sequence[str] = (),
) -> tuple[Assignment, ...]:
    """The worlds of one (day, site) and who acts in them. `weights` is yesterday's attack_curriculum."""
    seed = seed_of(purpose, profile.seed, day, site)
    specs = kind_of_site(site, applications).draw(WorldRequest(profile, day, site, seed, weights, applications))
    return tuple(
        Assignment(
            spec,
            _who_acts(index, spec, profile.round),
            _other_goals(spec, profile.split_rule),
            is_trained_on=split_of_world(spec, profile.split_rule) is Split.TRAIN,
        )
        for index, spec in enumerate(specs)
    )


def _who_acts(index: int, spec: WorldSpec, settings: RoundSettings) -> str:
    """The policy of a site's world: the explorer, a language model's agent and plug-ins have their shares; of the
    others, attacked worlds go to the gullible policy and the rest to the scripted one."""
    explorer_every, llm_every = _one_in(settings.explorer_share), _one_in(settings.llm_share)
    if explorer_every and index % explorer_every == explorer_every - 1:
        return ProposedBy.EXPLORER.value
    if llm_every and index % llm_every == 0:
        return ProposedBy.LLM.value
    for name in of_plugins(Kind.POLICY):
        every = _one_in(policy_entry(name).share)
        if every and index % every == every // 2:
            return name
    return (ProposedBy.GULLIBLE if spec.attack is not None else ProposedBy.SCRIPTED).value


def _one_in(share: float) -> int:
    """n when one world in n has this share; 0 for none."""
    return round(1 / share) if share > 0 else 0


def _other_goals(spec: WorldSpec, rule: SplitRule) -> tuple[str, ...]:
    """Ids of goals that hindsight may judge a world by: training goals, and only in training worlds."""
    site = registered_sites().get(spec.site)
    if site is None or split_of_world(spec, rule) is not Split.TRAIN:
        return ()
    others = (replace(spec, goal_id=f"{site.name}/{goal.name}") for goal in site.goals)
    return tuple(one.goal_id for one in others if one != spec and split_of_world(one, rule) is Split.TRAIN)


def loop_worlds(profile: Profile, day: str) -> list[WorldSpec]:
    """Fresh worlds for the loop, shared out over our own sites; their seeds are used for nothing else.

    Applications are left out, since one environment runs the whole loop.
    None has a goal with hidden variables: there the same page leads to harm in every other world, and a guard that
    knows it stops honest episodes for good reason (docs/decisions/0003).
    """
    return drawn_in_turn(profile, day, "loop", profile.evaluate.loop_worlds, profile.round.attacks)


def side_policies(workspace: Workspace) -> list[Callable[[], Policy]]:
    """Policies that play in a few worlds only; those that ask a language model only where there is one."""
    llm, key = workspace.storage.llm, workspace.storage.llm_key
    aside = [entry for entry in registered_policies().values() if entry.plays_aside is not None]
    return [partial(policy_of, llm, key, entry.name) for entry in aside if llm is not None or not entry.asks_model]


def own_sites(profile: Profile) -> list[str]:
    return [site for site in profile.round.sites if site in registered_sites()]


def drawn_in_turn(
    profile: Profile, day: str, use: str, count: int, attacks: AttackChoice, *, are_all_planted: bool = False
) -> list[WorldSpec]:
    """`count` fresh worlds without hidden variables, our own sites in turn; the seeds are this use's alone.

    `are_all_planted`: only worlds with an attack or a look-alike.
    """
    sites = own_sites(profile)
    # Seven of ten worlds that are drawn are attacked or look like it.
    each = -(-2 * count // len(sites)) + 1 if are_all_planted else -(-count // len(sites))
    drawn = [
        draw_worlds(
            site=site,
            day=day,
            count=each,
            seed=seed_of(use, profile.seed, day, site),
            has_hidden_variables=False,
            attacks=attacks,
        )
        for site in sites
    ]
    in_turn = [spec for group in zip(*drawn, strict=True) for spec in group]
    return [spec for spec in in_turn if spec.attack is not None or not are_all_planted][:count]


def attack_grounds(profile: Profile, day: str, *, use: str = "ground") -> list[tuple[WorldSpec, ...]]:
    """Grounds for the adaptive attacker, our own sites in turn: a fresh seed each, with what could be planted there.

    The seeds are those of one use alone.
    """
    sites = own_sites(profile)
    found = []
    for number in range(profile.evaluate.adaptive_grounds):
        site = sites[number % len(sites)]
        seed = seed_of(use, profile.seed, day, site, number)
        drawn = draw_worlds(
            site=site,
            day=day,
            count=2 * profile.evaluate.adaptive_attacks,
            seed=seed,
            has_hidden_variables=False,
            attacks=profile.round.attacks,
        )
        attacked = [spec for spec in drawn if spec.attack is not None and not spec.attack.is_lookalike]
        # With another seed not every way of saying a goal has to fit.
        found.append(tuple(replace(spec, world_seed=seed, saying=Saying.PLAIN) for spec in attacked))
    return found


def applications_in_loop(workspace: Workspace, day: str) -> list["ApplicationInLoop"]:
    """The user's applications with fresh worlds; their seeds are used for nothing else."""
    from wm_pipeline.evaluate.run import ApplicationInLoop

    profile, files = workspace.profile, workspace.storage.applications
    count = profile.evaluate.application_worlds
    found = []
    for file in files if count else ():
        name = Path(file).stem
        drawn = draw_round(profile, day, name, purpose="loop", applications=files)
        opening = Opening(name, workspace.storage.chromium, files, key_kept_in(workspace.work))
        found.append(ApplicationInLoop(name, [one.spec for one in drawn[:count]], partial(_started, opening)))
    return found


@asynccontextmanager
async def _started(opening: Opening) -> AsyncIterator[Environment]:
    environment = (await open_environment(opening)).environment
    try:
        yield environment
    finally:
        await environment.close()


@contextmanager
def outside_suite(profile: Profile, day: str) -> Iterator["OutsideSuite | None"]:
    """agentdojo's injections in fresh worlds of our sites, while the block runs; None when the package is not
    installed, or the profile leaves it out."""
    if not profile.evaluate.outside_worlds or "agentdojo" not in installed_suites():
        yield None
        return
    texts = installed_injections()
    with registered(texts) as family:
        planted = AttackChoice(families=(family.name,))
        worlds = drawn_in_turn(profile, day, "outside", profile.evaluate.outside_worlds, planted, are_all_planted=True)
        from wm_pipeline.evaluate.run import OutsideSuite

        yield OutsideSuite(texts, worlds)
