"""Whether training rows hold text of an outside suite: runs of words in common, compared as hashes.

The texts of a suite come in as strings; only counts go out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from wm_pipeline.domain.vocabulary import Split

WORDS_IN_A_ROW = 8
"""Shorter runs occur by chance ("please confirm that you have read the"); most sentences of suites are longer."""
_TEXTS = (
    *("state_text", "action_text", "next_page", "transition_text"),
    "counterfactual_text",
)
_LEARNED_FROM = (Split.TRAIN.value, Split.VALIDATION.value)
_AT_ONCE = 20_000
"""Texts whose words are held in memory together."""


class Contamination(NamedTuple):
    """The number of compared rows (training and validation), and of those that share a run of words with each suite."""

    rows_compared: int
    rows_by_suite: Mapping[str, int]

    @property
    def contaminated_rows(self) -> int | None:
        """The sum over suites, in which a row may count twice; None when there was no suite to compare with."""
        return sum(self.rows_by_suite.values()) if self.rows_by_suite else None


def contamination(frame: pl.DataFrame, suites: Mapping[str, Iterable[str]]) -> Contamination:
    """Compare a dataset's training and validation rows with each suite's texts, case and punctuation aside."""
    learned = frame.filter(pl.col("split").cast(pl.String).is_in(_LEARNED_FROM))
    if not suites:
        return Contamination(learned.height, {})
    columns = [learned[name].rename("text") for name in _TEXTS if name in learned.columns]
    if "predicted_consequence" in learned.columns:
        columns.append(learned["predicted_consequence"].struct.field("narrative").rename("text"))
    for name, between in (("rationale", " "), ("delta_facts", "\n")):
        if name in learned.columns:
            columns.append(learned[name].list.join(between).rename("text"))
    texts = pl.concat(columns).drop_nulls().unique(maintain_order=True)
    rows = {}
    for name, suite in suites.items():
        outside = _runs(pl.Series("text", list(suite), dtype=pl.String))["run"].unique()
        shared = _sharing(texts, outside)
        hits = pl.DataFrame([column.is_in(shared.implode()).alias(str(i)) for i, column in enumerate(columns)])
        rows[name] = hits.filter(pl.any_horizontal(pl.all())).height
    return Contamination(learned.height, rows)


def of_all(pieces: Sequence[Contamination]) -> Contamination:
    """The contamination of a dataset, from pieces that were compared with the same suites."""
    suites = pieces[0].rows_by_suite if pieces else {}
    rows = {name: sum(piece.rows_by_suite[name] for piece in pieces) for name in suites}
    return Contamination(sum(piece.rows_compared for piece in pieces), rows)


def _sharing(texts: pl.Series, outside: pl.Series) -> pl.Series:
    """The texts that share a run of words."""
    found = []
    for start in range(0, texts.len(), _AT_ONCE):
        some = texts.slice(start, _AT_ONCE)
        shared = _runs(some).filter(pl.col("run").is_in(outside.implode()))["text"].unique()
        found.append(some.gather(shared))
    return pl.concat(found) if found else texts


def _runs(texts: pl.Series) -> pl.DataFrame:
    """Hashes of all runs of words, with the position of the text each stands in."""
    words = (
        pl.DataFrame({"word": texts.str.to_lowercase().str.extract_all(r"\w+")})
        .with_row_index("text")
        .explode("word")
        .drop_nulls()
    )
    run = pl.concat_str([pl.col("word").shift(-offset) for offset in range(WORDS_IN_A_ROW)], separator=" ")
    is_in_one_text = pl.col("text") == pl.col("text").shift(1 - WORDS_IN_A_ROW)
    return words.select("text", run.hash().alias("run"), is_in_one_text.alias("whole")).filter("whole").drop("whole")
