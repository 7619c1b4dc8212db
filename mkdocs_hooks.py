"""What MkDocs is told besides mkdocs.yml: the order of the pages, and the pages that lie beside docs/."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent
BESIDE = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every page of docs/ has its place; a new decision needs no line here."""
    docs = Path(config.docs_dir)
    guides = sorted(path.name for path in docs.glob("*.md") if path.name not in {"index.md", "log.md"})
    decisions = sorted(f"decisions/{path.name}" for path in docs.glob("decisions/*.md"))
    config.nav = [
        {"Architecture": "index.md"},
        {"Guides": guides},
        {"Contributing": list(BESIDE[:3])},
        {"Decisions": decisions},
        {"What was measured": "log.md"},
        {"Changelog": BESIDE[3]},
    ]
    return config


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links of docs/ to the pages beside it, which a forge follows as they lie."""
    for name in BESIDE:
        markdown = markdown.replace(f"](../{name}", f"]({name}")
    return markdown


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Pages beside docs/ get the addresses that they have seen from there."""
    for name in BESIDE:
        text = re.sub(r"\]\(docs/", "](", (ROOT / name).read_text())
        files.append(File.generated(config, name, content=text))
    return files
