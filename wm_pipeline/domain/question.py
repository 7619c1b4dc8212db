"""The question: a state and an action, made ready once. What models, people and reports read comes from here.

`read_state` computes what all questions about a state share, `question_of` adds one action and, where it was executed,
what that changed. Nothing else relates an action to its state, and no text that is made here is parsed again.
"""

from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta, facts_of_delta
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.relations import ActionRelations, patterns_of, relate, service_workers, stored_remote_hosts
from wm_pipeline.domain.relative_facts import Reference, page_of, relative_facts, target_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.text import (
    Line,
    address_of_page,
    address_words,
    describe_action,
    describe_transition,
    request_kind,
    state_lines,
    text_of,
    without_digits,
)
from wm_pipeline.domain.vocabulary import StatePattern

NEXT_PAGE_CHARS = 160
"""How much of a page's text the next_state head writes: whole lines after the goal."""


@dataclass(frozen=True, slots=True)
class StateReading:
    """A state with what all questions about it share."""

    state: State
    lines: tuple[Line, ...]
    """In the order of priority: where room is short, the end is cut off."""
    remote_hosts: tuple[str, ...]
    """Hosts of other sites that stand in storage which outlives the page."""
    workers: tuple[str, ...]
    """Scripts that see every request of the page."""

    @property
    def text(self) -> str:
        return text_of(self.lines)

    @property
    def page_id(self) -> str:
        """Names the page and the goal, whatever the way there."""
        return digest(*(line.text for line in self.lines if not line.is_history))

    @property
    def next_page(self) -> str:
        """What the next_state head writes of this page: whole lines after the goal, up to NEXT_PAGE_CHARS."""
        kept: list[str] = []
        for line in self.lines[1:]:
            if sum(len(text) + 1 for text in kept) + len(line.text) > NEXT_PAGE_CHARS:
                break
            kept.append(line.text)
        return "\n".join(kept)


@dataclass(frozen=True, slots=True)
class Request:
    """What an action asks of a server, in words that leave the record out."""

    kind: str
    """Such as `POST to same site` or `opens other site`."""
    address: str
    """Where to, as the action's text says it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One action in a state."""

    reading: StateReading
    action: Action
    relations: ActionRelations
    patterns: tuple[StatePattern, ...]
    lines: tuple[Line, ...]
    """The action in words, then its relations to the state, one a line; never cut."""
    request: Request | None
    """None where nothing is opened or sent as far as the page tells."""
    reference: Reference
    """What relative facts refer to."""

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(line.text for line in self.lines)

    @property
    def text(self) -> str:
        return text_of(self.lines)

    @property
    def template(self) -> str:
        """What is done on which kind of page, without numbers: questions of one template are asked again and again."""
        return without_digits(f"{address_of_page(self.reading.state)} {self.lines[0].text}")


@dataclass(frozen=True, slots=True)
class Transition:
    """What executing the action changed, in facts and in words."""

    facts: tuple[str, ...]
    relative_facts: tuple[str, ...]
    text: str
    relative_text: str
    """The same in facts relative to where the agent stands: what the next_state head writes."""


def read_state(state: State) -> StateReading:
    """The state, read once for all its questions."""
    return StateReading(state, state_lines(state), stored_remote_hosts(state), service_workers(state))


def question_of(reading: StateReading, action: Action) -> Question:
    """The question about one action."""
    state = reading.state
    relations = relate(state, action)
    return Question(
        reading=reading,
        action=action,
        relations=relations,
        patterns=patterns_of(relations, state.url, remote_hosts=reading.remote_hosts),
        lines=describe_action(state, action, relations, remote_hosts=reading.remote_hosts, workers=reading.workers),
        request=_request(state, relations),
        reference=Reference(page_of(state), target_of(relations)),
    )


def transition_of(question: Question, delta: StateDelta) -> Transition:
    """What executing the question's action changed."""
    facts = facts_of_delta(delta)
    relative = relative_facts(facts, question.reference)
    return Transition(facts, relative, describe_transition(facts, delta), describe_transition(relative, delta))


def _request(state: State, relations: ActionRelations) -> Request | None:
    if relations.destination is None:
        return None
    return Request(request_kind(relations), address_words(relations.destination, state))
