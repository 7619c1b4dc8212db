"""What an action would send, where to, and how that relates to the goal and to who wrote the page.

Computed from the visible state alone, so nothing hidden leaks. Writing these relations out is what lets a small model
learn in minutes (measured: docs/log.md, first session).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import host_of, split_address
from wm_pipeline.domain.state import Element, Form, State, TextBlock
from wm_pipeline.domain.vocabulary import ActionKind, StatePattern, StorageArea, Visibility

_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})", re.IGNORECASE)
_AMOUNT = re.compile(r"(?<![\w.,:-])\d[\d,]*(?:\.\d+)?(?![\w:-])")
"""A number that stands alone: no part of a name, an account, a date or a time."""
_WORD = re.compile(r"[^\W_]+")
_SHOWN = (Visibility.VISIBLE, Visibility.CLOSED)
_SHORTEST_MENTION = 4
"""Shorter values ("1", "ok") occur everywhere by chance."""


@dataclass(frozen=True, slots=True)
class SentValue:
    """One value the action would send."""

    name: str
    value: str
    is_in_goal: bool
    is_on_page: bool
    """The site's own words hold it. What stands in a field does not count: the agent may have typed it."""
    written_by: str | None
    """Author of a text that holds the value; `hidden text` for text nobody can see; None when nobody wrote it."""
    is_hidden_field: bool
    is_over_goal: bool
    """An amount above every amount that the goal names; False where the goal names none."""


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
    return ActionAim(element, form, _destination(action, element, form))


def relate(state: State, action: Action) -> ActionRelations:
    """Everything visible about what `action` would do in `state`."""
    aim = aim_of(state, action)
    element, form, destination, target_name = aim.element, aim.form, aim.destination, aim.name
    values = () if form is None else _form_values(action, form)
    sends = _sent_values(state, action, aim, values)
    is_cross_site = destination is not None and host_of(destination) != host_of(state.url)
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
        is_cross_site=is_cross_site,
        is_destination_in_goal=destination is not None and is_mentioned(host_of(destination), state.goal),
        request_in_goal=None if form is None else _share_in(target_name or "", state.goal),
        record=record,
        is_record_in_goal=record is not None and is_mentioned(record, state.goal),
        claimed_host=_claimed_host(target_name, destination),
        sends=sends,
        leaves_empty=tuple(name for name, value, _ in values if not value),
        mentioned_by=_mentioned_by(state, target_name, destination if is_cross_site else None, sends),
    )


def patterns_of(relations: ActionRelations, url: str, *, remote_hosts: Sequence[str]) -> tuple[StatePattern, ...]:
    """Suspicious relations of an action on the page `url`; `remote_hosts` as stored_remote_hosts finds them."""
    found: list[StatePattern] = []
    strays = any(not sent.is_in_goal and sent.written_by is not None for sent in relations.sends)
    leaves = relations.is_cross_site and not relations.is_destination_in_goal
    if relations.mentioned_by and (strays or leaves):
        found.append(StatePattern.PROMPT_INJECTION)
    if relations.method is not None and relations.is_cross_site:
        found.append(StatePattern.CROSS_ORIGIN_FORM)
    if relations.claimed_host is not None:
        found.append(StatePattern.LOOKALIKE_LINK)
    carries_address = any(foreign_hosts(sent.value, url) for sent in relations.sends)
    if remote_hosts or (carries_address and not relations.is_cross_site):
        found.append(StatePattern.MEMORY_POISONING)
    return tuple(found)


def stored_remote_hosts(state: State) -> tuple[str, ...]:
    """Hosts of other sites that stand in storage which outlives the page."""
    lasting = (StorageArea.LOCAL, StorageArea.INDEXED_DB)
    hosts = {host for item in state.storage if item.area in lasting for host in foreign_hosts(item.value, state.url)}
    return tuple(sorted(hosts))


def service_workers(state: State) -> tuple[str, ...]:
    """Scripts of the page's origin that see every request of its pages."""
    here = host_of(state.url)
    own = (item for item in state.storage if item.area is StorageArea.SERVICE_WORKER and host_of(item.origin) == here)
    return tuple(sorted(item.value for item in own))


def foreign_hosts(text: str, url: str) -> tuple[str, ...]:
    """Host names in a text other than the host of `url`."""
    own = host_of(url)
    return tuple(sorted({host.lower() for host in _HOST.findall(text)} - {own}))


def is_mentioned(value: str, text: str) -> bool:
    """Whether a value stands in a text as words of its own, whatever the case, spacing and digit grouping."""
    needle, plain = _plain(value), _plain(text)
    start = plain.find(needle) if needle else -1
    while start >= 0:
        end = start + len(needle)
        starts_inside = needle[0].isalnum() and plain[start - 1 : start].isalnum()
        ends_inside = needle[-1].isalnum() and plain[end : end + 1].isalnum()
        if not starts_inside and not ends_inside:
            return True
        start = plain.find(needle, start + 1)
    return False


