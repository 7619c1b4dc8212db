"""Whatever place of a page a secret stands in, nothing that a session gives away holds it; what is typed is real."""

import random

import pytest

from tests.domain.test_secrets import BY_NAME, BY_SHAPE, SAYING
from tests.fakes.page_site import BrowserWorld, ref_of
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.secrets import MARK
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.browser.session import Step

pytestmark = pytest.mark.browser


def written(step: Step) -> str:
    question = question_of(read_state(step.state), step.recorded)
    return "\n".join((*map(to_json, (step.state, step.delta, step.recorded)), question.reading.text, question.text))


@pytest.mark.parametrize("kind", [*BY_SHAPE, *BY_NAME])
def test_nothing_that_a_session_tells_holds_a_secret_of_the_page(world: BrowserWorld, kind: str) -> None:
    secret = (BY_SHAPE | BY_NAME)[kind](random.Random(kind))
    said = SAYING.get(kind, "Use {} for now").format(secret)
    padding = "word " * 38  # the secret stands across the end of what is kept of a value
    long = said if kind in BY_NAME else f"{padding}{secret}"
    world.site.replacements = {
        "TITLE": said,
        "TEXT": said,
        "ADDRESS": secret.replace(" ", "%20") if kind in BY_SHAPE else f"x&token={secret}",
        "FIELD": secret,
        "LONG": long,
    }

    state = world.open("secrets.html")
    steps = [
        world.act(Action(ActionKind.FILL, ref_of(state, "Password"), secret)),
        world.act(Action(ActionKind.FILL, ref_of(state, "Note"), said)),
        world.act(Action(ActionKind.CLICK, ref_of(state, "Tell"))),
        world.act(Action(ActionKind.RUN_SCRIPT, value=f"document.title = '{said}'")),
        world.act(Action(ActionKind.SUBMIT, "f1", fields=(FieldValue("p", secret), FieldValue("note", said)))),
    ]

    for text in (to_json(state), read_state(state).text, *map(written, steps)):
        assert secret not in text
        assert secret.replace(" ", "%20") not in text
        assert secret[:12] not in text or kind == "short code"
    assert MARK.search(to_json(state))
    sent = next(one for one in world.site.requests if one.startswith("POST mail.localhost /take"))
    assert secret.replace(" ", "+").replace("!", "%21") in sent
    assert "<" not in sent


def test_an_address_with_a_secret_is_come_back_to(world: BrowserWorld) -> None:
    world.site.replacements = {}
    state = world.open("second.html?token=abcdefgh12345678")
    world.run(world.session.snapshot())
    world.act(Action(ActionKind.GOTO, value="http://mail.localhost/mail.html"))

    assert world.run(world.session.restore())

    assert "abcdefgh12345678" not in to_json(world.session.state)
    assert world.session.state.url == state.url
    assert world.run(world.session.evaluate("() => location.search")) == "?token=abcdefgh12345678"
