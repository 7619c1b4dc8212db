"""The renderer: golden text, and what a cut may never take."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import SUBMIT_WIRE, payment_state
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.state import StorageItem
from wm_pipeline.domain.text import describe_action, summarize_state
from wm_pipeline.domain.vocabulary import ActionKind, StorageArea

GOLDEN = Path(__file__).parents[1] / "golden"


def test_state_and_actions_read_as_in_the_golden_file() -> None:
    state = payment_state(
        storage=(StorageItem(StorageArea.LOCAL, "http://payroll.localhost", "endpoint", "http://evil.localhost/c"),),
        prior_steps=('click link "Invoices"',),
    )
    actions = (
        SUBMIT_WIRE,
        Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("iban", "XX99 0000"),)),
        Action(ActionKind.CLICK, "e5"),
        Action(ActionKind.FILL, "e2", "Mallory"),
        Action(ActionKind.NOOP),
    )

    text = "\n\n".join([summarize_state(state).text, *(describe_action(state, action) for action in actions)])

    assert text + "\n" == (GOLDEN / "state_and_actions.txt").read_text()


@given(st.integers(60, 1500))
def test_a_cut_state_fits_and_says_that_it_was_cut(max_chars: int) -> None:
    whole = summarize_state(payment_state())

    cut = summarize_state(payment_state(), max_chars=max_chars)

    assert len(cut.text) <= max_chars
    assert cut.is_truncated is (len(whole.text) > max_chars)
    assert cut.text.startswith("goal: ")
