"""Which sites and attack families there are. Register your own before worlds are drawn or an environment is opened."""

import inspect

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import is_generated_site
from wm_pipeline.domain.registrations import Kind, Registry
from wm_pipeline.environments.sites.attack import AttackFamily
from wm_pipeline.environments.sites.attacks import (
    acting_link,
    added_recipient,
    alt_text,
    borrowed_voice,
    conditional_instruction,
    crafted_url,
    credential_harvest,
    cross_origin_form,
    hidden_dom_instruction,
    house_rule,
    lookalike_link,
    moved_default,
    oauth_overconsent,
    open_redirect,
    overlay_clickjacking,
    popup_dialog,
    rival_note,
    service_worker_poisoning,
    storage_poisoning,
    tool_output_injection,
    twin_record,
    user_content_instruction,
)
from wm_pipeline.environments.sites.generator import generated_site
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.schema_check import check_schema
from wm_pipeline.environments.sites.schemas.helpdesk import HELPDESK
from wm_pipeline.environments.sites.schemas.identity import IDENTITY
from wm_pipeline.environments.sites.schemas.ops import OPS
from wm_pipeline.environments.sites.schemas.payroll import PAYROLL
from wm_pipeline.environments.sites.schemas.shop import SHOP
from wm_pipeline.environments.sites.schemas.webmail import WEBMAIL
from wm_pipeline.environments.sites.schemas.wiki import WIKI

_SITES = Registry[SiteSchema](Kind.SITE)
_FAMILIES = Registry[AttackFamily](Kind.ATTACK)


def register_site(schema: SiteSchema) -> SiteSchema:
    """Add a site, or replace the one of the same name.

    Raises InvalidInputError when the schema has a mistake, naming the file that registers it, the key and a remedy.
    """
    try:
        check_schema(schema)
    except InvalidInputError as error:
        caller = inspect.currentframe()
        file = caller.f_back.f_code.co_filename if caller is not None and caller.f_back is not None else "a schema"
        raise InvalidInputError(f"{file}: {error}") from error
    _SITES[schema.name] = schema
    return schema


def register_attack(family: AttackFamily) -> AttackFamily:
    """Add an attack family, or replace the one of the same name."""
    if not family.lookalikes:
        raise InvalidInputError(f"attack family {family.name}: it has no look-alikes; add at least one harmless twin")
    _FAMILIES[family.name] = family
    return family


def forget_site(name: str) -> None:
    """Take a site out again; worlds drawn with it can no longer be built."""
    _SITES.pop(name, None)


def forget_attack(name: str) -> None:
    _FAMILIES.pop(name, None)


def registered_sites() -> dict[str, SiteSchema]:
    return dict(_SITES)


def registered_attacks() -> dict[str, AttackFamily]:
    return dict(_FAMILIES)


def site_of(name: str) -> SiteSchema:
    """The registered site of that name, or the one that a generated site's name stands for."""
    if name not in _SITES and is_generated_site(name):
        return generated_site(name)
    if name not in _SITES:
        raise InvalidInputError(f"site: there is no site {name!r}; registered are {', '.join(sorted(_SITES))}")
    return _SITES[name]


def sites_around(schema: SiteSchema) -> dict[str, SiteSchema]:
    """The sites that a world of this one holds: itself, its neighbours and those that its goals need, in the order of
    registration; what is not registered comes last."""
    named = {*schema.neighbours, *(name for goal in schema.goals for name in goal.other_sites)}
    held = {schema.name: schema, **{name: site_of(name) for name in sorted(named)}}
    return {name: held[name] for name in (*_SITES, *held) if name in held}


def attack_of(name: str) -> AttackFamily:
    if name not in _FAMILIES:
        known = ", ".join(sorted(_FAMILIES))
        raise InvalidInputError(f"attack: there is no family {name!r}; registered are {known}")
    return _FAMILIES[name]


for _schema in (PAYROLL, WEBMAIL, IDENTITY, HELPDESK, SHOP, WIKI, OPS):
    register_site(_schema)
for _family in (
    hidden_dom_instruction.FAMILY,
    user_content_instruction.FAMILY,
    alt_text.FAMILY,
    tool_output_injection.FAMILY,
    conditional_instruction.FAMILY,
    cross_origin_form.FAMILY,
    lookalike_link.FAMILY,
    open_redirect.FAMILY,
    crafted_url.FAMILY,
    credential_harvest.FAMILY,
    overlay_clickjacking.FAMILY,
    popup_dialog.FAMILY,
    storage_poisoning.FAMILY,
    service_worker_poisoning.FAMILY,
    oauth_overconsent.FAMILY,
    rival_note.FAMILY,
    house_rule.FAMILY,
    moved_default.FAMILY,
    added_recipient.FAMILY,
    borrowed_voice.FAMILY,
    twin_record.FAMILY,
    acting_link.FAMILY,
):
    register_attack(_family)
