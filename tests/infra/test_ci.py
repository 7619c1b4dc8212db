"""The workflow, the hooks and what the package ships: they name what is there."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def read_yaml(path: str) -> dict[Any, Any]:
    return dict(yaml.safe_load((ROOT / path).read_text()))


def made_by(job: dict[str, Any]) -> list[str]:
    """The make targets that a job's steps name, in order."""
    commands = " && ".join(step.get("run", "") for step in job["steps"])
    return re.findall(r"(?:^|&& )make ([a-z-]+)", commands)


JOBS: dict[str, dict[str, Any]] = read_yaml(".github/workflows/ci.yml")["jobs"]


@pytest.mark.parametrize("job", JOBS.values(), ids=list(JOBS))
def test_the_workflow_makes_targets_that_there_are(job: dict[str, Any]) -> None:
    assert made_by(job)
    assert set(made_by(job)) <= TARGETS


def test_ci_checks_every_python_quickly_and_one_wholly() -> None:
    claimed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    assert claimed == f">={JOBS['quick']['strategy']['matrix']['python'][0]}"
    assert made_by(JOBS["quick"]) == ["setup-packages", "check", "test-unit"]
    assert made_by(JOBS["whole"]) == ["setup", "test"]


def test_hooks_call_what_make_check_calls() -> None:
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    tools = [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in local["hooks"]]

    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    checks = re.findall(r"\$\(BIN\)/([a-z-]+)", recipe.group(1))
    assert tools == [tool for tool in checks if tool != "mkdocs"]


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md")))
def test_an_issue_template_says_what_it_is_for(name: str) -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text()

    assert set(yaml.safe_load(text.split("---")[1])) == {"name", "about", "labels"}


def test_the_package_ships_its_types_and_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["wm_pipeline"]
    assert (ROOT / "wm_pipeline" / "py.typed").is_file()
    assert "Apache License" in (ROOT / project["project"]["license-files"][0]).read_text()
