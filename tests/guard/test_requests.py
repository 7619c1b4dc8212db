"""What a page asks for, as the form that is judged: nothing of it is left out without a word."""

import pytest

from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.guard.requests import state_with_request, values_of
from wm_pipeline.guard.unjudged import why_unjudged

STATE = State("http://shop.example/", "Shop", "Order.")
SENT = NetworkEvent("POST", "http://shop.example/api", "fetch", None, is_cross_site=False, body_bytes=0)
LINE = "------WebKitFormBoundaryX"
MULTIPART = (
    f'{LINE}\r\nContent-Disposition: form-data; name="a"; filename="DE00.txt"\r\nContent-Type: text/plain\r\n\r\nx\r\n'
    f'{LINE}\r\nContent-Disposition: form-data; name="t"\r\n\r\nhello\r\n{LINE}--\r\n'
)


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ('{"DE00": [], "c": [1, "x"]}', [("DE00", ""), ("c", "1"), ("c", "x")]),
        (MULTIPART, [("a", "x"), ("a", "DE00.txt"), ("t", "hello")]),
        ("a=1&b=", [("a", "1"), ("b", "")]),
    ],
    ids=["empty lists", "names of files", "form"],
)
def test_a_body_is_read_name_by_name(body: str, values: list[tuple[str, str]]) -> None:
    assert values_of(body.encode()) == values


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("&".join(f"f{at}=1" for at in range(500)), None),
        (
            "&".join(f"f{at}=1" for at in range(600)),
            "the form has 501 fields, more than the 500 that are read",
        ),
        ("x=" + "y" * 19_990 + "DE00", None),
        (
            "x=" + "y" * 30_000,
            "the form's field 'x' has 20001 characters, more than the 20000 that are read",
        ),
    ],
    ids=["many fields", "too many fields", "a long value", "too long a value"],
)
def test_what_is_asked_for_is_judged_to_its_end_or_a_person_is_asked(body: str, why: str | None) -> None:
    state, action = state_with_request(STATE, SENT, body.encode(), name="click")

    (form,) = state.forms
    assert why_unjudged(state, action, trained_kinds=None) == why
    assert why is not None or "&".join(f"{one.name}={one.value}" for one in form.fields) == body
