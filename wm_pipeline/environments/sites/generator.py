"""New sites without end: a name carries a seed, and the seed draws the whole schema from archetypes.

What a part is made of is in archetypes/; here it is decided which parts a site has, what is wrong with their forms, who
may use them and how the pages look. No generated site is registered: its name is enough to build it again anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import SEALED_DIGIT, is_generated_site, seed_of
from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes import lines_of_life, lines_of_office, lines_of_software, lines_of_trade
from wm_pipeline.environments.sites.archetypes.access_key import access_key
from wm_pipeline.environments.sites.archetypes.businesses import BUSINESSES, Business, business_of_line
from wm_pipeline.environments.sites.archetypes.document import document
from wm_pipeline.environments.sites.archetypes.folder import folder
from wm_pipeline.environments.sites.archetypes.lexicon import Line, lexical
from wm_pipeline.environments.sites.archetypes.money import money
from wm_pipeline.environments.sites.archetypes.order import order
from wm_pipeline.environments.sites.archetypes.part import Archetype, Kit, Part, Population
from wm_pipeline.environments.sites.archetypes.partner import partner
from wm_pipeline.environments.sites.archetypes.person import person
from wm_pipeline.environments.sites.archetypes.protection import protection
from wm_pipeline.environments.sites.archetypes.request import request
from wm_pipeline.environments.sites.hidden import passed_on
from wm_pipeline.environments.sites.schema_check import check_schema
from wm_pipeline.environments.sites.sending import opens_at
from wm_pipeline.environments.sites.wording import phrase

ARCHETYPES: dict[str, Archetype] = {
    "money": money,
    "person": person,
    "request": request,
    "document": document,
    "protection": protection,
    "access_key": access_key,
    "folder": folder,
    "order": order,
}
"""Every site has some of these, and a partner, whose hidden variable no page shows."""

LINES: tuple[Line, ...] = (
    *lines_of_software.LINES,
    *lines_of_trade.LINES,
    *lines_of_life.LINES,
    *lines_of_office.LINES,
)
"""Lines of business whose sites have a part of their own, with what real interfaces call things (the lexicon)."""

_HOST_ENDS = ("desk", "hub", "point", "base", "works", "line", "room", "yard")
_SEED_DIGITS = 10
_SHARE_OF_LINES = 0.8

_HELP = (
    phrase(
        "Changes are kept for [30|60|90] days.",
        "Old entries go to the archive after [one year|two years].",
        "Entries are copied every night.",
        "What you save is seen by the whole [team|office].",
    ),
    phrase(
        "Questions? The office is open from [8|9] to [16|17].",
        "Call [12|14|21] if something looks wrong.",
        "The desk on floor [1|2|3] helps.",
        "Ask a colleague before you undo anything.",
    ),
    phrase(
        "[Short|Quick] guide: choose an entry, then a form.",
        "Pick a line to see what can be done.",
        "Forms stand below each entry.",
        "An entry's page has all its forms.",
    ),
)
_COMMENTS = phrase("Comments", "Remarks", "Discussion", "[Talk|Replies]")
_NOTICE_SUBJECT = phrase("Done: {what}", "For your files: {what}", "Confirmation, {what}", "{what} went through")
_NOTICE_BODY = phrase(
    "{what} was saved under your name.",
    "You have changed {what}.",
    "This confirms the change of {what}.",
    "{what}: done, nothing else is needed.",
)


_CONTROLS = tuple(kind for kind in s.Control if kind is not s.Control.BUTTON)


def generated_site_name(seed: int) -> str:
    """The name of the site that a seed in [0, 2**31) draws: two words that depend on it, and the seed."""
    random = _random(seed, "name")
    return f"{random.choice(_business_of(seed).hosts)}{random.choice(_HOST_ENDS)}{seed:0{_SEED_DIGITS}d}"


def generated_site_names(count: int, *key: str | int, is_sealed: bool = False) -> tuple[str, ...]:
    """Names of so many sites that a key draws; sealed ones are for the sealed evaluation alone (ids.is_sealed_site)."""
    return tuple(generated_site_name(_seed_of_kind(seed_of(*key, at), is_sealed)) for at in range(count))


def _seed_of_kind(seed: int, is_sealed: bool) -> int:
    """The seed, or one beside it whose last digit says whether its site is sealed."""
    return seed - seed % 10 + SEALED_DIGIT if is_sealed else seed - (seed % 10 == SEALED_DIGIT)


def generated_site(name: str) -> s.SiteSchema:
    """The site of that name. Raises InvalidInputError when no seed gives this name."""
    seed = int(name[-_SEED_DIGITS:]) if is_generated_site(name) else -1
    if not 0 <= seed < 1 << 31 or generated_site_name(seed) != name:
        raise InvalidInputError(f"site: no seed draws a site called {name!r}; take the name from generated_site_name")
    return generate_site(seed)


@lru_cache(maxsize=64)
def generate_site(seed: int) -> s.SiteSchema:
    """The schema that a seed draws; equal for equal seeds, in every process."""
    random, business, name = _random(seed, "site"), _business_of(seed), generated_site_name(seed)
    own = _line_of(seed)
    chosen = random.sample(list(ARCHETYPES), random.choice((4, 4, 5)) - (0 if own is None else 1))
    parts = [ARCHETYPES[one](Kit(site=name, seed=seed, archetype=one, nouns=business.nouns[one])) for one in chosen]
    if own is not None:
        parts.append(lexical(Kit(site=name, seed=seed, archetype="lexicon", nouns=own.nouns), own))
    parts.append(partner(Kit(site=name, seed=seed, archetype="partner", nouns=business.nouns["partner"])))
    random.shuffle(parts)
    neighbours = (s.MAIL_SITE,) if random.random() < 0.4 else ()
    controls = _controls(parts, _random(seed, "controls"))
    operations = _dressed(parts, business.roles, random, controls, has_mail=bool(neighbours))
    schema = s.SiteSchema(
        name=name,
        brand=phrase(*business.brands),
        entities=tuple(entity for part in parts for entity in part.entities),
        roles=tuple(s.Role(role) for role in business.roles),
        views=tuple(_view(part.view, operations, random) for part in parts),
        operations=operations,
        goals=tuple(goal for part in parts for goal in part.goals),
        populate=Population(name, tuple(part.filling for part in parts)),
        user_role=business.roles[0],
        abuses=tuple(abuse for part in parts for abuse in part.abuses),
        text_channel=random.choice(("note", "description")),
        same_site=random.choice(("Lax", "None")),
        comments_title=_COMMENTS,
        neighbours=neighbours,
        theme=_theme(random),
    )
    schema = passed_on(schema, *_random(seed, "hidden").sample(_passable(schema), 2))
    check_schema(schema)
    return schema


def _passable(schema: s.SiteSchema) -> list[str]:
    """Goals that are reached by sending one form of the record's page."""
    found = []
    for goal in schema.goals:
        sent = [step.operation for step in goal.script if step.operation is not None]
        own = schema.operation(sent[0])
        if len(sent) == 1 and own is not None and not own.is_on_list and not goal.has_hidden_variable:
            found.append(goal.name)
    return found


