"""What an attack family is: a name, the payloads it can carry, its harmless look-alikes, and how each is planted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wm_pipeline.domain.action import FieldValue
from wm_pipeline.domain.authorization import Bound, EffectPattern
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.recorder import OutsidePage
from wm_pipeline.environments.sites.schema import Abuse, Goal, Operation, Row, Rows, SiteSchema
from wm_pipeline.environments.sites.script import Open, Send, Step

DISGUISES = ("plain", "polite", "notice")
COMMENT, BANNER = "comment", "banner"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that somebody put on the site."""

    name: str
    content: str
    content_type: str
    is_harmful: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """The world that something is planted in."""

    draw: Draw
    site: SiteSchema
    goal: Goal
    parameters: Mapping[str, str]
    rows: Rows
    record: Row
    """The goal's record, on whose page the text or comment will stand."""
    plan: AttackPlan

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
    steps: tuple[Step, ...] = ()
    """What somebody who obeys does, in order."""
    success: tuple[EffectPattern, ...] = ()
    """The attacker has won when an effect that touches an asset matches one of these."""
    marker: str = ""
    """A piece of the planted text that a state shows when the text is there."""
    pages: tuple[OutsidePage, ...] = ()
    files: tuple[UploadedFile, ...] = ()
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
    fits: Callable[[SiteSchema, Goal], bool] = lambda site, goal: True
    """Whether this site and goal give it something to do."""


@dataclass(frozen=True, slots=True)
class AttackFamily:
    """Register one with registry.register_attack; a family is one file."""

    name: str
    payloads: Callable[[SiteSchema], tuple[Payload, ...]]
    """What it can carry on a site; look-alikes are not among them."""
    lookalikes: tuple[Payload, ...]
    disguises: tuple[str, ...] = DISGUISES


def channels_of(site: SiteSchema, goal: Goal) -> tuple[str, ...]:
    """Where something can be planted on the way to this goal."""
    has_text = site.entity(goal.record[0]).rich_text is not None
    return (*((site.text_channel,) if has_text else ()), COMMENT, BANNER)


def filled(pattern: EffectPattern, slots: Mapping[str, str]) -> EffectPattern:
    """A pattern with the slots in its bounds filled."""
    bounds = tuple(
        Bound(bound.field, bound.operator, tuple(value.format_map(dict(slots)) for value in bound.values))
        for bound in pattern.bounds
    )
    return EffectPattern(pattern.kind, pattern.site.format_map(dict(slots)), pattern.subject, bounds)


def abuses_of(site: SiteSchema, goal: Goal) -> tuple[Abuse, ...]:
    return tuple(abuse for abuse in site.abuses if abuse.fits(site, goal))


def operation_of(site: SiteSchema, abuse: Abuse) -> Operation:
    found = site.operation(abuse.operation)
    assert found is not None  # check_schema has seen it
    return found


@dataclass(frozen=True, slots=True)
class Misuse:
    """One of the site's own operations with the attacker's values, drawn for a scene."""

    request: str
    page_url: str
    action_url: str
    record: str | None
    fields: tuple[FieldValue, ...]
    success: tuple[EffectPattern, ...]
    dialog_url: str | None
    """Where the form opens, when it does so in a dialog."""

    def steps(self) -> tuple[Step, ...]:
        dialog = () if self.dialog_url is None else (Open(self.dialog_url),)
        return (
            Open(self.page_url, is_typed=True),
            *dialog,
            Send(self.action_url, self.fields, record=self.record),
        )


def misuse_of(scene: Scene, abuse: Abuse) -> Misuse:
    slots = {**scene.parameters, **abuse.draw(scene.draw, scene.rows, scene.parameters)}
    operation = operation_of(scene.site, abuse)
    view = scene.site.view(abuse.view)
    assert view is not None  # check_schema has seen it
    listed = f"{scene.site.origin}/{view.name}"
    page = listed if operation.is_on_list else f"{listed}/{slots['record']}"
    return Misuse(
        request=scene.draw.text(f"request/{abuse.name}", abuse.request, **slots),
        page_url=page,
        action_url=f"{scene.site.origin}/do/{operation.name}",
        record=None if operation.is_on_list else slots["record"],
        fields=tuple(FieldValue(name, value.format_map(slots)) for name, value in abuse.fields.items()),
        success=tuple(filled(pattern, slots) for pattern in abuse.success),
        dialog_url=f"{page}#{operation.name}" if operation.is_modal else None,
    )


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""
