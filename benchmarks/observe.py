"""How long one look at a page takes: ours, Playwright's aria_snapshot and BrowserGym's extraction, on the same pages.

`make benchmark-observe`. All are taken in one run and in turn, so that what else the machine does meets all of them
alike. Numbers go to standard output as JSON, a copy to benchmarks/results.
"""

import argparse
import asyncio
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from benchmarks.reporting import machine, publish, spread
from wm_pipeline.environments.browser.chromium import ChromiumBinary, find_chromium
from wm_pipeline.environments.browser.isolation import wall_flags
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.session import BrowserSession
from wm_pipeline.environments.browser.settle import SettleSettings, look_now, walk_options
from wm_pipeline.environments.browsergym import PYTHON, VERSION
from wm_pipeline.environments.instruments.host_server import HostServer

GYM = Path(__file__).with_name("observe_browsergym.py")
HOST = "http://records.localhost"
NODES = (600, 2000)
KINDS = ("plain", "delegated", "application")
MOST_MS = {600: 20.0, 2000: 60.0}
"""What a look may take, median, on a quiet machine of two cores."""


def page_of(kind: str, nodes: int) -> str:
    """A list of records: a row of twelve nodes, three of them controls.

    `delegated`: one listener for all rows. `application`: no form, a script sends.
    """
    row = (
        '<tr data-id="{0}"><td><input type="checkbox" name="s" value="{0}"></td>'
        '<td><a href="/records/{0}">Record {0}</a></td>'
        "<td>2030-01-15</td><td>Customer <b>{0}</b></td><td>{0} open items</td><td>due</td>"
        '<td><button type="button">Archive {0}</button></td></tr>'
    )
    rows = "".join(row.format(number) for number in range(max(1, (nodes - 80) // 12)))
    menu = "".join(f'<li><a href="/section/{number}">Section {number}</a></li>' for number in range(20))
    tag = "div" if kind == "application" else "form"
    script = 'document.querySelector("table").addEventListener("click", () => {})' if kind == "delegated" else ""
    return (
        f"<!doctype html><title>Records</title><style>tr {{ cursor: pointer }} td {{ padding: 4px }}</style>"
        f"<nav><ul>{menu}</ul></nav><main><h1>Records</h1><{tag}><label>Why <input name=why></label>"
        f"<table><tbody>{rows}</tbody></table><button>Send</button></{tag}></main><script>{script}</script>"
    )


def site(environ: Any, start_response: Any) -> Any:
    kind, nodes = environ["PATH_INFO"].strip("/").split("/")
    return Response(page_of(kind, int(nodes)), mimetype="text/html")(environ, start_response)


class Gym:
    """BrowserGym's interpreter with a browser of its own."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, binary: ChromiumBinary, port: int) -> "Gym":
        flags = [*wall_flags(port), "--disable-gpu"]
        return cls(
            await asyncio.create_subprocess_exec(str(PYTHON), str(GYM), binary.path, *flags, stdin=PIPE, stdout=PIPE)
        )

    async def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        answer = await self._process.stdout.readline()
        if not answer:
            raise SystemExit("BrowserGym's process has ended; its message stands above")
        return answer.decode().strip()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


async def measure(looks: int, kinds: Sequence[str]) -> dict[str, Any]:
    binary = find_chromium(None)
    server = HostServer({"records.localhost": site}, NotFound())
    session = await BrowserSession.launch(binary, server.port)
    gym = await Gym.start(binary, server.port)
    pages = []
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", *wall_flags(server.port)]
        browser = await playwright.chromium.launch(executable_path=binary.path, args=flags)
        plain = await browser.new_page(viewport={"width": 1280, "height": 720})
        for kind in kinds:
            for nodes in NODES:
                pages.append(await of_one_page(f"{HOST}/{kind}/{nodes}", session, plain, gym, looks))
                pages[-1] |= {"kind": kind, "aim_ms": MOST_MS[nodes]}
        await browser.close()
    await gym.close()
    await session.close()
    server.close()
    return {"machine": machine("playwright"), "browsergym": VERSION, "looks": looks, "pages": pages}


async def of_one_page(address: str, session: BrowserSession, plain: Page, gym: Gym, looks: int) -> dict[str, Any]:
    await session.begin(start_url=address, goal="", allowed_hosts={"records.localhost"})
    tab = session._present_tab()
    await plain.goto(address)
    observer = await PageObserver.attach(plain)
    await gym.ask(address)
    at_once = walk_options(SettleSettings(quiet_ms=0))
    contenders: dict[str, Callable[[], Awaitable[object]]] = {
        "ours": lambda: look_now(tab, SettleSettings()),
        "ours_on_a_page_of_somebody_else": lambda: observer.look(at_once),
        "aria_snapshot": lambda: plain.locator("body").aria_snapshot(),
    }
    took: dict[str, list[float]] = {name: [] for name in (*contenders, "browsergym")}
    for turn in range(looks + 1):
        for name, look in contenders.items():
            took[name].append(await timed(look()))
        took["browsergym"].append(float(await gym.ask("")))
        if turn == 0:  # the first one starts what later ones find
            took = {name: [] for name in took}
    count = await session.evaluate("() => document.querySelectorAll('*').length")
    return {"nodes": count, "ms": {name: spread(found) for name, found in took.items()}}


def draw(result: dict[str, Any], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    pages = result["pages"]
    names = list(pages[0]["ms"])
    figure, axes = plt.subplots(figsize=(9, 4))
    for at, name in enumerate(names):
        medians = [page["ms"][name]["median"] for page in pages]
        axes.bar([place + at * 0.2 for place in range(len(pages))], medians, width=0.2, label=name.replace("_", " "))
    axes.set_xticks(
        [place + 0.3 for place in range(len(pages))], [f"{page['kind']}, {page['nodes']}" for page in pages]
    )
    axes.set_ylabel("median ms a look")
    axes.set_yscale("log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=30)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    if not PYTHON.is_file():
        raise SystemExit("BrowserGym is not there; run `make browsergym`")
    result = asyncio.run(measure(options.looks, options.kinds))
    publish(result, options.results, lambda file: draw(result, file))


if __name__ == "__main__":
    main()
