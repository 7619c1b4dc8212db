"""What an action would send, where to, and how that relates to the goal and to who wrote the page.

Computed from the visible state alone, so nothing hidden leaks. Writing these relations out is what lets a small model
learn in minutes (measured: docs/log.md, first session).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import host_of, hosts_in, is_cross_site, parse_address, site_of, site_of_host
from wm_pipeline.domain.state import Element, Form, State, StorageItem, TextBlock
from wm_pipeline.domain.values import Texts, is_asked, is_mentioned, is_over, kind_of, made_ready, plain
from wm_pipeline.domain.vocabulary import ActionKind, Provenance, StatePattern, StorageArea, ValueKind, Visibility

_WORD = re.compile(r"[^\W_]+")
_SHORTEST_MENTION = 4
"""Shorter values ("1", "ok") occur everywhere by chance."""
EDITOR = "contenteditable"
"""Input type of a field whose text is a part of the page."""
SCRIPT = "javascript"
"""Scheme of an address that is no place: a script of the page."""
_BOOKKEEPING = re.compile(
    r"^(?:_ga|_gid|_gat|_gcl|_fbp|_fbc|_hj|_pk_|_uet|_clck|_clsk|utm_|mp_|ajs_|amp_|amplitude|optimizely|ph_|mixpanel|"
    r"intercom|matomo|plausible|sentry|ga:|__utm)|^(?:cookie[_-]?)?consent(?:[_-]|$)|^(?:optanon|euconsent|didomi|usercentrics|cookielaw|cookieconsent)",
    re.IGNORECASE,
)
"""Keys of analytics and of consent banners: no word of the page's own, whatever hosts they name."""
_ORDINARY_WORKER = re.compile(r"^/(?:[^/]*|(?:assets|static|build|dist|js|_next|packs|public)/.*)$")
"""Where a site keeps its own script for caching: at the root, or among the files that it is built of."""


@dataclass(frozen=True, slots=True)
class SentValue:
    """One value the action would send."""

    name: str
    value: str
    kind: ValueKind
    is_in_goal: bool
    """Compared as what it is: an amount with the goal's amounts, a date with its dates."""
    is_as_loaded: bool
    """The page came with it in this field, and neither the agent nor a script has changed it."""
    is_in_address: bool
    """The page's own address holds it: what the page came with was made up by whoever made the address."""
    is_on_page: bool
    """The site's own words hold it. What stands in a field does not count: the agent may have typed it."""
    written_by: str | None
    """Author of a text of the page that holds the value; `hidden text` for text nobody can see; None: nobody."""
    steps_ago: int | None
    """When it was read on an earlier page, counted from 1; None: it was not, as far as is remembered."""
    earlier_by: str | None
    """Author of that earlier text; None: the site itself."""
    is_typed: bool
    """It stood in the field before this action and is not what the page came with."""
    is_hidden_field: bool
    is_over_goal: bool
    """A number above every one of its kind that the goal names; False where the goal names none."""

    @property
    def is_unasked(self) -> bool:
        """Somebody chose it, and the goal does not name it: what a page is loaded with nobody chose."""
        return not self.is_in_goal and not self.is_as_loaded

    @property
    def provenance(self) -> Provenance:
        """Where it was first met."""
        if self.is_in_goal:
            return Provenance.GOAL
        if self.is_as_loaded:
            return Provenance.LOADED
        if self.is_on_page or self.written_by is not None:
            return Provenance.PAGE
        if self.steps_ago is not None:
            return Provenance.EARLIER
        return Provenance.TYPED if self.is_typed else Provenance.NOWHERE


