"""A State says what a click on an element would land on, where that is something else."""

import pytest

from tests.fakes.page_site import BrowserWorld
from wm_pipeline.domain.vocabulary import Visibility

pytestmark = pytest.mark.browser


def covers(world: BrowserWorld, page: str) -> dict[str, str | None]:
    """Of the elements that are seen."""
    seen = (one for one in world.open(page).elements if one.visibility is Visibility.VISIBLE)
    return {one.name: one.covered_by for one in seen}


def test_what_lies_over_an_element_is_named(world: BrowserWorld) -> None:
    assert covers(world, "clicks/covers.html") == {
        "Under a link": "link to http://pay.localhost/take",
        "Under a frame": "frame of http://pay.localhost",
        "Under a label": 'part of the page "Terms"',
        "Lets clicks through": None,
        "Bold inside": None,
        "News": None,
        "In a shadow root": 'button "Thief"',
        "Far below": None,
    }


def test_what_covers_the_whole_view_covers_what_is_off_screen_too(world: BrowserWorld) -> None:
    found = covers(world, "clicks/covers.html?all")

    over = 'part of the page "Accept all cookies"'
    assert (found["Bold inside"], found["Far below"], found["Accept all cookies"]) == (over, over, None)


def test_beside_an_open_modal_nothing_can_be_used_on_screen_or_off(world: BrowserWorld) -> None:
    found = covers(world, "clicks/modal.html")

    over = 'part of the page "Really? Yes"'
    assert found == {"At the top": over, "Far below": over, "Yes": None}


def test_what_is_inert_is_disabled(world: BrowserWorld) -> None:
    found = {one.name: one.is_disabled for one in world.open("clicks/modal.html?inert").elements}

    assert found == {"At the top": True, "Yes": False, "Far below": False}


def test_what_lies_over_a_frame_lies_over_what_it_shows(world: BrowserWorld) -> None:
    assert covers(world, "clicks/covered_frame.html") == {
        "Inner": 'button "Prize"',
        "Of another site": 'button "Prize"',
        "Prize": None,
    }
