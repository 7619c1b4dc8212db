"""Draws docs/images/architecture.svg from the code: the rooms of wm_pipeline on their layers, the assets of a round.

Rooms and imports are read from the import graph, layers from .importlinter, assets from rounds/graph.py.
A test draws the picture again and compares; `python -m scripts.architecture` writes it.
"""

import configparser
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import grimp

from wm_pipeline.rounds.graph import ASSETS, Asset

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

ABOUT = {
    "__main__": "python -m wm_pipeline",
    "cli": "the command wm",
    "guarded": "the guard for your own agent's browser",
    "definitions": "what Dagster loads",
    "defs": "assets, checks, resources, schedule: Dagster, thin",
    "rounds": "one module an asset, profiles, graph.py: reads, calls a step, writes",
    "gateways": "storage, MLflow,|language models",
    "collect": "rollouts with|branches",
    "annotate": "the teacher",
    "datasets": "splits, cards",
    "train": "mid-training|and SFT",
    "distill": "on-policy|distillation",
    "evaluate": "metrics, loop,|report, gate",
    "serve": "predictor, HTTP",
    "guard": "execute, switch to a safer action, or ask a person",
    "environments": "sites and applications in real browsers",
    "policies": "who acts",
    "model": "prompt, backbone, heads, checkpoint",
    "plugins": "loads a user's code",
    "domain": "words, tables and their laws",
}
"""A few words for each room; `|` breaks a line."""

WIDTH, MARGIN, GAP = 1000, 20, 16
ROOM_HEIGHT, LAYER_GAP = 58, 34
ASSET_WIDTH, ASSET_HEIGHT = 520, 40
LINES = ("#5b6cc4", "#c2571a", "#2c8a5a", "#a13d8f", "#8a6d00", "#0f7f9c", "#b3333f", "#5f6b76", "#6f4cb0", "#4d7f1e")
"""Colours of lines: each is that of the room that imports, so that it can be followed behind other rooms."""
FILLS = ("#e8ecfb", "#fdeee2", "#e3f4ea", "#f8e6f4", "#faf3d6", "#dff2f7", "#fbe5e7", "#eceff2", "#efe9fa")


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    x: float
    y: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class DrawnAsset:
    name: str
    upstream: tuple[str, ...]
    content: str
    """Its tables or its folder, and what one partition covers."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the picture is drawn from."""

    layers: tuple[tuple[str, ...], ...]
    imports: frozenset[tuple[str, str]]
    assets: tuple[DrawnAsset, ...]
    """Upstream first."""