@dataclass(frozen=True, slots=True)
class ActionRelations:
    target_name: str | None
    target_role: str | None
    target_visibility: Visibility
    target_author: str | None
    method: str | None
    destination: str | None
    """Absolute address the action would open or send to; None when only the page's script knows."""
    is_cross_site: bool
    is_destination_in_goal: bool
    request_in_goal: float | None
    """Share of the words of the sent form's name that stand in the goal; None where no form is sent."""
    record: str | None
    """First heading of the page whose form is sent: the record that it is about; None without one."""
    is_record_in_goal: bool
    claimed_host: str | None
    """A host the target's words name although it leads to another one."""
    sends: tuple[SentValue, ...]
    leaves_empty: tuple[str, ...]
    """Fields of the form that would be sent without a value."""
    mentioned_by: tuple[str, ...]
    """Authors of texts (or `hidden text`) that name the target, the destination or a sent value outside the goal."""

    @property
    def sends_form(self) -> bool:
        """By the browser, or by the page's script, which alone knows where to."""
        return self.method is not None or self.request_in_goal is not None

    @property
    def is_sending(self) -> bool:
        """By a form, or by values in an address."""
        return self.sends_form or (self.destination is not None and bool(self.sends))


@dataclass(frozen=True, slots=True)
class ActionAim:
    """What an action is done to, and where it leads."""

    element: Element | None
    form: Form | None
    """The form that would be sent."""
    destination: str | None
    """Absolute address the action would open or send to; None when only the page's script knows."""

    @property
    def name(self) -> str | None:
        """What the target is called on the page."""
        if self.element is not None:
            return self.element.name
        return None if self.form is None else self.form.name

    @property
    def role(self) -> str | None:
        """What the target is: an element's role, or `form`."""
        if self.element is not None:
            return self.element.role
        return None if self.form is None else "form"


def aim_of(state: State, action: Action) -> ActionAim:
    element = None if action.target_ref is None else state.element(action.target_ref)
    form = _form_sent(state, action, element)
    return ActionAim(element, form, _destination(state, action, element, form))


def relate(state: State, action: Action) -> ActionRelations:
    """Everything visible about what `action` would do in `state`."""
    aim = aim_of(state, action)
    element, form, destination, target_name = aim.element, aim.form, aim.destination, aim.name
    values = () if form is None else _form_values(action, form)
    words = _Words.of(state)
    sends = _sent_values(state, action, aim, values, words)
    leaves = destination is not None and is_cross_site(destination, state.url)
    record = (
        None
        if form is None
        else next((b.text for b in state.texts if b.role == "heading" and not is_untrusted(b)), None)
    )
    return ActionRelations(
        target_name=target_name,
        target_role=aim.role,
        target_visibility=element.visibility if element is not None else Visibility.VISIBLE,
        target_author=element.author if element is not None else None,
        method=form.method.upper() or None if form is not None else None,
        destination=destination,
        is_cross_site=leaves,
        is_destination_in_goal=destination is not None and _names_site(state.goal, destination),
        request_in_goal=None if form is None else _share_in(target_name or "", state.goal),
        record=record,
        is_record_in_goal=record is not None and is_mentioned(record, state.goal),
        claimed_host=_claimed_host(target_name, destination),
        sends=sends,
        leaves_empty=tuple(one.name for one in values if not one.value),
        mentioned_by=_mentioned_by(words, target_name, destination if leaves else None, sends),
    )


def _names_site(text: str, url: str) -> bool:
    """Whether a text names the site of an address; a host without dots is named by its word."""
    host = host_of(url)
    if not host or ("." not in host and not host.startswith("[")):
        return bool(host) and is_mentioned(host, text)
    return site_of(url) in {site_of_host(named) for named in hosts_in(text)}


def patterns_of(relations: ActionRelations, url: str, *, remote_hosts: Sequence[str]) -> tuple[StatePattern, ...]:
    """Suspicious relations of an action on the page `url`; `remote_hosts` as stored_remote_hosts finds them."""
    found: list[StatePattern] = []
    strays = any(
        not sent.is_in_goal and (sent.written_by is not None or sent.earlier_by is not None) for sent in relations.sends
    )
    leaves = relations.is_cross_site and not relations.is_destination_in_goal
    if relations.mentioned_by and (strays or leaves):
        found.append(StatePattern.PROMPT_INJECTION)
    if relations.method is not None and relations.is_cross_site:
        found.append(StatePattern.CROSS_ORIGIN_FORM)
    if relations.claimed_host is not None:
        found.append(StatePattern.LOOKALIKE_LINK)
    carries_address = any(
        foreign_hosts(sent.value, url)
        for sent in relations.sends
        if not sent.is_in_goal and (not sent.is_as_loaded or sent.is_hidden_field or sent.is_in_address)
    )
    if remote_hosts or (carries_address and not relations.is_cross_site):
        found.append(StatePattern.MEMORY_POISONING)
    return tuple(found)


