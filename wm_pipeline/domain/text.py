"""States, actions and deltas in words: what models, people and reports read. One renderer, guarded by golden files.

Priorities when a state does not fit (`max_chars`): goal, page and sign-in, text the site does not vouch for, forms,
storage, requests to other sites, earlier steps, notices and headings, links and buttons, other text; what is cut is the
least telling. The action's own text (`describe_action`) is never cut by the state's limit.
"""

from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import split_address
from wm_pipeline.domain.delta import StateDelta, facts_of_delta
from wm_pipeline.domain.offers import site_of
from wm_pipeline.domain.relations import (
    ActionAim,
    ActionRelations,
    SentValue,
    aim_of,
    is_untrusted,
    relate,
    service_workers,
    stored_remote_hosts,
)
from wm_pipeline.domain.state import Element, Form, State, StorageItem
from wm_pipeline.domain.vocabulary import ActionKind, StorageArea, Visibility

DEFAULT_STATE_CHARS = 1500
"""About 450 tokens of SmolLM2's tokenizer on our pages: a page of the built-in sites fits."""
_LONGEST_VALUE = 60
_LONGEST_BLOCK = 300


@dataclass(frozen=True, slots=True)
class StateText:
    text: str
    is_truncated: bool


def summarize_state(state: State, *, max_chars: int = DEFAULT_STATE_CHARS) -> StateText:
    """The state in at most `max_chars` characters, most telling parts kept longest."""
    lines: list[str] = []
    used = 0
    is_truncated = False
    for line in _state_lines(state):
        if used + len(line) + 1 > max_chars:
            is_truncated = True
            continue
        lines.append(line)
        used += len(line) + 1
    if not lines:
        lines.append(f"goal: {state.goal}"[:max_chars])
    return StateText("\n".join(lines), is_truncated)


def _state_lines(state: State) -> list[str]:
    lines = [f"goal: {state.goal}", f'page: {_place(state.url, None)} "{state.title}"']
    if state.auth.principal is not None:
        lines.append(f"signed in: {state.auth.principal} ({state.auth.role or 'no role'})")
    lines += [
        f"{_provenance(block.visibility, block.author)}: {block.text[:_LONGEST_BLOCK]}"
        for block in state.texts
        if is_untrusted(block)
    ]
    lines += [_form_line(state, form) for form in state.forms]
    lines += [_storage_line(item, state.url) for item in state.storage if item.area is not StorageArea.COOKIE]
    lines += [
        f"sent earlier: {event.method} to other site {site_of(event.url)}"
        for event in state.network
        if event.is_cross_site
    ]
    if state.prior_steps:
        lines.append("done: " + "; ".join(state.prior_steps[-4:]))
    lines += [
        f"{block.role}: {block.text[:_LONGEST_BLOCK]}"
        for block in state.texts
        if not is_untrusted(block) and block.role
    ]
    links = [_element_words(state, element) for element in state.elements if _is_free_standing(state, element)]
    if links:
        lines += [f"offers: {', '.join(links[start : start + 8])}" for start in range(0, len(links), 8)]
    lines += [
        f"text: {block.text[:_LONGEST_BLOCK]}" for block in state.texts if not is_untrusted(block) and not block.role
    ]
    lines += [f"tool {tool.name}: {tool.description}" for tool in state.tools]
    lines += [f"tool result: {result[:_LONGEST_BLOCK]}" for result in state.tool_results[-2:]]
    return lines


def _is_free_standing(state: State, element: Element) -> bool:
    return element.form_ref is None or state.form(element.form_ref) is None


def _provenance(visibility: Visibility, author: str | None) -> str:
    if visibility is not Visibility.VISIBLE:
        return f"{visibility.value} text" + ("" if author is None else f" by {author}")
    return f"text by {author}"


def _place(url: str, here: str | None) -> str:
    parts = split_address(url)
    if not any(parts):
        return url or "/"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if here is not None and site_of(here) == parts.hostname:
        return path
    return f"{parts.hostname or url}{path}"


def _element_words(state: State, element: Element) -> str:
    words = f"{element.role} {element.name[:_LONGEST_VALUE]}"
    if element.href is not None:
        other = "" if site_of(element.href) == site_of(state.url) else "other site "
        words += f" -> {other}{_place(element.href, state.url)[:_LONGEST_VALUE]}"
    if element.value and element.role not in {"link", "button"}:
        words += f" = {element.value[:_LONGEST_VALUE]}"
    if element.is_checked:
        words += " (checked)"
    if element.visibility is not Visibility.VISIBLE:
        words += f" ({element.visibility.value})"
    if element.author is not None:
        words += f" (by {element.author})"
    return words


def _form_line(state: State, form: Form) -> str:
    other = "" if site_of(form.action_url) == site_of(state.url) else "other site "
    parts = []
    for field in form.fields:
        if field.is_token:
            continue
        hidden = "hidden " if field.input_type == "hidden" else ""
        value = f"={field.value[:_LONGEST_VALUE]}" if field.value else ""
        parts.append(f"{hidden}{field.label or field.name}{value}")
    return f'form "{form.name}" {form.method.upper()} {other}{_place(form.action_url, state.url)}: {", ".join(parts)}'


def _storage_line(item: StorageItem, url: str) -> str:
    where = "" if site_of(item.origin) == site_of(url) else f" of {site_of(item.origin)}"
    return f"{item.area.value}{where}: {item.key} = {item.value[:_LONGEST_VALUE]}"


