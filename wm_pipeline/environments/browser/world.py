"""Our own JavaScript world in a page's document (Chrome DevTools Protocol, Page.createIsolatedWorld).

It shares the document's nodes with the page's scripts and nothing else: they find no name of ours, and what they
override (prototypes, getters, `toJSON`) is not what ours use.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

_HERE = Path(__file__).parent
_CHANNEL = "__CHANNEL__"
"""Stands in the scripts for the name of the events by which world.js and hooks.js speak; each tab has another."""
_UNDEFINED = "ReferenceError"


def new_channel() -> str:
    """A name that no page can guess."""
    return f"x{secrets.token_hex(12)}"


def hooks_script(channel: str) -> str:
    """For every document, before its own scripts, in their world."""
    return (_HERE / "hooks.js").read_text().replace(_CHANNEL, channel)


def world_script(channel: str) -> str:
    """For our world of a document: it defines `look` and `act` there."""
    shared, look, act = ((_HERE / f"{name}.js").read_text().rstrip() for name in ("world", "observe", "act"))
    names = f"look: {look}, act: {act}, silence, nodeOf, attributesOf, countFiles, handlers"
    return f"(() => {{\n{shared}\nObject.assign(globalThis, {{{names}}});\n}})()".replace(_CHANNEL, channel)


class DocumentWorld:
    """Calls into our world of the document that a page's main frame shows at that moment."""

    def __init__(self, cdp: CDPSession, channel: str) -> None:
        """`cdp`: a session of the page, with the domain Page enabled."""
        self._cdp = cdp
        self._name = new_channel()
        self._script = world_script(channel)
        self._context: int | None = None
        self._frame: str | None = None

    async def be_ready_early(self) -> None:
        """Define what is called here in every document as it begins: it need not be sent with the first look at it."""
        await self._cdp.send("Page.addScriptToEvaluateOnNewDocument", {"source": self._script, "worldName": self._name})

    async def call(self, function: str, argument: object) -> Any:
        """What `look` or `act` answers. Raises Playwright's error when the document is replaced meanwhile."""
        return (await self._evaluate(f"{function}({json.dumps(argument)})", is_by_value=True)).get("value")

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
        if self._frame is None:
            self._frame = (await self._cdp.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        options = {"frameId": self._frame, "worldName": self._name, "grantUniveralAccess": True}  # sic
        try:
            made = await self._cdp.send("Page.createIsolatedWorld", options)
        except PlaywrightError:
            self._frame = None  # another process shows the page now
            raise
        return int(made["executionContextId"])
