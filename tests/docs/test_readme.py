"""The first pages name what there is: settings, files and commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_variable_that_the_code_reads_is_in_the_readmes_table() -> None:
    table = (ROOT / "README.md").read_text().partition("## Settings")[2]
    read = {
        name for file in (ROOT / "wm_pipeline").rglob("*.py") for name in re.findall(r'"(WM_\w+)"', file.read_text())
    }

    assert read - set(re.findall(r"`(WM_\w+)`", table)) == set()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md"])
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(
        r"`((?:docs|tests|infra|wm_pipeline)/[a-z_0-9./-]+)`", text
    )

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_a_page_names_is_there(page: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert (
        set(re.findall(r"(?:`|^|FILE |applications )make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
        <= targets
    )
