"""The actions that can be done in a state: for exploration, for counterfactuals and for the counterfactual head."""

from wm_pipeline.domain.action import ASK_HUMAN, NOOP, SCROLL_DOWN, Action
from wm_pipeline.domain.state import Form, State
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy, Visibility

CLICKABLE_ROLES = frozenset({"link", "button", "menuitem", "tab", "option", "summary", "image", "generic"})


def candidate_actions(state: State, *, max_actions: int = 40) -> tuple[Action, ...]:
    """What can be done here, in page order, the harmless ways out last; every action is executable in the state.

    Values are not invented: a text field is offered with a value that stands in the goal when one follows its label.
    """
    candidates: list[Action] = []
    for element in state.elements:
        if element.is_disabled:
            continue
        if element.role in CLICKABLE_ROLES or element.handled_by is HandledBy.OWN:
            candidates.append(Action(ActionKind.CLICK, element.element_ref))
        elif element.role in {"checkbox", "radio", "switch"}:
            candidates.append(Action(ActionKind.CHECK, element.element_ref))
        elif element.role == "combobox" and element.options:
            candidates += [
                Action(ActionKind.SELECT, element.element_ref, option)
                for option in element.options[:3]
                if option != element.value
            ]
    submits = {ref for form in state.forms for ref in (form.submit_ref, *(one.element_ref for one in form.submitters))}
    candidates += [Action(ActionKind.SUBMIT, form.form_ref) for form in state.forms if form.submit_ref is None]
    visible_first = sorted(candidates, key=lambda candidate: _rank(state, candidate, submits))
    further = (SCROLL_DOWN,) if state.is_more_below else ()
    return (*visible_first[: max_actions - 3 - len(further)], *further, Action(ActionKind.BACK), NOOP, ASK_HUMAN)


def _rank(state: State, candidate: Action, submits: set[str | None]) -> tuple[int, int]:
    element = None if candidate.target_ref is None else state.element(candidate.target_ref)
    if element is None:
        return (0, 0)
    return (
        0 if element.visibility is Visibility.VISIBLE else 1,
        0 if candidate.target_ref in submits else 1,
    )


def same_target(state: State, left: Action, right: Action) -> bool:
    """Whether two actions do the same thing here: a submit and a click on its form's button are one."""
    return _canonical(state, left) == _canonical(state, right)


def _canonical(state: State, action: Action) -> tuple[object, ...]:
    target = action.target_ref
    if action.kind is ActionKind.SUBMIT and not action.fields and target is not None:
        form: Form | None = state.form(target)
        if form is not None and form.submit_ref is not None:
            return (ActionKind.CLICK, form.submit_ref, None, (), None, None)
    return (action.kind, target, action.value, action.fields, action.tool_name, action.tool_arguments)
