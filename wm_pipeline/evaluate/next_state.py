"""Next-state identification by likelihood: of the next states that followed from one state, which one does the model
expect after this action?

A row is one executed action. Its candidates are the texts of the next_state head (what changed, and the beginning of
the next page: what mid-training trains it to write) of the actions executed from that state, the true one among them;
each is scored by its mean log-probability per token given state and action, end token included. The rank of the true
one gives `accuracy` (rank 1, ties are no hit) and `mrr` (mean reciprocal rank). `chance` is the accuracy of a choice at
random, the mean of 1 / candidates.

Some texts are likelier than others whatever is done ("nothing changed"), which says nothing about actions.
`lift_accuracy` takes that off: a candidate counts by its log-probability minus its mean over all actions of the state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wm_pipeline.domain.ids import digest, seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Codes, Floats
from wm_pipeline.model.examples import midtrain_examples

TextScore = Callable[[str, Sequence[str], Sequence[str]], Floats]
"""(state's text, A actions' texts, X next states' texts) -> mean log-probabilities per token, [A, X]."""

MOST_CANDIDATES = 4
"""Candidates of a state: each is read once for each action, so that costs grow with its square."""


@dataclass(frozen=True, slots=True)
class Question:
    """One state with what was done there; the text at a position is what the action at that position led to."""

    state_text: str
    action_texts: tuple[str, ...]
    texts: tuple[str, ...]
    """All different."""
    world: str


def draw_questions(midtrain: pl.DataFrame, *, states: int) -> tuple[Question, ...]:
    """At most `states` states of the test split whose actions led to different next states, chosen by their ids."""
    world_of = dict(midtrain.select("state_id", "split_group").unique("state_id").iter_rows())
    by_state: dict[str, dict[str, tuple[str, str]]] = {}
    for example in sorted(midtrain_examples(midtrain, Split.TEST), key=lambda one: one.row_key):
        led_to = by_state.setdefault(example.state_id, {})
        is_known = any(action == example.action_text for _, action in led_to.values())
        if not is_known:
            led_to.setdefault(example.texts[Head.NEXT_STATE], (example.state_text, example.action_text))
    found = []
    for state_id in sorted(by_state, key=lambda one: digest("next state", one)):
        chosen = list(by_state[state_id].items())[:MOST_CANDIDATES]
        if len(chosen) > 1:
            actions = tuple(action for _, (_, action) in chosen)
            texts = tuple(text for text, _ in chosen)
            found.append(Question(chosen[0][1][0], actions, texts, str(world_of[state_id])))
    return tuple(found[:states])


def likelihood_numbers(questions: Sequence[Question], score: TextScore | None, *, progress: Progress) -> dict[str, Any]:
    """The numbers of one model; all None where it has no trained next_state head, or there is nothing to ask."""
    ranks, lift_ranks, chances, worlds = [], [], [], []
    for done, asked in enumerate(questions if score is not None else (), start=1):
        assert score is not None
        scores_AX = score(asked.state_text, asked.action_texts, asked.texts)
        lift_AX = scores_AX - scores_AX.mean(axis=0)
        for at in range(len(asked.texts)):
            ranks.append(metrics.rank_of_truth(scores_AX[at], at))
            lift_ranks.append(metrics.rank_of_truth(lift_AX[at], at))
            chances.append(1 / len(asked.texts))
            worlds.append(asked.world)
        progress(done, len(questions), "states whose next states were told apart")
    rank, lift_rank = np.array(ranks), np.array(lift_ranks)
    return {
        "rows": len(ranks),
        "states": len(questions) if score is not None else 0,
        **_told("accuracy", worlds, lambda at: float(np.mean(rank[at] == 1))),
        **_told("mrr", worlds, lambda at: float(np.mean(1 / rank[at]))),
        **_told("lift_accuracy", worlds, lambda at: float(np.mean(lift_rank[at] == 1))),
        "chance": float(np.mean(chances)) if chances else None,
    }


def _told(name: str, worlds: Sequence[str], statistic: Callable[[Codes], float]) -> Mapping[str, Any]:
    estimate = metrics.estimate(worlds, statistic, seed=seed_of("next state", len(worlds)))
    return {name: estimate.value, f"{name}_interval": estimate.interval}
