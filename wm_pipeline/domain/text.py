"""States, actions and deltas in words: what models, people and reports read. One renderer, guarded by golden files.

A state's lines stand in the order of priority: goal, page and sign-in, text the site does not vouch for, forms, parts
that cannot be looked into, storage, requests to other sites, earlier steps, notices and headings, links and buttons,
other text, what stands in closed parts. Whoever has too little room cuts at the end, the least telling part (the model:
in tokens, model/prompt.py). An action is never cut.
Callers come through domain/question.py, where an action is related to its state once.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import host_of, hosts_in, is_cross_site, parse_address
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.relations import (
    SCRIPT,
    ActionAim,
    ActionRelations,
    SentValue,
    aim_of,
    author_of,
    is_bookkeeping,
    is_untrusted,
)
from wm_pipeline.domain.room import CUT, shares
from wm_pipeline.domain.secrets import hidden, marks_in_address, what_is_in
from wm_pipeline.domain.state import STRICT, Element, Form, State, StorageItem, TextBlock
from wm_pipeline.domain.unknown_effects import clicked_in, why_effect_unknown
from wm_pipeline.domain.vocabulary import ActionKind, LineKind, Provenance, StorageArea, Visibility

_LONGEST_VALUE = 60
_LONGEST_BLOCK = 300
_LONGEST_SCRIPT, _LONGEST_ADDRESS = 200, 200
_LONGEST_LIST, _MOST_VALUES = 12, 40
_OVERLAP = 60
"""Of what is cut off, so much before the cut is looked at again: it may stand across it."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DIGITS = re.compile(r"\d+")
_LABELLED = re.compile(r"(?:(?s:.*)[:.] )?([^\W\d_][^:.;,!?\n]{1,39}): ([^\n]{1,80}?)[.]?$")
"""A label of a few words, a colon and a value that ends the text; of several labels the last."""
_NAME_IN_SCRIPT = re.compile(r"[\w-]+")
_MEANS = re.compile(
    r"\b(?:fetch|XMLHttpRequest|sendBeacon|WebSocket|EventSource|importScripts|import(?= ?\()|submit(?= ?\()|"
    r"requestSubmit|click(?= ?\()|eval|atob|Function|document\.cookie|cookie|localStorage|sessionStorage|indexedDB|"
    r"innerHTML|location|open(?= ?\()|postMessage|serviceWorker|clipboard)\b"
)
"""Ways of a script to send, to read what is kept, to act, and to say in other words what it does."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a question's text, and what it says beside its words."""

    __pydantic_config__ = STRICT

    kind: LineKind
    text: str
    author: str | None = None
    """Who wrote what it holds, as a person or as `hidden text`; None: the site, or nobody is named."""
    label: str | None = None
    """What the value is called."""
    value: str | None = None
    """The one value that it holds or sends."""
    provenance: Provenance | None = None
    """Where a value that is sent was first met."""
    is_hidden: bool = False
    """The value is sent by a field that nobody sees."""
    is_over_goal: bool = False
    """A number above every one of its kind that the goal names."""

    @property
    def is_history(self) -> bool:
        """It says how the page was reached, which is no part of the page."""
        return self.kind in {LineKind.DONE, LineKind.SENT_EARLIER}


def text_of(lines: Iterable[Line]) -> str:
    return "\n".join(line.text for line in lines)


