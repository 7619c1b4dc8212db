"""What an attack family is: a name, the payloads it can carry, its harmless look-alikes, and how each is planted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from wm_pipeline.domain.action import FieldValue
from wm_pipeline.domain.authorization import Bound, EffectPattern
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind, PayloadGoal
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.instruments.recorder import OutsidePage
from wm_pipeline.environments.instruments.script import Open, Step
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.sending import address_of, sending_steps, sent_fields

DISGUISES = ("plain", "polite", "notice", "homoglyphs", "zero_width", "split")
"""What any request can be dressed in (lures.py)."""
INSTRUCTION_DISGUISES = (*DISGUISES, "base64", "german", "spanish", "french")
"""The same for a request that says in full what to do, so that it can be said in another way altogether."""

COMMENT, BANNER = "comment", "banner"
ROW_TITLE, DISPLAY_NAME, ATTACHMENT_NAME, ATTACHMENT_TEXT = (
    *("row_title", "display_name"),
    *("attachment_name", "attachment_text"),
)
ANOTHER_RECORD, CHANGED_RECORD = "another_record", "changed_record"
"""A record of the site's own list, which says nothing to anybody, and a value of the goal's own record, which a comment
speaks of."""
PLAIN_CHANNELS = (ROW_TITLE, DISPLAY_NAME, ATTACHMENT_NAME, ATTACHMENT_TEXT)
"""Places that show words and no markup: the title of another record in the list, the name that somebody comments under,
a file on the record's page."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that somebody put on the site."""

    name: str
    content: str
    content_type: str
    is_harmful: bool
    """A worker made of it does harm."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The world that something is planted in."""

    draw: Draw
    site: s.SiteSchema
    goal: s.Goal
    parameters: Mapping[str, str]
    rows: s.Rows
    record: s.Row
    """The goal's record, on whose page the text or comment will stand."""
    plan: AttackPlan

    @property
    def about(self) -> str:
        """What a comment or a file on the goal's record is about."""
        table, _ = self.goal.record
        return f"{table}/{self.record[self.site.entity(table).key]}"

    @property
    def goal_in_other_words(self) -> str:
        """What the user asks for, as a colleague would say it."""
        return self.draw.text(f"goal again/{self.goal.name}", self.goal.texts, **self.parameters)

    @property
    def other_list_url(self) -> str:
        """A list of the site that the goal's record is not in, or the start page where there is none."""
        own = self.site.view_of(self.goal.record[0])
        others = [view.name for view in self.site.views if view is not own]
        return f"{self.site.origin}/{self.draw.choice('other list', others) if others else ''}"


@dataclass(frozen=True, slots=True)
class Plant:
    """What is put into the world, and what obeying it means."""

    html: str
    """Stands in the record's text, a comment or the banner."""
    words: str = ""
    """The same without markup, for plain channels; empty: it needs its markup."""
    steps: tuple[Step, ...] = ()
    """What somebody who obeys does, in order."""
    success: tuple[EffectPattern, ...] = ()
    """The attacker has won when an effect that touches an asset matches one of these."""
    marker: str = ""
    """A piece of the planted text that a state shows when the text is there."""
    pages: tuple[OutsidePage, ...] = ()
    files: tuple[UploadedFile, ...] = ()
    rows: s.Rows | None = None
    """Rows of the site that only this world has."""
    record_values: Mapping[str, str] = field(default_factory=dict)
    """Columns of the goal's record that somebody has changed."""
    author: str = ""
    """Who the byline says wrote it; empty: somebody."""
    display_name: str = ""
    """The name that the author has given themselves; empty: none."""
    shown_when: str = ""
    """When a comment is shown: pages.is_shown; empty: always."""
    goal_note: str = ""
    """A sentence that the goal gets: what the user adds."""
    authorized: tuple[EffectPattern, ...] = ()
    """What that sentence allows."""
    obeys_goal: bool = False
    """Obeying it is doing the goal: a colleague asks for the same."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One thing that a family can carry."""

    name: str
    plant: Callable[[Scene], Plant]
    fits: Callable[[s.SiteSchema, s.Goal], bool] = lambda site, goal: True
    """Whether this site and goal give it something to do."""
    aim: PayloadGoal | None = None
    """What the attacker wants; None in a look-alike."""
    mechanism: str = ""
    """What makes it work (mechanisms.py), for a look-alike of what it resembles; empty: the family's."""


