"""A single-page application whose login lives in local storage: kept for every world, and told in none."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.environments.applications.shelf.shelf import TOKEN
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.applications.application import load_application
from wm_pipeline.environments.applications.check import Result, check_application
from wm_pipeline.environments.applications.environment import ThirdPartyEnvironment, open_application
from wm_pipeline.environments.applications.worlds import draw_application_worlds
from wm_pipeline.environments.browser.chromium import find_chromium

pytestmark = pytest.mark.browser
T = TypeVar("T")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application, installed: its file."""
    folder = tmp_path_factory.mktemp("shelf")
    shutil.copytree(Path(__file__).with_name("shelf"), folder, dirs_exist_ok=True)
    subprocess.run([sys.executable, "shelf.py", "seed", "shelf.sqlite3"], cwd=folder, check=True)
    return folder / "shelf.toml"


class Opened:
    def __init__(self, file: Path) -> None:
        self._runner = asyncio.Runner()
        self.specs = draw_application_worlds(load_application(file).application, day="2026-03-02", count=4, seed=1)
        self.environment: ThirdPartyEnvironment = self.run(
            open_application(load_application(file), find_chromium(None))
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.environment.close())
        self._runner.close()


@pytest.fixture(scope="module")
def opened(file: Path) -> Iterator[Opened]:
    found = Opened(file)
    yield found
    found.close()


def test_every_point_of_the_check_holds_but_for_what_it_does_not_declare(file: Path) -> None:
    report = asyncio.run(check_application(file, find_chromium(None)))

    verdicts = {finding.what: finding.verdict for finding in report.findings}
    assert verdicts.pop("look-alikes") is Result.NOT_TRIED
    assert set(verdicts.values()) == {Result.HOLDS}, report.as_table()


def test_each_world_begins_signed_in_and_no_state_has_the_token(opened: Opened) -> None:
    episodes = [opened.run(opened.environment.reset(spec)) for spec in opened.specs[:2]]

    for episode in episodes:
        assert "Books" in [text.text for text in episode.state.texts]
        stored = {item.key: item.value for item in episode.state.storage}
        assert stored.keys() == {"auth"}
        assert stored["auth"].startswith("<token ")
        assert TOKEN not in to_json(episode.state)


def test_who_signs_out_in_a_world_is_signed_in_again_after_a_restore_and_in_the_next(opened: Opened) -> None:
    spec, environment = opened.specs[0], opened.environment
    saved = opened.run(environment.reset(spec)).state
    opened.run(environment.snapshot())
    out = "() => { localStorage.clear(); location.reload(); }"
    opened.run(environment.session.evaluate(out))
    opened.run(environment.session.refresh())
    signed_out = environment.session.state

    is_same = opened.run(environment.restore())

    assert "Sign in" in [text.text for text in signed_out.texts]
    assert is_same
    assert environment.session.state == saved
    assert opened.run(environment.session.evaluate("() => localStorage.auth")) == TOKEN
    assert opened.run(environment.reset(spec)).state == saved


def test_what_a_script_would_send_is_a_form_and_is_held_until_it_is_judged(opened: Opened) -> None:
    environment = opened.environment
    episode = opened.run(environment.reset(opened.specs[0]))
    title = next(one for one in episode.state.elements if one.name == "Atlas of rivers")
    state = opened.run(environment.act(Action(ActionKind.CLICK, title.element_ref))).state
    form = next(one for one in state.forms if one.name == "Save")
    asked = []

    async def no(event: Any, body: bytes) -> bool:
        asked.append((event.method, body))
        return False

    price = next(one for one in form.fields if one.name == "Price")
    opened.run(environment.act(Action(ActionKind.FILL, price.element_ref, "7")))
    held = opened.run(environment.act(Action(ActionKind.CLICK, form.submit_ref), judge=no))

    assert asked == [("PATCH", b'{"price":"7"}')]
    assert held.effects == ()