def state_lines(state: State) -> tuple[Line, ...]:
    """The whole state, most telling lines first; the first is the goal's."""
    lines = [
        Line(LineKind.GOAL, f"goal: {state.goal}"),
        Line(LineKind.PAGE, f'page: {address_of_page(state)} "{state.title}"'),
    ]
    if state.auth.principal is not None:
        told = f"signed in: {state.auth.principal} ({state.auth.role or 'no role'})"
        lines.append(Line(LineKind.SIGNED_IN, told, author=state.auth.principal))
    lines += [
        _block_line(LineKind.WRITTEN, _provenance(block.visibility, block.author), block)
        for block in state.texts
        if is_untrusted(block)
    ]
    lines += [Line(LineKind.FORM, _form_line(state, form), label=form.name) for form in state.forms]
    if state.unseen:
        lines.append(Line(LineKind.UNSEEN, f"cannot be looked into: {', '.join(state.unseen)}"))
    lines += [
        Line(LineKind.STORAGE, _storage_line(item, state.url), label=item.key, value=item.value[:_LONGEST_VALUE])
        for item in state.storage
        if item.area is not StorageArea.COOKIE and not is_bookkeeping(item)
    ]
    lines += [
        Line(LineKind.SENT_EARLIER, f"sent earlier: {event.method} to other site {host_words(event.url)}")
        for event in state.network
        if event.is_cross_site and is_cross_site(event.url, state.url)
    ]
    if state.prior_steps:
        lines.append(Line(LineKind.DONE, "done: " + "; ".join(state.prior_steps[-4:])))
    own = [block for block in state.texts if not is_untrusted(block)]
    trusted = [block for block in own if block.visibility is Visibility.VISIBLE]
    lines += [_block_line(LineKind.HEADING, block.role, block) for block in trusted if block.role]
    links = [_element_words(state, element) for element in state.elements if _is_free_standing(state, element)]
    lines += [
        Line(LineKind.OFFERS, f"offers: {', '.join(links[start : start + 8])}") for start in range(0, len(links), 8)
    ]
    lines += [_block_line(LineKind.OWN_TEXT, "text", block) for block in trusted if not block.role]
    closed = [block for block in own if block.visibility is Visibility.CLOSED]
    lines += [_block_line(LineKind.CLOSED_TEXT, "closed text", block) for block in closed]
    lines += [Line(LineKind.TOOL, f"tool {tool.name}: {tool.description}", label=tool.name) for tool in state.tools]
    lines += [Line(LineKind.TOOL, f"tool result: {result[:_LONGEST_BLOCK]}") for result in state.tool_results[-2:]]
    return tuple(replace(line, text=one_line(line.text)) for line in lines)


def _block_line(kind: LineKind, words: str, block: TextBlock) -> Line:
    label, value = label_and_value(block.text)
    text = f"{words}{_frame_words(block.origin)}: {block.text[:_LONGEST_BLOCK]}"
    return Line(kind, text, author=author_of(block) if is_untrusted(block) else None, label=label, value=value)


def label_and_value(text: str) -> tuple[str | None, str | None]:
    """What a text such as `For this case: Reason: wrong quantity` calls its value, and the value; None for others.

    A text that its line cuts has none: the cut could go through the value.
    """
    found = _LABELLED.match(text) if len(text) <= _LONGEST_BLOCK else None
    return (None, None) if found is None else (found[1].strip(), found[2].strip())


def one_line(text: str) -> str:
    """A text without breaks of lines and other signs that could make one of its own: who wrote it writes one line."""
    return text if text.isprintable() else _BREAKS.sub(" ", text)


def top_of(lines: Sequence[Line], *, max_chars: int) -> list[str]:
    """Lines from the top, at most so many characters with their ends; one that is too long is cut and says so."""
    top = []
    for line, share in zip(lines, shares([len(line.text) + 1 for line in lines], max_chars), strict=True):
        if share > len(line.text):
            top.append(line.text)
        elif share > 2 * len(CUT):
            top.append(line.text[: share - len(CUT) - 1] + CUT)
    return top


def _is_free_standing(state: State, element: Element) -> bool:
    return element.form_ref is None or state.form(element.form_ref) is None


def _provenance(visibility: Visibility, author: str | None) -> str:
    if visibility is not Visibility.VISIBLE:
        return f"{visibility.value} text" + ("" if author is None else f" by {author}")
    return f"text by {author}"


def _frame_words(origin: str | None) -> str:
    """Which frame a thing stands in; nothing where it is the page's own."""
    if origin is None:
        return ""
    host = host_of(origin)
    return f" in frame of {host}" if host else " in frame without origin"


def address_of_page(state: State) -> str:
    """The page's address as texts say it: host, path and query."""
    return _place(state.url, None)


def address_words(url: str, state: State) -> str:
    """An address as texts of that state say it: without the host where it is the page's own."""
    return _place(url, state.url)


def host_words(url: str) -> str:
    """The host of an address with its port, where it has one of its own; the address itself without a host."""
    address = parse_address(url)
    return (address.host + (f":{address.port}" if address.port else "")) or url


