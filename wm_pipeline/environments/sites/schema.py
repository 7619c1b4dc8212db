"""A site schema: one web application as data. A new site is one file that builds a SiteSchema and registers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.domain.authorization import Bound, EffectPattern
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import AssetKind, BoundOperator, ChangeOperation, EffectKind, PayloadGoal
from wm_pipeline.environments.sites.built_in import BUILT_IN_ENTITIES
from wm_pipeline.environments.sites.draw import Draw, PageEngine
from wm_pipeline.environments.sites.entities import Entity, Words
from wm_pipeline.environments.sites.wording import Phrase

Row = Mapping[str, str]
Rows = Mapping[str, Sequence[Row]]
"""Rows a table, as drawn for one world."""


class ValueSource(StrEnum):
    """Where a written value comes from."""

    FIELD = "field"
    RECORD = "record"
    """A column of the record that the operation is done on."""
    CONSTANT = "constant"
    USER = "user"
    """The signed-in user's name."""
    USER_EMAIL = "user_email"
    NEXT_KEY = "next_key"
    """The next free key of the table, with the given prefix."""
    ABOUT = "about"
    """`table/key` of the record: what a comment is about."""
    SECRET = "secret"  # noqa: S105 (a word, not a password)
    """A fresh secret, the same in every run of the world."""
    FILE_TEXT = "file_text"
    """What is in the file that the field of this name brings."""
    FILE_TYPE = "file_type"
    """Its content type."""


@dataclass(frozen=True, slots=True)
class Value:
    source: ValueSource
    name: str = ""


def field(name: str) -> Value:
    return Value(ValueSource.FIELD, name)


def record(column: str) -> Value:
    return Value(ValueSource.RECORD, column)


def constant(text: str) -> Value:
    return Value(ValueSource.CONSTANT, text)


def equals(field_name: str, value: str) -> Bound:
    return Bound(field_name, BoundOperator.EQUALS, (value,))


def at_most(field_name: str, value: str) -> Bound:
    return Bound(field_name, BoundOperator.AT_MOST, (value,))


def one_of(field_name: str, *values: str) -> Bound:
    return Bound(field_name, BoundOperator.ONE_OF, values)


ROW_EFFECTS = {
    ChangeOperation.INSERTED: EffectKind.ROW_INSERTED,
    ChangeOperation.UPDATED: EffectKind.ROW_UPDATED,
    ChangeOperation.DELETED: EffectKind.ROW_DELETED,
}
"""The effect of each change of a row."""


def inserted(site: str, table: str, *bounds: Bound) -> EffectPattern:
    return EffectPattern(EffectKind.ROW_INSERTED, site, table, bounds)


def updated(site: str, table: str, *bounds: Bound) -> EffectPattern:
    return EffectPattern(EffectKind.ROW_UPDATED, site, table, bounds)


def deleted(site: str, table: str, *bounds: Bound) -> EffectPattern:
    return EffectPattern(EffectKind.ROW_DELETED, site, table, bounds)


def received(host: str) -> EffectPattern:
    return EffectPattern(EffectKind.DATA_RECEIVED, host, "*")


@dataclass(frozen=True, slots=True)
class Role:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an operation's form."""

    name: str
    label: Words
    input_type: str = "text"
    """text, email, number, textarea, select, or file: the form is sent as soon as a file is chosen."""
    prefill: str | None = None
    """Column of the record whose value is filled in."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    operation: ChangeOperation
    table: str
    values: Mapping[str, Value]
    """For an update or a delete the row is the operation's record."""


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold of the record, or the site refuses and says so."""

    column: str
    one_of: tuple[str, ...]
    refusal: Words


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount above which the written column gets another value, such as a wire that waits for approval."""

    field: str
    at_most: float
    column: str
    otherwise: str
    text: Words
    """What the form says about it."""


@dataclass(frozen=True, slots=True)
class HiddenForward:
    """What the other side does with what it gets, where the world's hidden variable says so. No page shows it."""

    values: Mapping[str, Value]
    trusted_column: str = ""
    """Empty: no record is trusted."""
    trusted_value: str = ""
    """A record with this value is never forwarded: what can be seen does matter."""

    def is_trusted(self, row: Row) -> bool:
        return bool(self.trusted_column) and row[self.trusted_column] == self.trusted_value


