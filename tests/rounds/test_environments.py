"""A further kind of environment is one entry: a round draws its worlds, opens it and rolls it out."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from tests.fakes.toy_environment import ToyEnvironment
from wm_pipeline.collect.worker import OpenEnvironment
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.registrations import Plugin, registering
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.rounds.environments import (
    KINDS,
    EnvironmentKind,
    Opening,
    WorldRequest,
    open_environment,
    register_environment,
    sharing_workers,
)
from wm_pipeline.rounds.profiles import tiny, with_plugins
from wm_pipeline.rounds.worlds import draw_round


def draw(request: WorldRequest) -> Sequence[WorldSpec]:
    return [WorldSpec("desk", request.site, request.seed + index, 0, "desk/tidy", "w0") for index in range(2)]


async def open_desk(opening: Opening) -> OpenEnvironment:
    return OpenEnvironment(ToyEnvironment(), f"desk of {opening.site}", "none")


DESK = EnvironmentKind("desk", lambda site, _: site == "oak", draw, open_desk, sites=("oak",))


@pytest.fixture
def desk() -> Iterator[EnvironmentKind]:
    with registering(Plugin("desk", "1")):
        register_environment(DESK)
    yield DESK
    del KINDS[DESK.name]


def test_a_kind_of_a_plug_in_takes_part_in_a_round(desk: EnvironmentKind) -> None:
    profile = with_plugins(tiny())

    drawn = draw_round(profile, "2026-11-02", "oak")
    opened = asyncio.run(open_environment(Opening("oak", None)))

    assert profile.round.sites[-1] == "oak"
    assert [(assignment.spec.environment, assignment.spec.site) for assignment in drawn] == [("desk", "oak")] * 2
    assert opened.environment_version == "desk of oak"
    assert sharing_workers(["payroll", "oak", "webmail"], ()) == [["payroll", "webmail"], ["oak"]]


def test_a_name_or_a_site_that_is_taken_is_refused(desk: EnvironmentKind) -> None:
    with pytest.raises(SettingsError, match="environment 'desk': expected a new name and new sites, 'oak' is taken"):
        register_environment(desk)
    with pytest.raises(SettingsError, match="'payroll' is taken"):
        register_environment(EnvironmentKind("till", lambda _, __: False, draw, open_desk, sites=("payroll",)))


def test_a_site_of_no_kind_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"unknown site 'oak'; there are payroll, .*miniwob, generated"):
        draw_round(tiny(), "2026-11-02", "oak")
