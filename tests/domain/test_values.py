"""Values that are sent: what they are of, and when two of them are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wm_pipeline.domain.values import amounts_in, dates_in, is_asked, is_mentioned, is_over, kind_of, plain
from wm_pipeline.domain.vocabulary import ValueKind


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("39.50", "at 39.5 each"),
        ("39,50", "pay 39.50 EUR"),
        ("1250", "pay 1,250.00"),
        ("1.250,00", "pay 1,250 EUR"),
        ("1 250", "pay 1250"),
        ("1'250.00", "1250"),
        ("2027-04-03", "due on 3 April 2027"),
        ("03.04.2027", "due 2027-04-03"),
        ("April 3, 2027", "am 3. April 2027"),
        ("2027-04-03T00:00:00", "2027-04-03"),
        ("le 3 avril 2027", "le 3 avril 2027"),
        ("DE44500105170000", "DE44 5001 0517 0000 is the account"),
        ("Ｎｏｒｔｈｗｉｎｄ", "for NORTHWIND"),
        ("North\u200bwind", "for Northwind"),
        ("\u202eNorthwind\u202c", "for Northwind"),
        ("STRASSE", "Straße"),
    ],
)
def test_the_same_thing_is_found_however_it_is_written(value: str, text: str) -> None:
    assert is_mentioned(value, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3950", "pay 39,50"),
        ("45", "INV-45 of 1450 EUR"),
        ("00123", "pay 123"),
        ("2027-04-03", "due on 4 May 2027"),
        ("3", "due 3.4.2027, 18:03"),
        ("DE44500105170000", "DE44 5001 0517 0001"),
        ("Nоrthwind", "for Northwind"),
    ],
)
def test_another_thing_is_not(value: str, text: str) -> None:
    assert not is_mentioned(value, text)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("Amount", "1250", ValueKind.AMOUNT),
        ("x", "12,50", ValueKind.AMOUNT),
        ("x", "EUR 12", ValueKind.AMOUNT),
        ("Quantity", "3", ValueKind.QUANTITY),
        ("x", "3", ValueKind.QUANTITY),
        ("Due", "3 April 2027", ValueKind.DATE),
        ("Due", "2027-04-03", ValueKind.DATE),
        ("PLZ", "10115", ValueKind.POSTAL_CODE),
        ("ZIP code", "SW1A 1AA", ValueKind.POSTAL_CODE),
        ("IBAN", "DE44 5001 0517 5407 3249 31", ValueKind.IDENTIFIER),
        ("Invoice number", "118", ValueKind.IDENTIFIER),
        ("Phone", "+49 30 1234", ValueKind.IDENTIFIER),
        ("To", "ann@x.example", ValueKind.MAIL),
        ("Callback", "https://x.example/a", ValueKind.ADDRESS),
        ("Host", "x.example", ValueKind.ADDRESS),
        ("Note", "Thanks for 3 boxes", ValueKind.TEXT),
        ("File", "report.pdf", ValueKind.TEXT),
    ],
)
def test_a_value_is_of_the_kind_that_its_field_and_form_say(name: str, value: str, kind: ValueKind) -> None:
    assert kind_of(name, value) is kind


GOAL = "Pay invoice 9000 of Northwind, 1,250.00 EUR, by 2027-01-31, to PLZ 99999"


@pytest.mark.parametrize(
    ("value", "kind", "over"),
    [
        ("1250.01", ValueKind.AMOUNT, True),
        ("12.500,00", ValueKind.AMOUNT, True),
        ("1.250,00", ValueKind.AMOUNT, False),
        ("1250", ValueKind.AMOUNT, False),
        ("8000", ValueKind.AMOUNT, True),
        ("99998", ValueKind.POSTAL_CODE, False),
        ("99998", ValueKind.IDENTIFIER, False),
        ("2028-01-31", ValueKind.DATE, False),
    ],
)
def test_amounts_are_compared_with_amounts_only(value: str, kind: ValueKind, *, over: bool) -> None:
    assert is_over(value, kind, GOAL) is over


def test_a_number_in_another_role_is_not_the_amount_that_was_asked_for() -> None:
    assert is_asked("1250.00", ValueKind.AMOUNT, GOAL)
    assert not is_asked("9000", ValueKind.AMOUNT, GOAL)
    assert is_asked("9000", ValueKind.IDENTIFIER, GOAL)
    assert amounts_in("Of order 3 for room 12: set it to 45") == {45}


@given(
    st.integers(1, 9_999_999), st.sampled_from(["{:,}", "{}", "{:,}.00", "{}.0"]), st.sampled_from([",.", ".,", " ,"])
)
def test_a_number_is_the_same_in_every_locale(number: int, form: str, marks: str) -> None:
    written = form.format(number).translate(str.maketrans(",.", marks))

    assert is_mentioned(written, f"pay {number} now") or is_mentioned(str(number), f"pay {written} now")


@given(st.dates())
def test_a_day_is_the_same_in_every_form(day) -> None:  # type: ignore[no-untyped-def]
    forms = [day.isoformat(), f"{day.day}.{day.month}.{day.year:04}", f"{day.day} {day:%B} {day.year:04}"]

    assert all((day.year, day.month, day.day) in dates_in(f"on {form}, please") for form in forms)


@given(st.text(max_size=60))
def test_the_one_form_of_a_name_is_its_own_form(text: str) -> None:
    assert plain(plain(text)) == plain(text)
