"""What an action aims at, in numbers of the last look: what has to be in the page as it was judged."""

from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.state import Form, State
from wm_pipeline.domain.vocabulary import ActionKind


@dataclass(frozen=True, slots=True)
class Aim:
    """-1 where there is none."""

    element: int = -1
    form: int = -1
    submit: int = -1
    """The button that sends the form."""
    sent: tuple[int, ...] = ()
    """Fields whose values only a script would send: their form is none of the document."""
    is_enter: bool = False
    """The key that sends a form from a field of it."""
    is_covered: bool = False
    """The state says that the click lands on something else: that is what was judged."""


def aim_of(state: State, action: Action) -> Aim:
    ref = action.target_ref
    if ref is None:
        return Aim()
    if action.kind is ActionKind.SUBMIT:
        form = state.form(ref)
        if form is not None and form.is_scripted:
            return Aim(submit=_index(form.submit_ref), sent=_fields_of(form))
        button = None if form is None or form.submit_ref is None else state.element(form.submit_ref)
        is_covered = button is not None and button.covered_by is not None
        return Aim(form=_index(ref), submit=-1 if form is None else _index(form.submit_ref), is_covered=is_covered)
    element, sent = state.element(ref), state.form_sent_by(ref)
    return Aim(
        element=_index(ref),
        sent=_fields_of(sent) if sent is not None and sent.is_scripted else (),
        is_enter=action.kind is ActionKind.PRESS and action.value == "Enter",
        is_covered=element is not None and element.covered_by is not None,
    )


def _fields_of(form: Form) -> tuple[int, ...]:
    return tuple(_index(field.element_ref) for field in form.fields if field.element_ref is not None)


def _index(ref: str | None) -> int:
    """Of the reference `e3` or `f3`: 2."""
    return -1 if ref is None else int(ref[1:]) - 1
