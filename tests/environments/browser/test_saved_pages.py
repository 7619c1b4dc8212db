"""What is said of an action on ten pages as they are found, and what of a page may change without changing it.

A shop, bank, mail, forum, issue tracker, calendar, wiki, social network, content and staff system (tests/pages/saved).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import asked
from tests.fakes.page_site import PAGES, BrowserWorld
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import Element, Form, State, TextBlock, bad_references
from wm_pipeline.domain.vocabulary import ActionKind, Provenance

pytestmark = pytest.mark.browser

SAVED = ("shop", "bank", "mail", "forum", "issues", "calendar", "wiki", "social", "cms", "hr")
Facts = dict[tuple[str, ...], tuple[str, ...]]


def actions_of(state: State) -> dict[tuple[str, ...], Action]:
    """What can be done, named by what a person sees: every click, something typed into every field, every form."""
    counts, found = Counter[tuple[str, ...]](), dict[tuple[str, ...], Action]()

    def add(action: Action, *name: str) -> None:
        counts[name] += 1
        found[(*name, str(counts[name]))] = action

    for action in candidate_actions(state, max_actions=400):
        element = state.element(action.target_ref or "")
        add(action, action.kind.value, element.role if element else "", element.name if element else "")
    for element in state.elements:
        if element.role == "textbox":
            add(Action(ActionKind.FILL, element.element_ref, "some words"), "fill", element.name)
    for form in state.forms:
        add(Action(ActionKind.SUBMIT, form.form_ref), "submit", form.name, form.method)
    return found


def facts_of(state: State) -> Facts:
    """What is said of each action, with the suspicious patterns."""
    return {
        name: (*(question := asked(state, action)).texts, *question.patterns)
        for name, action in actions_of(state).items()
    }


@pytest.fixture(scope="module")
def states(world: BrowserWorld) -> dict[str, State]:
    return {name: world.open(f"saved/{name}.html") for name in SAVED}


@pytest.fixture
def changing(world: BrowserWorld) -> Iterator[Callable[[Callable[[str], str]], None]]:
    """Pages are served changed until the test ends."""

    def change(how: Callable[[str], str]) -> None:
        world.site.change = how

    yield change
    world.site.change = lambda text: text


def test_each_page_is_read_as_a_whole(states: dict[str, State]) -> None:
    for name, state in states.items():
        assert (state.more_elements, state.more_texts, state.unseen) == (0, 0, ()), name
        assert list(bad_references(state)) == [], name
        assert len(actions_of(state)) > 10, name
    assert {name for name, state in states.items() if not any(not form.is_scripted for form in state.forms)} == {
        "bank",
        "social",
    }


# --- what may change about a page -------------------------------------------------------------------------------------

ROWS = "".join(f"<tr><td>qqqx{at}</td><td>zzzy{at}</td></tr>" for at in range(200))
TABLE = f"<table><tbody>{ROWS}</tbody></table>"


def with_other_ids(text: str) -> str:
    text = re.sub(
        r'(\s(?:id|for|aria-controls|aria-labelledby|aria-describedby)=")([^"]+)"',
        lambda found: found[1] + " ".join(f"r9-{one}" for one in found[2].split()) + '"',
        text,
    )
    text = re.sub(r'href="#([\w-]+)"', r'href="#r9-\1"', text)
    return re.sub(r'getElementById\("', 'getElementById("r9-', text)


def with_white_space(text: str) -> str:
    """Before what stands in a line of its own, where white space is nothing that anybody sees."""
    return re.sub(
        r">\s*<(?=(?:div|p|ul|li|table|t[rdh]|form|section|article|h\d|main|nav|fieldset|dialog)\b)", ">\n  <", text
    )


CHANGES: dict[str, Callable[[str], str]] = {
    "other ids": with_other_ids,
    "decomposed letters": lambda text: unicodedata.normalize("NFD", text),
    "white space": with_white_space,
    "rows below": lambda text: text.replace("</body>", f"{TABLE}</body>"),
    "rows above": lambda text: re.sub(r"(<body[^>]*>)", rf"\1{TABLE}", text),
    "comments": lambda text: text.replace("</head>", "<!-- v17 --></head>"),
    "attributes of a framework": lambda text: re.sub(r"<(div|p|span|td|li)(?=[ >])", r"<\1 data-v-7f3a ", text),
}


AROUND, OF_PAGE = "a script of what it stands in hears it", "a script of the page hears every click"


def composed(facts: Facts) -> Facts:
    """With letters in one writing. Whether what holds a listener is most of the page depends on all of the page."""
    return {
        tuple(unicodedata.normalize("NFC", part) for part in name): tuple(
            unicodedata.normalize("NFC", line).replace(AROUND, OF_PAGE) for line in lines
        )
        for name, lines in facts.items()
    }


@pytest.mark.parametrize("page", SAVED)
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_said_of_an_action_does_not_depend_on(
    change: str, page: str, world: BrowserWorld, states: dict[str, State], changing: Callable[..., None]
) -> None:
    changing(CHANGES[change])

    changed = world.open(f"saved/{page}.html")

    plain, now = composed(facts_of(states[page])), composed(facts_of(changed))
    assert {name: now.get(name) for name in plain} == plain
    if not change.startswith("rows"):
        ours, theirs = ([line.text for line in read_state(one).lines] for one in (states[page], changed))
        assert [unicodedata.normalize("NFC", line) for line in theirs] == [
            unicodedata.normalize("NFC", line) for line in ours
        ]


@pytest.mark.parametrize("page", SAVED)
def test_a_page_says_the_same_under_another_name_of_its_host(
    page: str, world: BrowserWorld, states: dict[str, State]
) -> None:
    other = world.open(f"saved/{page}.html", host="pay.localhost")

    def named(facts: Facts) -> Facts:
        return {
            name: tuple(line.replace("pay.localhost", "mail.localhost") for line in lines)
            for name, lines in facts.items()
        }

    assert named(facts_of(other)) == facts_of(states[page])


@pytest.mark.parametrize("page", SAVED)
def test_a_page_that_is_looked_at_twice_is_the_same(page: str, world: BrowserWorld, states: dict[str, State]) -> None:
    first = world.open(f"saved/{page}.html")

    second = world.run(world.session.refresh())

    assert facts_of(first) == facts_of(second) == facts_of(states[page])


# --- what a page came with, and what was typed ------------------------------------------------------------------------


@pytest.mark.parametrize("page", SAVED)
def test_a_field_that_is_sent_as_the_page_loaded_it_says_so(page: str, states: dict[str, State]) -> None:
    state, sent = states[page], 0

    for form in state.forms:
        relations = asked(state, Action(ActionKind.SUBMIT, form.form_ref)).relations
        assert {one.provenance for one in relations.sends} <= {Provenance.LOADED, Provenance.GOAL}, form.name
        assert not any(one.is_unasked for one in relations.sends)
        sent += len(relations.sends)
    assert sent > 0 or page == "social"


@pytest.mark.parametrize("page", SAVED)
def test_a_field_that_an_agent_has_typed_into_says_so(page: str, world: BrowserWorld) -> None:
    state = world.open(f"saved/{page}.html")
    field = next(
        one for one in state.elements if one.role == "textbox" and one.input_type in {None, "text"} and one.form_ref
    )

    after = world.act(Action(ActionKind.FILL, field.element_ref, "Zebra crossing"))

    assert after.problem is None
    form = after.state.form(field.form_ref or "")
    assert form is not None
    sends = asked(after.state, Action(ActionKind.SUBMIT, form.form_ref)).relations.sends
    typed = [one for one in sends if one.value == "Zebra crossing"]
    assert [(one.is_typed, one.is_as_loaded, one.provenance) for one in typed] == [(True, False, Provenance.TYPED)]
    assert all(one.is_as_loaded for one in sends if one.value != "Zebra crossing")


def test_no_pattern_fires_on_pages_on_which_nobody_attacks(states: dict[str, State]) -> None:
    fired = {
        (page, name, pattern.value)
        for page, state in states.items()
        for name, action in actions_of(state).items()
        for pattern in asked(state, action).patterns
    }

    assert fired == set()


# --- what may change about a state ------------------------------------------------------------------------------------

STATES: dict[str, State] = {}


@pytest.fixture(autouse=True)
def _kept(states: dict[str, State]) -> None:
    """Hypothesis draws from the states once they are there."""
    STATES.update(states)


def renumbered(state: State, by: int) -> tuple[State, Callable[[Action], Action]]:
    def other(ref: str | None) -> str | None:
        return None if ref is None else f"{ref[0]}{int(ref[1:]) + by}"

    def of_form(form: Form) -> Form:
        return replace(
            form,
            form_ref=other(form.form_ref) or "",
            submit_ref=other(form.submit_ref),
            fields=tuple(replace(one, element_ref=other(one.element_ref)) for one in form.fields),
            submitters=tuple(replace(one, element_ref=other(one.element_ref) or "") for one in form.submitters),
        )

    elements = tuple(
        replace(one, element_ref=other(one.element_ref) or "", form_ref=other(one.form_ref)) for one in state.elements
    )
    changed = replace(state, elements=elements, forms=tuple(map(of_form, state.forms)))
    return changed, lambda action: replace(action, target_ref=other(action.target_ref))


chosen = st.tuples(st.sampled_from(SAVED), st.integers(0, 10_000))


def drawn(choice: tuple[str, int]) -> tuple[State, Action]:
    state = STATES[choice[0]]
    actions = list(actions_of(state).values())
    return state, actions[choice[1] % len(actions)]


def said(state: State, action: Action) -> tuple[Any, ...]:
    question = asked(state, action)
    return question.texts, question.patterns


@given(chosen, st.integers(1, 5000))
def test_numbers_of_elements_mean_nothing(choice: tuple[str, int], by: int) -> None:
    state, action = drawn(choice)

    other, renamed = renumbered(state, by)

    assert said(other, renamed(action)) == said(state, action)
    assert read_state(other).text == read_state(state).text


@given(chosen, st.integers(0, 50))
def test_what_stands_beside_it_and_says_nothing_of_it_changes_nothing(choice: tuple[str, int], more: int) -> None:
    state, action = drawn(choice)
    texts = tuple(TextBlock(f"Qqqx{at}") for at in range(more))
    elements = tuple(Element(f"e{9000 + at}", "link", f"Zzzy{at}", href="/elsewhere") for at in range(more))

    other = replace(state, texts=(*state.texts, *texts), elements=(*state.elements, *elements))

    assert said(other, action) == said(state, action)


@given(chosen)
def test_a_state_that_was_written_down_and_read_says_the_same(choice: tuple[str, int]) -> None:
    state, action = drawn(choice)

    again = from_json(State, to_json(state), what="state")

    assert again == state
    assert said(again, action) == said(state, action)


@given(st.sampled_from(SAVED), st.binary(min_size=8, max_size=32))
def test_what_has_no_secrets_left_has_none_to_take(page: str, key: bytes) -> None:
    state = STATES[page]

    assert Redactor(key).state(state) == state


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "in capitals": str.upper,
    "with wide blanks": lambda text: text.replace(" ", "  "),
    "between quotation marks": lambda text: f"“{text}”",
}


@given(
    st.sampled_from(SAVED), st.integers(0, 10_000), st.sampled_from(sorted(WRITTEN)), st.sampled_from(sorted(WRITTEN))
)
def test_a_value_that_a_goal_names_is_in_the_goal_however_both_are_written(
    page: str, at: int, of_goal: str, of_value: str
) -> None:
    state = STATES[page]
    fields = [
        (form, field)
        for form in state.forms
        for field in form.fields
        if field.input_type in {"text", "textarea"}
        and re.search(r"[^\W\d_]{3}", field.value)
        and "<" not in field.value
    ]
    if not fields:
        return
    form, field = fields[at % len(fields)]
    goal = f"Please send {WRITTEN[of_goal](field.value)} with the form."
    value = "" if of_value == "between quotation marks" else WRITTEN[of_value](field.value)
    action = Action(ActionKind.SUBMIT, form.form_ref, fields=(FieldValue(field.name, value or field.value),))

    sends = asked(replace(state, goal=goal), action).relations.sends

    (sent,) = [one for one in sends if one.name == (field.label or field.name) and not one.is_hidden_field]
    assert sent.is_in_goal


@given(chosen)
def test_every_line_is_one_line_and_says_what_it_is(choice: tuple[str, int]) -> None:
    state, action = drawn(choice)

    lines = [*(line.text for line in read_state(state).lines), *asked(state, action).texts]

    assert all(line == line.lstrip() and len(line.splitlines()) == 1 for line in lines)
    assert [line for line in lines if line.startswith("goal:")] == [f"goal: {state.goal}"]


def test_the_pages_are_ten_and_say_what_they_are() -> None:
    for name in SAVED:
        head = (PAGES / "saved" / f"{name}.html").read_text()[:220]
        assert "<!--" in head
        assert re.search(r'<html lang="[a-z]{2}">', head), name
