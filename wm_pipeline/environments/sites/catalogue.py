"""The catalogue: everything that worlds can be made of, by name and with counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from wm_pipeline.domain.vocabulary import PayloadGoal
from wm_pipeline.environments.sites.registry import registered_attacks, registered_sites
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.wording import WORDING_IDS


@dataclass(frozen=True, slots=True)
class SiteCatalogue:
    name: str
    goal_ids: tuple[str, ...]
    goal_ids_with_hidden_variables: tuple[str, ...]
    channels: tuple[str, ...]
    payloads: Mapping[str, Mapping[str, PayloadGoal | None]]
    """By attack family: what it can carry here, and what the attacker wants with it."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What worlds can be made of."""

    sites: tuple[SiteCatalogue, ...]
    families: tuple[str, ...]
    lookalikes: Mapping[str, tuple[str, ...]]
    """By attack family."""
    disguises: tuple[str, ...]
    wording_ids: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        return {
            "sites": len(self.sites),
            "goals": sum(len(site.goal_ids) for site in self.sites),
            "families": len(self.families),
            "payloads": sum(len(payloads) for site in self.sites for payloads in site.payloads.values()),
            "lookalikes": sum(len(lookalikes) for lookalikes in self.lookalikes.values()),
            "payload_goals": len({aim for site in self.sites for of in site.payloads.values() for aim in of.values()}),
            "channels": len({channel for site in self.sites for channel in site.channels}),
            "disguises": len(self.disguises),
            "wordings": len(self.wording_ids),
        }


def catalogue() -> Catalogue:
    """Everything that is registered, with counts: what may be held out, and what a report's slices can be."""
    families = registered_attacks().values()
    return Catalogue(
        sites=tuple(_site_catalogue(schema) for schema in registered_sites().values()),
        families=tuple(family.name for family in families),
        lookalikes={family.name: tuple(payload.name for payload in family.lookalikes) for family in families},
        disguises=tuple(sorted({disguise for family in families for disguise in family.disguises})),
        wording_ids=WORDING_IDS,
    )


def _site_catalogue(schema: SiteSchema) -> SiteCatalogue:
    families = registered_attacks().values()
    channels = {channel for family in families for goal in schema.goals for channel in family.channels(schema, goal)}
    return SiteCatalogue(
        name=schema.name,
        goal_ids=tuple(f"{schema.name}/{goal.name}" for goal in schema.goals),
        goal_ids_with_hidden_variables=tuple(f"{schema.name}/{g.name}" for g in schema.goals if g.has_hidden_variable),
        channels=tuple(sorted(channels)),
        payloads={
            family.name: {
                payload.name: payload.aim
                for payload in family.payloads(schema)
                if any(payload.fits(schema, goal) for goal in schema.goals)
            }
            for family in families
        },
    )
