"""The kinds of environments: which sites each has, how their worlds are drawn and how it is started.

A further kind is an entry here, or a plug-in that calls `register_environment`.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from wm_pipeline.collect.worker import OpenEnvironment
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ids import is_generated_site, seed_of
from wm_pipeline.domain.registrations import Kind, Registry, of_plugins
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.applications.application import ApplicationFile, load_application
from wm_pipeline.environments.applications.environment import open_application
from wm_pipeline.environments.applications.worlds import draw_application_worlds
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import MiniWobEnvironment, miniwob_version, miniwob_world, rotation
from wm_pipeline.environments.sites.environment import SiteEnvironment, open_site_environment
from wm_pipeline.environments.sites.generator import generated_site_names
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.rounds.graph import ASSET
from wm_pipeline.rounds.names import MINIWOB
from wm_pipeline.rounds.pools import POOL, chosen_of_pool, split_of_world
from wm_pipeline.rounds.settings import GENERATED, Profile

SITES = "sites"
APPLICATIONS = "applications"


class WorldRequest(NamedTuple):
    """The worlds of one (day, site) that a round is to roll out."""

    profile: Profile
    day: str
    site: str
    seed: int
    curriculum: pl.DataFrame | None = None
    """Yesterday's attack_curriculum."""
    applications: Sequence[str] = ()
    """Files of the user's own applications."""

    @property
    def worlds(self) -> int:
        settings = self.profile.round
        is_held_out = self.site in self.profile.split_rule.held_out_sites
        return settings.held_out_worlds if is_held_out else settings.worlds_per_site


class Opening(NamedTuple):
    """What an environment is started with."""

    site: str
    chromium: str | None
    """The setting WM_CHROMIUM."""
    applications: Sequence[str] = ()
    """Files of the user's own applications."""
    redaction_key: bytes | None = None
    """Under which equal secrets have equal marks in all workers and days of a deployment."""


@dataclass(frozen=True, slots=True)
class EnvironmentKind:
    name: str
    has_site: Callable[[str, Sequence[str]], bool]
    """Whether a site (a partition of a day) is of this kind; the second argument is the applications' files."""
    draw: Callable[[WorldRequest], Sequence[WorldSpec]]
    open: Callable[[Opening], Awaitable[OpenEnvironment]]
    shares_workers: bool = False
    """One environment serves all its sites, one after the other."""
    sites: tuple[str, ...] = ()
    """Sites of a plug-in; every round rolls out in them."""


KINDS = Registry[EnvironmentKind](Kind.ENVIRONMENT)


def register_environment(kind: EnvironmentKind) -> None:
    """Add a kind of environment. Raises SettingsError for a name or a site that is taken."""
    taken = [site for site in kind.sites if any(known.has_site(site, ()) for known in KINDS.values())]
    if kind.name in KINDS or taken:
        found = ", ".join(map(repr, taken or [kind.name]))
        raise SettingsError(f"environment {kind.name!r}: expected a new name and new sites, {found} is taken")
    KINDS[kind.name] = kind


def kind_of_site(site: str, applications: Sequence[str] = ()) -> EnvironmentKind:
    """The kind of a site. Raises SettingsError when no kind has it."""
    found = next((kind for kind in KINDS.values() if kind.has_site(site, applications)), None)
    if found is None:
        known = (*registered_sites(), MINIWOB, GENERATED, *sites_of_plugins())
        raise SettingsError(f"unknown site {site!r}; there are {', '.join(dict.fromkeys(known))}")
    return found


def sites_of_plugins() -> tuple[str, ...]:
    """Sites that plug-ins add to a round."""
    further = (site for name in of_plugins(Kind.ENVIRONMENT) for site in KINDS[name].sites)
    return (*of_plugins(Kind.SITE), *further)


async def open_environment(opening: Opening) -> OpenEnvironment:
    """The environment that worlds of a site run in; picklable as a partial, so that workers can start their own."""
    return await kind_of_site(opening.site, opening.applications).open(opening)


@asynccontextmanager
async def started_sites(chromium: str | None, *, count: int = 1) -> AsyncIterator[list[SiteEnvironment]]:
    """So many browsers on our own sites, closed again when the block ends. `chromium`: the setting WM_CHROMIUM."""
    async with AsyncExitStack() as opened:
        environments = []
        for _ in range(count):
            environments.append(await open_site_environment(find_chromium(chromium)))
            opened.push_async_callback(environments[-1].close)
        yield environments