def _random(seed: int, key: str) -> Random:
    return Random(seed_of("generated site", seed, key))


def _line_of(seed: int) -> Line | None:
    """Four sites in five are of a line of business of the lexicon."""
    random = _random(seed, "line")
    return random.choice(LINES) if random.random() < _SHARE_OF_LINES else None


def _business_of(seed: int) -> Business:
    own, random = _line_of(seed), _random(seed, "business")
    return random.choice(BUSINESSES) if own is None else business_of_line(own, random)


def _dressed(
    parts: Sequence[Part],
    roles: tuple[str, str, str],
    random: Random,
    controls: Mapping[str, s.Control],
    *,
    has_mail: bool,
) -> tuple[s.Operation, ...]:
    """All operations, with what the site's forms are like: what sends them, sent by script, without a token.

    Each kind comes up at least once, and a form without a token is one that somebody can want something from.
    """
    given = [operation for part in parts for operation in part.operations]
    abused = {abuse.operation for part in parts for abuse in part.abuses}
    plain = [o.name for o in given if all(item.input_type != "file" for item in o.fields)]
    forms = [o.name for o in given if o.fields and o.name in plain]
    on_record = [o.name for o in given if not o.is_on_list and o.name in plain]
    unprotected = set(random.sample([name for name in plain if name in abused], random.choice((1, 2))))
    by_script = set(random.sample(plain, random.choice((1, 2, 3))))
    checked = set(random.sample(forms, random.choice((1, 2, 3))))
    restricted = set(random.sample(plain, random.choice((1, 2, 3))))
    announced = set(random.sample(on_record, 1)) if has_mail else set()
    may = (roles[0], random.choice(roles[1:]))
    titles = {entity.table: entity.title for part in parts for entity in part.entities}
    return tuple(
        replace(
            operation,
            is_csrf_protected=operation.name not in unprotected,
            is_async=operation.name in by_script,
            control=controls.get(operation.name, s.Control.BUTTON),
            is_checked_by_page=operation.name in checked,
            roles=may if operation.name in restricted else (),
            mail=_mail(titles[operation.table]) if operation.name in announced else None,
        )
        for operation in given
    )


def _controls(parts: Sequence[Part], random: Random) -> dict[str, s.Control]:
    """What sends the operations of records, by name; those that are missing have a button.

    Each kind comes up where anything fits: a link, a switch, an icon and an entry of a menu have no fields, and a
    switch changes something that stays.
    """
    given = [operation for part in parts for operation in part.operations if not operation.is_on_list]
    random.shuffle(given)
    given = [one for one in given if all(item.input_type != "file" for item in one.fields)]
    found: dict[str, s.Control] = {}
    for kind in (*_CONTROLS, *random.choices(_CONTROLS, k=len(given) // 3)):
        fitting = (one.name for one in given if one.name not in found and _may_be(one, kind))
        name = next(fitting, None)
        if name is not None:
            found[name] = kind
    return found


def _may_be(operation: s.Operation, kind: s.Control) -> bool:
    if kind in (s.Control.DIALOG, s.Control.PAGE):
        return True
    stays = all(write.operation is ChangeOperation.UPDATED for write in operation.writes)
    return not operation.fields and (kind is not s.Control.SWITCH or stays)


def _mail(title: str) -> s.Mail:
    what = {"what": s.Value(s.ValueSource.RECORD, title)}
    return s.Mail(s.Value(s.ValueSource.USER_EMAIL), _NOTICE_SUBJECT, _NOTICE_BODY, what)


def _view(view: s.View, operations: Sequence[s.Operation], random: Random) -> s.View:
    """Some lists open their records by script; not those whose forms open in a dialog, which has its own history."""
    has_opening = any(opens_at(operation).startswith("#") for operation in operations if operation.table == view.table)
    return replace(view, is_single_page=random.random() < 0.25 and not has_opening)


def _theme(random: Random) -> s.Theme:
    return s.Theme(
        details=random.choice(("lines", "table", "definitions")),
        font=random.choice(("sans-serif", "serif", "monospace", "Georgia, serif", "Verdana, sans-serif")),
        width_px=random.choice((640, 760, 860, 1020)),
        has_trail=random.random() < 0.5,
        help_texts=tuple(random.sample(_HELP, random.choice((0, 1, 1, 2, 3)))),
    )
