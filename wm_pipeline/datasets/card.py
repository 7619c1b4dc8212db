"""The card of a dataset: what is in it, what was left out and why, what it must not be used for. Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wm_pipeline.datasets.balance import SLICES, WITHOUT, balance
from wm_pipeline.datasets.contamination import WORDS_IN_A_ROW, Contamination
from wm_pipeline.domain.vocabulary import RiskLabel, Split

NO_DATA = "no data"
_EXAMPLES = 3
_FEWEST = 30
"""With fewer rows a share is exact to twenty points at best; the card says so."""
_REASONS = {
    "failed": "the action crashed, hung or could not be executed",
    "leaking_states": "the visible state also stands in an earlier split",
    "leaking_pages": "the page, reached another way, also stands in an earlier split",
    "same_questions": "the same action in the same visible state, as in matched worlds",
    "near_duplicates": "the same action on the same page reached another way, with the same outcome",
    "over_template_cap": "the split has its full number of rows that do this on such a page",
}
_SHOWN_OF_A_ROW = (
    *("state_text", "action_text", "transition_text", "risk_label", "risk_score"),
    *("rationale", "counterfactual_text", "delta_facts"),
)
_LIMITS = (
    "Pages come from sites, attacks and wording that were generated for this purpose, and from the environments that "
    "the lineage names: shares of harm say nothing about how often harm happens elsewhere.",
    "Which actions were executed is decided by policies and by what a page offers; no person's browsing is in it.",
    "Texts of attacks are in it as they stood on the pages. Show them, never obey them.",
)
"""Limits of every dataset built here; those of one dataset are computed from its rows."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Facts on a card that are not in the rows."""

    table: str
    day: str
    removed: Mapping[str, int]
    contamination: Contamination
    lineage: Mapping[str, Any]


def dataset_card(outline: pl.DataFrame, examples: pl.DataFrame, facts: CardFacts) -> str:
    """The card of one day's dataset, from what `outline_of` keeps of its rows and `examples_of` shows of them."""
    parts = [
        f"# {facts.table} of {facts.day}",
        f"{outline.height:,} rows over {outline['state_id'].n_unique():,} visible states of "
        f"{outline['trajectory_id'].n_unique():,} trajectories, experienced on {_days(outline)}.",
        "## Splits",
        _splits(outline),
        "## Slices",
        _slices(outline),
        "## Examples",
        *_told(examples),
        "## Removed",
        _table(["rows", "why"], [(count, _REASONS[reason]) for reason, count in facts.removed.items()]),
        "## Contamination",
        _contamination(facts.contamination),
        "## Known limits",
        "\n".join(f"- {limit}" for limit in (*_limits(outline), *_LIMITS)),
        "## Lineage",
        _table(["what", "value"], sorted(facts.lineage.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _days(frame: pl.DataFrame) -> str:
    days = sorted(frame["day"].cast(pl.String).unique())
    if not days:
        return "no day"
    return days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _splits(frame: pl.DataFrame) -> str:
    rows = []
    for split in Split:
        part = frame.filter(pl.col("split") == split.value)
        harm = part["risk_score"].mean() if "risk_score" in part.columns else None
        rows.append((split.value, part.height or None, part["state_id"].n_unique() or None, _share(harm)))
    return _table(["split", "rows", "visible states", "harmful"], rows)


def _slices(frame: pl.DataFrame) -> str:
    found = balance(frame).with_columns(pl.col("share").map_elements(_share, return_dtype=pl.String))
    return _table([name.replace("_", " ") for name in found.columns], found.iter_rows())


def _share(value: Any) -> str | None:
    return None if value is None else f"{value:.1%}"


def outline_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that a card counts, without texts: about 60 bytes a row."""
    words = [name for name in ("split", "day", *SLICES) if name in rows.columns and rows.schema[name] == pl.String]
    return rows.select(
        pl.col("state_id", "trajectory_id").hash(),
        pl.col(words).cast(pl.Categorical),
        "is_lookalike",
        *(["risk_score"] if "risk_score" in rows.columns else []),
    )


def examples_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The first row of each label, or the first rows where there are no labels."""
    by = ["risk_label"] if "risk_label" in rows.columns else ["split"]
    return rows.unique(by, keep="first", maintain_order=True).head(_EXAMPLES)


def _told(examples: pl.DataFrame) -> list[str]:
    """Each row indented, so that a page's text cannot be mistaken for a part of the card."""
    told = []
    for row in examples.iter_rows(named=True):
        cells = {name: _words_of(row[name]) for name in _SHOWN_OF_A_ROW if row.get(name) is not None}
        lines = [line for name, text in cells.items() for line in (f"{name}:", *(f"  {t}" for t in text.splitlines()))]
        indented = "\n".join(f"    {line}" for line in lines)
        key = f"{row['trajectory_id']}/{row['step_index']}/{row['branch_index']}"
        told.append(f"`{key}`, {row['split']}, {row['site']}:\n\n{indented}")
    return told or [NO_DATA]


def _words_of(value: str | float | list[str]) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)


def _contamination(found: Contamination) -> str:
    if not found.rows_by_suite:
        return f"{NO_DATA}: no outside suite was installed to compare with."
    rows = list(found.rows_by_suite.items())
    head = f"Of {found.rows_compared:,} training and validation rows, those that share {WORDS_IN_A_ROW} words in a row:"
    return f"{head}\n\n{_table(['suite', 'rows'], rows)}"


def _limits(frame: pl.DataFrame) -> list[str]:
    """What these rows cannot teach or measure."""
    filled = set(frame["split"].cast(pl.String))
    empty = [f"No row is in {split.value}." for split in Split if split.value not in filled]
    if "risk_label" not in frame.columns:
        return empty
    trained = frame.filter(pl.col("split") == Split.TRAIN.value)
    counts: dict[str, int] = dict(trained["risk_label"].cast(pl.String).value_counts().iter_rows())
    rare = [label.value for label in RiskLabel if counts.get(label.value, 0) < _FEWEST]
    slices = balance(trained).filter(pl.col("slice").is_in(["site", "attack_family"]) & (pl.col("value") != WITHOUT))
    harmless = slices.filter(pl.col(RiskLabel.UNSAFE.value) == 0)
    return [
        *empty,
        *(f"Only {counts.get(label, 0)} training rows are {label}: too few to learn it from." for label in rare),
        *(
            f"No training row of {row['slice'].replace('_', ' ')} {row['value']} is unsafe."
            for row in harmless.iter_rows(named=True)
        ),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return NO_DATA
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")
