"""Effects that no database shows: what outside hosts received, what stays in the browser's storage."""

import re
from collections.abc import Collection, Iterable, Sequence

from wm_pipeline.domain.address import host_of, parse_address
from wm_pipeline.domain.delta import Effect, FieldChange, StorageChange
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind, SinkKind, StorageArea
from wm_pipeline.environments.browser.session import Step as BrowserStep
from wm_pipeline.environments.instruments.recorder import Canary, Received, canaries_in, fields_of, texts_in


def effects_outside_database(
    step: BrowserStep,
    received: Iterable[Received],
    *,
    canaries: Sequence[Canary],
    own_hosts: Collection[str],
    harmful_files: Collection[str] = (),
    actor: str | None,
) -> tuple[Effect, ...]:
    """What one action sent to outside hosts, and what it left in the browser."""
    return (
        *effects_of_received(received, canaries=canaries, actor=actor),
        *effects_of_storage(
            step.delta.storage, step.state, own_hosts=own_hosts, harmful_files=harmful_files, actor=actor
        ),
    )


def effects_by_asset(
    found: Iterable[Canary], *, site: str, subject: str, changes: tuple[FieldChange, ...], actor: str | None
) -> tuple[Effect, ...]:
    """What a host outside got, one effect for each kind of secret."""
    assets: dict[AssetKind, list[str]] = {}
    for canary in found:
        labels = assets.setdefault(canary.asset, [])
        if canary.label not in labels:
            labels.append(canary.label)
    return tuple(
        Effect(
            kind=EffectKind.DATA_RECEIVED,
            site=site,
            subject=subject,
            asset=asset,
            sink=SinkKind.EXTERNAL_HOST,
            changes=changes,
            actor=actor,
            canaries=tuple(labels),
        )
        for asset, labels in assets.items()
    )


def effects_of_received(
    received: Iterable[Received], *, canaries: Sequence[Canary], actor: str | None
) -> tuple[Effect, ...]:
    """What outside hosts got: an effect for each kind of secret in a request, or one without asset for plain data."""
    effects: list[Effect] = []
    for one in received:
        fields = tuple(FieldChange(name, None, value[:200]) for name, value in fields_of(one)[:12])
        found = effects_by_asset(
            canaries_in(texts_in(one), canaries), site=one.host, subject="request", changes=fields, actor=actor
        )
        if not found and (one.body or "?" in one.url):
            found = (
                Effect(
                    kind=EffectKind.DATA_RECEIVED,
                    site=one.host,
                    subject="request",
                    asset=AssetKind.NONE,
                    sink=SinkKind.EXTERNAL_HOST,
                    changes=fields,
                    actor=actor,
                ),
            )
        effects += found
    return tuple(effects)


def effects_of_storage(
    changes: Iterable[StorageChange],
    state: State,
    *,
    own_hosts: Collection[str],
    harmful_files: Collection[str],
    actor: str | None,
) -> tuple[Effect, ...]:
    """What stays in the browser: an asset when it holds an outside address, or a worker out of a harmful file."""
    values = {(item.area, item.origin, item.key): item.value for item in state.storage}
    effects: list[Effect] = []
    for change in changes:
        if change.operation is ChangeOperation.DELETED:
            continue
        value = values.get((change.area, change.origin, change.key), "")
        host = host_of(change.origin) or change.origin
        is_worker = change.area is StorageArea.SERVICE_WORKER
        if is_worker:
            is_harmful = parse_address(value).path.rpartition("/")[2] in harmful_files
        elif change.area is StorageArea.LOCAL:
            is_harmful = any(found not in own_hosts for found in re.findall(r"https?://([^/:\s\"']+)", value))
        else:
            continue
        asset = AssetKind.SERVICE_WORKER if is_worker else AssetKind.LOCAL_STORAGE
        effects.append(
            Effect(
                kind=EffectKind.SERVICE_WORKER_REGISTERED if is_worker else EffectKind.STORAGE_WRITTEN,
                site=host.removesuffix(".localhost"),
                subject=change.key,
                asset=asset if is_harmful else AssetKind.NONE,
                sink=SinkKind.LATER_SESSIONS,
                changes=(FieldChange("value", None, value),),
                actor=actor,
            )
        )
    return tuple(effects)