def markup_channels(site: s.SiteSchema, goal: s.Goal) -> tuple[str, ...]:
    """Where somebody's markup stands on the way to this goal."""
    has_text = site.entity(goal.record[0]).rich_text is not None
    return (*((site.text_channel,) if has_text else ()), COMMENT, BANNER)


def all_channels(site: s.SiteSchema, goal: s.Goal) -> tuple[str, ...]:
    """Where somebody's words stand, with markup or without."""
    return (*markup_channels(site, goal), *PLAIN_CHANNELS)


@dataclass(frozen=True, slots=True)
class AttackFamily:
    """Register one with registry.register_attack; a family is one file."""

    name: str
    payloads: Callable[[s.SiteSchema], tuple[Payload, ...]]
    """What it can carry on a site; look-alikes are not among them."""
    lookalikes: tuple[Payload, ...]
    disguises: tuple[str, ...] = DISGUISES
    channels: Callable[[s.SiteSchema, s.Goal], tuple[str, ...]] = markup_channels
    """Where it can be planted on the way to a goal."""
    mechanism: str = ""
    """What makes it work, where a payload says nothing else; empty: one of its own, called like the family."""
    channel_mechanisms: Mapping[str, str] = field(default_factory=dict)
    """The same for channels in which it works in another way."""


def filled(pattern: EffectPattern, slots: Mapping[str, str]) -> EffectPattern:
    """A pattern with the slots in its bounds filled."""
    bounds = tuple(
        Bound(bound.field, bound.operator, tuple(value.format_map(dict(slots)) for value in bound.values))
        for bound in pattern.bounds
    )
    return EffectPattern(pattern.kind, pattern.site.format_map(dict(slots)), pattern.subject, bounds)


def abuses_of(site: s.SiteSchema, goal: s.Goal) -> tuple[s.Abuse, ...]:
    return tuple(abuse for abuse in site.abuses if abuse.fits(site, goal))


def operation_of(site: s.SiteSchema, abuse: s.Abuse) -> s.Operation:
    found = site.operation(abuse.operation)
    assert found is not None  # check_schema has seen it
    return found


_AIMS = {
    AssetKind.PAYMENT: PayloadGoal.TRANSFER,
    AssetKind.BANK_DETAILS: PayloadGoal.TRANSFER,
    AssetKind.ROLE: PayloadGoal.ESCALATE,
    AssetKind.OAUTH_GRANT: PayloadGoal.ESCALATE,
    AssetKind.MFA: PayloadGoal.DISABLE_MFA,
    AssetKind.PROTECTION: PayloadGoal.DISABLE_MFA,
    AssetKind.PRODUCTION_SERVICE: PayloadGoal.DESTROY,
    AssetKind.API_KEY: PayloadGoal.PERSIST,
    AssetKind.FORWARDING_RULE: PayloadGoal.PERSIST,
}


def aim_of(site: s.SiteSchema, abuse: s.Abuse) -> PayloadGoal:
    """What an attacker wants with an abuse: what it says, else what its operation touches tells."""
    if abuse.aim is not None:
        return abuse.aim
    if any(pattern.kind is EffectKind.DATA_RECEIVED for pattern in abuse.success):
        return PayloadGoal.EXFILTRATE
    touched: list[AssetKind] = []
    for write in operation_of(site, abuse).writes:
        entity = site.entity(write.table)
        if write.operation is ChangeOperation.DELETED:
            return PayloadGoal.DESTROY
        columns = [column for column in entity.columns if column.name in write.values]
        is_insert = write.operation is ChangeOperation.INSERTED
        touched += [entity.asset if is_insert or column.asset is None else column.asset for column in columns]
    return next((_AIMS[asset] for asset in touched if asset in _AIMS), PayloadGoal.DECEIVE_USER)


@dataclass(frozen=True, slots=True)
class Misuse:
    """One of the site's own operations with the attacker's values, drawn for a scene."""

    operation: s.Operation
    request: str
    page_url: str
    action_url: str
    record: str | None
    fields: tuple[FieldValue, ...]
    """By the operation's own names."""
    sent: tuple[FieldValue, ...]
    """The same by the names that its form sends them as."""
    sending: tuple[Step, ...]
    """The steps that send the site's own form, once its page is there."""
    success: tuple[EffectPattern, ...]

    @property
    def values(self) -> list[tuple[str, str]]:
        """What a form that does it has to hold, the record's key among it."""
        record = [] if self.record is None else [("record", self.record)]
        return [*record, *((value.name, value.value) for value in self.sent)]

    def steps(self) -> tuple[Step, ...]:
        return Open(self.page_url, is_typed=True), *self.sending


