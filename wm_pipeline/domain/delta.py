"""What a step changed: the visible side (StateDelta) and what instrumentation saw (Effect), with their typed facts."""

from dataclasses import dataclass

from wm_pipeline.domain.address import host_of, is_cross_site, parse_address
from wm_pipeline.domain.state import STRICT, AuthContext, NetworkEvent
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind, SinkKind, StorageArea


@dataclass(frozen=True, slots=True)
class StorageChange:
    __pydantic_config__ = STRICT

    area: StorageArea
    origin: str
    key: str
    operation: ChangeOperation


@dataclass(frozen=True, slots=True)
class RowChange:
    __pydantic_config__ = STRICT

    site: str
    table: str
    operation: ChangeOperation
    columns: tuple[str, ...] = ()
    """Columns whose value changed; for an insert or delete all of them."""


@dataclass(frozen=True, slots=True)
class Dialog:
    __pydantic_config__ = STRICT

    dialog_type: str
    """alert, confirm, prompt, beforeunload or popup."""
    message: str


@dataclass(frozen=True, slots=True)
class StateDelta:
    """Typed difference between a state and the one after it. Empty tuples and None mean: unchanged."""

    __pydantic_config__ = STRICT

    url: str | None = None
    title: str | None = None
    auth: AuthContext | None = None
    dom_added: tuple[str, ...] = ()
    """Texts and element names that appeared, at most 30."""
    dom_removed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """What the page announced: texts of role alert or status that appeared."""
    network: tuple[NetworkEvent, ...] = ()
    storage: tuple[StorageChange, ...] = ()
    database: tuple[RowChange, ...] = ()
    downloads: tuple[str, ...] = ()
    dialogs: tuple[Dialog, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    __pydantic_config__ = STRICT

    name: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that really happened, seen by instrumentation on the server's side."""

    __pydantic_config__ = STRICT

    kind: EffectKind
    site: str
    """Where it happened: a site's name, or the host of an outside origin."""
    subject: str
    """Table, storage key, file or tool."""
    asset: AssetKind
    sink: SinkKind
    changes: tuple[FieldChange, ...] = ()
    actor: str | None = None
    """In whose name: the signed-in user."""
    canaries: tuple[str, ...] = ()
    """Which seeded secrets were in what an outside origin received, such as `iban:dana`."""
    steps_later: int = 0
    """0: in the step itself; n: n benign steps later (delayed harm, within the horizon)."""

    def value_of(self, field_name: str) -> str | None:
        """The field's value after the effect (before it, for a deletion); None when the effect has no such field."""
        for change in self.changes:
            if change.name == field_name:
                return change.before if self.kind is EffectKind.ROW_DELETED else change.after
        return None


def facts_of_delta(delta: StateDelta) -> tuple[str, ...]:
    """The delta as atomic facts in a fixed order, one short line each: what coverage counts and the delta head writes.

    Only what an action determines is a fact; the wording of a page is not. `DELTA_PATTERN` describes what comes out.
    """
    facts: list[str] = []
    if delta.url is not None:
        facts.append("url " + _word(parse_address(delta.url).place))
    if delta.auth is not None:
        facts.append(f"auth {_words(delta.auth.principal or 'signed out')}")
    facts += sorted({f"rows {_word(row.site)} {_word(row.table)} {row.operation.value}" for row in delta.database})
    facts += sorted(
        {f"storage {change.area.value} {_words(change.key)} {change.operation.value}" for change in delta.storage}
    )
    facts += sorted(
        {
            f"request {_word(event.method)} {_word(host_of(event.url))}"
            for event in delta.network
            if event.is_cross_site or event.method != "GET"
        }
    )
    facts += sorted({f"download {_words(name)}" for name in delta.downloads})
    facts += sorted({f"dialog {_word(dialog.dialog_type)}" for dialog in delta.dialogs})
    facts += [f"notice {_words(notice)}" for notice in delta.notices[:2]]
    return tuple(facts) or ("nothing",)


def _word(text: str) -> str:
    """A name without spaces, so that a fact's parts can be told apart; a dash where there is none."""
    return "_".join(text.split()) or "-"


def _words(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split()) or "-"


_OPERATIONS = frozenset(operation.value for operation in ChangeOperation)
_AREAS = frozenset(area.value for area in StorageArea)


def _delta_pattern() -> str:
    word = r"[^\s\x1c-\x1f]+"
    words = rf"{word}(?: {word})*"
    operation, area = (f"(?:{'|'.join(sorted(values))})" for values in (_OPERATIONS, _AREAS))

    def several(line: str) -> str:
        return rf"{line}(?:\n{line})*"

    groups = (
        f"url {word}",
        f"auth {words}",
        several(f"rows {word} {word} {operation}"),
        several(f"storage {area} {words} {operation}"),
        several(f"request {word} {word}"),
        several(f"download {words}"),
        several(f"dialog {word}"),
    )
    pattern = rf"notice {words}(?:\nnotice {words})?"
    for group in reversed(groups):
        pattern = rf"(?:{group}|(?:{group}\n)?{pattern})"
    return f"(?:nothing|{pattern})"


DELTA_PATTERN = _delta_pattern()
"""All texts that facts_of_delta can make, joined by line feeds: the grammar under which the delta head writes.

Written in what regular expressions of Python and of Rust have in common; which whitespace is meant is spelled out,
because the two disagree on four control characters.
"""


def delta_of_facts(facts: tuple[str, ...], *, page_url: str) -> StateDelta:
    """The typed delta that facts state, as far as they do: the inverse of facts_of_delta on what a fact keeps.

    `page_url`: of the page that the action is done on, which says what leaves its site. Facts hold no scheme: a host's
    is the page's. A line that is no fact (a model wrote it) is left out.
    """
    page = parse_address(page_url)
    scheme = page.scheme if page.scheme in {"http", "https"} else "http"
    url: str | None = None
    auth: AuthContext | None = None
    rows: list[RowChange] = []
    storage: list[StorageChange] = []
    network: list[NetworkEvent] = []
    downloads: list[str] = []
    dialogs: list[Dialog] = []
    notices: list[str] = []
    for fact in facts:
        word, _, rest = fact.partition(" ")
        parts = rest.split(" ")
        match word, parts:
            case "url", [place]:
                url = f"{scheme}://{place}"
            case "auth", _ if rest:
                auth = AuthContext(principal=None if rest == "signed out" else rest)
            case "rows", [site, table, operation] if operation in _OPERATIONS:
                rows.append(RowChange(site, table, ChangeOperation(operation)))
            case "storage", [area, *key, operation] if area in _AREAS and operation in _OPERATIONS:
                storage.append(StorageChange(StorageArea(area), "", " ".join(key), ChangeOperation(operation)))
            case "request", [method, host]:
                address = f"{scheme}://{host}"
                network.append(
                    NetworkEvent(method, address, "other", None, is_cross_site=is_cross_site(address, page_url))
                )
            case "download", _ if rest:
                downloads.append(rest)
            case "dialog", [dialog_type]:
                dialogs.append(Dialog(dialog_type, ""))
            case "notice", _ if rest:
                notices.append(rest)
            case _:
                continue
    return StateDelta(
        url=url,
        auth=auth,
        notices=tuple(notices),
        network=tuple(network),
        storage=tuple(storage),
        database=tuple(rows),
        downloads=tuple(downloads),
        dialogs=tuple(dialogs),
    )
