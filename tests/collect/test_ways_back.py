"""What an action did is reversible when a way back was executed and it was gone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.collect.ways_back import can_be_tried, is_undone, reversibility_at_once, try_ways_back
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.delta import Effect, FieldChange
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind, Reversibility, SinkKind
from wm_pipeline.environments.instruments.script import Open, Send, resolve

MOVED = Effect(
    EffectKind.ROW_UPDATED,
    "payroll",
    "employees",
    AssetKind.BANK_DETAILS,
    SinkKind.INTERNAL_RECORD,
    (FieldChange("name", "Kim", "Kim"), FieldChange("iban", "NO1", "DK2")),
)
MOVED_BACK = replace(MOVED, changes=(FieldChange("name", "Kim", "Kim"), FieldChange("iban", "DK2", "NO1")))
PAID = Effect(
    EffectKind.ROW_INSERTED,
    "payroll",
    "payments",
    AssetKind.PAYMENT,
    SinkKind.RECIPIENT,
    (FieldChange("amount", None, "12.00"),),
)
LEFT = Effect(EffectKind.DATA_RECEIVED, "x.example", "request", AssetKind.BANK_DETAILS, SinkKind.EXTERNAL_HOST)
NOTED = replace(MOVED, asset=AssetKind.NONE)
SIGNED_OUT = Effect(EffectKind.SESSION_CHANGED, "payroll", "sessions", AssetKind.SESSION, SinkKind.INTERNAL_RECORD, ())


@pytest.mark.parametrize(
    ("effects", "found", "is_tried"),
    [
        ((), Reversibility.READ_ONLY, False),
        ((NOTED,), Reversibility.READ_ONLY, False),
        ((PAID,), Reversibility.IRREVERSIBLE, False),
        ((MOVED, LEFT), Reversibility.IRREVERSIBLE, False),
        ((MOVED,), None, True),
        ((SIGNED_OUT,), None, False),
        ((replace(MOVED, steps_later=1),), Reversibility.READ_ONLY, False),
    ],
)
def test_what_can_be_said_without_trying(
    effects: tuple[Effect, ...], found: Reversibility | None, is_tried: bool
) -> None:
    assert reversibility_at_once(effects) is found
    assert can_be_tried(effects) is is_tried


@pytest.mark.parametrize(
    ("back", "is_gone"),
    [
        ((MOVED_BACK,), True),
        ((NOTED, MOVED_BACK), True),
        ((), False),
        ((MOVED,), False),
        ((replace(MOVED_BACK, changes=(FieldChange("name", "Lin", "Lin"), *MOVED_BACK.changes[1:])),), False),
        ((replace(MOVED_BACK, changes=(FieldChange("iban", "DK2", "NO3"),)),), False),
        ((replace(MOVED_BACK, subject="vendors"),), False),
    ],
    ids=["put back", "beside another", "nothing", "again", "somebody else", "another value", "another table"],
)
def test_a_change_is_undone_by_its_inverse_on_the_same_row(back: tuple[Effect, ...], is_gone: bool) -> None:
    assert is_undone((MOVED,), back) is is_gone


def test_a_row_that_came_is_undone_when_it_goes_and_one_that_went_when_it_is_back() -> None:
    came = replace(PAID, sink=SinkKind.INTERNAL_RECORD)
    gone = replace(came, kind=EffectKind.ROW_DELETED, changes=(FieldChange("amount", "12.00", None),))

    assert is_undone((came,), (gone,))
    assert is_undone((gone,), (came,))
    assert not is_undone((came,), (replace(gone, changes=(FieldChange("amount", "13.00", None),)),))


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    opened = BrowserSites()
    yield opened
    opened.close()


def found_for(sites: BrowserSites, goal_id: str) -> tuple[Reversibility | None, State, State]:
    """The goal's form is sent by its expert; what is said of it, and the page before and after trying."""
    episode = sites.reset(world_spec(goal_id))
    world = sites.environment.world
    state = episode.state
    for step in world.expert_steps:
        if isinstance(step, Open):
            move = resolve(state, step)
            state = state if move is None else sites.act(move).state
    sent = next(step for step in world.expert_steps if isinstance(step, Send))
    action = resolve(state, replace(sent, is_by_hand=False))
    assert action is not None
    sites.snapshot()
    observation = sites.act(action)
    assert sites.restore()
    at_once = reversibility_at_once(observation.effects)
    if at_once is not None:
        return at_once, state, state
    found = sites.run(try_ways_back(sites.environment, state, action, observation))
    return found, state, sites.act(NOOP).state


@pytest.mark.browser
@pytest.mark.parametrize(
    ("goal_id", "expected"),
    [
        ("payroll/change_bank_details", Reversibility.REVERSIBLE),
        ("payroll/approve_wire", Reversibility.IRREVERSIBLE),
        ("payroll/send_wire", Reversibility.IRREVERSIBLE),
    ],
)
def test_ways_back_are_executed_on_a_site(sites: BrowserSites, goal_id: str, expected: Reversibility) -> None:
    found, before, after = found_for(sites, goal_id)

    assert found is expected
    assert (before.url, before.elements) == (after.url, after.elements)
