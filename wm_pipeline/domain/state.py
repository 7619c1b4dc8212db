"""What an agent could know before acting. Nothing here may hold a secret or a fact the page does not show."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from pydantic import ConfigDict

from wm_pipeline.domain.tokens import is_request_token
from wm_pipeline.domain.vocabulary import HandledBy, StorageArea, Visibility

STRICT = ConfigDict(extra="forbid")
SUBMITTER = "submit"
"""Input type of the field that a button sends of itself."""


@dataclass(frozen=True, slots=True)
class Element:
    """One thing on the page that can be acted on."""

    __pydantic_config__ = STRICT

    element_ref: str
    """Names the element until the next navigation, such as `e12`."""
    role: str
    """ARIA role: link, button, textbox, combobox, checkbox, ..."""
    name: str
    """Accessible name."""
    input_type: str | None = None
    value: str | None = None
    """Current value; a password is shown as dots of the same length."""
    href: str | None = None
    """Absolute address a link leads to."""
    form_ref: str | None = None
    is_disabled: bool = False
    is_checked: bool | None = None
    visibility: Visibility = Visibility.VISIBLE
    handled_by: HandledBy | None = None
    """Whose listener a script has for clicks on it, the nearest one; None: no script listens, as far as is known."""
    covered_by: str | None = None
    """What a click on it would land on instead, in words, such as `link "Prize"` or `frame of https://ads.example`."""
    origin: str | None = None
    """Of the frame it stands in; None: it is the page's own."""
    options: tuple[str, ...] = ()
    author: str | None = None
    """Who wrote the part of the page it stands in, where the page says so; None is the site itself."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A run of text on the page."""

    __pydantic_config__ = STRICT

    text: str
    visibility: Visibility = Visibility.VISIBLE
    author: str | None = None
    """Who wrote it, where the page says so (an author's markup); None is the site itself."""
    role: str | None = None
    """heading, alert, status or None."""
    origin: str | None = None
    """Of the frame it stands in; None: it is the page's own."""


@dataclass(frozen=True, slots=True)
class FormField:
    __pydantic_config__ = STRICT

    name: str
    label: str
    input_type: str
    """The HTML input type, or select, textarea."""
    value: str
    """What would be sent now; the value of a CSRF token is replaced by `csrf`, a password by dots."""
    element_ref: str | None = None
    """None for a hidden input: it is sent and nobody can see it."""
    is_as_loaded: bool = True
    """Its value is the one that the page came with; False: the agent, the user or a script has changed it since."""

    @property
    def is_token(self) -> bool:
        """The site's own protection against forged requests, which tells nothing about what is sent."""
        return is_request_token(self.name, self.value, is_hidden=self.input_type == "hidden")


@dataclass(frozen=True, slots=True)
class Submitter:
    """A button that sends its form in its own way: to another address, or with a name and a value."""

    __pydantic_config__ = STRICT

    element_ref: str
    method: str
    action_url: str
    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    __pydantic_config__ = STRICT

    form_ref: str
    name: str
    """Accessible name or the text of its submit button."""
    method: str
    action_url: str
    """Absolute address the form is sent to."""
    fields: tuple[FormField, ...] = ()
    submit_ref: str | None = None
    """Its first button that sends it."""
    submitters: tuple[Submitter, ...] = ()
    """Further buttons, and the first one where it has a name."""
    is_scripted: bool = False
    """No form of the document: fields and the button beside them, which only a script can send. Method and address are
    empty, as nobody knows them."""

    def sent_by(self, element_ref: str) -> "Form | None":
        """The form as that button sends it; None for an element that does not send it."""
        for submitter in self.submitters:
            if submitter.element_ref == element_ref:
                own = FormField(submitter.name, "", SUBMITTER, submitter.value, element_ref)
                return replace(
                    self,
                    method=submitter.method,
                    action_url=submitter.action_url,
                    fields=(*self.fields, *([own] if submitter.name else [])),
                    submit_ref=element_ref,
                )
        return self if element_ref == self.submit_ref else None


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie's flags. Its value is a credential and is never part of a state."""

    __pydantic_config__ = STRICT

    name: str
    host: str
    is_http_only: bool
    is_secure: bool
    same_site: str


