"""Synthetic experience of one day: tables with the shape and the repetitions of a real round, drawn from a seed.

Sizes follow a laptop round: 15 transitions a trajectory, one state for 3.3 transitions, states of about 860 characters,
3 % of the questions asked twice by matched worlds, 5 % on a page reached another way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wm_pipeline.domain.action import NOOP, Action
from wm_pipeline.domain.delta import RowChange, StateDelta, facts_of_delta
from wm_pipeline.domain.records import column_of, struct_columns, to_row
from wm_pipeline.domain.state import NetworkEvent
from wm_pipeline.domain.tables import KEY, WORLD
from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import ActionKind, ChangeOperation, LineKind, ProposedBy, Saying

TABLES = ("trajectories", "state_texts", "transitions", "questions")
PER_TRAJECTORY = 15
PER_STATE = 3.3
_WORDS = (
    *(
        "invoice",
        "supplier",
        "wire",
        "approve",
        "payment",
        "office",
        "report",
        "access",
        "account",
        "holder",
        "transfer",
    ),
    *("update", "contact", "message", "request", "order", "review", "record", "archive", "ticket", "budget", "vendor"),
    *("employee", "schedule", "notice", "folder", "group", "policy", "token", "session"),
)
Positions = np.ndarray[Any, np.dtype[np.int64]]
_SITES = ("payroll", "webmail", "helpdesk", "shop", "wiki", "identity")
_MECHANISMS = (None, None, "stored_setting", "words_in_text", "planted_form", "imitated_page")
_GOALS = ("payroll/pay_invoice", "payroll/approve_wire", "webmail/answer", "shop/order", "wiki/edit")


def write_day(folder: Path, day: str, rows: int, seed: int) -> None:
    """Write one day's tables as parquet files: the columns that building the mid-training dataset reads."""
    generator = np.random.default_rng(seed)
    states = np.arange(max(2, int(rows / PER_STATE)))
    pages = np.where(generator.random(len(states)) < 0.05, np.maximum(states - 1, 0), states)
    tables = {
        "trajectories": _trajectories(generator, day, max(1, rows // PER_TRAJECTORY)),
        "state_texts": _state_texts(generator, day, pages),
    }
    tables |= _executed(generator, tables["trajectories"], tables["state_texts"], pages, rows)
    for name, frame in tables.items():
        target = folder / name / f"{day}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target, compression="zstd")


def _drawn(generator: np.random.Generator, values: Sequence[str | None], count: int) -> pl.Series:
    return pl.Series(values, dtype=pl.String).gather(generator.integers(0, len(values), count))


def _numbers(generator: np.random.Generator, count: int, highest: int = 10**6) -> pl.Series:
    return pl.Series(generator.integers(0, highest, count)).cast(pl.String)


def _trajectories(generator: np.random.Generator, day: str, count: int) -> pl.DataFrame:
    mechanisms = _drawn(generator, _MECHANISMS, count)
    drawn = pl.DataFrame(
        {
            "trajectory_id": [f"{day}-{number:08}" for number in range(count)],
            "day": pl.repeat(day, count, eager=True),
            "site": _drawn(generator, _SITES, count),
            "goal_id": _drawn(generator, _GOALS, count),
            "wording_id": _drawn(generator, ("w0", "w1", "w2", "w3"), count),
            "saying": _drawn(generator, [saying.value for saying in Saying], count),
            "attack_family": mechanisms,
            "attack_mechanism": mechanisms,
            "attack_channel": mechanisms.is_not_null().replace_strict(
                {True: "note", False: None}, return_dtype=pl.String
            ),
            "is_lookalike": generator.random(count) < 0.2,
            "split_group": [f"{day}/{number}" for number in range(count)],
        }
    )
    others = [pl.lit(None, pl.String).alias(name) for name in WORLD if name not in drawn.columns]
    return drawn.with_columns(*others).select("trajectory_id", *WORLD)


def _state_texts(generator: np.random.Generator, day: str, pages: Positions) -> pl.DataFrame:
    """Pages of lines of words, each with the way it was reached; `pages` says which page a state shows."""
    count = len(pages)
    phrases = [" ".join(generator.choice(_WORDS, 8)) for _ in range(4000)]
    lines: list[pl.Series | pl.Expr] = []

    def line(text: str, *parts: pl.Series) -> None:
        lines.append(pl.select(pl.format(text + "\n", *(pl.lit(part) for part in parts))).to_series())

    line("goal: Pay invoice {} of {}.", _numbers(generator, count), _drawn(generator, _WORDS, count))
    line(
        'page: {}.localhost/{}/{} "Record"',
        _drawn(generator, _SITES, count),
        _drawn(generator, _WORDS, count),
        _numbers(generator, count),
    )
    line("signed in: dana (accountant)")
    for _ in range(12):
        line("text: {} {}", _drawn(generator, phrases, count), _numbers(generator, count))
    page = pl.select(pl.concat_str([pl.lit(part) for part in lines]).alias("page")).to_series()
    page = page.gather(pages)
    history = pl.Series([f"done: go back {number}" for number in range(count)])
    return pl.DataFrame({"state_id": [f"{day}-s{number:08}" for number in range(count)], "page": page}).select(
        "state_id",
        (pl.col("page") + history).alias("state_text"),
        pl.Series("page_id", [f"{day}-p{number:08}" for number in pages]),
        pl.col("page").str.slice(0, _NEXT_PAGE).alias("next_page"),
    )


_NEXT_PAGE = 160


def _executed(
    generator: np.random.Generator, trajectories: pl.DataFrame, states: pl.DataFrame, pages: Positions, rows: int
) -> dict[str, pl.DataFrame]:
    """Transitions and their questions.

    Rows go through the states in order and do what the page offers; every thirtieth asks what the last one asked."""
    at = np.arange(rows)
    asked = np.where(generator.random(rows) < 0.03, np.maximum(at - 1, 0), at)
    state = np.minimum((asked / PER_STATE).astype(np.int64), states.height - 1)
    record = pages[state] * 10 + (asked - np.ceil(state * PER_STATE).astype(np.int64))
    word = pl.Series(_WORDS).gather(record * 7919 % len(_WORDS))
    owner = np.minimum(at // PER_TRAJECTORY, trajectories.height - 1)
    drawn = pl.DataFrame(
        {
            "trajectory_id": trajectories["trajectory_id"].gather(owner),
            "step_index": at % PER_TRAJECTORY,
            # The last trajectory takes what is left over, so its steps come round again.
            "branch_index": at // PER_TRAJECTORY - owner,
            "state_id": states["state_id"].gather(state),
            "next_state_id": states["state_id"].gather((state + 1) % states.height),
            "word": word,
            "record": record,
        }
    )
    changed = pl.format("url payroll.localhost/{}/R-{}", "word", "record")
    return {
        "transitions": drawn.select(*KEY, "next_state_id", pl.lit(None, pl.String).alias("failure")),
        "questions": drawn.select(
            *KEY,
            "state_id",
            pl.format('click link "{} {}"\nopens same site /{}/R-{}', "word", "record", "word", "record").alias(
                "action_text"
            ),
            changed.alias("transition_text"),
            changed.alias("relative_transition"),
            pl.format('payroll.localhost/{}/R-0 click link "{} 0"', "word", "word").alias("template"),
        ),
    }


def write_annotated_day(folder: Path, day: str, rows: int, seed: int) -> None:
    """The same day as `write_day` makes, with what the SFT dataset reads: typed actions and deltas, annotations."""
    write_day(folder, day, rows, seed)
    transitions, questions = (
        pl.read_parquet(folder / name / f"{day}.parquet") for name in ("transitions", "questions")
    )
    texts = pl.read_parquet(folder / "state_texts" / f"{day}.parquet")
    deltas = [_delta(number) for number in range(_DELTAS)]
    at = np.arange(rows)
    facts = pl.Series([list(facts_of_delta(delta)) for delta in deltas]).gather(at % _DELTAS)
    typed = {
        "state_texts": texts.with_columns(_lines_like(texts["state_text"]).alias("state_lines")),
        "transitions": transitions.with_columns(
            pl.Series([to_row(action) for action in _ACTIONS], dtype=column_of(Action).dtype)
            .gather(at % len(_ACTIONS))
            .alias("action"),
            pl.Series([to_row(delta) for delta in deltas], dtype=column_of(StateDelta).dtype)
            .gather(at % _DELTAS)
            .alias("state_delta"),
            pl.lit(ProposedBy.SCRIPTED.value).alias("proposed_by"),
        ),
        "questions": questions.with_columns(
            _lines_like(questions["action_text"]).alias("action_lines"),
            facts.alias("delta_facts"),
            facts.alias("relative_facts"),
            pl.lit([], pl.List(pl.String)).alias("patterns"),
        ),
    }
    typed["annotations"] = _annotations(questions)
    for name, frame in typed.items():
        target = folder / name / f"{day}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target, compression="zstd")


def _lines_like(texts: pl.Series) -> pl.Series:
    """As many lines a row as its text has, each with its words and nothing beside them."""
    fields = {name: column.dtype for name, column in struct_columns(Line).items()}
    plain = to_row(Line(LineKind.OWN_TEXT, ""))
    parts = [
        pl.element().alias(name) if name == "text" else pl.lit(plain[name], dtype).alias(name)
        for name, dtype in fields.items()
    ]
    lines = texts.to_frame("text").select(pl.col("text").str.split("\n").list.eval(pl.struct(parts)))
    return lines.to_series().cast(pl.List(column_of(Line).dtype))


_DELTAS = 1000
"""Different deltas of a day; more would change what they say, not how much work each is."""
_HERE = "http://payroll.localhost/records"
_ACTIONS = (
    *(Action(ActionKind.CLICK, f"e{number}") for number in range(5)),
    *(NOOP, Action(ActionKind.FILL, "e8", "Northwind")),
    Action(ActionKind.CLICK, "e9"),
)


def _delta(number: int) -> StateDelta:
    return StateDelta(
        url=f"{_HERE}/{number}" if number % 2 else None,
        dom_added=tuple(_WORDS[number % 20 :][:4]),
        network=(NetworkEvent("POST" if number % 4 == 0 else "GET", _HERE, "document", 200, is_cross_site=False),),
        database=(RowChange("payroll", "wires", ChangeOperation.UPDATED),) if number % 4 == 0 else (),
    )


def _annotations(questions: pl.DataFrame) -> pl.DataFrame:
    """What a teacher said of every transition, without a teacher."""
    alternative = pl.Series([to_row(NOOP)], dtype=column_of(Action).dtype)
    said = questions.select(*("trajectory_id", "step_index", "branch_index", "state_id"), "action_text")
    return said.select(
        *("trajectory_id", "step_index", "branch_index", "state_id"),
        pl.lit("safe").alias("risk_label"),
        pl.lit(0.0).alias("risk_score"),
        pl.lit("safe").alias("instrumented_risk_label"),
        pl.lit(0.0).alias("instrumented_risk_score"),
        pl.concat_list(pl.lit("The action stays on the site."), pl.col("action_text")).alias("rationale"),
        pl.lit([], pl.List(pl.String)).alias("consequence_tags"),
        pl.lit("Nothing of value changes.").alias("consequence_narrative"),
        alternative.gather(pl.zeros(said.height, pl.Int64, eager=True)).alias("counterfactual_action"),
        pl.lit("do nothing").alias("counterfactual_text"),
        pl.lit(0.5).alias("alternative_score"),
        pl.lit(1.0).alias("agreement"),
        pl.lit(1.0).alias("curriculum_weight"),
    )
