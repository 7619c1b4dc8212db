"""A page that goes on below says so, offers to scroll, and what scrolling loads is in the State and in the delta."""

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import SCROLL_DOWN, Action
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import ActionKind

pytestmark = pytest.mark.browser


def test_what_scrolling_loads_can_be_reached(world: BrowserWorld) -> None:
    state = world.open("scroll/feed.html")
    assert state.is_more_below
    assert SCROLL_DOWN in candidate_actions(state)
    assert "Message 25" not in [one.name for one in state.elements]

    steps = [world.act(SCROLL_DOWN) for _ in range(2)]

    assert "Message 25" in [one.name for one in steps[-1].state.elements]
    assert any('link "Message 25"' in step.delta.dom_added for step in steps)
    assert steps[-1].state.prior_steps == ("scroll down", "scroll down")


def test_each_scroll_brings_more_where_a_page_loads_by_and_by(world: BrowserWorld) -> None:
    world.open("scroll/feed.html")

    counts = [len(world.act(SCROLL_DOWN).state.elements) for _ in range(2)]

    assert counts == [40, 60]


def test_of_a_list_that_draws_only_what_is_in_view_every_row_is_met(world: BrowserWorld) -> None:
    state = world.open("scroll/window.html")
    box = ref_of(state, "Row 5")
    met = {one.name for one in state.elements}

    for _ in range(30):
        state = world.act(Action(ActionKind.SCROLL, box)).state
        met |= {one.name for one in state.elements}
        box = state.elements[5].element_ref
        if "Row 199" in met:
            break

    assert {f"Row {at}" for at in range(200)} <= met


@pytest.mark.parametrize("page", ["feed", "part"])
def test_a_page_at_its_end_goes_on_no_further_and_back_up_it_does(world: BrowserWorld, page: str) -> None:
    state = world.open(f"scroll/{page}.html")
    for _ in range(8):
        if not state.is_more_below:
            break
        state = world.act(SCROLL_DOWN).state
    assert not state.is_more_below
    assert SCROLL_DOWN not in candidate_actions(state)

    assert world.act(Action(ActionKind.SCROLL, value="up")).state.is_more_below


def test_the_part_that_an_element_stands_in_is_scrolled(world: BrowserWorld) -> None:
    state = world.open("scroll/part.html")

    assert world.act(Action(ActionKind.SCROLL, ref_of(state, "Beside"))).state.is_more_below
    assert not world.act(Action(ActionKind.SCROLL, ref_of(state, "Top"))).state.is_more_below


def test_a_short_page_offers_no_scrolling(world: BrowserWorld) -> None:
    state = world.open("scroll/short.html")

    assert not state.is_more_below
    assert SCROLL_DOWN not in candidate_actions(state)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (Action(ActionKind.SCROLL, "e9"), "action.target_ref: the state has no element 'e9'"),
        (Action(ActionKind.SCROLL, value="left"), "action.value: scroll goes down or up, not 'left'"),
    ],
)
def test_what_cannot_be_scrolled_is_refused(world: BrowserWorld, action: Action, problem: str) -> None:
    world.open("scroll/short.html")

    with pytest.raises(InvalidInputError) as caught:
        world.act(action)

    assert str(caught.value) == problem