def describe_action(state: State, action: Action) -> str:
    """The action with its relations to the state, a few lines; equal words for equal consequences as far as visible."""
    relations = relate(state, action)
    lines = [_what(action, aim_of(state, action)) + _request_words(relations)]
    if relations.destination is not None:
        lines.append(_where(state, relations))
    if relations.record is not None:
        named = "named in goal" if relations.is_record_in_goal else "not in goal"
        lines.append(f'from page "{relations.record[:_LONGEST_VALUE]}", {named}')
    is_stray = relations.is_cross_site and not relations.is_destination_in_goal
    lines += [_sent_line(sent, is_stray=is_stray) for sent in relations.sends]
    if relations.leaves_empty:
        lines.append(f"leaves empty {', '.join(relations.leaves_empty)}")
    if relations.target_visibility is not Visibility.VISIBLE:
        lines.append(f"the target is {relations.target_visibility.value}")
    if relations.target_author is not None:
        lines.append(f"the target was written by {relations.target_author}")
    if relations.claimed_host is not None:
        lines.append(f"its words name {relations.claimed_host}, which is not where it leads")
    if relations.mentioned_by:
        lines.append(f"mentioned by {', '.join(relations.mentioned_by)}")
    remote = stored_remote_hosts(state)
    if remote and (relations.method is not None or action.kind is ActionKind.CLICK):
        lines.append(f"stored address of other site {', '.join(remote)}")
    workers = service_workers(state)
    stays = action.kind is ActionKind.BACK or (relations.destination is not None and not relations.is_cross_site)
    if workers and stays:
        lines.append(f"seen by service worker {', '.join(_place(worker, state.url) for worker in workers)}")
    return "\n".join(lines)


def short_action(state: State, action: Action) -> str:
    """The action in a few words, for steps, lists and narratives."""
    return _what(action, aim_of(state, action))


def _what(action: Action, aim: ActionAim) -> str:
    name = "" if aim.name is None else f' "{aim.name[:_LONGEST_VALUE]}"'
    match action.kind:
        case ActionKind.NOOP:
            return "do nothing"
        case ActionKind.ASK_HUMAN:
            return "ask a person"
        case ActionKind.BACK:
            return "go back"
        case ActionKind.GOTO:
            return "open address"
        case ActionKind.TOOL_CALL:
            return f"call tool {action.tool_name} with {(action.tool_arguments or '')[:200]}"
        case ActionKind.RUN_SCRIPT:
            return f"run script {(action.value or '')[:200]}"
        case ActionKind.SUBMIT:
            return f"submit form{name}"
        case ActionKind.FILL | ActionKind.SELECT | ActionKind.PRESS | ActionKind.UPLOAD:
            value = (action.value or "")[:_LONGEST_VALUE]
            return f"{action.kind.value} {aim.role or 'field'}{name} with {value}"
        case ActionKind.CLICK | ActionKind.CHECK:
            return f"{action.kind.value} {aim.role or 'element'}{name}"


OPENED_PATTERN = r"\n(opens (?:same|other) site)"
"""In an action's text: that a page is opened, and whose."""
SENT_PATTERN = r"\n([A-Z]+ to (?:same|other) site)"
"""In an action's text: that something is sent, and to whom."""
SENT_ADDRESS_PATTERN = r"\n([A-Z]+ to (?:same|other) site [^\s,]+)"
"""The same with the address."""
DESTINATION_PATTERN = r"\n(?:opens|[A-Z]+ to) (same|other) site ([^\s,]+)"
"""In an action's text: whose the address is that it leads or sends to, and the address."""
PAGE_PATTERN = r"\npage: ([^ \n]+)"
"""In a state's text: the address of its page."""
HISTORY_PATTERN = r"\n(?:done|sent earlier): [^\n]*"
"""In a state's text: how the page was reached, which is no part of it."""


def _request_words(relations: ActionRelations) -> str:
    share = relations.request_in_goal
    if share is None:
        return ""
    return ", in goal" if share == 1 else ", partly in goal" if share > 0 else ", not in goal"


def _where(state: State, relations: ActionRelations) -> str:
    verb = "opens" if relations.method is None else f"{relations.method} to"
    if not relations.is_cross_site:
        return f"{verb} same site {_place(relations.destination or '', state.url)}"
    named = "named in goal" if relations.is_destination_in_goal else "not in goal"
    return f"{verb} other site {_place(relations.destination or '', state.url)}, {named}"


def _sent_line(sent: SentValue, *, is_stray: bool) -> str:
    hidden = "hidden field " if sent.is_hidden_field else ""
    origin = "in goal" if sent.is_in_goal else "not in goal, on the page" if sent.is_on_page else "not in goal"
    writer = "" if sent.written_by is None else f", written by {sent.written_by}"
    leaves = ", to a site not in goal" if is_stray else ""
    size = ", more than in goal" if sent.is_over_goal else ""
    return f"sends {hidden}{sent.name} = {sent.value[:_LONGEST_VALUE]} ({origin}{size}{writer}{leaves})"


def describe_transition(delta: StateDelta) -> str:
    """What changed, as facts and what appeared: the first part of the mid-training target."""
    facts = "; ".join(facts_of_delta(delta))
    appeared = ", ".join(text[:_LONGEST_VALUE] for text in delta.dom_added[:4])
    return facts if not appeared else f"{facts}; appeared: {appeared}"


def delta_text(delta: StateDelta) -> str:
    """The delta's facts, one a line: what the delta head writes and `parse_delta_text` reads."""
    return "\n".join(facts_of_delta(delta))
