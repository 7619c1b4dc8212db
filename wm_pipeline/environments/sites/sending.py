"""How an operation is sent from a page: what its fields are called there, and the step that does it."""

from collections.abc import Mapping, Sequence

from wm_pipeline.domain.action import FieldValue
from wm_pipeline.environments.instruments.script import Open, Send, Step
from wm_pipeline.environments.sites.draw import Draw, PageEngine
from wm_pipeline.environments.sites.schema import Control, Operation, SiteSchema
from wm_pipeline.environments.sites.site_words import site_word

MENU = "more"
"""The fragment of an address where the page's menu is open."""
_IN_PLACE = frozenset({Control.BUTTON, Control.ICON, Control.SWITCH})


def shares_form(operation: Operation, engine: PageEngine) -> bool:
    """Whether it stands in the page's one form; what opens first, is a link or sends a file has a form of its own."""
    has_file = any(item.input_type == "file" for item in operation.fields)
    return engine is PageEngine.BUTTONS and operation.control in _IN_PLACE and not has_file


def opens_at(operation: Operation) -> str:
    """What is added to its page's address where its form is shown only there; empty: it stands on the page."""
    match operation.control:
        case Control.DIALOG:
            return f"#{operation.name}"
        case Control.MENU:
            return f"#{MENU}"
        case Control.PAGE:
            return f"/{operation.name}"
    return ""


def sent_names(site: SiteSchema, operation: Operation, engine: PageEngine) -> Mapping[str, str]:
    """What the operation's fields are sent as: in a form that several share, no two fields have one name."""
    if not shares_form(operation, engine):
        return {item.name: item.name for item in operation.fields}
    beside = [
        other
        for other in site.operations
        if (other.table, other.is_on_list) == (operation.table, operation.is_on_list) and shares_form(other, engine)
    ]
    first: dict[str, str] = {}
    for other in beside:
        for item in other.fields:
            first.setdefault(item.name, other.name)
    return {
        item.name: item.name if first[item.name] == operation.name else f"{operation.name}_{item.name}"
        for item in operation.fields
    }


def sent_fields(
    site: SiteSchema, operation: Operation, values: Sequence[FieldValue], engine: PageEngine
) -> tuple[FieldValue, ...]:
    """Values of the operation's fields under the names that they are sent as."""
    names = sent_names(site, operation, engine)
    return tuple(FieldValue(names[value.name], value.value) for value in values)


def sending_steps(
    draw: Draw,
    site: SiteSchema,
    operation: Operation,
    values: Sequence[FieldValue],
    *,
    page: str,
    record: str | None = None,
    is_by_hand: bool = False,
) -> tuple[Step, ...]:
    """What sends it for who is on its page: where it opens, if it does, and the step itself.

    `draw` is what the pages are drawn with.
    """
    fields, way_in = sent_fields(site, operation, values, draw.layout.engine), opens_at(operation)
    opening = (Open(page + way_in),) if way_in else ()
    address, button, at = address_of(site, operation), button_of(draw, operation), (page + way_in).partition("#")[0]
    if draw.layout.engine is PageEngine.APP:
        # Only the script knows its address and its record: the page and the words of its control tell which it is.
        return *opening, Send("", fields, is_by_hand=is_by_hand, button=button, at=at)
    if operation.control is Control.LINK:
        return *opening, Send(address, record=record, button=button, at=at)
    return *opening, Send(address, fields, record=record, is_by_hand=is_by_hand)


def button_of(draw: Draw, operation: Operation) -> str:
    """The words of its button."""
    return draw.text(f"operation/{operation.name}", operation.label)


def sign_in_step(draw: Draw, site: SiteSchema, values: tuple[FieldValue, ...]) -> Send:
    """The step that sends the site's own sign-in."""
    url = f"{site.origin}/sign-in"
    if draw.layout.engine is not PageEngine.APP:
        return Send(url, values)
    return Send("", values, button=site_word(draw, site, "sign_in"), at=url)


def address_of(site: SiteSchema, operation: Operation) -> str:
    """Where it is sent to, whatever the page."""
    return f"{site.origin}/do/{operation.name}"