@dataclass(frozen=True, slots=True)
class Mail:
    """What the site writes to somebody by itself after an operation; it arrives in the company's webmail."""

    recipient: Value
    subject: Words
    body: Words
    """With a slot for each of `values`."""
    values: Mapping[str, Value]


class Control(StrEnum):
    """What one presses to send an operation's form, and what lies before it."""

    BUTTON = "button"
    ICON = "icon"
    """A button with a picture: its words only screen readers tell."""
    SWITCH = "switch"
    """Turned on, it is sent."""
    LINK = "link"
    """A link that a script sends as the form it stands in."""
    MENU = "menu"
    """An entry of the page's menu, which is opened first; then its address ends in `#more`."""
    DIALOG = "dialog"
    """The form opens in a dialog over the page, behind a link; then its address ends in `#{name}`."""
    PAGE = "page"
    """The form stands on a page of its own, behind a link: a step more, to think about it."""


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    label: Words
    """Text of the button."""
    table: str
    """Entity whose record it is done on; a form of a list page has no record."""
    writes: tuple[Write, ...]
    notice: Words
    """What the page announces afterwards."""
    fields: tuple[Field, ...] = ()
    roles: tuple[str, ...] = ()
    """Who may; empty: everybody who is signed in."""
    ask: Words | None = None
    """What it does, as a user asks: a verb and what follows it, with `{it}` for the record (sayings.py). None: the
    button's label."""
    is_on_list: bool = False
    """The form stands on the list page, and there is no record."""
    is_csrf_protected: bool = True
    """False is a deliberate mistake of the site: a form on another site can send it."""
    preconditions: tuple[Precondition, ...] = ()
    limits: tuple[Limit, ...] = ()
    about: Words | None = None
    """What the form says it is for, where its button does not say it."""
    confirm: Words | None = None
    """Asked in a dialog first."""
    is_async: bool = False
    """Sent by script, then the page is loaded again."""
    control: Control = Control.BUTTON
    is_checked_by_page: bool = False
    """The page does not send the form while a field is empty or of the wrong kind."""
    mail: Mail | None = None
    hidden_forward: HiddenForward | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A list of a table's records at `/{name}`, and a page for each at `/{name}/{key}`; the dashboard is given."""

    name: str
    title: Words
    columns: tuple[str, ...]
    """What the list shows beside the title column."""
    table: str = ""
    """Empty: the one of the view's name."""
    detail: tuple[str, ...] = ()
    """What a record's page shows; empty: every column with a label but the title."""
    where: Mapping[str, str] | None = None
    """Only rows with these values; `{user_email}` is the signed-in user's address."""
    is_single_page: bool = False
    """Records open by script, without leaving the page."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", self.table or self.name)


@dataclass(frozen=True, slots=True)
class RowCheck:
    """Whether the database holds rows like this; `{parameter}` in a value is the goal's."""

    table: str
    where: Mapping[str, str]
    at_least: int = 1
    at_most: int | None = None
    site: str = ""
    """Site whose database it is; empty: the goal's."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A goal's parameters, and which of them are secrets that only the user and the site should know."""

    parameters: Mapping[str, str]
    secrets: Mapping[str, AssetKind] | None = None
    rows: Rows | None = None
    """Rows that only worlds with this goal have."""
    elsewhere: Mapping[str, Rows] | None = None
    """Such rows of other sites, by site."""


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One page of the expert's script: a link to follow, or a form to send."""

    path: str
    """Page to be on, with `{parameter}` slots."""
    operation: str | None = None
    """Operation whose form is sent there; None: only go there."""
    record: str | None = None
    """Key of the record the form belongs to."""
    fields: Mapping[str, str] | None = None
    site: str = ""
    """Site of the page; empty: the goal's."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a user may ask for, with everything needed to judge it."""

    name: str
    texts: Phrase
    draw: Callable[[Draw, Rows], Drawn]
    record: tuple[str, str]
    """Table and key, with slots, of the record whose page lies on the way: where an attack can wait."""
    start: str
    """Path of the page it starts on."""
    script: tuple[ScriptStep, ...]
    authorized: tuple[EffectPattern, ...]
    """With `{parameter}` slots in the bounds."""
    reached: tuple[RowCheck, ...]
    requires: tuple[RowCheck, ...]
    """What must hold for the goal to be possible as long as it is not reached."""
    has_hidden_variable: bool = False
    start_site: str = ""
    """Site that it starts on; empty: its own."""

    @property
    def other_sites(self) -> frozenset[str]:
        """The sites it needs beside its own."""
        named = {self.start_site, *(step.site for step in self.script)}
        named |= {check.site for check in (*self.reached, *self.requires)}
        return frozenset(named - {""})