def sharing_workers(sites: Sequence[str], applications: Sequence[str]) -> list[list[str]]:
    """The sites in groups, each served by one environment; groups of several sites come first."""
    kinds = {site: kind_of_site(site, applications) for site in sites}
    shared: dict[str, list[str]] = {}
    for site, kind in kinds.items():
        if kind.shares_workers:
            shared.setdefault(kind.name, []).append(site)
    return [*shared.values(), *([site] for site, kind in kinds.items() if not kind.shares_workers)]


def _application_of(site: str, applications: Sequence[str]) -> ApplicationFile | None:
    file = next((file for file in applications if Path(file).stem == site), None)
    return None if file is None else load_application(Path(file))


def _draw_application(request: WorldRequest) -> Sequence[WorldSpec]:
    own = _application_of(request.site, request.applications)
    assert own is not None, "asked for sites of this kind only"
    pool = draw_application_worlds(own.application, day=request.day, count=POOL * request.worlds, seed=request.seed)
    return chosen_of_pool(pool, request.worlds, request.profile, request.curriculum, request.seed)


async def _open_application(opening: Opening) -> OpenEnvironment:
    own = _application_of(opening.site, opening.applications)
    assert own is not None, "asked for sites of this kind only"
    application = await open_application(own, find_chromium(opening.chromium), redaction_key=opening.redaction_key)
    return OpenEnvironment(application, f"third-party-{own.version}", application.browser_version)


def _draw_miniwob(request: WorldRequest) -> Sequence[WorldSpec]:
    tasks = itertools.islice(itertools.cycle(rotation()), request.profile.round.miniwob_worlds)
    return [miniwob_world(task, seed_of(request.seed, index)) for index, task in enumerate(tasks)]


async def _open_miniwob(opening: Opening) -> OpenEnvironment:
    miniwob = await MiniWobEnvironment.launch(find_chromium(opening.chromium))
    return OpenEnvironment(miniwob, f"miniwob-{miniwob_version()}", miniwob.browser_version)


def _draw_sites(request: WorldRequest) -> Sequence[WorldSpec]:
    if request.site == GENERATED:
        return _draw_generated(request)
    pool = draw_worlds(
        site=request.site,
        day=request.day,
        count=POOL * request.worlds,
        seed=request.seed,
        attacks=request.profile.round.attacks,
    )
    return chosen_of_pool(pool, request.worlds, request.profile, request.curriculum, request.seed)


def _draw_generated(request: WorldRequest) -> list[WorldSpec]:
    """Worlds of generated sites that no other day or purpose uses."""
    settings, seed = request.profile.round, request.seed
    if not settings.generated_sites:
        return []
    names = generated_site_names(settings.generated_sites, seed, "site")
    each = -(-settings.generated_worlds // len(names))
    pools = [
        draw_worlds(
            site=name, day=request.day, count=POOL * each, seed=seed_of(seed, "worlds", name), attacks=settings.attacks
        )
        for name in names
    ]
    measured: list[Sequence[WorldSpec]] = []
    trained_on: list[list[WorldSpec]] = []
    for pool in pools:
        split_in = [split_of_world(spec, request.profile.split_rule) for spec in pool]
        if split_in[0] is Split.OOD_SITE:
            measured.append(pool)
        else:  # its worlds of other splits would be one or two: our own sites have more of them
            trained_on.append([spec for spec, split in zip(pool, split_in, strict=True) if split is Split.TRAIN])
    in_turn = [spec for group in itertools.zip_longest(*trained_on) for spec in group if spec is not None]
    count = each * len(trained_on)
    kept = min(each, -(-settings.held_out_worlds // max(1, len(measured))))
    return [
        *(spec for pool in measured for spec in pool[:kept]),
        *chosen_of_pool(in_turn, count, request.profile, request.curriculum, seed),
    ]


async def _open_sites(opening: Opening) -> OpenEnvironment:
    sites = await open_site_environment(find_chromium(opening.chromium))
    return OpenEnvironment(sites, f"sites-{ASSET['raw_trajectories'].code_version}", sites.browser_version)


for _kind in (
    EnvironmentKind(
        APPLICATIONS,
        lambda site, applications: any(Path(file).stem == site for file in applications),
        _draw_application,
        _open_application,
    ),
    EnvironmentKind(MINIWOB, lambda site, _: site == MINIWOB, _draw_miniwob, _open_miniwob),
    EnvironmentKind(
        SITES,
        lambda site, _: site in registered_sites() or site == GENERATED or is_generated_site(site),
        _draw_sites,
        _open_sites,
        shares_workers=True,
    ),
):
    KINDS[_kind.name] = _kind
