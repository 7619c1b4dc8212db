"""Several environments, one list of things to play: a browser waits for half of its time, so two share a core."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Place = TypeVar("Place")
Item = TypeVar("Item")
Found = TypeVar("Found")


async def play_side_by_side(
    environments: Sequence[Place],
    items: Sequence[Item],
    play: Callable[[Place, Item], Awaitable[Found]],
    *,
    progress: Callable[[int, int], None],
) -> list[Found]:
    """What `play` found of each item, in the items' order; an environment takes the next item when it is done with one.

    `progress` hears how many are done and how many there are. The first error ends the others and is raised.
    """
    found: dict[int, Found] = {}
    waiting = deque(enumerate(items))

    async def work(environment: Place) -> None:
        while waiting:
            position, item = waiting.popleft()
            found[position] = await play(environment, item)
            progress(len(found), len(items))

    try:
        async with asyncio.TaskGroup() as group:
            for environment in environments:
                group.create_task(work(environment))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [found[position] for position in range(len(items))]
