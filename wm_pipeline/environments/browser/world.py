"""Our own JavaScript world in a page's document (Chrome DevTools Protocol, Page.createIsolatedWorld).

It shares the document's nodes with the page's scripts and nothing else: they find no name of ours, and what they
override (prototypes, getters, `toJSON`) is not what ours use.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

_CHANNEL = "__CHANNEL__"
"""Stands in the scripts for the name of the events by which world.js and hooks.js speak; each tab has another."""
_UNDEFINED = "ReferenceError"
_LISTENED = {
    **dict.fromkeys(("click", "mouseup", "pointerup", "dblclick"), "click"),
    **dict.fromkeys(("mousedown", "pointerdown"), "press"),
    **dict.fromkeys(("submit", "formdata"), "submit"),
}
"""Types of events that a click or a submit leads to, as world.js counts them."""

_GROUP = "wm_pipeline listeners"
_INTERCEPTOR = re.compile(
    r"\(?event\)?=>(?:this\._hitTargetInterceptor\?\.\(event\)"
    r"|\{var_a;return\(_a=this\._hitTargetInterceptor\)==null\?void0:_a\.call\(this,event\);?\})"
)
"""What Playwright listens with on the window of a page in which somebody has evaluated something of a locator."""


def _is_of_playwright(listener: Mapping[str, Any]) -> bool:
    """Whether a listener on the window is that by which Playwright checks where its own clicks land.

    A page can write the same; it could as well wait for the focus or the mouse, which nobody calls a click's listener.
    What it asks for then is held all the same.
    """
    said = re.sub(r"\s", "", str(listener.get("handler", {}).get("description", "")))
    is_first = bool(listener.get("useCapture")) and not listener.get("passive")
    return is_first and _INTERCEPTOR.fullmatch(said) is not None


def new_channel() -> str:
    """A name that no page can guess."""
    return f"x{secrets.token_hex(12)}"


@cache
def _source(name: str) -> str:
    return Path(__file__).with_name(f"{name}.js").read_text().rstrip()


def hooks_script(channel: str) -> str:
    """For every document, before its own scripts, in their world."""
    return _source("hooks").replace(_CHANNEL, channel)


def world_script(channel: str) -> str:
    """For our world of a document: it defines `look` and `act` there."""
    shared, judged, look, act = map(_source, ("world", "judged", "observe", "act"))
    ours = (
        *("silence", "mute", "nodeOf", "attributesOf", "countFiles", "handlers", "hear", "standingOf"),
        *("askHooks", "fileInputOf", "coverHere", "expectPointed", "placeOfPointed", "forgetPointed"),
    )
    names = f"look: {look}, act: {act}, {', '.join(ours)}"
    return f"(() => {{\n{shared}\n{judged}\nObject.assign(globalThis, {{{names}}});\n}})()".replace(_CHANNEL, channel)


REPLACED = (
    *("Execution context was destroyed", "Cannot find context", "navigating", "Frame was detached"),
    *("navigated or closed", "No frame for given id", "does not belong to the document", "node with given id"),
)
"""What Playwright says when the document was replaced while it was being looked at."""


def is_replaced(error: PlaywrightError) -> bool:
    return any(sign in error.message for sign in REPLACED)


class DocumentWorld:
    """Calls into our world of the document that a frame shows at that moment."""

    def __init__(self, cdp: CDPSession, channel: str, *, frame_id: str | None = None) -> None:
        """`cdp`: a session of the frame's process, with the domain Page enabled. No frame: the session's main one."""
        self._cdp = cdp
        self._name = new_channel()
        self._script = world_script(channel)
        self._context: int | None = None
        self._frame = frame_id
        self._is_main = frame_id is None
        self._told: set[tuple[int, str]] = set()
        """Nodes of this document that are listened on, as our world was told."""

    async def be_ready_early(self) -> None:
        """Define what is called here in every document as it begins: it need not be sent with the first look at it."""
        await self._cdp.send("Page.addScriptToEvaluateOnNewDocument", {"source": self._script, "worldName": self._name})

    async def frame_id(self) -> str:
        if self._frame is None:
            self._frame = str((await self._cdp.send("Page.getFrameTree"))["frameTree"]["frame"]["id"])
        return self._frame

    async def asks_of(self, node: int, function: str, *values: object) -> Any:
        """What a function of ours answers of a node, given by the browser's number for it, and of further values."""
        await self._evaluate(f"Boolean({function})", is_by_value=True)  # our functions are there
        named = {"objectId": await self._resolved(node)}
        return await self._applied(f"(...all) => {function}(...all)", named, *({"value": one} for one in values))

    async def is_seen_from_outside(self) -> bool:
        """Whether the document around the frame may look into it: then its walk has seen all of this one."""
        answer = await self._evaluate("frameElement !== null", is_by_value=True)
        return bool(answer.get("value"))

    async def call(self, function: str, argument: object) -> Any:
        """What `look` or `act` answers. Raises Playwright's error when the document is replaced meanwhile."""
        return (await self._evaluate(f"{function}({json.dumps(argument)})", is_by_value=True)).get("value")

    async def learn_listeners(self, *, most: int = 200) -> None:
        """Where hooks.js does not run: ask the browser which nodes scripts listen on, and tell our world of new ones.

        At most so many a call, as naming a node takes a round trip (DOMDebugger.getEventListeners, DOM.resolveNode).
        """
        page = await self.node("hear && document")  # our functions are there
        listeners, of_window = await self._listeners(page)
        wanted = {
            (int(one["backendNodeId"]), _LISTENED[one["type"]])
            for one in listeners
            if one["type"] in _LISTENED and "backendNodeId" in one
        }
        heard = sorted({_LISTENED[one["type"]] for one in of_window if one["type"] in _LISTENED})
        if heard:
            await self._evaluate(f"{json.dumps(heard)}.forEach((what) => hear(window, what))", is_by_value=True)
        new = sorted(wanted - self._told)[:most]
        named = await asyncio.gather(*(self._resolved(node) for node, _ in new), return_exceptions=True)
        known = [(what, node) for (_, what), node in zip(new, named, strict=True) if isinstance(node, str)]
        if known:
            await self._applied(
                "(kinds, ...nodes) => nodes.forEach((node, at) => hear(node, kinds[at]))",
                {"value": [what for what, _ in known]},
                *({"objectId": node} for _, node in known),
            )
        self._told |= set(new)

    async def _listeners(self, page: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Of a document's nodes, and of its window: asked of the page's own world, which alone is answered rightly."""
        node = (await self._cdp.send("DOM.describeNode", {"objectId": page}))["node"]
        own = await self._cdp.send("DOM.resolveNode", {"backendNodeId": node["backendNodeId"]})
        document = {"objectId": own["object"]["objectId"]}
        # Of objects in a group the browser names the functions, too.
        asked = {"functionDeclaration": "function () { return this.defaultView; }", "objectGroup": _GROUP, **document}
        window = (await self._cdp.send("Runtime.callFunctionOn", asked))["result"].get("objectId")
        within, of_window = await asyncio.gather(
            self._cdp.send("DOMDebugger.getEventListeners", {**document, "depth": -1, "pierce": True}),
            self._cdp.send("DOMDebugger.getEventListeners", {"objectId": window or document["objectId"]}),
        )
        await self._cdp.send("Runtime.releaseObjectGroup", {"objectGroup": _GROUP})
        nodes = [one for one in within["listeners"] if "backendNodeId" in one]  # the window's are told of, too
        return nodes, [one for one in of_window["listeners"] if not _is_of_playwright(one)]

    async def _applied(self, function: str, *arguments: Mapping[str, object]) -> Any:
        """What a function answers in our world, which has to be there, of values and of nodes by their names."""
        asked = {"functionDeclaration": function, "executionContextId": self._context, "returnByValue": True}
        answer = await self._cdp.send("Runtime.callFunctionOn", {**asked, "arguments": list(arguments)})
        return answer["result"].get("value")

    async def _resolved(self, node: int) -> str:
        found = await self._cdp.send("DOM.resolveNode", {"backendNodeId": node, "executionContextId": self._context})
        return str(found["object"]["objectId"])

    async def attach_files(self, expression: str, files: list[str]) -> bool:
        """Give the file input that an expression names its files; False where there is none."""
        node = await self.node(expression)
        if node is None:
            return False
        await self._cdp.send("DOM.setFileInputFiles", {"objectId": node, "files": files})
        return True

    async def node(self, expression: str) -> str | None:
        """The protocol's name of a node; None where there is none."""
        found = await self._evaluate(expression, is_by_value=False)
        return found.get("objectId")

    async def _evaluate(self, expression: str, *, is_by_value: bool) -> dict[str, Any]:
        try:
            answer = await self._ask(expression, is_by_value=is_by_value)
        except PlaywrightError as error:
            if "Cannot find context" not in error.message:
                raise
            self._context = None  # it was of the document before
            answer = await self._ask(expression, is_by_value=is_by_value)
        if answer.get("exceptionDetails", {}).get("exception", {}).get("className") == _UNDEFINED:
            await self._ask(self._script, is_by_value=True)
            answer = await self._ask(expression, is_by_value=is_by_value)
        if "exceptionDetails" in answer:
            raise PlaywrightError(str(answer["exceptionDetails"].get("exception", {}).get("description", "")))
        return dict(answer["result"])

    async def _ask(self, expression: str, *, is_by_value: bool) -> dict[str, Any]:
        if self._context is None:
            self._context = await self._entered()
        return await self._cdp.send(
            "Runtime.evaluate",
            {
                "expression": expression,
                "contextId": self._context,
                "awaitPromise": True,
                "returnByValue": is_by_value,
            },
        )

    async def _entered(self) -> int:
        options = {"frameId": await self.frame_id(), "worldName": self._name}
        self._told = set()
        try:
            made = await self._cdp.send("Page.createIsolatedWorld", options)
        except PlaywrightError:
            self._frame = None if self._is_main else self._frame  # another process shows the page now
            raise
        return int(made["executionContextId"])
