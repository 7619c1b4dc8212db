"""What follows from a form for the goals and abuses that send it, and what is somebody's own decision."""

import pytest

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.entities import Column, ColumnType, entity
from wm_pipeline.environments.sites.forms import Forms
from wm_pipeline.environments.sites.writes import FIELD, RECORD, deletes, inserts, must_be, next_key, updates

BOATS = entity(
    "boats",
    AssetKind.BUSINESS_RECORD,
    Column("boat_id"),
    Column("boat", "Boat", is_identity=True),
    Column("berth", "Berth"),
    Column("owner_iban", "Account", asset=AssetKind.BANK_DETAILS),
    title="boat",
)
FEES = entity(
    "fees",
    AssetKind.PAYMENT,
    Column("fee_id"),
    Column("boat", is_identity=True),
    Column("amount", column_type=ColumnType.MONEY),
)
MOVE = s.Operation(
    "move",
    "Move",
    table="boats",
    fields=(s.Field("berth", "Berth"), s.Field("owner_iban", "Account")),
    preconditions=(must_be("berth", "none", "Taken."),),
    writes=(updates("boats", berth=FIELD, owner_iban=FIELD),),
    notice="Moved.",
)
CHARGE = s.Operation(
    "charge",
    "Charge",
    table="boats",
    fields=(s.Field("amount", "Amount", "number"),),
    writes=(inserts("fees", fee_id=next_key("F"), boat=RECORD, amount=FIELD),),
    notice="Charged.",
)
SINK = s.Operation("sink", "Sink", table="boats", writes=(deletes("boats"),), notice="Gone.")
FORMS = Forms("harbour", (BOATS, FEES), (s.View("boats", "Boats", ("berth",)),), (MOVE, CHARGE, SINK))
A_BOAT = FORMS.a_row("boats", ("boat",))


def test_the_way_to_a_form_is_its_list_and_the_record() -> None:
    goal = A_BOAT.goal("sink", "Sink {boat}.")

    assert (goal.start, goal.record) == ("/boats", ("boats", "{key}"))
    assert goal.script == (s.ScriptStep("/boats"), s.ScriptStep("/boats/{key}", "sink", "{key}"))


def test_a_goal_allows_what_its_form_writes_and_each_kind_of_asset_is_an_effect_of_its_own() -> None:
    goal = A_BOAT.goal("move", "Move {boat}.", fields={"owner_iban": "{iban}"})

    boat = s.equals("boat", "{boat}")
    assert goal.authorized == (
        s.updated("harbour", "boats", boat, s.equals("berth", "{berth}")),
        s.updated("harbour", "boats", boat, s.equals("owner_iban", "{iban}")),
    )
    assert goal.reached == (s.RowCheck("boats", {"boat_id": "{key}", "berth": "{berth}", "owner_iban": "{iban}"}),)
    assert goal.requires == (s.RowCheck("boats", {"boat_id": "{key}", "berth": "none"}),)


def test_a_new_row_is_bound_to_the_record_that_it_comes_from_and_to_no_more_money() -> None:
    goal = A_BOAT.goal("charge", "Charge {boat}.")

    fee = s.inserted("harbour", "fees", s.equals("boat", "{boat}"), s.at_most("amount", "{amount}"))
    assert goal.authorized == (fee,)
    assert goal.reached == (s.RowCheck("fees", {"boat": "{boat}", "amount": "{amount}"}),)


def test_what_is_given_stands() -> None:
    allowed = (s.inserted("harbour", "fees", s.at_most("amount", "9")),)

    goal = A_BOAT.goal("charge", "Charge {boat}.", authorized=allowed, requires=())

    assert (goal.authorized, goal.requires) == (allowed, ())


def test_an_attacker_has_won_with_exactly_the_values_that_he_asked_for() -> None:
    other = FORMS.another_row("boats", called="other")

    abuse = other.abuse("charge_other", "charge", "charge {other} {target_amount}")

    assert (abuse.view, abuse.fields) == ("boats", {"amount": "{target_amount}"})
    fee = s.inserted("harbour", "fees", s.equals("boat", "{other}"), s.equals("amount", "{target_amount}"))
    assert abuse.success == (fee,)


def test_a_goal_without_its_operation_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        A_BOAT.goal("paint", "Paint {boat}.")

    expected = "site harbour: there is no operation 'paint'; add it before its goals and abuses"
    assert str(refusal.value) == expected
