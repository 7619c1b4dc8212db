"""Texts of outside suites that are installed beside us: read as files, never imported, never stored.

A suite's package asks for clients of half a dozen model vendors; its text needs none of them, so
`pip install --no-deps agentdojo` is enough.
"""

from importlib.util import find_spec
from pathlib import Path

SUITES = ("agentdojo",)
"""Packages of suites that nothing of ours may be trained on (DESIGN section 11)."""
_READ = (".py", ".yaml")
"""Tasks and attacks are classes, what they act in is YAML. Code among it does no harm: no page of ours speaks it."""


def installed_suites() -> dict[str, list[str]]:
    """The texts of each suite whose package is installed, by its name."""
    found = {}
    for name in SUITES:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            folder = Path(next(iter(spec.submodule_search_locations)))
            files = sorted(path for path in folder.rglob("*") if path.suffix in _READ)
            # An escaped line break would cling to the word that follows it.
            found[name] = [path.read_text("utf-8").replace("\\n", " ").replace("\\t", " ") for path in files]
    return found
