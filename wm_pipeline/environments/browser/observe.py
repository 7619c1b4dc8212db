"""From what the in-page walker returns to a State, and from two states to the visible part of a StateDelta."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from playwright.async_api import Cookie as PlaywrightCookie

from wm_pipeline.domain.address import is_cross_site
from wm_pipeline.domain.delta import Dialog, StateDelta, StorageChange
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.memory import but_for
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import (
    AuthContext,
    Cookie,
    EarlierText,
    Element,
    Form,
    NetworkEvent,
    State,
    StorageItem,
    TextBlock,
)
from wm_pipeline.domain.vocabulary import ChangeOperation, StorageArea
from wm_pipeline.domain.well_formed import well_formed
from wm_pipeline.environments.browser.limits import LIMITS, MAX_BYTES, MAX_KEPT, MAX_UNSEEN, ROOMS, cut, cut_address

MAX_DOM_FACTS = 30
MARGIN = 64
"""Characters that the walker tells beyond what is kept: enough to know a secret that stands across the end."""


Scrolled = tuple[float, float]
"""How far a page is scrolled, in CSS pixels from left and top."""


@dataclass(frozen=True, slots=True)
class PageWalk:
    """What observe.js returns, field by field."""

    url: str
    title: str
    origin: str
    settled: bool
    is_unready: bool
    """The document is not loaded, and the look could not wait, as nothing runs in it."""
    auth: AuthContext
    elements: tuple[Element, ...]
    texts: tuple[TextBlock, ...]
    forms: tuple[Form, ...]
    local: tuple[tuple[str, str], ...]
    session: tuple[tuple[str, str], ...]
    databases: tuple[str, ...]
    workers: tuple[tuple[str, str], ...]
    more_elements: int
    more_texts: int
    """What is left out: elements, and texts as far as they were counted."""
    watched: bool
    """hooks.js runs in the page. A page that opens its document anew is rid of it."""
    unseen: tuple[str, ...]
    """What cannot be looked into, in words."""
    foreign: tuple[str, ...]
    """Origins of frames that the page itself may not look into."""
    is_more_below: bool
    scrolled: Scrolled
    files: int
    """Files that the page asked to save since it was looked at last."""
    restless: bool
    """The page may still do something when nobody acts, or when it is left."""
    stopped: str | None = None
    """Why the last act was stopped while it was done: what the page heard was not what was judged."""
    pointed: str | None = None
    """Reference of the element that whoever drives the page means."""


def page_walk_of(answer: str, redactor: Redactor, *, max_text: int) -> PageWalk:
    """What the page shows without its secrets; its storage and its address are as they are, to come back to it.

    Raises WorldError when the answer has another form. Half a character (a lone surrogate) becomes U+FFFD.
    """
    if "\\ud" in answer:
        halves = json.dumps(json.loads(answer), ensure_ascii=False)
        answer = well_formed(halves)
    try:
        walk = from_json(PageWalk, answer, what="page")
    except InvalidInputError as error:
        raise WorldError(f"the page cannot be read: {error}") from error
    # Fields first: what stands in one that is secret is found in the texts, too.
    forms, elements = tuple(map(redactor.form, walk.forms)), tuple(map(redactor.element, walk.elements))
    walk = replace(
        walk,
        title=cut(redactor.text(walk.title), LIMITS.title),
        forms=tuple(_cut_form(form) for form in forms),
        elements=tuple(_cut_element(element) for element in elements),
        texts=tuple(replace(one, text=cut(redactor.text(one.text), max_text)) for one in walk.texts),
    )
    return walk if len(answer) * 4 < MAX_BYTES else _fitting(walk)


def _cut_element(element: Element) -> Element:
    return replace(
        element,
        name=cut(element.name, LIMITS.name),
        value=None if element.value is None else cut(element.value, LIMITS.value),
        options=tuple(cut(option, LIMITS.option) for option in element.options),
    )


def _cut_form(form: Form) -> Form:
    return replace(
        form,
        name=cut(form.name, LIMITS.name),
        fields=tuple(
            replace(one, label=cut(one.label, LIMITS.name), value=cut(one.value, LIMITS.value)) for one in form.fields
        ),
        submitters=tuple(replace(one, value=cut(one.value, LIMITS.value)) for one in form.submitters),
    )


def _fitting(walk: PageWalk) -> PageWalk:
    """As much as there is room for; what each element is called and holds stays."""
    for room in ROOMS:
        if len(to_json((walk.elements, walk.texts, walk.forms)).encode()) <= MAX_BYTES:
            break
        walk = replace(
            walk,
            elements=tuple(
                replace(
                    one,
                    options=one.options[: room.options],
                    href=one.href and cut_address(one.href, room.address),
                    form_ref=one.form_ref
                    if one.form_ref in {form.form_ref for form in walk.forms[: room.forms]}
                    else None,
                )
                for one in walk.elements
            ),
            forms=tuple(
                replace(
                    form,
                    action_url=cut_address(form.action_url, room.address),
                    fields=form.fields[: room.fields],
                    submitters=tuple(
                        replace(one, action_url=cut_address(one.action_url, room.address))
                        for one in form.submitters[: room.fields]
                    ),
                )
                for form in walk.forms[: room.forms]
            ),
        )
    return walk


@dataclass(frozen=True, slots=True)
class OriginStorage:
    """What one origin keeps in the browser, values in full: enough to put it back."""

    local: tuple[tuple[str, str], ...] = ()
    session: tuple[tuple[str, str], ...] = ()
    databases: tuple[str, ...] = ()
    workers: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.local or self.session or self.databases or self.workers)


@dataclass(frozen=True, slots=True)
class Happenings:
    """What the browser reported between two observations."""

    network: tuple[NetworkEvent, ...] = ()
    downloads: tuple[str, ...] = ()
    dialogs: tuple[Dialog, ...] = ()

    def without_secrets(self, redactor: Redactor) -> "Happenings":
        return Happenings(redactor.events(self.network), redactor.texts(self.downloads), redactor.dialogs(self.dialogs))


@dataclass(frozen=True, slots=True)
class EpisodeView:
    """What a state holds besides the page."""

    goal: str
    prior_steps: tuple[str, ...] = ()
    storage: Mapping[str, OriginStorage] = field(default_factory=dict)
    """By origin; origins visited earlier keep what they had when last seen."""
    other_tabs: tuple[str, ...] = ()
    earlier: tuple[EarlierText, ...] = ()


def state_of(
    walk: PageWalk,
    view: EpisodeView,
    *,
    cookies: Iterable[PlaywrightCookie],
    network: tuple[NetworkEvent, ...],
    redactor: Redactor,
) -> State:
    """A state without secrets; `network`, steps and earlier texts have none left."""
    state = State(
        url=cut_address(redactor.text(walk.url), LIMITS.url),
        title=walk.title,
        goal=view.goal,
        auth=walk.auth,
        elements=walk.elements,
        more_elements=walk.more_elements,
        texts=walk.texts,
        more_texts=walk.more_texts,
        unseen=(*walk.unseen, *(f"frame of {origin}" for origin in walk.foreign))[:MAX_UNSEEN],
        is_more_below=walk.is_more_below,
        forms=walk.forms,
        cookies=tuple(sorted((_cookie_of(cookie) for cookie in cookies), key=lambda one: (one.host, one.name)))[
            :MAX_KEPT
        ],
        storage=_storage_items(view.storage, redactor)[:MAX_KEPT],
        network=_seen_from(walk.url, network),
        prior_steps=view.prior_steps,
        other_tabs=view.other_tabs,
    )
    return replace(state, earlier=but_for(view.earlier, state))


def _bounded(events: tuple[NetworkEvent, ...]) -> tuple[NetworkEvent, ...]:
    return tuple(replace(one, url=cut_address(one.url, LIMITS.href)) for one in events[:MAX_KEPT])


def _seen_from(url: str, events: tuple[NetworkEvent, ...]) -> tuple[NetworkEvent, ...]:
    """Requests as the page at `url` tells of them: one to its own site leaves no site, whoever asked for it."""
    return tuple(
        replace(one, is_cross_site=one.is_cross_site and is_cross_site(one.url, url)) for one in _bounded(events)
    )


def _cookie_of(cookie: PlaywrightCookie) -> Cookie:
    return Cookie(
        name=cut(cookie.get("name", ""), LIMITS.name),
        host=cookie.get("domain", "").removeprefix("."),
        is_http_only=cookie.get("httpOnly", False),
        is_secure=cookie.get("secure", False),
        same_site=cookie.get("sameSite", "") or "",
    )


def _storage_items(storage: Mapping[str, OriginStorage], redactor: Redactor) -> tuple[StorageItem, ...]:
    items: list[StorageItem] = []
    for origin, kept in sorted(storage.items()):
        areas = (
            (StorageArea.LOCAL, kept.local),
            (StorageArea.SESSION, kept.session),
            (StorageArea.INDEXED_DB, tuple((name, "") for name in kept.databases)),
            (StorageArea.SERVICE_WORKER, kept.workers),
        )
        items += [
            replace(item, key=cut(item.key, LIMITS.name), value=item.value[: LIMITS.value])
            for area, pairs in areas
            for key, value in pairs
            for item in (redactor.item(StorageItem(area, origin, key, value[: LIMITS.value + MARGIN])),)
        ]
    return tuple(items)


def delta_between(before: State, after: State, happenings: Happenings) -> StateDelta:
    """The visible difference; row changes are added by an environment that can see them."""
    had, has = _dom_facts(before), _dom_facts(after)
    announced = {text.text for text in before.texts if text.role in {"alert", "status"}}
    return StateDelta(
        url=after.url if after.url != before.url else None,
        title=after.title if after.title != before.title else None,
        auth=after.auth if after.auth != before.auth else None,
        dom_added=tuple(fact for fact in has if fact not in had)[:MAX_DOM_FACTS],
        dom_removed=tuple(fact for fact in had if fact not in has)[:MAX_DOM_FACTS],
        notices=tuple(
            text.text for text in after.texts if text.role in {"alert", "status"} and text.text not in announced
        ),
        network=_bounded(happenings.network),
        storage=_storage_changes(before, after),
        downloads=tuple(cut(name, LIMITS.name) for name in happenings.downloads[:MAX_KEPT]),
        dialogs=tuple(
            Dialog(one.dialog_type, cut_address(one.message, LIMITS.message)) for one in happenings.dialogs[:MAX_KEPT]
        ),
    )


def _dom_facts(state: State) -> dict[str, None]:
    """Texts, and elements with role, name and present value, in document order (a dict keeps it)."""
    facts: dict[str, None] = {}
    for text in state.texts:
        facts[text.text] = None
    for element in state.elements:
        value = f" = {element.value}" if element.value else ""
        checked = {True: " checked", False: " unchecked", None: ""}[element.is_checked]
        facts[f'{element.role} "{element.name}"{value}{checked}'] = None
    return facts


def _storage_changes(before: State, after: State) -> tuple[StorageChange, ...]:
    had, has = _kept(before), _kept(after)
    changes: list[StorageChange] = []
    for key in sorted(had.keys() | has.keys()):
        if key not in had:
            changes.append(StorageChange(*key, ChangeOperation.INSERTED))
        elif key not in has:
            changes.append(StorageChange(*key, ChangeOperation.DELETED))
        elif had[key] != has[key]:
            changes.append(StorageChange(*key, ChangeOperation.UPDATED))
    return tuple(changes)


def _kept(state: State) -> dict[tuple[StorageArea, str, str], str]:
    kept = {(item.area, item.origin, item.key): item.value for item in state.storage}
    flags = {
        (StorageArea.COOKIE, cookie.host, cookie.name): f"{cookie.is_http_only}{cookie.is_secure}{cookie.same_site}"
        for cookie in state.cookies
    }
    return kept | flags
