"""Runs BrowserGym in an interpreter of its own: a request a line in, an answer a line out, both JSON.

A program, not a module of ours: BrowserGym pins an older Playwright, so its interpreter has none of our packages and
this file imports none of them. The other side is browsergym.py. It ends when its standard input does.
"""

import base64
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium
from browsergym.core import _get_global_playwright

_WORLD = "outside"


class Driver:
    """One BrowserGym environment at a time; every public method answers one kind of request."""

    def __init__(self) -> None:
        self._env: Any = None
        self._made: tuple[str, bool] | None = None
        self._scripts: dict[str, Any] = {}
        self._requests: dict[Any, dict[Any, dict[str, Any]]] = {}
        """By browser context: what it has asked for since the last look."""

    def start(
        self, *, executable: str, flags: list[str], modules: list[str], scripts: dict[str, Any]
    ) -> dict[str, Any]:
        """Make every browser that BrowserGym launches ours: the one named, behind the wall, with our init script."""
        for module in modules:
            importlib.import_module(module)
        self._scripts = scripts
        chromium = _get_global_playwright().chromium
        plain_launch = chromium.launch

        def launch(**options: Any) -> Any:
            given = [*(options.pop("args", None) or []), *flags]
            browser = plain_launch(**options, args=given, executable_path=executable, chromium_sandbox=False)
            plain_new_context = browser.new_context

            def new_context(**of_context: Any) -> Any:
                context = plain_new_context(**of_context)
                context.add_init_script(scripts["hooks"])
                self._watch(context)
                return context

            browser.new_context = new_context
            return browser

        chromium.launch = launch
        tasks = sorted(name for name in gymnasium.registry if name.startswith("browsergym/"))
        return {"tasks": tasks}

    def reset(self, *, task: str, seed: int, has_waits: bool) -> dict[str, Any]:
        if self._made != (task, has_waits):
            self._close_env()
            options = {} if has_waits else {"slow_mo": 0, "pre_observation_delay": 0}
            self._env = gymnasium.make(task, disable_env_checker=True, **options).unwrapped
            self._made = (task, has_waits)
        self._requests.clear()
        started = time.perf_counter()
        seen, _ = self._env.reset(seed=seed)
        gym_ms = (time.perf_counter() - started) * 1000
        return {"goal": seen["goal"], "reward": 0.0, "is_done": False, "gym_ms": gym_ms, **self._look()}

    def act(self, *, code: str) -> dict[str, Any]:
        started = time.perf_counter()
        _, reward, is_terminated, is_truncated, _ = self._env.step(code)
        gym_ms = (time.perf_counter() - started) * 1000
        is_done = bool(is_terminated or is_truncated)
        error = self._env.last_action_error
        return {"reward": float(reward), "is_done": is_done, "error": error, "gym_ms": gym_ms, **self._look()}

    def screenshot(self) -> dict[str, Any]:
        return {"png": base64.b64encode(self._env.page.screenshot()).decode()}

    def close(self) -> dict[str, Any]:
        self._close_env()
        return {}

    def _close_env(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = self._made = None

    def _look(self) -> dict[str, Any]:
        """The page as our own environments see it: one walk that waits for rest first."""
        page = self._env.page
        session = page.context.new_cdp_session(page)
        try:
            walk = self._call(session, f"look({json.dumps(self._scripts['options'])})")
            # BrowserGym's own names of the elements that the walk has numbered.
            bids = self._call(session, "attributesOf('bid')")
        finally:
            session.detach()
        return {
            "walk": walk,
            "bids": bids,
            "cookies": page.context.cookies(),
            "requests": list(self._requests.pop(page.context, {}).values()),
            "browser": self._env.browser.version,
        }

    def _call(self, session: Any, expression: str) -> Any:
        """What it answers in our world of the page's document, where it is defined with the first call."""
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        made = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": _WORLD})
        options = {"contextId": made["executionContextId"], "awaitPromise": True, "returnByValue": True}
        defined = f"globalThis.look ?? {self._scripts['world']}; {expression}"
        answer = session.send("Runtime.evaluate", {"expression": defined, **options})
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"]["value"]

    def _watch(self, context: Any) -> None:
        def asked(request: Any) -> None:
            self._requests.setdefault(context, {})[request] = {
                "method": request.method,
                "url": request.url,
                "resource_type": request.resource_type,
                "status": None,
                "body_bytes": len(request.post_data_buffer or b""),
            }

        def answered(response: Any) -> None:
            known = self._requests.get(context, {}).get(response.request)
            if known is not None:
                known["status"] = response.status

        context.on("request", asked)
        context.on("response", answered)


def main() -> None:
    """Answer requests until there are no more; what a request breaks is told in its answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    driver = Driver()
    methods: dict[str, Callable[..., dict[str, Any]]] = {
        "start": driver.start,
        "reset": driver.reset,
        "act": driver.act,
        "screenshot": driver.screenshot,
        "close": driver.close,
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = methods[request.pop("do")](**request)
        except Exception as error:  # noqa: BLE001 the outermost edge of the process: the other side decides
            answer = {"problem": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