def stored_remote_hosts(state: State) -> tuple[str, ...]:
    """Hosts of other sites that stand in storage of the page's site which outlives the page; analytics is left out."""
    lasting = (StorageArea.LOCAL, StorageArea.INDEXED_DB)
    hosts = {
        host
        for item in state.storage
        if item.area in lasting and not is_cross_site(item.origin, state.url) and not is_bookkeeping(item)
        for host in foreign_hosts(item.value, state.url)
    }
    return tuple(sorted(hosts))


def is_bookkeeping(item: StorageItem) -> bool:
    """What analytics and consent banners keep."""
    return _BOOKKEEPING.search(item.key) is not None


def service_workers(state: State) -> tuple[str, ...]:
    """Scripts of the page's origin that see every request of its pages, but for those that lie where sites keep theirs.

    A worker that only caches cannot be told from another one by its address. A script that a stranger could bring lies
    where files are uploaded to, not at the root or among the files that the site is built of.
    """
    here = host_of(state.url)
    own = (item for item in state.storage if item.area is StorageArea.SERVICE_WORKER and host_of(item.origin) == here)
    return tuple(sorted(item.value for item in own if not _is_ordinary(item.value)))


def _is_ordinary(worker: str) -> bool:
    address = parse_address(worker)
    return bool(address.path) and _ORDINARY_WORKER.match(address.path) is not None


def foreign_hosts(text: str, url: str) -> tuple[str, ...]:
    """Hosts in a text of other sites than that of `url`."""
    here = site_of(url)
    return tuple(host for host in hosts_in(text) if site_of_host(host) != here)


def _share_in(name: str, goal: str) -> float:
    """Share of a name's words that a goal holds, whatever the case; 0 for a name without words."""
    words, asked = _WORD.findall(plain(name)), set(_WORD.findall(plain(goal)))
    return sum(word in asked for word in words) / len(words) if words else 0.0


def is_untrusted(block: TextBlock) -> bool:
    """Text that the site itself does not vouch for: somebody wrote it, or nobody can see it.

    What stands in a part that is closed is the site's own, as long as nobody is named as its author.
    """
    return block.author is not None or block.visibility.is_concealed


def author_of(block: TextBlock) -> str:
    return "hidden text" if block.visibility.is_concealed else block.author or "the site"


def _form_sent(state: State, action: Action, element: Element | None) -> Form | None:
    if action.kind is ActionKind.SUBMIT and action.target_ref is not None:
        return state.form(action.target_ref)
    if element is None:
        return None
    is_enter = action.kind is ActionKind.PRESS and action.value == "Enter"
    sent = state.form_sent_by(element.element_ref) if is_enter or action.kind is ActionKind.CLICK else None
    if sent is not None or not (is_enter or action.kind is ActionKind.UPLOAD) or element.form_ref is None:
        return sent
    return state.form(element.form_ref)


def _destination(state: State, action: Action, element: Element | None, form: Form | None) -> str | None:
    written = None
    if form is not None:
        written = form.action_url or None
    elif action.kind is ActionKind.GOTO:
        written = action.value
    elif action.kind is ActionKind.CLICK and element is not None:
        written = element.href
    if written is None:
        return None
    address = parse_address(written, state.url)
    return None if address.scheme == SCRIPT else address.href or written


class _Words(NamedTuple):
    """What a state says, made ready to be searched."""

    untrusted: Texts
    authors: tuple[str, ...]
    """Of the untrusted texts."""
    own: Texts
    """The site's own."""
    earlier: Texts

    @classmethod
    def of(cls, state: State) -> "_Words":
        blocks = [block for block in state.texts if is_untrusted(block)]
        return cls(
            untrusted=made_ready(tuple(block.text for block in blocks)),
            authors=tuple(map(author_of, blocks)),
            own=made_ready(tuple(_own_words(state))),
            earlier=made_ready(tuple(one.text for one in state.earlier)),
        )


