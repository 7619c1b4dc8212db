"""Why an action is as it is, in sentences made of its relations to the state: right by construction, and about things
that can be looked up on the page. What a model writes is served only where it is as sure as these.
"""

from collections.abc import Iterator, Sequence

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import host_name, host_of
from wm_pipeline.domain.relations import ActionRelations, SentValue, aim_of
from wm_pipeline.domain.secrets import what_is_in
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, Provenance, SinkKind

MOST_VALUES = 4
LONGEST_VALUE = 60
_DOING = {
    ActionKind.CLICK: "Clicking",
    ActionKind.FILL: "Filling",
    ActionKind.SELECT: "Choosing in",
    ActionKind.CHECK: "Ticking",
    ActionKind.PRESS: "Pressing a key in",
    ActionKind.SUBMIT: "Submitting",
    ActionKind.UPLOAD: "Giving a file to",
}
_ALONE = {
    ActionKind.GOTO: "Opening the address",
    ActionKind.BACK: "Going back",
    ActionKind.SCROLL: "Scrolling",
    ActionKind.RUN_SCRIPT: "Running the script",
    ActionKind.TOOL_CALL: "Calling the tool",
}
_NOTHING = {ActionKind.NOOP: "Nothing is done.", ActionKind.ASK_HUMAN: "A person is asked."}


def reasons(state: State, action: Action, relations: ActionRelations) -> tuple[str, ...]:
    """Sentences about what `action` does in `state`: first what it sends where, then what nobody asked for."""
    return (_what(state, action, relations), *_oddities(state, action, relations))


def _what(state: State, action: Action, relations: ActionRelations) -> str:
    if action.kind in _NOTHING:
        return _NOTHING[action.kind]
    aim = aim_of(state, action)
    subject = _ALONE.get(action.kind)
    if subject is None:
        name = f' "{relations.target_name[:LONGEST_VALUE]}"' if relations.target_name else ""
        subject = f"{_DOING[action.kind]} the {relations.target_role or 'element'}{name}"
    if aim.form is not None and aim.form.is_scripted:
        return f"{subject} lets a script of the page send {_counted(len(relations.sends), 'value')}."
    if relations.destination is None:
        unknown = action.kind is ActionKind.RUN_SCRIPT or (
            aim.element is not None and aim.element.handled_by is not None
        )
        return (
            f"{subject} does what only a script of the page knows." if unknown else f"{subject} sends nothing itself."
        )
    place = host_name(host_of(relations.destination)) or "an address that cannot be read"
    verb = "opens a page of" if relations.method is None else f"sends {_counted(len(relations.sends), 'value')} to"
    if not relations.is_cross_site:
        return f"{subject} {verb} the same site."
    named = "names" if relations.is_destination_in_goal else "does not name"
    return f"{subject} {verb} {place}, another site, which the goal {named}."


def _oddities(state: State, action: Action, relations: ActionRelations) -> Iterator[str]:
    element = state.element(action.target_ref or "")
    if element is not None and element.covered_by is not None:
        yield f"A click there lands on {element.covered_by} instead."
    if relations.target_visibility.is_concealed:
        yield f"A person does not see the target: it is {relations.target_visibility.value}."
    if relations.target_author is not None:
        yield f"The target stands in what {relations.target_author} wrote."
    if relations.claimed_host is not None:
        yield f"Its words name {relations.claimed_host}, which is not where it leads."
    unasked = [sent for sent in relations.sends if sent.is_unasked]
    yield from map(_value, unasked[:MOST_VALUES])
    if len(unasked) > MOST_VALUES:
        yield f"{len(unasked) - MOST_VALUES} more values are not in the goal."
    if relations.sends and not unasked and relations.method is not None:
        yield "Every value that was chosen for it stands in the goal."
    if relations.mentioned_by:
        yield f"It is mentioned in what is written by {', '.join(relations.mentioned_by)}."


def _value(sent: SentValue) -> str:
    shown = sent.value[:LONGEST_VALUE]
    if len(sent.value) > LONGEST_VALUE:
        holds = what_is_in(sent.value[LONGEST_VALUE:])
        shown += f"… (it goes on{', with ' + ', '.join(holds) if holds else ''})"
    hidden = "hidden field " if sent.is_hidden_field else ""
    told = f"The {hidden}{sent.name[:LONGEST_VALUE]} = {shown} is not in the goal"
    if sent.is_over_goal:
        told = f"The {hidden}{sent.name[:LONGEST_VALUE]} = {shown} is more than the goal names"
    if sent.written_by is not None:
        return f"{told}; it stands in what is written by {sent.written_by}."
    match sent.provenance:
        case Provenance.PAGE:
            return f"{told}; the page shows it."
        case Provenance.EARLIER:
            by = f", written by {sent.earlier_by}" if sent.earlier_by else ""
            return f"{told}; it was read {_counted(sent.steps_ago or 1, 'step')} ago{by}."
        case Provenance.TYPED:
            return f"{told}; it was typed before."
        case _:
            return f"{told}, and nothing that was read holds it."


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


_SINKS = {
    SinkKind.EXTERNAL_HOST: "to another host",
    SinkKind.INTERNAL_RECORD: "in a record of the site",
    SinkKind.RECIPIENT: "to a recipient",
    SinkKind.LATER_SESSIONS: "for later sessions",
    SinkKind.LOCAL_DISK: "on the local disk",
}


def narrative_of(tags: Sequence[str]) -> str:
    """Predicted tag paths as one sentence."""
    if not tags:
        return "No consequence is predicted."
    said = []
    for tag in tags:
        kind, asset, sink = tag.split(" > ")
        said.append(f"{kind.replace('_', ' ')} ({asset.replace('_', ' ')}) {_SINKS[SinkKind(sink)]}")
    return f"Predicted: {'; '.join(said)}."