def _share_in(name: str, goal: str) -> float:
    """Share of a name's words that a goal holds, whatever the case; 0 for a name without words."""
    words, asked = _WORD.findall(name.casefold()), set(_WORD.findall(goal.casefold()))
    return sum(word in asked for word in words) / len(words) if words else 0.0


def is_untrusted(block: TextBlock) -> bool:
    """Text that the site itself does not vouch for: somebody wrote it, or nobody can see it.

    What stands in a part that is closed is the site's own, as long as nobody is named as its author.
    """
    return block.author is not None or block.visibility not in _SHOWN


def author_of(block: TextBlock) -> str:
    return "hidden text" if block.visibility not in _SHOWN else block.author or "the site"


def _plain(text: str) -> str:
    return re.sub(r"(?<=\d)[,\s](?=\d)", "", " ".join(text.casefold().split()))


def _form_sent(state: State, action: Action, element: Element | None) -> Form | None:
    if action.kind is ActionKind.SUBMIT and action.target_ref is not None:
        return state.form(action.target_ref)
    if element is None:
        return None
    if action.kind is ActionKind.CLICK:
        return state.form_sent_by(element.element_ref)
    is_sent = action.kind is ActionKind.UPLOAD or (action.kind is ActionKind.PRESS and action.value == "Enter")
    return state.form(element.form_ref) if is_sent and element.form_ref is not None else None


def _destination(action: Action, element: Element | None, form: Form | None) -> str | None:
    if form is not None:
        return form.action_url or None
    if action.kind is ActionKind.GOTO:
        return action.value
    if action.kind is ActionKind.CLICK and element is not None:
        return element.href
    return None


def _sent_values(
    state: State, action: Action, aim: ActionAim, values: Sequence[tuple[str, str, bool]]
) -> tuple[SentValue, ...]:
    """What would leave the page: the form's `values`, or what the address carries."""
    element, form, destination = aim.element, aim.form, aim.destination
    if form is not None:
        # A hidden field with the page's own record says nothing that the page does not say.
        own = split_address(state.url).path.rpartition("/")[2]
        return tuple(
            _sent(state, name, value, is_hidden)
            for name, value, is_hidden in values
            if value and not (is_hidden and value == own and host_of(form.action_url) == host_of(state.url))
        )
    if action.kind in {ActionKind.FILL, ActionKind.SELECT} and action.value is not None:
        return (_sent(state, element.name if element is not None else "value", action.value, False),)
    if destination is not None:
        return tuple(_sent(state, name, value, False) for name, value in parse_qsl(split_address(destination).query))
    return ()


def _form_values(action: Action, form: Form) -> tuple[tuple[str, str, bool], ...]:
    """Label, value that would be sent, and whether the field is hidden; tokens are left out."""
    typed = {field.name: field.value for field in action.fields}
    if action.kind is ActionKind.UPLOAD:
        typed |= {field.name: action.value or "" for field in form.fields if field.element_ref == action.target_ref}
    return tuple(
        (field.label or field.name, typed.get(field.name, field.value), field.input_type == "hidden")
        for field in form.fields
        if not field.is_token
    )


def _sent(state: State, name: str, value: str, is_hidden_field: bool) -> SentValue:
    writer = next(
        (
            author_of(block)
            for block in state.texts
            if is_untrusted(block) and len(value) >= _SHORTEST_MENTION and is_mentioned(value, block.text)
        ),
        None,
    )
    return SentValue(
        name=name,
        value=value,
        is_in_goal=is_mentioned(value, state.goal),
        is_on_page=_is_on_page(state, value),
        written_by=writer,
        is_hidden_field=is_hidden_field,
        is_over_goal=_is_over(value, state.goal),
    )


def _is_over(value: str, goal: str) -> bool:
    sent, asked = _AMOUNT.fullmatch(value.strip()), _amounts(goal)
    return sent is not None and bool(asked) and float(sent.group().replace(",", "")) > max(asked)


def _amounts(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _AMOUNT.findall(text)]


def _is_on_page(state: State, value: str) -> bool:
    shown = [block.text for block in state.texts if not is_untrusted(block)]
    shown += [element.name for element in state.elements if element.author is None]
    return any(is_mentioned(value, text) for text in shown)


def _claimed_host(target_name: str | None, destination: str | None) -> str | None:
    if target_name is None or destination is None:
        return None
    named = foreign_hosts(target_name, destination)
    return named[0] if named else None


def _mentioned_by(
    state: State, target_name: str | None, foreign_destination: str | None, sends: tuple[SentValue, ...]
) -> tuple[str, ...]:
    needles = [sent.value for sent in sends if not sent.is_in_goal]
    needles += [] if target_name is None else [target_name]
    needles += [] if foreign_destination is None else [host_of(foreign_destination)]
    needles = [needle for needle in needles if len(needle) >= _SHORTEST_MENTION]
    authors = {
        author_of(block)
        for block in state.texts
        if is_untrusted(block) and any(is_mentioned(needle, block.text) for needle in needles)
    }
    return tuple(sorted(authors))
