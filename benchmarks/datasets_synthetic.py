"""Synthetic experience of one day: tables with the shape and the repetitions of a real round, drawn from a seed.

Sizes follow a laptop round: 15 transitions a trajectory, one state for 3.3 transitions, states of about 860 characters,
3 % of the questions asked twice by matched worlds, 5 % on a page reached another way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

TABLES = ("trajectories", "states", "transitions")
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
_FAMILIES = (None, None, "storage_poisoning", "user_content_instruction", "cross_origin_form", "lookalike_link")
_GOALS = ("payroll/pay_invoice", "payroll/approve_wire", "webmail/answer", "shop/order", "wiki/edit")


def write_day(folder: Path, day: str, rows: int, seed: int) -> None:
    """Write one day's three tables as parquet files: the columns that building the mid-training dataset reads."""
    generator = np.random.default_rng(seed)
    states = np.arange(max(2, int(rows / PER_STATE)))
    pages = np.where(generator.random(len(states)) < 0.05, np.maximum(states - 1, 0), states)
    tables = {
        "trajectories": _trajectories(generator, day, max(1, rows // PER_TRAJECTORY)),
        "states": _states(generator, day, pages),
    }
    tables["transitions"] = _transitions(generator, tables["trajectories"], tables["states"], pages, rows)
    for name, frame in tables.items():
        target = folder / name / f"{day}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target, compression="zstd")


def _drawn(generator: np.random.Generator, values: Sequence[str | None], count: int) -> pl.Series:
    return pl.Series(values, dtype=pl.String).gather(generator.integers(0, len(values), count))


def _numbers(generator: np.random.Generator, count: int, highest: int = 10**6) -> pl.Series:
    return pl.Series(generator.integers(0, highest, count)).cast(pl.String)


def _trajectories(generator: np.random.Generator, day: str, count: int) -> pl.DataFrame:
    families = _drawn(generator, _FAMILIES, count)
    return pl.DataFrame(
        {
            "trajectory_id": [f"{day}-{number:08}" for number in range(count)],
            "day": pl.repeat(day, count, eager=True),
            "site": _drawn(generator, _SITES, count),
            "goal_id": _drawn(generator, _GOALS, count),
            "wording_id": _drawn(generator, ("w0", "w1", "w2", "w3"), count),
            "attack_family": families,
            "attack_channel": families.is_not_null().replace_strict(
                {True: "note", False: None}, return_dtype=pl.String
            ),
            "attack_disguise": pl.Series([None] * count, dtype=pl.String),
            "is_lookalike": generator.random(count) < 0.2,
            "split_group": [f"{day}/{number}" for number in range(count)],
        }
    )


def _states(generator: np.random.Generator, day: str, pages: Positions) -> pl.DataFrame:
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
        "state_id", (pl.col("page") + history).alias("state_summary")
    )


def _transitions(
    generator: np.random.Generator, trajectories: pl.DataFrame, states: pl.DataFrame, pages: Positions, rows: int
) -> pl.DataFrame:
    """Rows go through the states in order and do what the page offers; every thirtieth asks what the last one asked."""
    at = np.arange(rows)
    asked = np.where(generator.random(rows) < 0.03, np.maximum(at - 1, 0), at)
    state = np.minimum((asked / PER_STATE).astype(np.int64), states.height - 1)
    record = pages[state] * 10 + (asked - np.ceil(state * PER_STATE).astype(np.int64))
    word = pl.Series(_WORDS).gather(record * 7919 % len(_WORDS))
    owner = np.minimum(at // PER_TRAJECTORY, trajectories.height - 1)
    return pl.DataFrame(
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
    ).select(
        *("trajectory_id", "step_index", "branch_index", "state_id", "next_state_id"),
        pl.format('click link "{} {}"\nopens same site /{}/R-{}', "word", "record", "word", "record").alias(
            "action_repr"
        ),
        pl.format("url payroll.localhost/{}/R-{}", "word", "record").alias("transition_summary"),
        pl.lit(None, pl.String).alias("failure"),
    )
