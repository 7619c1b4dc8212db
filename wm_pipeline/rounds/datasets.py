"""midtrain_dataset and sft_dataset: one dataset a day over a rolling window of days."""

import hashlib
from datetime import date, timedelta
from typing import Any

import polars as pl
import polars.selectors as cs

from wm_pipeline.datasets.balance import largest_share
from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.datasets.card import CardFacts, dataset_card, examples_of, outline_of
from wm_pipeline.datasets.contamination import contamination, of_all
from wm_pipeline.datasets.split import leaking_states
from wm_pipeline.datasets.window import Tables, choose, in_pieces
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.gateways.outside_suites import installed_suites
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.settings import Profile
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of, sample_of_table


def days_of_window(workspace: Workspace, profile: Profile, day: str) -> list[str]:
    """The days whose experience a dataset of `day` covers."""
    first = (date.fromisoformat(day) - timedelta(days=profile.round.window_days - 1)).isoformat()
    days = {part.day for part in workspace.store.partitions("annotations") if first <= part.day <= day}
    if day not in days:
        raise MissingUpstreamError(f"no annotations for {day}; materialize socratic_annotations first (`wm run`)")
    return sorted(days)


def make_dataset(workspace: Workspace, profile: Profile, day: str, table: str, *, fingerprint: str) -> StageOutput:
    """midtrain_dataset or sft_dataset of a day, over its window, with its card beside it.

    The window is read day by day and written in pieces; what is held of all its rows is some 100 bytes of each.
    """
    days = days_of_window(workspace, profile, day)
    store, recipe, suites = workspace.store, RECIPES[table], installed_suites()
    parts = [
        Tables(*(store.scan(name, days=[one]) for name in ("trajectories", "states", "transitions", "annotations")))
        for one in days
    ]
    choice = choose(recipe, parts, rule=profile.split_rule, settings=profile.datasets)
    content, outlines, examples, compared = _Content(), [], [], []
    with store.writing(table, day=day) as file:
        for rows in in_pieces(recipe, parts, choice, scratch=workspace.work / "datasets"):
            file.append(rows)
            content.add(rows)
            compared.append(contamination(rows, suites))
            outlines.append(outline_of(rows))
            examples.append(examples_of(rows))
        lineage = lineage_of(profile, fingerprint, days=days, content=content.hexdigest())
        file.finish(lineage)
    outline, shown, found = pl.concat(outlines, rechunk=True), examples_of(pl.concat(examples)), of_all(compared)
    card = dataset_card(outline, shown, CardFacts(table, day, choice.removed, found, lineage))
    store.write_bytes(f"tables/{table}/day={day}/card.md", card.encode())
    splits = dict(outline["split"].cast(pl.String).value_counts().iter_rows())
    numbers: dict[str, Any] = {
        "rows": outline.height,
        "states": outline["state_id"].n_unique(),
        "days": len(days),
        "leaking_states": leaking_states(outline),
        **{f"split_{split}": count for split, count in sorted(splits.items())},
        **{f"removed_{reason}": count for reason, count in choice.removed.items()},
        "outside_suites": len(found.rows_by_suite),
        "contaminated_rows": found.contaminated_rows,
        "largest_site_share": largest_share(outline, "site"),
        "largest_attack_family_share": largest_share(outline, "attack_family"),
    }
    if "risk_score" in outline.columns:
        numbers["harm_share"] = outline["risk_score"].mean()
    columns = [
        name for name in ("split", "site", "attack_family", "risk_label", "action_repr") if name in shown.columns
    ]
    address = store.address_of(f"tables/{table}/day={day}/all.parquet")
    return StageOutput(address, outline.height, numbers, sample_of_table(workspace, table, day, columns), card)


class _Content:
    """Hash of what a dataset says, but for its nested columns, which follow from the others; fed piece by piece."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=10)
        self._is_begun = False

    def add(self, rows: pl.DataFrame) -> None:
        told = rows.select(cs.string() | cs.numeric() | cs.boolean())
        self._hash.update(told.write_csv(include_header=not self._is_begun).encode())
        self._is_begun = True

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def content_of(frame: pl.DataFrame) -> str:
    """Hash of what a dataset says, where it is at hand as a whole."""
    content = _Content()
    content.add(frame)
    return content.hexdigest()


def data_version_of(store: TableStore, table: str, day: str) -> str:
    """What a checkpoint trained on a day's dataset carries; of a dataset written before content was hashed, how it was
    made."""
    note = store.lineage_of(table, day=day)
    return str(note.get("content", note["fingerprint"]))
