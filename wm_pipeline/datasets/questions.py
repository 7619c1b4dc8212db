"""The questions of executed actions as tables, rendered from stored states: no browser is needed to change a word."""

from typing import Any, NamedTuple

import dataframely as dy

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.question import StateReading, question_of, read_state, transition_of
from wm_pipeline.domain.records import from_row, to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import KEY, QuestionSchema, StateSchema, StateTextSchema, TransitionSchema, frame_of


class QuestionFrames(NamedTuple):
    """Texts of states, and of the actions executed in them."""

    state_texts: dy.DataFrame[StateTextSchema]
    questions: dy.DataFrame[QuestionSchema]


def render_questions(states: dy.DataFrame[StateSchema], transitions: dy.DataFrame[TransitionSchema]) -> QuestionFrames:
    """A row of state_texts for each state, a row of questions for each transition, in their order.

    Raises KeyError when a transition's state is not among the states.
    """
    readings = {
        state_id: read_state(from_row(State, state))
        for state_id, state in states.select("state_id", "state").iter_rows()
    }
    texts = [
        {
            "state_id": state_id,
            "state_text": reading.text,
            "state_lines": [to_row(line) for line in reading.lines],
            "page_id": reading.page_id,
            "next_page": reading.next_page,
        }
        for state_id, reading in readings.items()
    ]
    asked = transitions.select(*KEY, "state_id", "action", "state_delta")
    rows = [_row(readings[row["state_id"]], row) for row in asked.iter_rows(named=True)]
    return QuestionFrames(frame_of(StateTextSchema, texts), frame_of(QuestionSchema, rows))


def _row(reading: StateReading, row: dict[str, Any]) -> dict[str, Any]:
    question = question_of(reading, from_row(Action, row["action"]))
    transition = transition_of(question, from_row(StateDelta, row["state_delta"]))
    return {
        **{name: row[name] for name in (*KEY, "state_id")},
        "action_text": question.text,
        "action_lines": [to_row(line) for line in question.lines],
        "transition_text": transition.text,
        "relative_transition": transition.relative_text,
        "template": question.template,
        "request": None if question.request is None else question.request.kind,
        "request_address": None if question.request is None else question.request.address,
        "relations": to_row(question.relations),
        "patterns": [pattern.value for pattern in question.patterns],
        "delta_facts": list(transition.facts),
        "relative_facts": list(transition.relative_facts),
    }
