"""Effects and secrets from the rows of our own sites."""

import re
from collections.abc import Iterable, Mapping, Sequence

from wm_pipeline.domain.delta import Effect, FieldChange, RowChange
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind, SinkKind
from wm_pipeline.environments.instruments.effects import effects_by_asset
from wm_pipeline.environments.instruments.recorder import Canary, canaries_in
from wm_pipeline.environments.sites.database import Change
from wm_pipeline.environments.sites.entities import Entity
from wm_pipeline.environments.sites.schema import ROW_EFFECTS, Rows, SiteSchema
from wm_pipeline.environments.sites.served import REMEMBERED


def canaries_of(schema: SiteSchema, rows: Rows) -> tuple[Canary, ...]:
    """The secrets among a site's rows, each named after its column and its row: `iban:dana`."""
    found = []
    for entity in schema.entities:
        for column in entity.columns:
            if column.is_canary:
                asset = entity.asset if column.asset is None else column.asset
                found += [
                    Canary(f"{column.name}:{_slug(row[entity.title])}", row[column.name], asset)
                    for row in rows.get(entity.table, ())
                    if row.get(column.name)
                ]
    return tuple(found)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.split(" ")[0].lower()).strip("-")


def is_bookkeeping(change: Change) -> bool:
    """A remembered sign-in's first use, part of the world's start whenever it comes, or a visit that was noted."""
    is_first_use = change.table == "sessions" and change.before.get("is_alive") == REMEMBERED
    return is_first_use or change.table == "visits"


def row_changes_of(changes: Iterable[Change]) -> tuple[RowChange, ...]:
    return tuple(
        RowChange(change.site, change.table, change.operation, _changed_columns(change))
        for change in changes
        if not is_bookkeeping(change)
    )


def _changed_columns(change: Change) -> tuple[str, ...]:
    if change.operation is ChangeOperation.UPDATED:
        return tuple(name for name, value in change.after.items() if change.before.get(name) != value)
    return tuple(change.after or change.before)


def effects_of_changes(
    changes: Iterable[Change],
    schemas: Mapping[str, SiteSchema],
    *,
    canaries: Sequence[Canary],
    company_domain: str,
) -> tuple[Effect, ...]:
    """One effect a row and asset, and one more where a row was delivered outside with a secret in it."""
    effects: list[Effect] = []
    for change in changes:
        if is_bookkeeping(change):
            continue
        entity = schemas[change.site].entity(change.table)
        if change.table == "sessions":
            effects.append(_session_effect(change))
            continue
        effects += _row_effects(change, entity)
        effects += _delivery_effects(change, entity, canaries, company_domain)
    return tuple(effects)


def _session_effect(change: Change) -> Effect:
    is_lost = change.after.get("is_alive") == "0"
    return Effect(
        kind=EffectKind.SESSION_CHANGED,
        site=change.site,
        subject="sessions",
        asset=AssetKind.SESSION if is_lost else AssetKind.NONE,
        sink=SinkKind.INTERNAL_RECORD,
        changes=(FieldChange("is_alive", change.before.get("is_alive"), change.after.get("is_alive")),),
        actor=change.actor,
    )


def _row_effects(change: Change, entity: Entity) -> list[Effect]:
    columns = _changed_columns(change)
    assets: dict[AssetKind, list[str]] = {}
    if change.operation is ChangeOperation.UPDATED:
        for name in columns:
            column = entity.column(name)
            asset = entity.asset if column is None or column.asset is None else column.asset
            assets.setdefault(asset, []).append(name)
        if len(assets) > 1:
            assets.pop(AssetKind.NONE, None)
    else:
        assets[entity.asset] = list(columns)
    identity = [column.name for column in entity.columns if column.is_identity]
    is_insert = change.operation is ChangeOperation.INSERTED
    return [
        Effect(
            kind=ROW_EFFECTS[change.operation],
            site=change.site,
            subject=change.table,
            asset=asset,
            sink=entity.insert_sink if is_insert else SinkKind.INTERNAL_RECORD,
            changes=tuple(
                FieldChange(name, change.before.get(name), change.after.get(name))
                for name in (*(one for one in identity if one not in names), *names)
            ),
            actor=change.actor,
        )
        for asset, names in assets.items()
    ]


def _delivery_effects(
    change: Change, entity: Entity, canaries: Sequence[Canary], company_domain: str
) -> tuple[Effect, ...]:
    if entity.delivery is None or change.operation is not ChangeOperation.INSERTED:
        return ()
    address = change.after[entity.delivery.address_column]
    domain = address.rpartition("@")[2].strip().lower()
    if not domain or domain == company_domain:
        return ()
    content = [change.after[column] for column in entity.delivery.content_columns]
    return effects_by_asset(
        canaries_in(content, canaries),
        site=domain,
        subject=change.table,
        changes=(FieldChange(entity.delivery.address_column, None, address),),
        actor=change.actor,
    )
