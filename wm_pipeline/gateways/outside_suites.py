"""Texts of outside suites that are installed: they are read as files, never imported, never stored.

A suite's package asks for clients of half a dozen model vendors; its text needs none of them, so
`pip install --no-deps agentdojo` is enough.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.outside import SuiteTexts

SUITES = ("agentdojo",)
"""Packages of suites that nothing of ours may be trained on (docs/decisions/0005)."""
_SLOT = re.compile(r"\{(\w+)\}")
_READ = (".py", ".yaml")
"""Tasks and attacks are classes, their environments are YAML. Code among the texts is harmless: our pages hold none."""


def installed_suites() -> dict[str, list[str]]:
    """The texts of each suite whose package is installed, by its name."""
    found = {}
    for name in SUITES:
        folder = _folder_of(name)
        if folder is not None:
            files = sorted(path for path in folder.rglob("*") if path.suffix in _READ)
            # An escaped line break would become part of the word that follows it.
            found[name] = [path.read_text("utf-8").replace("\\n", " ").replace("\\t", " ") for path in files]
    return found


def _folder_of(name: str) -> Path | None:
    """Where an installed package lies; None without it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed_injections() -> SuiteTexts:
    """agentdojo's injection goals and the wordings of its attacks, of all versions of its suites.

    Raises MissingUpstreamError when the package is not installed, or does not hold these texts.
    """
    folder = _folder_of("agentdojo")
    if folder is None:
        raise MissingUpstreamError(
            "agentdojo is not installed, so its injections cannot be placed in pages; "
            'install it with `pip install --no-deps "agentdojo==0.1.35"`'
        )
    # Later versions of a suite repeat the goals of earlier ones.
    found = [goal for path in sorted(folder.rglob("injection_tasks.py")) for goal in _goals_of(_tree_of(path))]
    goals = tuple(dict.fromkeys(found))
    wordings = dict(pair for path in sorted((folder / "attacks").glob("*.py")) for pair in _wordings_of(_tree_of(path)))
    if not goals or not wordings:
        raise MissingUpstreamError(
            f"{folder} holds {len(goals)} injection goals and {len(wordings)} wordings of attacks; "
            'install the version that was tried: `pip install --no-deps "agentdojo==0.1.35"`'
        )
    return SuiteTexts("agentdojo", _version_of("agentdojo"), goals, wordings)


def _tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _goals_of(module: ast.Module) -> Iterator[str]:
    """The value of GOAL in each class; goals that are composed at run time are left out."""
    shared = _constants(module.body, {})
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            goal = _constants(node.body, shared).get("GOAL")
            if goal is not None:
                yield goal


def _constants(body: Sequence[ast.stmt], known: Mapping[str, str]) -> dict[str, str]:
    """Names that are given a text, in order, on top of those that are known."""
    found = dict(known)
    for node in body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                text = _text_of(value, found)
                if text is not None:
                    found[name] = text
    return found


def _text_of(value: ast.expr, known: Mapping[str, str]) -> str | None:
    """A literal text, or one with names in it that are known; None for anything else."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name)
        case ast.JoinedStr(values=parts):
            texts = [_text_of(part.value if isinstance(part, ast.FormattedValue) else part, known) for part in parts]
            return None if None in texts else "".join(text for text in texts if text is not None)
    return None


def _wordings_of(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Each attack class that has a name and a text with a slot for the goal and for nothing we cannot fill."""
    for node in module.body:
        if not isinstance(node, ast.ClassDef):
            continue
        found = _constants(node.body, {})
        body = node.body[1:] if ast.get_docstring(node) else node.body
        inside = [one for part in body for one in ast.walk(part) if isinstance(one, ast.Constant)]
        written = [one.value for one in inside if isinstance(one.value, str)]
        text = next((one for one in written if "{goal}" in one), None)
        if text is not None and "name" in found and set(_SLOT.findall(text)) <= {"goal", "user", "model"}:
            yield found["name"], text
