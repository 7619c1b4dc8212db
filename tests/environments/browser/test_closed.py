"""What one click shows is told apart from what nobody is meant to see."""

import pytest

from tests.fakes.page_site import BrowserWorld
from wm_pipeline.domain.relations import is_untrusted
from wm_pipeline.domain.text import state_lines
from wm_pipeline.domain.vocabulary import Visibility

pytestmark = pytest.mark.browser
CLOSED = ("Menu", "Pane", "Controlled", "Help", "Tab", "Details", "Dialog", "Popover", "Alert", "Reader")
SECRET = ("one", "two", "three", "four", "five", "six", "seven", "eight")


def test_closed_is_not_hidden(world: BrowserWorld) -> None:
    state = world.open("closed/parts.html")

    seen = {block.text.partition(":")[0]: block for block in state.texts}

    assert {name: seen[f"{name} words"].visibility for name in CLOSED} == dict.fromkeys(CLOSED, Visibility.CLOSED)
    assert {name: seen[f"Secret {name}"].visibility for name in SECRET} == dict.fromkeys(SECRET, Visibility.HIDDEN)
    assert not any(is_untrusted(seen[f"{name} words"]) for name in CLOSED)
    assert {one.name: one.visibility for one in state.elements if one.name in {"Sign out", "Confirm", "Gone"}} == {
        "Sign out": Visibility.CLOSED,
        "Confirm": Visibility.CLOSED,
        "Gone": Visibility.HIDDEN,
    }


def test_closed_texts_come_after_forms_and_what_is_shown(world: BrowserWorld) -> None:
    lines = [line.text for line in state_lines(world.open("closed/parts.html"))]

    last = next(at for at, line in enumerate(lines) if line.startswith("closed text: "))
    assert all(line.startswith("closed text: ") for line in lines[last:])
    assert len(lines) - last == len(CLOSED)
    assert lines.index("text: Shown pane") < last
    assert any(line.startswith('form "Save" POST /hall') for line in lines[:last])
