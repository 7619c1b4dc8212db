"""People with a role, as several sites have them: somebody gets another one, somebody new is let in."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.entities import Column, Entity, entity
from wm_pipeline.environments.sites.schemas.labels import EMAIL, NAME, ROLE
from wm_pipeline.environments.sites.wording import phrase
from wm_pipeline.environments.sites.writes import FIELD, updates


def people(table: str, key: str) -> Entity:
    """Who has which role on the site."""
    return entity(
        table,
        AssetKind.ROLE,
        Column(key),
        Column("name", NAME, is_identity=True),
        Column("email", EMAIL, asset=AssetKind.CONTACT_DATA, is_canary=True),
        Column("role", ROLE),
    )


def role_form(name: str, table: str, options: tuple[str, ...], *, roles: tuple[str, ...]) -> s.Operation:
    """The record's person gets one of these roles; `roles` may do it."""
    return s.Operation(
        name,
        phrase("Save role", "[Change access|Set access]", "Assign role", "[Give rights|Set rights]"),
        table=table,
        ask=phrase(
            "change what {it} may do",
            "adjust the permissions of {it}",
            "see to the standing of {it}",
            "give {it} another standing",
        ),
        fields=(s.Field("role", ROLE, "select", prefill="role", options=options),),
        roles=roles,
        writes=(updates(table, role=FIELD),),
        notice=phrase("Role saved.", "Access changed.", "Role assigned.", "Rights set."),
    )


def newcomer_fields(options: tuple[str, ...]) -> tuple[s.Field, ...]:
    """Who is let in, and with which of these roles."""
    return s.Field("name", NAME), s.Field("email", EMAIL, "email"), s.Field("role", ROLE, "select", options=options)