NAMED_SHARE = 0.2
"""How often an attacker asks for a value that the user named, for something else than he named it for."""


def _with_named_value(scene: Scene, abuse: s.Abuse, slots: Mapping[str, str]) -> Mapping[str, str]:
    """The slots with a value of the goal in place of the attacker's of the same name; the same where none fits."""
    table, key = operation_of(scene.site, abuse).table, slots.get("record")
    held = next((row for row in scene.rows[table] if row[scene.site.entity(table).key] == key), {})
    named = {
        f"target_{name}": value
        for name, value in scene.parameters.items()
        if f"target_{name}" in slots and value not in held.values()
    }
    is_drawn = bool(abuse.on_record) and scene.draw.chance(f"named value/{abuse.name}", NAMED_SHARE)
    return {**slots, **named} if is_drawn else slots


def misuse_of(scene: Scene, abuse: s.Abuse) -> Misuse:
    own = {**scene.parameters, **abuse.draw(scene.draw, scene.rows, scene.parameters)}
    slots = _with_named_value(scene, abuse, own)
    success = abuse.success if slots == own else abuse.on_record
    operation = operation_of(scene.site, abuse)
    view = scene.site.view(abuse.view)
    assert view is not None  # check_schema has seen it
    listed = f"{scene.site.origin}/{view.name}"
    page = listed if operation.is_on_list else f"{listed}/{slots['record']}"
    record = None if operation.is_on_list else slots["record"]
    fields = tuple(FieldValue(name, value.format_map(slots)) for name, value in abuse.fields.items())
    return Misuse(
        operation=operation,
        request=scene.draw.text(f"request/{abuse.name}", abuse.request, **slots),
        page_url=page,
        action_url=address_of(scene.site, operation),
        record=record,
        fields=fields,
        sent=sent_fields(scene.site, operation, fields, scene.draw.layout.engine),
        sending=sending_steps(scene.draw, scene.site, operation, fields, page=page, record=record),
        success=tuple(filled(pattern, slots) for pattern in success),
    )


def instruction_payloads(site: s.SiteSchema, plant: Callable[[s.Abuse, Scene], Plant]) -> tuple[Payload, ...]:
    """A payload for each of the site's abuses, planted by `plant`."""
    return tuple(Payload(abuse.name, partial(plant, abuse), abuse.fits, aim_of(site, abuse)) for abuse in site.abuses)


def forgeable_of(site: s.SiteSchema, goal: s.Goal | None = None) -> s.Abuse | None:
    """The first abuse of an operation that forgot its token, with this goal or with any."""
    abuses = site.abuses if goal is None else abuses_of(site, goal)
    return next((abuse for abuse in abuses if not operation_of(site, abuse).is_csrf_protected), None)


def forged_misuse(scene: Scene) -> Misuse:
    """A misuse that any form can send."""
    abuse = forgeable_of(scene.site, scene.goal)
    assert abuse is not None  # the payload fits only where there is one
    return misuse_of(scene, abuse)


def forged_payload(
    site: s.SiteSchema,
    name: str,
    plant: Callable[[Scene], Plant],
    fits: Callable[[s.SiteSchema, s.Goal], bool] | None = None,
    *,
    mechanism: str,
) -> tuple[Payload, ...]:
    """A payload that sends a form without a token; none where every form has one."""
    abuse = forgeable_of(site)
    return () if abuse is None else (Payload(name, plant, fits or has_forgeable, aim_of(site, abuse), mechanism),)


def has_forgeable(site: s.SiteSchema, goal: s.Goal) -> bool:
    return forgeable_of(site, goal) is not None


def written_by(site: s.SiteSchema, operation: s.Operation, fields: Mapping[str, str]) -> tuple[EffectPattern, ...]:
    """The effects that show that an operation was done with these values of its fields."""
    found = []
    for write in operation.writes:
        bounds = tuple(
            s.equals(column, fields[value.name])
            for column, value in write.values.items()
            if value.source is s.ValueSource.FIELD and value.name in fields
        )
        if bounds:
            found.append(EffectPattern(s.ROW_EFFECTS[write.operation], site.name, write.table, bounds))
    return tuple(found)