def _place(url: str, here: str | None) -> str:
    address = parse_address(url, here or "")
    if not address.host:
        return address.href or url or "/"
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    path += f"#{address.route}" if address.route else ""
    is_here = here is not None and host_words(here) == host_words(address.href)
    return marks_in_address(path if is_here else host_words(address.href) + path)


def without_digits(text: str) -> str:
    """A text with a 0 for each of its numbers."""
    return _DIGITS.sub("0", text)


def _element_words(state: State, element: Element) -> str:
    words = f"{element.role} {element.name[:_LONGEST_VALUE]}{_frame_words(element.origin)}"
    if element.href is not None:
        other = "other site " if _leaves(element.href, state) else ""
        words += f" -> {other}{address_words(element.href, state)[:_LONGEST_VALUE]}"
    if element.value and element.role not in {"link", "button"}:
        words += f" = {element.value[:_LONGEST_VALUE]}"
    if element.is_checked:
        words += " (checked)"
    if element.visibility is not Visibility.VISIBLE:
        words += f" ({element.visibility.value})"
    if element.covered_by is not None:
        words += f" (covered by {element.covered_by[:_LONGEST_VALUE]})"
    if element.author is not None:
        words += f" (by {element.author})"
    return words


def _form_line(state: State, form: Form) -> str:
    other = "other site " if _leaves(form.action_url, state) else ""
    parts = []
    for field in form.fields:
        if field.is_token:
            continue
        hidden = "hidden " if field.input_type == "hidden" else ""
        value = f"={field.value[:_LONGEST_VALUE]}" if field.value else ""
        parts.append(f"{hidden}{field.label or field.name}{value}")
    if form.is_scripted:
        return f'form "{form.name}" by script: {", ".join(parts)}'
    return (
        f'form "{form.name}" {form.method.upper()} {other}{address_words(form.action_url, state)}: {", ".join(parts)}'
    )


def _storage_line(item: StorageItem, url: str) -> str:
    where = "" if host_words(item.origin) == host_words(url) else f" of {host_words(item.origin)}"
    return f"{item.area.value}{where}: {item.key} = {item.value[:_LONGEST_VALUE]}"


def _leaves(url: str, state: State) -> bool:
    """Whether an address is one of another site; a script is none, and neither is one that nobody knows."""
    address = parse_address(url, state.url)
    return address.scheme != SCRIPT and bool(url) and is_cross_site(address.href or url, state.url)


def describe_action(
    state: State,
    action: Action,
    relations: ActionRelations,
    *,
    remote_hosts: Sequence[str],
    workers: Sequence[str],
) -> tuple[Line, ...]:
    """The action and its relations to the state, a few lines; equal words for equal consequences as far as visible."""
    aim = aim_of(state, action)
    lines = [Line(LineKind.ACTION, _what(action, aim) + _request_words(relations), label=aim.name)]
    if relations.destination is not None:
        lines.append(Line(LineKind.WHERE_TO, _where(state, relations)))
    lines += [Line(LineKind.SCRIPT, text) for text in _script_lines(state, action)]
    if relations.record is not None:
        named = "named in goal" if relations.is_record_in_goal else "not in goal"
        told = f'from page "{relations.record[:_LONGEST_VALUE]}", {named}'
        lines.append(Line(LineKind.RECORD, told, value=relations.record[:_LONGEST_VALUE]))
    is_stray = relations.is_cross_site and not relations.is_destination_in_goal
    lines += _sent_lines(relations.sends, is_stray=is_stray)
    if relations.leaves_empty:
        lines.append(Line(LineKind.LEAVES_EMPTY, f"leaves empty {_listed(relations.leaves_empty)}"))
    lines += [
        Line(LineKind.TARGET, text, author=relations.target_author) for text in _target_lines(state, action, relations)
    ]
    if relations.mentioned_by:
        lines.append(Line(LineKind.MENTIONED, f"mentioned by {_listed(relations.mentioned_by)}"))
    if remote_hosts and (relations.sends_form or action.kind is ActionKind.CLICK):
        lines.append(Line(LineKind.STORED, f"stored address of other site {_listed(remote_hosts)}"))
    is_seen = relations.sends_form or relations.destination is not None
    stays = action.kind is ActionKind.BACK or (is_seen and not relations.is_cross_site)
    if workers and stays:
        told = f"seen by service worker {_listed([address_words(worker, state) for worker in workers])}"
        lines.append(Line(LineKind.STORED, told))
    return tuple(replace(line, text=one_line(line.text)) for line in lines)


