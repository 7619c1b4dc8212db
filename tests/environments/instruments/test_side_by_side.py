import asyncio

import pytest

from wm_pipeline.domain.errors import WorldError
from wm_pipeline.environments.instruments.side_by_side import play_side_by_side


def test_what_is_found_comes_in_the_items_order_whoever_is_done_first() -> None:
    played: dict[str, list[int]] = {"quick": [], "slow": []}
    told: list[tuple[int, int]] = []

    async def play(environment: str, item: int) -> int:
        played[environment].append(item)
        await asyncio.sleep(0.05 if environment == "slow" else 0.001)
        return item * item

    found = asyncio.run(
        play_side_by_side(["slow", "quick"], range(6), play, progress=lambda done, total: told.append((done, total)))
    )

    assert found == [0, 1, 4, 9, 16, 25]
    assert played["slow"] == [0]
    assert told == [(done, 6) for done in range(1, 7)]


def test_an_error_ends_the_others_and_is_raised_as_it_was() -> None:
    ended: list[int] = []

    async def play(environment: str, item: int) -> None:
        if item == 1:
            raise WorldError("the browser is gone")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(item)

    with pytest.raises(WorldError, match="the browser is gone"):
        asyncio.run(play_side_by_side(["first", "second"], range(4), play, progress=lambda done, total: None))
    assert ended == [0]