def read_architecture() -> Architecture:
    """The architecture as the code is now."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    lines = contracts["importlinter:contract:layers"]["layers"].split("\n")
    layers = tuple(tuple(name.strip() for name in line.split("|")) for line in lines if line and line[0] not in ";#")
    graph = grimp.build_graph("wm_pipeline", cache_dir=None)
    imports = {
        (module.split(".")[1], imported.split(".")[1])
        for module in graph.modules - {"wm_pipeline"}
        for imported in graph.find_modules_directly_imported_by(module)
        if imported != "wm_pipeline"
    }
    return Architecture(
        layers,
        frozenset((importer, imported) for importer, imported in imports if importer != imported),
        tuple(DrawnAsset(asset.name, asset.upstream, _content(asset)) for asset in ASSETS),
    )


def _content(asset: Asset) -> str:
    return f"{', '.join(asset.tables) or asset.root}: a day{' and site' if asset.is_by_site else ''}"


def draw(architecture: Architecture) -> str:
    """The picture as SVG; the same architecture gives the same text."""
    rooms, height = _draw_rooms(architecture)
    assets, height = _draw_assets(architecture, top=height + 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'font-family="Helvetica, Arial, sans-serif" role="img">\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>\n' + "\n".join([*rooms, *assets]) + "\n</svg>\n"
    )


# --- rooms ------------------------------------------------------------------------------------------------------------


def _draw_rooms(architecture: Architecture) -> tuple[list[str], float]:
    boxes: dict[str, Box] = {}
    top = 56.0
    for layer in architecture.layers:
        width = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1)) / len(layer)
        height = ROOM_HEIGHT if len(layer) > 3 else ROOM_HEIGHT - 22
        for place, name in enumerate(layer):
            boxes[name] = Box(name, MARGIN + place * (width + GAP), top, width, height)
        top += height + LAYER_GAP
    base = architecture.layers[-1][0]
    arrows = sorted(pair for pair in architecture.imports if pair[1] != base)
    colours = {name: LINES[place % len(LINES)] for place, name in enumerate(_importers(architecture, arrows))}
    drawn = [_text(MARGIN, 28, "Rooms of wm_pipeline: an arrow is an import", size=18, bold=True)]
    drawn += _lines(arrows, boxes, colours)
    without = [name for layer in architecture.layers[:-1] for name in layer if (name, base) not in architecture.imports]
    for place, box in enumerate(boxes.values()):
        words = ABOUT[box.name]
        if box.name == base:
            but = " and ".join(part for part in (", ".join(without[:-1]), *without[-1:]) if part)
            words += f"; imported by every room above but {but} (no arrows drawn)"
        drawn += _room(box, words, colour=colours.get(box.name, "#5f6b76"), fill=FILLS[place % len(FILLS)])
    return drawn, top - LAYER_GAP


def _importers(architecture: Architecture, arrows: Sequence[tuple[str, str]]) -> list[str]:
    importers = {importer for importer, _ in arrows}
    return [name for layer in architecture.layers for name in layer if name in importers]


def _room(box: Box, words: str, *, colour: str, fill: str) -> list[str]:
    drawn = [_rectangle(box, colour=colour, fill=fill)]
    if box.height < ROOM_HEIGHT:
        name = f'<tspan font-weight="bold">{escape(box.name)}</tspan>'
        return [
            *drawn,
            _text(box.middle, box.y + 23, f"{name}&#160;&#160; {escape(words)}", anchor="middle", is_markup=True),
        ]
    drawn.append(_text(box.middle, box.y + 18, box.name, bold=True, anchor="middle"))
    lines = words.split("|")
    return drawn + [
        _text(box.middle, box.y + 34 + 15 * row, line, size=12, anchor="middle") for row, line in enumerate(lines)
    ]


def _lines(arrows: Sequence[tuple[str, str]], boxes: dict[str, Box], colours: dict[str, str]) -> list[str]:
    """A straight line down where two rooms overlap, else a curve; lines keep apart where they can."""
    taken: list[tuple[float, float, float]] = []
    drawn = []
    for importer, imported in sorted(
        arrows, key=lambda pair: (boxes[pair[0]].y - boxes[pair[1]].y, pair), reverse=True
    ):
        source, target = boxes[importer], boxes[imported]
        first = max(source.x, target.x) + 12
        last = min(source.x + source.width, target.x + target.width) - 12
        if source.y == target.y:
            depth = source.bottom + 16
            path = (
                f"M{source.middle:.1f} {source.bottom:.1f} V{depth:.1f} H{target.middle:.1f} V{target.bottom + 4:.1f}"
            )
        elif first < last:
            x = _free_place(source, target, list(boxes.values()), taken, first=first, last=last)
            taken.append((x, source.bottom, target.y))
            path = f"M{x:.1f} {source.bottom:.1f} V{target.y - 4:.1f}"
        else:
            start = source.middle
            end = target.x + target.width - 30 if target.middle < source.middle else target.x + 30
            bend = (target.y - source.bottom) * 0.6
            path = (
                f"M{start:.1f} {source.bottom:.1f} C{start:.1f} {source.bottom + bend:.1f} "
                f"{end:.1f} {target.y - bend:.1f} {end:.1f} {target.y - 4:.1f}"
            )
        drawn.append(_arrow(path, colours[importer]))
    return drawn


def _free_place(
    source: Box,
    target: Box,
    boxes: Sequence[Box],
    taken: Sequence[tuple[float, float, float]],
    *,
    first: float,
    last: float,
) -> float:
    """Where a line hides behind the fewest rooms, and then is farthest from other lines of the same height."""
    between = [box for box in boxes if source.bottom < box.y and box.bottom < target.y]
    beside = [x for x, start, end in taken if start < target.y and source.bottom < end]
    places = [first + 6 * step for step in range(int((last - first) // 6) + 1)]

    def merit(x: float) -> tuple[int, float]:
        hidden = sum(box.x - 4 < x < box.x + box.width + 4 for box in between)
        room = min([abs(x - other) for other in beside] + [x - first + 40, last - x + 40])
        return (0 if hidden and room < 6 else -hidden, min(room, 60)) if room >= 6 else (-99, room)

    return max(places, key=merit)


# --- assets -----------------------------------------------------------------------------------------------------------


def _draw_assets(architecture: Architecture, *, top: float) -> tuple[list[str], float]:
    """One column in the order of a round; what is needed further down leaves its box for a lane of its own."""
    x = (WIDTH - ASSET_WIDTH) / 2
    boxes: dict[str, Box] = {}
    for place, asset in enumerate(architecture.assets):
        boxes[asset.name] = Box(asset.name, x, top + 40 + place * (ASSET_HEIGHT + 24), ASSET_WIDTH, ASSET_HEIGHT)
    drawn = [_text(MARGIN, top + 18, "Assets of a round: an arrow leads to what is made from it", size=18, bold=True)]
    names = list(boxes)
    colours = {name: LINES[place % len(LINES)] for place, name in enumerate(names)}
    far = {name: [later.name for later in architecture.assets if name in later.upstream] for name in names}
    for above, below in pairwise(names):
        if below in far[above]:
            far[above].remove(below)
            middle = boxes[above].middle
            path = f"M{middle:.1f} {boxes[above].bottom:.1f} V{boxes[below].y - 4:.1f}"
            drawn.append(_arrow(path, colours[above]))
    lanes: dict[int, list[tuple[float, float]]] = {-1: [], 1: []}
    entries: dict[tuple[str, int], int] = {}
    sources = [name for name in names if far[name]]
    for place, name in enumerate(sources):
        side = 1 if place % 2 else -1
        source, last = boxes[name], boxes[far[name][-1]]
        lane = next((lane for lane, (_, end) in enumerate(lanes[side]) if end < source.y), len(lanes[side]))
        lanes[side][lane : lane + 1] = [(source.y, last.bottom)]
        edge = source.x + source.width if side > 0 else source.x
        turn = edge + side * (36 + 26 * lane)
        for target in far[name]:
            entry = entries[target, side] = entries.get((target, side), -1) + 1
            y = boxes[target].y + 7 + 9 * entry
            path = f"M{edge:.1f} {source.bottom - 7:.1f} H{turn:.1f} V{y:.1f} H{edge + side * 4:.1f}"
            drawn.append(_arrow(path, colours[name]))
    for asset in architecture.assets:
        box, colour = boxes[asset.name], colours[asset.name]
        drawn.append(_rectangle(box, colour=colour, fill=FILLS[names.index(asset.name) % len(FILLS)]))
        drawn.append(_text(box.x + 14, box.y + 25, asset.name, bold=True))
        drawn.append(_text(box.x + box.width - 14, box.y + 25, asset.content, size=12, anchor="end"))
    return drawn, boxes[names[-1]].bottom + MARGIN


# --- shapes -----------------------------------------------------------------------------------------------------------


def _rectangle(box: Box, *, colour: str, fill: str) -> str:
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.0f}" rx="6" '
        f'fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 14,
    bold: bool = False,
    anchor: str = "start",
    is_markup: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    content = words if is_markup else escape(words)
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}"{weight} fill="#1b1f24">{content}</text>'


def _arrow(path: str, colour: str) -> str:
    """A line whose end is an arrow head of its colour."""
    name = f"head{colour[1:]}"
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" marker-end="url(#{name})"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(read_architecture()))
    print(PICTURE.relative_to(ROOT))