def _target_lines(state: State, action: Action, relations: ActionRelations) -> Iterator[str]:
    if relations.target_visibility is not Visibility.VISIBLE:
        yield f"the target is {relations.target_visibility.value}"
    clicked = clicked_in(state, action)
    if clicked is not None and clicked.covered_by is not None:
        yield f"a click there lands on {clicked.covered_by[:_LONGEST_VALUE]}"
    unknown = why_effect_unknown(state, action)
    if unknown is not None:
        yield unknown
    if relations.target_author is not None:
        yield f"the target was written by {relations.target_author}"
    if relations.claimed_host is not None:
        yield f"its words name {relations.claimed_host}, which is not where it leads"


def _listed(names: Sequence[str]) -> str:
    """Names with commas between them, and how many more there are."""
    more = len(names) - _LONGEST_LIST
    return ", ".join(names[:_LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")


def cut_short(text: str, limit: int) -> str:
    """The beginning of a text without its secrets; where it goes on, for how long and what kinds of things follow."""
    text = hidden(text)
    if len(text) <= limit:
        return text
    found = what_is_in(text[max(0, limit - _OVERLAP) :])
    with_these = f" with {_listed(found)}" if found else ""
    return f"{text[:limit]}... and {len(text) - limit} more characters{with_these}"


def _script_lines(state: State, action: Action) -> Iterator[str]:
    """What a script, or a tool's arguments, name, wherever in them: hosts, fields, ways to send and to read."""
    script = _script_of(state, action)
    if script is None:
        return
    hosts = [f"{'other site ' if is_cross_site(f'http://{one}', state.url) else ''}{one}" for one in hosts_in(script)]
    if hosts:
        yield f"it names host {_listed(hosts)}"
    words = set(_NAME_IN_SCRIPT.findall(script))
    fields = {
        field.label or field.name: None
        for form in state.forms
        for field in form.fields
        if not field.is_token and len(field.name) > 1 and (field.name in words or f'"{field.name}"' in script)
    }
    if fields:
        yield f"it names field {_listed(list(fields))}"
    uses = list(dict.fromkeys(word for word in _MEANS.findall(script)))
    if uses:
        yield f"it uses {_listed(uses)}"


def _script_of(state: State, action: Action) -> str | None:
    match action.kind:
        case ActionKind.RUN_SCRIPT:
            return action.value or ""
        case ActionKind.TOOL_CALL:
            return action.tool_arguments or ""
        case ActionKind.CLICK:
            element = state.element(action.target_ref or "")
            href = None if element is None else element.href
            is_script = href is not None and parse_address(href, state.url).scheme == SCRIPT
            return unquote(href) if href is not None and is_script and _MEANS.search(unquote(href)) else None
    return None


def short_action(state: State, action: Action) -> str:
    """The action in a few words, for steps, lists and narratives."""
    return _what(action, aim_of(state, action))


def _what(action: Action, aim: ActionAim) -> str:
    frame = "" if aim.element is None else _frame_words(aim.element.origin)
    name = ("" if aim.name is None else f' "{aim.name[:_LONGEST_VALUE]}"') + frame
    match action.kind:
        case ActionKind.NOOP:
            return "do nothing"
        case ActionKind.ASK_HUMAN:
            return "ask a person"
        case ActionKind.BACK:
            return "go back"
        case ActionKind.GOTO:
            return "open address"
        case ActionKind.SCROLL:
            return f"scroll {action.value or 'down'}" + (f" in {aim.role or 'element'}{name}" if name else "")
        case ActionKind.TOOL_CALL:
            return f"call tool {action.tool_name} with {cut_short(action.tool_arguments or '', _LONGEST_SCRIPT)}"
        case ActionKind.RUN_SCRIPT:
            return f"run script {cut_short(action.value or '', _LONGEST_SCRIPT)}"
        case ActionKind.SUBMIT:
            return f"submit form{name}"
        case ActionKind.FILL | ActionKind.SELECT | ActionKind.PRESS | ActionKind.UPLOAD:
            value = cut_short(action.value or "", _LONGEST_VALUE)
            return f"{action.kind.value} {aim.role or 'field'}{name} with {value}"
        case ActionKind.CLICK | ActionKind.CHECK:
            return f"{action.kind.value} {aim.role or 'element'}{name}"


def _request_words(relations: ActionRelations) -> str:
    share = relations.request_in_goal
    if share is None:
        return ""
    return ", in goal" if share == 1 else ", partly in goal" if share > 0 else ", not in goal"


def request_kind(relations: ActionRelations) -> str:
    """What is asked of a server, such as `POST to same site` or `opens other site`."""
    verb = "opens" if relations.method is None else f"{relations.method} to"
    return f"{verb} {'other' if relations.is_cross_site else 'same'} site"


def _where(state: State, relations: ActionRelations) -> str:
    destination = relations.destination or ""
    if not parse_address(destination).scheme:
        verb = "opens" if relations.method is None else f"{relations.method} to"
        return f"{verb} an address that cannot be parsed: {cut_short(destination, _LONGEST_ADDRESS)}"
    place = f"{request_kind(relations)} {cut_short(address_words(destination, state), _LONGEST_ADDRESS)}"
    if not relations.is_cross_site:
        return place
    return f"{place}, {'named in goal' if relations.is_destination_in_goal else 'not in goal'}"


def _sent_lines(sends: Sequence[SentValue], *, is_stray: bool) -> list[Line]:
    """One line a value; of very many the first ones that nobody asked for, and the number of the others."""
    told = list(sends)
    if len(told) > _MOST_VALUES:
        told = sorted(told, key=lambda one: one.is_in_goal or one.is_as_loaded)[:_MOST_VALUES]
    lines = [_sent_line(sent, is_stray=is_stray) for sent in told]
    more = len(sends) - len(told)
    return [*lines, Line(LineKind.SENDS, f"sends {more} more values")] if more else lines


def _sent_line(sent: SentValue, *, is_stray: bool) -> Line:
    hidden_field = "hidden field " if sent.is_hidden_field else ""
    words = [_provenance_words(sent)]
    if sent.is_over_goal:
        words.append("more than in goal")
    if sent.written_by is not None:
        words.append(f"written by {sent.written_by}")
    elif sent.earlier_by is not None:
        words.append(f"written by {sent.earlier_by} there")
    if is_stray:
        words.append("to a site not in goal")
    name, value = cut_short(sent.name, _LONGEST_VALUE), cut_short(sent.value, _LONGEST_VALUE)
    told = f"sends {hidden_field}{name} = {value} ({', '.join(words)})"
    return Line(
        LineKind.SENDS,
        told,
        author=sent.written_by or sent.earlier_by,
        label=name,
        value=value,
        provenance=sent.provenance,
        is_hidden=sent.is_hidden_field,
        is_over_goal=sent.is_over_goal,
    )


def _provenance_words(sent: SentValue) -> str:
    match sent.provenance:
        case Provenance.GOAL:
            return "in goal"
        case Provenance.LOADED if sent.is_in_address:
            return "not in goal, as the address of the page has it"
        case Provenance.LOADED:
            return "as the page loaded it"
        case Provenance.PAGE:
            return "not in goal, on the page" if sent.is_on_page else "not in goal"
        case Provenance.EARLIER:
            return f"not in goal, read {sent.steps_ago} step{'' if sent.steps_ago == 1 else 's'} ago"
        case Provenance.TYPED:
            return "not in goal, changed by a script" if sent.is_hidden_field else "not in goal, typed before"
        case Provenance.NOWHERE:
            return "not in goal"


def describe_transition(facts: Sequence[str], delta: StateDelta) -> str:
    """What changed: facts of the delta, absolute or relative, and what appeared."""
    changed = "; ".join(facts)
    appeared = ", ".join(text[:_LONGEST_VALUE] for text in delta.dom_added[:4])
    return changed if not appeared else f"{changed}; appeared: {appeared}"