@dataclass(frozen=True, slots=True)
class _FieldValue:
    """What a field would send."""

    name: str
    value: str
    is_hidden: bool = False
    is_as_loaded: bool = False
    is_typed: bool = False


def _sent_values(
    state: State, action: Action, aim: ActionAim, values: Sequence[_FieldValue], words: _Words
) -> tuple[SentValue, ...]:
    """What would leave the page: the form's `values`, or what the address carries."""
    element, form, destination = aim.element, aim.form, aim.destination
    if form is not None:
        # A hidden field with the page's own record says nothing that the page does not say.
        own = parse_address(state.url).path.rpartition("/")[2]
        stays = not form.action_url or not is_cross_site(form.action_url, state.url)
        return tuple(
            _sent(state, one, words)
            for one in values
            if one.value and not (one.is_hidden and one.value == own and stays)
        )
    if action.kind in {ActionKind.FILL, ActionKind.SELECT} and action.value is not None:
        return (_sent(state, _FieldValue(element.name if element is not None else "value", action.value), words),)
    if destination is not None:
        return tuple(
            _sent(state, _FieldValue(name, value), words) for name, value in parse_address(destination).values()
        )
    return ()


def _form_values(action: Action, form: Form) -> tuple[_FieldValue, ...]:
    """What each field would send; tokens are left out."""
    typed = {field.name: field.value for field in action.fields}
    if action.kind is ActionKind.UPLOAD:
        typed |= {field.name: action.value or "" for field in form.fields if field.element_ref == action.target_ref}
    return tuple(
        _FieldValue(
            name=field.label or field.name,
            value=typed.get(field.name, field.value),
            is_hidden=field.input_type == "hidden",
            is_as_loaded=field.is_as_loaded and typed.get(field.name, field.value) == field.value,
            is_typed=not field.is_as_loaded and typed.get(field.name, field.value) == field.value,
        )
        for field in form.fields
        if not field.is_token
    )


def _sent(state: State, field: _FieldValue, words: _Words) -> SentValue:
    value = field.value
    kind = kind_of(field.name, value)
    is_traceable = len(value) >= _SHORTEST_MENTION
    found = next(words.untrusted.holding(value), None) if is_traceable else None
    writer = None if found is None else words.authors[found]
    read = next(words.earlier.holding(value), None) if is_traceable else None
    earlier = None if read is None else state.earlier[read]
    is_in_goal = is_asked(value, kind, state.goal)
    return SentValue(
        name=field.name,
        value=value,
        kind=kind,
        is_in_goal=is_in_goal,
        is_as_loaded=field.is_as_loaded,
        is_in_address=is_traceable and any(one == value for _, one in parse_address(state.url).values()),
        is_on_page=next(words.own.holding(value), None) is not None,
        written_by=writer,
        steps_ago=None if earlier is None else earlier.step,
        earlier_by=None if earlier is None else earlier.author,
        is_typed=field.is_typed,
        is_hidden_field=field.is_hidden,
        is_over_goal=not is_in_goal and is_over(value, kind, state.goal),
    )


def _own_words(state: State) -> Iterator[str]:
    """What the site itself says; what stands in an editor that was typed into may be the agent's."""
    typed = [
        field.value
        for form in state.forms
        for field in form.fields
        if field.input_type == EDITOR and not field.is_as_loaded
    ]
    own = (block.text for block in state.texts if not is_untrusted(block))
    yield from (text for text in own if not any(text in value for value in typed))
    yield from (element.name for element in state.elements if element.author is None)


def _claimed_host(target_name: str | None, destination: str | None) -> str | None:
    if target_name is None or destination is None or not host_of(destination):
        return None
    named = foreign_hosts(target_name, destination)
    return named[0] if named else None


def _mentioned_by(
    words: _Words, target_name: str | None, foreign_destination: str | None, sends: tuple[SentValue, ...]
) -> tuple[str, ...]:
    needles = [sent.value for sent in sends if not sent.is_in_goal]
    needles += [] if target_name is None else [target_name]
    needles += [] if foreign_destination is None else [host_of(foreign_destination)]
    needles = [needle for needle in needles if len(needle) >= _SHORTEST_MENTION]
    return tuple(sorted({words.authors[at] for needle in needles for at in words.untrusted.holding(needle)}))
