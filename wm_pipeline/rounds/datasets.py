"""midtrain_dataset and sft_dataset: one dataset a day over a rolling window of days."""

from typing import Any

import polars as pl

from wm_pipeline.datasets.balance import largest_share
from wm_pipeline.datasets.build import RECIPES
from wm_pipeline.datasets.card import CardFacts, dataset_card, examples_of, outline_of
from wm_pipeline.datasets.contamination import contamination, of_all
from wm_pipeline.datasets.split import leaking_states
from wm_pipeline.datasets.window import Tables, choose, in_pieces
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.gateways.outside_suites import installed_suites
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.graph import ASSET, Notes, days_of_window
from wm_pipeline.rounds.names import CARD, card_folder
from wm_pipeline.rounds.questions import refresh_questions
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of, sample_of_table


def make_dataset(workspace: Workspace, day: str, table: str) -> StageOutput:
    """midtrain_dataset or sft_dataset of a day, over its window, with its card.

    The window is read day by day and written in pieces; memory holds about 100 bytes of each row.
    """
    profile = workspace.profile
    days = days_of_window(workspace.store, profile, day)
    if day not in days:
        raise MissingUpstreamError(f"no annotations for {day}; materialize socratic_annotations first (`wm run`)")
    refresh_questions(workspace, days)
    # Before anything is read: what an import adds meanwhile makes the dataset out of date, whether it was read or not.
    lineage = lineage_of(workspace, table, day, days=days)
    store, recipe, suites = workspace.store, RECIPES[table], installed_suites()
    parts = [Tables._make(store.scan(TABLES[name], days=[one]) for name in Tables._fields) for one in days]
    choice = choose(recipe, parts, rule=profile.split_rule, settings=profile.datasets)
    outlines, examples, compared = [], [], []
    with store.committing() as batch:
        with batch.writing(table, day=day) as file:
            for rows in in_pieces(recipe, parts, choice, scratch=workspace.work / "datasets"):
                file.append(rows)
                compared.append(contamination(rows, suites))
                outlines.append(outline_of(rows))
                examples.append(examples_of(rows))
            note = file.finish(lineage)
        outline, shown, found = pl.concat(outlines, rechunk=True), examples_of(pl.concat(examples)), of_all(compared)
        card = dataset_card(outline, shown, CardFacts(table, day, choice.removed, found, note))
        batch.write_folder(card_folder(table, day), {CARD: card.encode()}, note=note)
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
        name for name in ("split", "site", "attack_family", "risk_label", "action_text") if name in shown.columns
    ]
    address = store.address_of(ASSET[table].file(day))
    sample = sample_of_table(workspace, table, day, columns)
    links = {"card_file": store.address_of(f"{card_folder(table, day)}/{CARD}")}
    return StageOutput(address, outline.height, numbers, sample, card, links=links)


def data_version_of(store: TableStore, table: str, day: str) -> str:
    """The data version of a day's dataset, stored in checkpoints. Raises MissingUpstreamError when there is none."""
    found = Notes(store).data_version(ASSET[table], [(day, "all")])
    if found is None:
        raise MissingUpstreamError(f"there is no {table} of {day}; materialize it first (`wm run --day {day}`)")
    return found
