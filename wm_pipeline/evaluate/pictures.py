"""The pages that the worst misses were made on, as pictures: each world is drawn again and the way there repeated."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import Environment, Progress
from wm_pipeline.domain.world import WorldSpec
from wm_pipeline.environments.episodes import reach
from wm_pipeline.environments.instruments.side_by_side import play_side_by_side

WIDTH = 720
"""Pixels; wide enough to read the page, and twenty of them stay below a megabyte."""
_COLOURS = 64


@dataclass(frozen=True, slots=True)
class PageWanted:
    """A state, and the way to it."""

    state_id: str
    spec: WorldSpec
    prefix: tuple[Action, ...]
    """The trajectory's own actions up to the state."""


async def take_page_pictures(
    environments: Sequence[Environment], wanted: Sequence[PageWanted], *, progress: Progress
) -> Mapping[str, bytes]:
    """Small PNGs by state id. A page is left out when these environments cannot draw its world, or when the way there
    no longer leads to the recorded state: what is shown is the page as it was."""

    async def take(environment: Environment, page: PageWanted) -> bytes | None:
        try:
            reached = await reach(environment, page.spec, page.prefix)
            if reached is None or state_id_of(reached.play.state) != page.state_id:
                return None
            return shrunk(await environment.screenshot())
        except (WorldError, InvalidInputError):
            # A picture less; the text of the page is in the report in any case.
            return None

    pages = list({page.state_id: page for page in wanted}.values())
    found = await play_side_by_side(
        environments, pages, take, progress=lambda done, total: progress(done, total, "pages of misses pictured")
    )
    return {page.state_id: picture for page, picture in zip(pages, found, strict=True) if picture is not None}


def shrunk(png: bytes) -> bytes:
    """At most WIDTH wide, in few colours: a page is mostly text."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # By coverage, not by count: the few blue pixels of a link would become grey.
    picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
