"""What an output depends on, as one hash an asset: an output whose hash is still right is not made again."""

import json

from wm_pipeline.domain.errors import MissingUpstreamError, TableError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.domain.weakness import CELL_COLUMNS
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.settings import CODE_VERSION, Profile

TABLE_ASSETS = {
    "raw_trajectories": "trajectories",
    "socratic_annotations": "annotations",
    "midtrain_dataset": "midtrain_dataset",
    "sft_dataset": "sft_dataset",
}
FOLDER_ASSETS = {
    "midtrain_checkpoint": "checkpoints/midtrain",
    "sft_checkpoint": "checkpoints/sft",
    "distilled_checkpoint": "checkpoints/distilled",
    "eval_report": "reports",
    "model_version": "versions",
    "attack_curriculum": "curriculum",
}
LINEAGE_FILE = "lineage.json"
ROUND_ASSETS = (*TABLE_ASSETS, *FOLDER_ASSETS)
"""Every asset a round makes, upstream first."""


def fingerprints(profile: Profile) -> dict[str, str]:
    """The hash of each asset's settings and of everything upstream of it."""
    found: dict[str, str] = {}

    def add(asset: str, upstream: tuple[str, ...], *settings: object) -> None:
        parts = [to_json(part) if not isinstance(part, str | int | bool) else str(part) for part in settings]
        found[asset] = digest(CODE_VERSION, str(FORMAT_VERSION), asset, *(found[name] for name in upstream), *parts)

    add("raw_trajectories", (), profile.round, profile.collect, profile.seed)
    add("socratic_annotations", ("raw_trajectories",), profile.teacher)
    add("midtrain_dataset", ("socratic_annotations",), profile.split_rule, profile.datasets)
    add("sft_dataset", ("socratic_annotations",), profile.split_rule, profile.datasets)
    add("midtrain_checkpoint", ("midtrain_dataset",), profile.model, profile.midtrain, profile.processes)
    add("sft_checkpoint", ("sft_dataset", "midtrain_checkpoint"), profile.sft, profile.has_ablation)
    add("distilled_checkpoint", ("sft_checkpoint",), profile.distill, profile.distill_worlds)
    add("eval_report", ("distilled_checkpoint",), profile.evaluate, profile.gate)
    add("model_version", ("eval_report",))
    add("attack_curriculum", ("eval_report",), " ".join(CELL_COLUMNS))
    return found


def stored_fingerprint(store: TableStore, asset: str, day: str, *, partition: str = "all") -> str | None:
    """The hash an output was made with; None when there is no output."""
    try:
        if asset in TABLE_ASSETS:
            return str(store.lineage_of(TABLE_ASSETS[asset], day=day, partition=partition)["fingerprint"])
        note = store.read_bytes(f"{FOLDER_ASSETS[asset]}/{day}/{LINEAGE_FILE}")
    except MissingUpstreamError:
        return None
    try:
        return str(json.loads(note)["fingerprint"])
    except (ValueError, KeyError) as error:
        raise TableError(
            f"{store.address_of(f'{FOLDER_ASSETS[asset]}/{day}/{LINEAGE_FILE}')} is damaged ({error}); "
            "delete that folder and run again"
        ) from error


def stale_assets(store: TableStore, profile: Profile, day: str) -> list[str]:
    """The assets of a round that are missing or were made from something else, upstream first."""
    wanted = fingerprints(profile)
    stale = []
    for asset in ROUND_ASSETS:
        is_by_site = asset in {"raw_trajectories", "socratic_annotations"}
        partitions = profile.round.partitions if is_by_site else ("all",)
        if any(stored_fingerprint(store, asset, day, partition=part) != wanted[asset] for part in partitions):
            stale.append(asset)
    return stale