@dataclass(frozen=True, slots=True)
class Abuse:
    """What an attacker can want from one of the site's own operations."""

    name: str
    operation: str
    view: str
    """View on whose page the form stands."""
    draw: Callable[[Draw, Rows, Mapping[str, str]], Mapping[str, str]]
    """Slots for the request: the attacker's values, and `record` for the key. Also gets the goal's parameters."""
    fields: Mapping[str, str]
    """What to send, with slots."""
    request: Phrase
    """The sentence that asks for it, values included."""
    success: tuple[EffectPattern, ...]
    goals: tuple[str, ...] = ()
    """Only with these goals; empty: any."""
    aim: PayloadGoal | None = None
    """What the attacker wants; None: what the operation touches tells (attack.aim_of)."""
    on_record: tuple[EffectPattern, ...] = ()
    """Success where the value is no attacker's but one that the user named for something else: bound to the record,
    which the goal is not about. Empty: such a value would tell nothing."""

    def fits(self, site: "SiteSchema", goal: Goal) -> bool:
        return self in site.abuses and (not self.goals or goal.name in self.goals)


@dataclass(frozen=True, slots=True)
class Theme:
    """What a site's pages look like whatever the world; the rest a world draws (draw.Layout)."""

    details: str = "lines"
    """How a record's values stand on its page: lines, table or definitions."""
    font: str = "sans-serif"
    width_px: int = 860
    has_trail: bool = False
    """A record's page says which list it is from, with a link."""
    help_texts: tuple[Words, ...] = ()
    """Sentences at the foot of every page: the more, the fuller it is."""
    engine: PageEngine | None = None
    """What the pages of all its worlds are built of; None: what each world draws."""


PLAIN_THEME = Theme()


@dataclass(frozen=True, slots=True)
class SiteSchema:
    name: str
    brand: Words
    entities: tuple[Entity, ...]
    roles: tuple[Role, ...]
    views: tuple[View, ...]
    operations: tuple[Operation, ...]
    goals: tuple[Goal, ...]
    populate: Callable[[Draw], Rows]
    """The rows of one world."""
    user_role: str
    """Role of the signed-in user."""
    abuses: tuple[Abuse, ...] = ()
    text_channel: str = "note"
    """Name of the channel that a record's rich text is, such as mail_body."""
    same_site: str = "Lax"
    """SameSite of the session cookie; None lets forms of other sites act with it."""
    comments_title: Words = "Comments"
    neighbours: tuple[str, ...] = ()
    """Other sites that this site's worlds hold too, with the user signed in: every site costs time at each reset."""
    theme: Theme = PLAIN_THEME

    @property
    def host(self) -> str:
        return f"{self.name}.localhost"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def entity(self, table: str) -> Entity:
        found = next((entity for entity in (*self.entities, *BUILT_IN_ENTITIES) if entity.table == table), None)
        if found is None:
            raise InvalidInputError(f"site {self.name}: no entity has the table {table!r}; add it to `entities`")
        return found

    def operation(self, name: str) -> Operation | None:
        return next((operation for operation in self.operations if operation.name == name), None)

    def view(self, name: str) -> View | None:
        return next((view for view in self.views if view.name == name), None)

    def view_of(self, table: str) -> View:
        """The list whose pages show this table's records."""
        found = next((view for view in self.views if view.table == table), None)
        if found is None:
            raise InvalidInputError(f"site {self.name}: no list view shows the table {table!r}; add one to `views`")
        return found

    def detail_of(self, view: View) -> tuple[str, ...]:
        """The columns that a record's page shows."""
        entity = self.entity(view.table)
        labelled = (column.name for column in entity.columns if column.label and column.name != entity.title)
        return view.detail or tuple(labelled)

    def goal(self, name: str) -> Goal | None:
        return next((goal for goal in self.goals if goal.name == name), None)


MAIL_SITE = "webmail"
"""Where the company's mail arrives."""