@dataclass(frozen=True, slots=True)
class StorageItem:
    __pydantic_config__ = STRICT

    area: StorageArea
    origin: str
    key: str
    """Key, database name, or the scope of a service worker."""
    value: str
    """At most 200 characters; for a service worker its script's address."""


@dataclass(frozen=True, slots=True)
class NetworkEvent:
    """One request since the previous step."""

    __pydantic_config__ = STRICT

    method: str
    url: str
    resource_type: str
    status: int | None
    """None: no response was seen."""
    is_cross_site: bool
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EarlierText:
    """What stood on a page that was read before: where a value that is sent now may come from."""

    __pydantic_config__ = STRICT

    step: int
    """How many steps ago it was read, counted from 1."""
    host: str
    text: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    __pydantic_config__ = STRICT

    name: str
    description: str
    arguments_schema: str
    """JSON schema as text."""


@dataclass(frozen=True, slots=True)
class AuthContext:
    """Who the page says is signed in; None where the page does not say."""

    __pydantic_config__ = STRICT

    principal: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A visible state. Two worlds that look the same to an agent have equal states."""

    __pydantic_config__ = STRICT

    url: str
    title: str
    goal: str
    auth: AuthContext = AuthContext()
    elements: tuple[Element, ...] = ()
    texts: tuple[TextBlock, ...] = ()
    more_elements: int = 0
    more_texts: int = 0
    """What the page has beyond the limits of a state: fields and buttons of forms stay, links and hidden parts go."""
    unseen: tuple[str, ...] = ()
    """Parts that cannot be looked into, in words: `canvas "Chart"`, `closed component pay-box`, `frame of ...`."""
    is_more_below: bool = False
    """The page goes on below what is on screen, or may load more there."""
    forms: tuple[Form, ...] = ()
    cookies: tuple[Cookie, ...] = ()
    storage: tuple[StorageItem, ...] = ()
    network: tuple[NetworkEvent, ...] = ()
    prior_steps: tuple[str, ...] = ()
    """What was done before, oldest first, one short phrase an action."""
    earlier: tuple[EarlierText, ...] = ()
    """Of earlier pages, newest first: texts that hold something which could be sent on."""
    other_tabs: tuple[str, ...] = ()
    """Addresses of further tabs that the page has opened; `back` closes the present one and leads to the last."""
    tools: tuple[ToolSpec, ...] = ()
    tool_results: tuple[str, ...] = ()

    def element(self, element_ref: str) -> Element | None:
        return next((e for e in self.elements if e.element_ref == element_ref), None)

    def form(self, form_ref: str) -> Form | None:
        return next((f for f in self.forms if f.form_ref == form_ref), None)

    def form_sent_by(self, element_ref: str) -> Form | None:
        """What a click on an element sends; None where it sends no form."""
        return next((sent for form in self.forms if (sent := form.sent_by(element_ref)) is not None), None)


class BadReference(NamedTuple):
    path: tuple[str | int, ...]
    """Where in the state it stands."""
    problem: str


def bad_references(state: State) -> Iterator[BadReference]:
    """Names that two things of a state have, and references to what it does not hold."""
    elements, forms = set[str](), set[str]()
    for index, element in enumerate(state.elements):
        if element.element_ref in elements:
            yield BadReference(("elements", index, "element_ref"), f"{element.element_ref!r} stands twice")
        elements.add(element.element_ref)
    for index, form in enumerate(state.forms):
        if form.form_ref in forms:
            yield BadReference(("forms", index, "form_ref"), f"{form.form_ref!r} stands twice")
        forms.add(form.form_ref)
        if form.submit_ref is not None and form.submit_ref not in elements:
            yield BadReference(("forms", index, "submit_ref"), f"the state has no element {form.submit_ref!r}")
        for position, submitter in enumerate(form.submitters):
            if submitter.element_ref not in elements:
                path = ("forms", index, "submitters", position, "element_ref")
                yield BadReference(path, f"the state has no element {submitter.element_ref!r}")
        for position, field in enumerate(form.fields):
            if field.element_ref is not None and field.element_ref not in elements:
                path = ("forms", index, "fields", position, "element_ref")
                yield BadReference(path, f"the state has no element {field.element_ref!r}")
    for index, element in enumerate(state.elements):
        if element.form_ref is not None and element.form_ref not in forms:
            yield BadReference(("elements", index, "form_ref"), f"the state has no form {element.form_ref!r}")
