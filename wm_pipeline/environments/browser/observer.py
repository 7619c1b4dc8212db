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

from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.errors import NotDoneError, PageChangedError
from wm_pipeline.domain.secrets import Redactor, new_key
from wm_pipeline.domain.state import Element, State
from wm_pipeline.domain.vocabulary import ActionKind, Visibility
from wm_pipeline.environments.browser.aim import Aim, aim_of
from wm_pipeline.environments.browser.observe import PageWalk, page_walk_of
from wm_pipeline.environments.browser.world import DocumentWorld, is_replaced, new_channel


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

    def __init__(self, page: Page, cdp: CDPSession, channel: str, *, is_watched: bool, redactor: Redactor) -> None:
        self._redactor = redactor
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
        self._names: tuple[tuple[str, str], ...] = ()
        """Role and name of each element of the last look."""
        self._crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        page.on("crash", self._on_crash)

    @classmethod
    async def attach(cls, page: Page, redactor: Redactor | None = None) -> Self:
        """To a page that is there already. In documents that come after it our world listens before the page does."""
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Page.enable")
        observer = cls(page, cdp, new_channel(), is_watched=False, redactor=redactor or Redactor(new_key()))
        await observer.world.be_ready_early()
        return observer

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
        whole = joined([one for _, _, one in parts])
        self._names = tuple(_name_of(element) for element in whole.elements)
        return whole

    async def expect_pointed(self, name: str) -> None:
        """Make the element that an event of this name is about a part of the next look."""
        for world in self._known_worlds():
            with contextlib.suppress(PlaywrightError):  # a frame that is gone is not pointed at
                await self._unless_crashed(world, "expectPointed", name)

    async def place_of_pointed(self) -> Mapping[str, Any] | None:
        """Where the event came from: a selector that means that element alone; None: from nowhere that has one."""
        for world in self._known_worlds():
            with contextlib.suppress(PlaywrightError):
                place = await self._unless_crashed(world, "placeOfPointed", None)
                if place is not None:
                    return dict(place)
        return None

    async def forget_pointed(self) -> None:
        for world in self._known_worlds():
            with contextlib.suppress(PlaywrightError):
                await self._unless_crashed(world, "forgetPointed", None)

    def _known_worlds(self) -> tuple[DocumentWorld, ...]:
        """Of the page, and of the frames that the last look went into."""
        elsewhere = (world for _, world in self._elsewhere.values() if world is not None)
        return (self.world, *self._worlds.values(), *elsewhere)

    async def _walk(self, world: DocumentWorld, options: Mapping[str, object]) -> PageWalk:
        if not self._is_watched:
            await world.learn_listeners()
        walk = self._page_walk_of(await self._unless_crashed(world, "look", options), options)
        if self._is_watched and not walk.watched:
            await world.learn_listeners()
            answer = await self._unless_crashed(world, "look", {**options, "quietMs": 0})
            walk = self._page_walk_of(answer, options)
        deadline = time.perf_counter() + float(str(options["capMs"])) / 1000
        while walk.is_unready and time.perf_counter() < deadline:
            await asyncio.sleep(0.02)
            walk = self._page_walk_of(await self._unless_crashed(world, "look", options), options)
        return walk

    def _page_walk_of(self, answer: object, options: Mapping[str, object]) -> PageWalk:
        return page_walk_of(str(answer), self._redactor, max_text=int(str(options["maxText"])))

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
        await self._everywhere("silence")

    async def mute(self) -> None:
        """The same do not hear it when they are left, by whatever leaves them."""
        await self._everywhere("mute")

    async def _everywhere(self, function: str) -> None:
        for world in self._known_worlds():
            with contextlib.suppress(PlaywrightError):  # a frame that is gone is silent
                await self._unless_crashed(world, function, None)

    async def check(self, action: Action, state: State) -> str | None:
        """Why an action is not any more what was judged in `state`, the last look's; None: it is. Nothing is done.

        A target may be scrolled to: what lies over it is a part of what was judged.
        """
        aim = aim_of(state, action)
        target = state.element(action.target_ref or "")
        if target is not None and (aim.element >= len(self._names) or self._names[aim.element] != _name_of(target)):
            return "the page was looked at again since"
        try:
            if aim.form >= 0:
                await self.act("form?", aim)
            elif aim.element < 0 and aim.submit < 0:
                await self.act("page", aim)
            elif action.kind in {ActionKind.CLICK, ActionKind.CHECK} or aim.element < 0:
                await self.point(replace(aim, element=aim.element if aim.element >= 0 else aim.submit))
            else:
                await self.act("check", aim)
        except (PageChangedError, NotDoneError) as error:
            return str(error)
        return None

    async def act(
        self, step: str, aim: Aim, *, value: str = "", fields: Sequence[FieldValue] = ()
    ) -> Mapping[str, Any]:
        """A step of act.js on what the last look has numbered; what it answers.

        Raises PageChangedError when that is not what it was, NotDoneError when the page does not take it.
        """
        place = self._place(self._forms, aim.form) if aim.form >= 0 else self._place(self._elements, aim.element)
        argument = {
            "step": step,
            "index": place.index if aim.form < 0 else -1,
            "form": place.index if aim.form >= 0 else -1,
            "submit": self._place(self._elements, aim.submit).index,
            "also": [self._place(self._elements, index).index for index in aim.sent],
            "isEnter": aim.is_enter,
            "isCovered": aim.is_covered,
            "value": value,
            "fields": [{"name": one.name, "value": one.value} for one in fields],
        }
        try:
            answer: Mapping[str, Any] = await self._unless_crashed(place.world, "act", argument)
        except PlaywrightError as error:
            if not is_replaced(error):
                raise
            raise PageChangedError("the page was replaced by another") from error
        if "changed" in answer:
            raise PageChangedError(str(answer["changed"]))
        if "problem" in answer:
            raise NotDoneError(str(answer["problem"]))
        return await self._in_frame(aim, answer) if "x" in answer else answer

    async def point(self, aim: Aim) -> Mapping[str, Any]:
        """Where in the page a click on an element goes: `x`, `y`, `is_on_screen`. Raises what act() raises."""
        return await self.act("point", aim)

    async def _in_frame(self, aim: Aim, point: Mapping[str, Any]) -> Mapping[str, Any]:
        """A point of a frame that another process shows, or of another origin, as a point of the page."""
        frame = self._place(self._elements, aim.element if aim.element >= 0 else aim.submit).frame
        if frame is None or not point["is_on_screen"]:
            return point
        try:
            box = (await self.cdp.send("DOM.getBoxModel", {"backendNodeId": frame.owner}))["model"]["content"]
        except PlaywrightError:
            return {**point, "is_on_screen": False}  # nothing is drawn of it
        x, y = box[0] + point["x"], box[1] + point["y"]
        cover = await self.world.asks_of(frame.owner, "coverHere", x, y)
        if cover is not None and not aim.is_covered:
            raise PageChangedError(f"{cover} lies over the target")
        return {**point, "x": x, "y": y}

    async def typed(self) -> tuple[dict[str, Any], ...]:
        """The controls whose value a reload would lose, and how far parts of the page are scrolled."""
        return tuple(await self._unless_crashed(self.world, "act", {"step": "typed"}) or ())

    async def retype(self, values: Sequence[Mapping[str, Any]]) -> bool:
        """Put them back; False when the page has no such controls and parts."""
        return bool(await self._unless_crashed(self.world, "act", {"step": "retype", "fields": list(values)}))

    async def attach_files(self, index: int, files: list[str]) -> bool:
        """Give a file input, or the one that a label is for, its files; False when the page was replaced since."""
        place = self._place(self._elements, index)
        return await place.world.attach_files(f"fileInputOf({place.index})", files)

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


def _name_of(element: Element) -> tuple[str, str]:
    return element.role, element.name


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
    elements, forms, pointed = list(first.elements), list(first.forms), first.pointed
    others = [_in_frame(one, first.origin) for one in others]
    for walk in others:
        refs = {one.element_ref: f"e{len(elements) + at}" for at, one in enumerate(walk.elements, start=1)}
        pointed = pointed or refs.get(walk.pointed or "")
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
        pointed=pointed,
        stopped=next((one.stopped for one in walks if one.stopped is not None), None),
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
