"""One page as an agent sees it: its document and the frames that other processes show, numbered as one.

Any Playwright page of Chromium, whoever opened it. A page that is watched from its first document on (hooks.js, of
world.py's channel) tells which elements scripts listen on; of any other the browser is asked.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from playwright.async_api import CDPSession, Frame, Page
from playwright.async_api import Error as PlaywrightError

from wm_pipeline.domain.vocabulary import Visibility
from wm_pipeline.environments.browser.observe import PageWalk, page_walk_of
from wm_pipeline.environments.browser.world import DocumentWorld, new_channel

OF_FORMS = frozenset({"form", "request_submit"})
"""Steps of act.js whose index is a form's."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A document that the page's own script may not look into: of another origin, or another process."""

    world: DocumentWorld
    owner: int
    """The browser's number for the element that shows it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a reference of the last look lies."""

    world: DocumentWorld
    frame: _Frame | None
    """None: in the page's own document, or in a frame that it may look into."""
    index: int


class PageObserver:
    """Looks at a page and acts on what the last look has numbered."""

    def __init__(self, page: Page, cdp: CDPSession, channel: str, *, is_watched: bool) -> None:
        self._page = page
        self.cdp = cdp
        self._channel = channel
        self._is_watched = is_watched
        self.world = DocumentWorld(cdp, channel)
        self._worlds: dict[str, DocumentWorld] = {}
        """Of frames of other origins in the page's own process, by the browser's names for them."""
        self._elsewhere: dict[Frame, tuple[str, DocumentWorld | None]] = {}
        """Of frames, with their address when they were asked for; None: it is the page's own process."""
        self._elements: tuple[_Place, ...] = ()
        self._forms: tuple[_Place, ...] = ()
        self._crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        page.on("crash", self._on_crash)

    @classmethod
    async def attach(cls, page: Page) -> Self:
        """To a page that is there already."""
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Page.enable")
        return cls(page, cdp, new_channel(), is_watched=False)

    @property
    def is_crashed(self) -> bool:
        return self._crash.done()

    async def look(self, options: Mapping[str, object]) -> PageWalk:
        """Wait for rest, walk, and number what is found. Raises Playwright's error when the page is replaced."""
        walk = await self._walk(self.world, options)
        if not walk.foreign:
            self._worlds, self._elsewhere = {}, {}
        parts: list[tuple[DocumentWorld, _Frame | None, PageWalk]] = [(self.world, None, walk)]
        for world in await self._other_worlds() if walk.foreign else ():
            with contextlib.suppress(PlaywrightError):  # it is replaced meanwhile: one that is not seen
                if not await world.is_seen_from_outside():
                    parts.append((world, *await self._walk_of_frame(world, options)))
        self._elements = _places(parts, "elements")
        self._forms = _places(parts, "forms")
        return joined([one for _, _, one in parts])

    async def _walk(self, world: DocumentWorld, options: Mapping[str, object]) -> PageWalk:
        if not self._is_watched:
            await world.learn_listeners()
        walk = page_walk_of(str(await self._unless_crashed(world, "look", options)))
        if self._is_watched and not walk.watched:
            await world.learn_listeners()
            walk = page_walk_of(str(await self._unless_crashed(world, "look", {**options, "quietMs": 0})))
        deadline = time.perf_counter() + float(str(options["capMs"])) / 1000
        while walk.is_unready and time.perf_counter() < deadline:
            await asyncio.sleep(0.02)
            walk = page_walk_of(str(await self._unless_crashed(world, "look", options)))
        return walk

    async def _other_worlds(self) -> list[DocumentWorld]:
        """Of frames whose origin is not that of the document around them."""
        tree = (await self.cdp.send("Page.getFrameTree"))["frameTree"]
        self._worlds = {
            one: self._worlds.get(one) or DocumentWorld(self.cdp, self._channel, frame_id=one) for one in _foreign(tree)
        }
        frames = self._page.frames[1:]
        self._elsewhere = {frame: await self._world_elsewhere(frame) for frame in frames}
        return [*self._worlds.values(), *(world for _, world in self._elsewhere.values() if world is not None)]

    async def _world_elsewhere(self, frame: Frame) -> tuple[str, DocumentWorld | None]:
        known = self._elsewhere.get(frame)
        if known is not None and (known[1] is not None or known[0] == frame.url):
            return known
        try:
            session = await self._page.context.new_cdp_session(frame)
            await session.send("Page.enable")
        except PlaywrightError:
            return frame.url, None  # it has no session of its own
        return frame.url, DocumentWorld(session, self._channel)

    async def _walk_of_frame(self, world: DocumentWorld, options: Mapping[str, object]) -> tuple[_Frame, PageWalk]:
        owner = (await self.cdp.send("DOM.getFrameOwner", {"frameId": await world.frame_id()}))["backendNodeId"]
        walk = await self._walk(world, {**options, "quietMs": 0, "isForeseen": False})
        standing = await self.world.asks_of(owner, "standingOf")
        return _Frame(world, owner), _standing(walk, Visibility(standing["seenAs"]), standing["coveredBy"])

    async def silence(self) -> None:
        """The page, and the frames that the last look went into, do nothing more: it is about to be left."""
        elsewhere = (world for _, world in self._elsewhere.values() if world is not None)
        for world in (self.world, *self._worlds.values(), *elsewhere):
            with contextlib.suppress(PlaywrightError):  # a frame that is gone is silent
                await self._unless_crashed(world, "silence", None)

    async def act(self, step: str, *, index: int = -1, value: str = "", fields: object = ()) -> Any:
        """A step of act.js on an element, or a form, of the last look. None: the page was replaced since."""
        place = self._place(self._forms if step in OF_FORMS else self._elements, index)
        argument = {"step": step, "index": place.index, "value": value, "fields": fields}
        return await self._unless_crashed(place.world, "act", argument)

    async def point(self, index: int) -> Mapping[str, Any] | None:
        """Where in the page a click on an element goes: `x`, `y`, `is_on_screen`. None: the page was replaced since."""
        point: Mapping[str, Any] | None = await self.act("point", index=index)
        frame = self._place(self._elements, index).frame
        if point is None or frame is None:
            return point
        try:
            box = (await self.cdp.send("DOM.getBoxModel", {"backendNodeId": frame.owner}))["model"]["content"]
        except PlaywrightError:
            return {**point, "is_on_screen": False}  # nothing is drawn of it
        return {**point, "x": box[0] + point["x"], "y": box[1] + point["y"]}

    async def attach_files(self, index: int, files: list[str]) -> bool:
        """Give a file input its files; False when the page was replaced since."""
        place = self._place(self._elements, index)
        return await place.world.attach_files(f"nodeOf({place.index})", files)

    def _place(self, places: tuple[_Place, ...], index: int) -> _Place:
        """What no look has numbered is nobody's: -1."""
        return places[index] if 0 <= index < len(places) else _Place(self.world, None, -1)

    async def _unless_crashed(self, world: DocumentWorld, function: str, argument: object) -> Any:
        """See DocumentWorld.call; a crash meanwhile, which the protocol does not say, is an error, too."""
        asked = asyncio.ensure_future(world.call(function, argument))
        try:
            await asyncio.wait({asked, self._crash}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise PlaywrightError("the page crashed")
            return asked.result()
        finally:
            asked.cancel()

    def _on_crash(self, _: Page) -> None:
        if not self._crash.done():
            self._crash.set_result(None)


def _foreign(tree: Mapping[str, Any]) -> list[str]:
    """The names of frames below one whose origin is another, or not told, and of those below them."""
    origin, found = tree["frame"].get("securityOrigin"), []
    for child in tree.get("childFrames", ()):
        if child["frame"].get("securityOrigin") != origin:
            found.append(str(child["frame"]["id"]))
        found += _foreign(child)
    return found


def _places(parts: list[tuple[DocumentWorld, _Frame | None, PageWalk]], name: str) -> tuple[_Place, ...]:
    return tuple(
        _Place(world, frame, index) for world, frame, walk in parts for index in range(len(getattr(walk, name)))
    )


def _standing(walk: PageWalk, seen: Visibility, covered_by: str | None) -> PageWalk:
    """What stands in a frame that is not seen, or that something lies over."""
    if seen is Visibility.VISIBLE:
        return walk if covered_by is None else _covered(walk, covered_by)
    return replace(
        walk,
        elements=tuple(replace(one, visibility=seen, covered_by=None) for one in walk.elements),
        texts=tuple(replace(one, visibility=seen) for one in walk.texts),
    )


def _covered(walk: PageWalk, covered_by: str) -> PageWalk:
    elements = (replace(one, covered_by=one.covered_by or covered_by) for one in walk.elements)
    return replace(walk, elements=tuple(elements))


def joined(walks: list[PageWalk]) -> PageWalk:
    """A page's walk with those of frames after it, all references numbered anew."""
    first, *others = walks
    if not others:
        return first
    elements, forms = list(first.elements), list(first.forms)
    others = [_in_frame(one, first.origin) for one in others]
    for walk in others:
        refs = {one.element_ref: f"e{len(elements) + at}" for at, one in enumerate(walk.elements, start=1)}
        form_refs = {one.form_ref: f"f{len(forms) + at}" for at, one in enumerate(walk.forms, start=1)}
        elements += [
            replace(one, element_ref=refs[one.element_ref], form_ref=form_refs.get(one.form_ref or ""))
            for one in walk.elements
        ]
        forms += [
            replace(
                one,
                form_ref=form_refs[one.form_ref],
                submit_ref=refs.get(one.submit_ref or ""),
                fields=tuple(replace(field, element_ref=refs.get(field.element_ref or "")) for field in one.fields),
                submitters=tuple(replace(each, element_ref=refs[each.element_ref]) for each in one.submitters),
            )
            for one in walk.forms
        ]
    return replace(
        first,
        elements=tuple(elements),
        forms=tuple(forms),
        texts=(*first.texts, *(text for walk in others for text in walk.texts)),
        more_elements=sum(one.more_elements for one in walks),
        more_texts=sum(one.more_texts for one in walks),
        files=sum(one.files for one in walks),
        restless=any(one.restless for one in walks),
        unseen=tuple(words for one in walks for words in one.unseen),
        foreign=not_answered([origin for one in walks for origin in one.foreign], [one.origin for one in others]),
    )


def _in_frame(walk: PageWalk, page: str) -> PageWalk:
    """What a frame shows says so, where it is of another origin than the page."""
    if walk.origin == page:
        return walk
    return replace(
        walk,
        elements=tuple(replace(one, origin=one.origin or walk.origin) for one in walk.elements),
        texts=tuple(replace(one, origin=one.origin or walk.origin) for one in walk.texts),
    )


def not_answered(asked: Sequence[str], answered: Iterable[str]) -> tuple[str, ...]:
    """Origins of the frames that gave no answer; one that was led elsewhere has answered under another origin."""
    left, led_elsewhere = list(asked), 0
    for origin in answered:
        if origin in left:
            left.remove(origin)
        else:
            led_elsewhere += 1
    return tuple(left[: max(0, len(left) - led_elsewhere)])
