"""However much a page writes, its State is small, says what was cut, and is one that a service takes."""

import pytest

from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.state import bad_references
from wm_pipeline.domain.text import state_lines
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.limits import LIMITS, MAX_KEPT, cut_address

pytestmark = pytest.mark.browser


def test_every_part_of_a_state_is_bounded_and_says_when_it_was_cut(world: BrowserWorld) -> None:
    state = world.open("bounds/long.html")
    step = world.act(Action(ActionKind.CLICK, ref_of(state, "Ask")))

    links = [one.href or "" for one in state.elements if one.role == "link"]
    assert len(to_json(state).encode()) < 100_000
    assert [len(one) <= LIMITS.href and one.endswith("…cut-from-200014") for one in links] == [True] * 3
    assert (len(state.title), len(state.url) <= LIMITS.url) == (LIMITS.title, True)
    assert "…cut-from-300" in state.url
    assert (len(state.cookies), len(state.storage)) == (MAX_KEPT, MAX_KEPT)
    assert len(to_json(step.delta).encode()) < 20_000
    assert next(line.text for line in state_lines(state) if line.text.startswith("page: "))
    assert step.failure is None


def test_what_is_allowed_each_and_too_much_together_is_cut_and_fits_together(world: BrowserWorld) -> None:
    state = world.open("bounds/wide.html")

    assert len(to_json(state).encode()) < 900_000
    assert not list(bad_references(state))
    assert len(state.elements) == 120


def test_an_address_that_fits_is_not_cut() -> None:
    assert cut_address("http://a/b", 100) == "http://a/b"
    assert cut_address(f"http://a/{'b' * 200}", 100) == f"http://a/{'b' * 61}…cut-from-209"


def test_what_cannot_be_looked_into_is_named(world: BrowserWorld) -> None:
    state = world.open("unseen/parts.html")

    assert state.unseen == (
        'canvas "Chart" of 400 x 200',
        "closed component pay-box",
        'embedded application/pdf "Contract"',
        "embedded application/pdf",
    )
    assert [(one.name, one.origin) for one in state.elements] == [("Read", None), ("Of another site", "null")]
    assert "button Of another site in frame without origin" in str(state_lines(state))


def test_what_stands_in_a_frame_of_another_site_says_so(world: BrowserWorld) -> None:
    state = world.open("clicks/covered_frame.html")

    assert [(one.name, one.origin) for one in state.elements] == [
        ("Inner", None),
        ("Prize", None),
        ("Of another site", "http://pay.localhost"),
    ]
    assert "button Of another site in frame of pay.localhost" in str(state_lines(state))
